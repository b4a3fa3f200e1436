//! DescribeLogDirs: sizes of logs on disk.

use crate::{Str, schema::schema};

schema! {
    request DescribeLogDirsRequest of DescribeLogDirs, answered by DescribeLogDirsResponse;

    /// Partitions to describe.
    DescribeLogDirsRequest {
        /// `None` is all topics.
        [0..] topics: Option<Vec<DescribableLogDirTopic>>;
    }

    /// One of [`DescribeLogDirsRequest::topics`].
    DescribableLogDirTopic {
        [0..] topic: Str;
        [0..] partitions: Vec<i32>;
    }
}

schema! {
    response DescribeLogDirsResponse of DescribeLogDirs;

    /// Log directories with their partitions.
    DescribeLogDirsResponse {
        [0..] throttle_time_ms: i32;
        [3..] error_code: i16, ignorable;
        [0..] results: Vec<DescribeLogDirsResult>;
    }

    /// One of [`DescribeLogDirsResponse::results`].
    DescribeLogDirsResult {
        [0..] error_code: i16;
        [0..] log_dir: Str;
        [0..] topics: Vec<DescribeLogDirsTopic>;
        [4..] total_bytes: i64 = -1, ignorable;
        [4..] usable_bytes: i64 = -1, ignorable;
    }

    /// One of [`DescribeLogDirsResult::topics`].
    DescribeLogDirsTopic {
        [0..] name: Str;
        [0..] partitions: Vec<DescribeLogDirsPartition>;
    }

    /// One of [`DescribeLogDirsTopic::partitions`].
    DescribeLogDirsPartition {
        [0..] partition_index: i32;
        [0..] partition_size: i64;
        [0..] offset_lag: i64;
        [0..] is_future_key: bool;
    }
}
