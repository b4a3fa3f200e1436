//! Fetch: read record sets from partitions, with long polling and fetch sessions (KIP-227).

use crate::{Records, Str, Uuid, schema::schema};

schema! {
    request FetchRequest of Fetch, answered by FetchResponse;

    /// Where to read, how much, and how long to wait.
    FetchRequest {
        /// -1 for a consumer; a follower's broker id otherwise. From version 15 in `replica_state`.
        [0..=14] replica_id: i32 = -1;
        [0..] max_wait_ms: i32;
        /// Wait until so much is there, `max_wait_ms` at most.
        [0..] min_bytes: i32;
        /// Of the whole answer; one batch may exceed it, so that the consumer gets on (KIP-74).
        [3..] max_bytes: i32 = i32::MAX, ignorable;
        /// 0 read uncommitted, 1 read committed.
        [4..] isolation_level: i8, ignorable;
        /// 0 for none, or to open one.
        [7..] session_id: i32, ignorable;
        /// -1 no session, 0 open one, else the next of the session.
        [7..] session_epoch: i32 = -1, ignorable;
        [0..] topics: Vec<FetchTopic>;
        /// Partitions to drop from the session.
        [7..] forgotten_topics_data: Vec<ForgottenTopic>;
        [11..] rack_id: Str, ignorable;
        tags {
            0 [12..] cluster_id: Option<Str>, ignorable;
            1 [15..] replica_state: ReplicaState;
        }
    }

    /// See [`FetchRequest::replica_state`].
    ReplicaState {
        [15..] replica_id: i32 = -1;
        [15..] replica_epoch: i64 = -1;
    }

    /// One of [`FetchRequest::topics`].
    FetchTopic {
        [0..=12] topic: Str, ignorable;
        [13..] topic_id: Uuid, ignorable;
        [0..] partitions: Vec<FetchPartition>;
    }

    /// One of [`FetchTopic::partitions`].
    FetchPartition {
        [0..] partition: i32;
        [9..] current_leader_epoch: i32 = -1, ignorable;
        [0..] fetch_offset: i64;
        [12..] last_fetched_epoch: i32 = -1;
        [5..] log_start_offset: i64 = -1, ignorable;
        [0..] partition_max_bytes: i32;
        tags {
            0 [17..] replica_directory_id: Uuid, ignorable;
            1 [18..] high_watermark: i64 = i64::MAX, ignorable;
        }
    }

    /// One of [`FetchRequest::forgotten_topics_data`].
    ForgottenTopic {
        [7..=12] topic: Str, ignorable;
        [13..] topic_id: Uuid, ignorable;
        [7..] partitions: Vec<i32>;
    }
}

schema! {
    response FetchResponse of Fetch;

    /// Record sets. kafka-node loops for ever on an empty topic list, so versions 0 to 2 never
    /// carry one.
    FetchResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [7..] error_code: i16, ignorable;
        /// 0 for none.
        [7..] session_id: i32;
        [0..] responses: Vec<FetchableTopicResponse>;
        tags {
            0 [16..] node_endpoints: Vec<NodeEndpoint>;
        }
    }

    /// One of [`FetchResponse::responses`].
    FetchableTopicResponse {
        [0..=12] topic: Str, ignorable;
        [13..] topic_id: Uuid, ignorable;
        [0..] partitions: Vec<PartitionData>;
    }

    /// One of [`FetchableTopicResponse::partitions`].
    PartitionData {
        [0..] partition_index: i32;
        [0..] error_code: i16;
        [0..] high_watermark: i64;
        [4..] last_stable_offset: i64 = -1, ignorable;
        [5..] log_start_offset: i64 = -1, ignorable;
        /// For read committed; null otherwise.
        [4..] aborted_transactions: Option<Vec<AbortedTransaction>>, ignorable;
        /// -1: read from this broker.
        [11..] preferred_read_replica: i32 = -1;
        /// Empty is written as length zero, never as null: librdkafka refuses null.
        [0..] records: Records;
        tags {
            0 [12..] diverging_epoch: EpochEndOffset;
            1 [12..] current_leader: LeaderIdAndEpoch;
            2 [12..] snapshot_id: SnapshotId;
        }
    }

    /// See [`PartitionData::diverging_epoch`].
    EpochEndOffset {
        [12..] epoch: i32 = -1;
        /// -1 if unknown.
        [12..] end_offset: i64 = -1;
    }

    /// See [`PartitionData::current_leader`].
    LeaderIdAndEpoch {
        [12..] leader_id: i32 = -1;
        [12..] leader_epoch: i32 = -1;
    }

    /// See [`PartitionData::snapshot_id`].
    SnapshotId {
        [0..] end_offset: i64 = -1;
        [0..] epoch: i32 = -1;
    }

    /// One of [`PartitionData::aborted_transactions`].
    AbortedTransaction {
        [4..] producer_id: i64;
        [4..] first_offset: i64;
    }

    /// One of [`FetchResponse::node_endpoints`].
    NodeEndpoint {
        [16..] node_id: i32;
        [16..] host: Str;
        [16..] port: i32;
        [16..] rack: Option<Str>;
    }
}
