//! The bytes on disk: record batches, legacy message sets, indexes and checkpoints.
//! Encodes and decodes; never does I/O and never knows a request.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod batch;
pub mod batches;
pub mod builder;
pub mod checkpoint;
pub mod compress;
pub mod error;
mod field;
pub mod index;
pub mod legacy;
pub mod meta_properties;
pub mod producer_snapshot;
pub mod records;
mod varint;

pub use batch::{BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, RecordBatchHeader};
pub use batch::{Compression, TimestampType};
pub use batches::{Batch, Batches};
pub use builder::BatchBuilder;
pub use error::FormatError;
pub use records::{Headers, Record, Records, find_record_by_timestamp};
