//! The bytes on disk: record batches, legacy message sets, indexes and checkpoints.
//! Encodes and decodes; never does I/O and never knows a request.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod batch;
pub mod batches;
pub mod error;
mod field;

pub use batch::{BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, RecordBatchHeader};
pub use batch::{Compression, TimestampType};
pub use batches::{Batch, Batches};
pub use error::FormatError;
