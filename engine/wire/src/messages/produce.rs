//! Produce: append record sets to partitions.

use crate::{Records, Str, Uuid, schema::schema};

schema! {
    request ProduceRequest of Produce, answered by ProduceResponse;

    /// Record sets to append.
    ProduceRequest {
        [3..] transactional_id: Option<Str>;
        /// 0: no answer at all; 1: the leader; -1: every in-sync replica.
        [0..] acks: i16;
        [0..] timeout_ms: i32;
        [0..] topic_data: Vec<TopicProduceData>;
    }

    /// One of [`ProduceRequest::topic_data`].
    TopicProduceData {
        [0..=12] name: Str, ignorable;
        [13..] topic_id: Uuid, ignorable;
        [0..] partition_data: Vec<PartitionProduceData>;
    }

    /// One of [`TopicProduceData::partition_data`].
    PartitionProduceData {
        [0..] index: i32;
        /// Magic 0 or 1 message sets up to version 2, exactly one batch of magic 2 from version 3.
        [0..] records: Option<Records>;
    }
}

schema! {
    response ProduceResponse of Produce;

    /// What became of each record set. Never sent for `acks` 0. kafka-node loops for ever on an
    /// empty topic list, so versions 0 to 2 never carry one.
    ProduceResponse {
        [0..] responses: Vec<TopicProduceResponse>;
        [1..] throttle_time_ms: i32, ignorable;
        tags {
            /// Addresses of the leaders named in `current_leader`.
            0 [10..] node_endpoints: Vec<NodeEndpoint>;
        }
    }

    /// One of [`ProduceResponse::responses`].
    TopicProduceResponse {
        [0..=12] name: Str, ignorable;
        [13..] topic_id: Uuid, ignorable;
        [0..] partition_responses: Vec<PartitionProduceResponse>;
    }

    /// One of [`TopicProduceResponse::partition_responses`].
    PartitionProduceResponse {
        [0..] index: i32;
        [0..] error_code: i16;
        /// Offset of the first record, -1 with an error.
        [0..] base_offset: i64;
        /// -1 unless the topic uses LogAppendTime.
        [2..] log_append_time_ms: i64 = -1, ignorable;
        [5..] log_start_offset: i64 = -1, ignorable;
        [8..] record_errors: Vec<BatchIndexAndErrorMessage>, ignorable;
        [8..] error_message: Option<Str>, ignorable;
        tags {
            /// With NOT_LEADER_OR_FOLLOWER: who leads (KIP-951).
            0 [10..] current_leader: LeaderIdAndEpoch;
        }
    }

    /// A record that made the broker refuse its batch (KIP-467).
    BatchIndexAndErrorMessage {
        [8..] batch_index: i32;
        [8..] batch_index_error_message: Option<Str>;
    }

    /// See [`PartitionProduceResponse::current_leader`].
    LeaderIdAndEpoch {
        [10..] leader_id: i32 = -1;
        [10..] leader_epoch: i32 = -1;
    }

    /// One of [`ProduceResponse::node_endpoints`].
    NodeEndpoint {
        [10..] node_id: i32;
        [10..] host: Str;
        [10..] port: i32;
        [10..] rack: Option<Str>;
    }
}
