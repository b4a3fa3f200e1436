//! OffsetForLeaderEpoch: where a leader epoch ended (KIP-101, KIP-279).

use crate::{Str, schema::schema};

schema! {
    request OffsetForLeaderEpochRequest of OffsetForLeaderEpoch,
        answered by OffsetForLeaderEpochResponse;

    /// Epochs to look up.
    OffsetForLeaderEpochRequest {
        /// -1 consumer; -2 (the default) may see beyond the high watermark.
        [3..] replica_id: i32 = -2, ignorable;
        [0..] topics: Vec<OffsetForLeaderTopic>;
    }

    /// One of [`OffsetForLeaderEpochRequest::topics`].
    OffsetForLeaderTopic {
        [0..] topic: Str;
        [0..] partitions: Vec<OffsetForLeaderPartition>;
    }

    /// One of [`OffsetForLeaderTopic::partitions`].
    OffsetForLeaderPartition {
        [0..] partition: i32;
        [2..] current_leader_epoch: i32 = -1, ignorable;
        [0..] leader_epoch: i32;
    }
}

schema! {
    response OffsetForLeaderEpochResponse of OffsetForLeaderEpoch;

    /// End offsets of the epochs.
    OffsetForLeaderEpochResponse {
        [2..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<OffsetForLeaderTopicResult>;
    }

    /// One of [`OffsetForLeaderEpochResponse::topics`].
    OffsetForLeaderTopicResult {
        [0..] topic: Str;
        [0..] partitions: Vec<EpochEndOffset>;
    }

    /// One of [`OffsetForLeaderTopicResult::partitions`].
    EpochEndOffset {
        [0..] error_code: i16;
        [0..] partition: i32;
        [1..] leader_epoch: i32 = -1, ignorable;
        /// -1 if unknown.
        [0..] end_offset: i64 = -1;
    }
}
