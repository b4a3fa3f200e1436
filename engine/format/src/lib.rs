//! The bytes on disk: record batches, legacy message sets, indexes and checkpoints.
//! Encodes and decodes; never does I/O and never knows a request.
#![forbid(unsafe_code)]
