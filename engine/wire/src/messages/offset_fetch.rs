//! OffsetFetch: a group's stored offsets.

use crate::{Str, schema::schema};

schema! {
    request OffsetFetchRequest of OffsetFetch, answered by OffsetFetchResponse;

    /// One group up to version 7, a list from version 8.
    OffsetFetchRequest {
        [0..=7] group_id: Str;
        /// `None` is all topics (from version 2).
        [0..=7] topics: Option<Vec<OffsetFetchRequestTopic>>, null(2..=7);
        [8..] groups: Vec<OffsetFetchRequestGroup>;
        [7..] require_stable: bool;
    }

    /// One of [`OffsetFetchRequest::topics`].
    OffsetFetchRequestTopic {
        [0..=7] name: Str;
        [0..=7] partition_indexes: Vec<i32>;
    }

    /// One of [`OffsetFetchRequest::groups`].
    OffsetFetchRequestGroup {
        [8..] group_id: Str;
        [9..] member_id: Option<Str>, ignorable;
        [9..] member_epoch: i32 = -1, ignorable;
        [8..] topics: Option<Vec<OffsetFetchRequestTopics>>;
    }

    /// One of [`OffsetFetchRequestGroup::topics`].
    OffsetFetchRequestTopics {
        [8..=9] name: Str, ignorable;
        [8..] partition_indexes: Vec<i32>;
    }
}

schema! {
    response OffsetFetchResponse of OffsetFetch;

    /// The offsets stored. A partition without one has offset -1 and no error.
    OffsetFetchResponse {
        [3..] throttle_time_ms: i32, ignorable;
        [0..=7] topics: Vec<OffsetFetchResponseTopic>;
        [2..=7] error_code: i16, ignorable;
        [8..] groups: Vec<OffsetFetchResponseGroup>;
    }

    /// One of [`OffsetFetchResponse::topics`].
    OffsetFetchResponseTopic {
        [0..=7] name: Str;
        [0..=7] partitions: Vec<OffsetFetchResponsePartition>;
    }

    /// One of [`OffsetFetchResponseTopic::partitions`].
    OffsetFetchResponsePartition {
        [0..=7] partition_index: i32;
        [0..=7] committed_offset: i64;
        [5..=7] committed_leader_epoch: i32 = -1, ignorable;
        /// Mind that kafka-node takes offset 0 with empty metadata for "no commit".
        [0..=7] metadata: Option<Str>;
        [0..=7] error_code: i16;
    }

    /// One of [`OffsetFetchResponse::groups`].
    OffsetFetchResponseGroup {
        [8..] group_id: Str;
        [8..] topics: Vec<OffsetFetchResponseTopics>;
        [8..] error_code: i16;
    }

    /// One of [`OffsetFetchResponseGroup::topics`].
    OffsetFetchResponseTopics {
        [8..=9] name: Str, ignorable;
        [8..] partitions: Vec<OffsetFetchResponsePartitions>;
    }

    /// One of [`OffsetFetchResponseTopics::partitions`].
    OffsetFetchResponsePartitions {
        [8..] partition_index: i32;
        [8..] committed_offset: i64;
        [8..] committed_leader_epoch: i32 = -1, ignorable;
        [8..] metadata: Option<Str>;
        [8..] error_code: i16;
    }
}
