//! DescribeTopicPartitions: partitions of topics, in pages (KIP-966).

use crate::{Str, Uuid, schema::schema};

schema! {
    request DescribeTopicPartitionsRequest of DescribeTopicPartitions,
        answered by DescribeTopicPartitionsResponse;

    /// Topics to describe, from `cursor` on.
    DescribeTopicPartitionsRequest {
        [0..] topics: Vec<TopicRequest>;
        [0..] response_partition_limit: i32 = 2000;
        [0..] cursor: Option<Cursor>;
    }

    /// One of [`DescribeTopicPartitionsRequest::topics`].
    TopicRequest {
        [0..] name: Str;
    }

    /// See [`DescribeTopicPartitionsRequest::cursor`].
    Cursor {
        [0..] topic_name: Str;
        [0..] partition_index: i32;
    }
}

schema! {
    response DescribeTopicPartitionsResponse of DescribeTopicPartitions;

    /// A page of partitions.
    DescribeTopicPartitionsResponse {
        [0..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<DescribeTopicPartitionsResponseTopic>;
        /// Where the next page starts; null on the last one.
        [0..] next_cursor: Option<Cursor>;
    }

    /// One of [`DescribeTopicPartitionsResponse::topics`].
    DescribeTopicPartitionsResponseTopic {
        [0..] error_code: i16;
        [0..] name: Option<Str>;
        [0..] topic_id: Uuid, ignorable;
        [0..] is_internal: bool, ignorable;
        [0..] partitions: Vec<DescribeTopicPartitionsResponsePartition>;
        [0..] topic_authorized_operations: i32 = i32::MIN;
    }

    /// One of [`DescribeTopicPartitionsResponseTopic::partitions`].
    DescribeTopicPartitionsResponsePartition {
        [0..] error_code: i16;
        [0..] partition_index: i32;
        [0..] leader_id: i32;
        [0..] leader_epoch: i32 = -1, ignorable;
        [0..] replica_nodes: Vec<i32>;
        [0..] isr_nodes: Vec<i32>;
        [0..] eligible_leader_replicas: Option<Vec<i32>>;
        [0..] last_known_elr: Option<Vec<i32>>;
        [0..] offline_replicas: Vec<i32>, ignorable;
    }
}
