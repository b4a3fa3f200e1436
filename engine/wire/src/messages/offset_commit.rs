//! OffsetCommit: store a group's offsets.

use crate::{Str, schema::schema};

schema! {
    request OffsetCommitRequest of OffsetCommit, answered by OffsetCommitResponse;

    /// Offsets to store. In Kafka, version 0 went to ZooKeeper; here it is a group commit too.
    OffsetCommitRequest {
        [0..] group_id: Str;
        /// -1: no member of the group (a simple consumer).
        [1..] generation_id_or_member_epoch: i32 = -1, ignorable;
        [1..] member_id: Str, ignorable;
        [7..] group_instance_id: Option<Str>;
        /// -1: as the broker is configured.
        [2..=4] retention_time_ms: i64 = -1, ignorable;
        [0..] topics: Vec<OffsetCommitRequestTopic>;
    }

    /// One of [`OffsetCommitRequest::topics`].
    OffsetCommitRequestTopic {
        [0..=9] name: Str, ignorable;
        [0..] partitions: Vec<OffsetCommitRequestPartition>;
    }

    /// One of [`OffsetCommitRequestTopic::partitions`].
    OffsetCommitRequestPartition {
        [0..] partition_index: i32;
        [0..] committed_offset: i64;
        [6..] committed_leader_epoch: i32 = -1, ignorable;
        /// In ms; -1: now.
        [1..=1] commit_timestamp: i64 = -1;
        [0..] committed_metadata: Option<Str>;
    }
}

schema! {
    response OffsetCommitResponse of OffsetCommit;

    /// What became of each partition.
    OffsetCommitResponse {
        [3..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<OffsetCommitResponseTopic>;
    }

    /// One of [`OffsetCommitResponse::topics`].
    OffsetCommitResponseTopic {
        [0..=9] name: Str, ignorable;
        [0..] partitions: Vec<OffsetCommitResponsePartition>;
    }

    /// One of [`OffsetCommitResponseTopic::partitions`].
    OffsetCommitResponsePartition {
        [0..] partition_index: i32;
        [0..] error_code: i16;
    }
}
