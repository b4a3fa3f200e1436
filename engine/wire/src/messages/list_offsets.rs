//! ListOffsets: offsets by timestamp, and the ends of a log.

use crate::{Str, schema::schema};

schema! {
    request ListOffsetsRequest of ListOffsets, answered by ListOffsetsResponse;

    /// Asks for offsets by timestamp.
    ListOffsetsRequest {
        /// -1 for a consumer. Mind that the default is 0, as in Kafka's schema.
        [0..] replica_id: i32;
        /// 0 read uncommitted, 1 read committed.
        [2..] isolation_level: i8;
        [0..] topics: Vec<ListOffsetsTopic>;
    }

    /// One of [`ListOffsetsRequest::topics`].
    ListOffsetsTopic {
        [0..] name: Str;
        [0..] partitions: Vec<ListOffsetsPartition>;
    }

    /// One of [`ListOffsetsTopic::partitions`].
    ListOffsetsPartition {
        [0..] partition_index: i32;
        [4..] current_leader_epoch: i32 = -1, ignorable;
        /// In ms; -1 latest, -2 earliest, -3 (from version 7) the record of the highest timestamp,
        /// -4 (from version 8) earliest local.
        [0..] timestamp: i64;
        /// How many segment starts to report, newest first.
        [0..=0] max_num_offsets: i32 = 1;
    }
}

schema! {
    response ListOffsetsResponse of ListOffsets;

    /// The offsets found.
    ListOffsetsResponse {
        [2..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<ListOffsetsTopicResponse>;
    }

    /// One of [`ListOffsetsResponse::topics`].
    ListOffsetsTopicResponse {
        [0..] name: Str;
        [0..] partitions: Vec<ListOffsetsPartitionResponse>;
    }

    /// One of [`ListOffsetsTopicResponse::partitions`].
    ListOffsetsPartitionResponse {
        [0..] partition_index: i32;
        [0..] error_code: i16;
        /// Version 0 answers with a list, and with nothing else.
        [0..=0] old_style_offsets: Vec<i64>;
        /// Of the record found; -1 if none, or for earliest and latest.
        [1..] timestamp: i64 = -1;
        /// -1 if no record is that young.
        [1..] offset: i64 = -1;
        [4..] leader_epoch: i32 = -1;
    }
}
