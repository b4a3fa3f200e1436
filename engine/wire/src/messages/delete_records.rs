//! DeleteRecords: move the log start of partitions forward.

use crate::{Str, schema::schema};

schema! {
    request DeleteRecordsRequest of DeleteRecords, answered by DeleteRecordsResponse;

    /// New log starts.
    DeleteRecordsRequest {
        [0..] topics: Vec<DeleteRecordsTopic>;
        [0..] timeout_ms: i32;
    }

    /// One of [`DeleteRecordsRequest::topics`].
    DeleteRecordsTopic {
        [0..] name: Str;
        [0..] partitions: Vec<DeleteRecordsPartition>;
    }

    /// One of [`DeleteRecordsTopic::partitions`].
    DeleteRecordsPartition {
        [0..] partition_index: i32;
        /// The new log start; -1 is the high watermark.
        [0..] offset: i64;
    }
}

schema! {
    response DeleteRecordsResponse of DeleteRecords;

    /// The log starts now.
    DeleteRecordsResponse {
        [0..] throttle_time_ms: i32;
        [0..] topics: Vec<DeleteRecordsTopicResult>;
    }

    /// One of [`DeleteRecordsResponse::topics`].
    DeleteRecordsTopicResult {
        [0..] name: Str;
        [0..] partitions: Vec<DeleteRecordsPartitionResult>;
    }

    /// One of [`DeleteRecordsTopicResult::partitions`].
    DeleteRecordsPartitionResult {
        [0..] partition_index: i32;
        [0..] low_watermark: i64;
        [0..] error_code: i16;
    }
}
