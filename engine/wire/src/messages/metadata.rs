//! Metadata: brokers, topics, partitions and their leaders.

use crate::{Str, Uuid, schema::schema};

schema! {
    request MetadataRequest of Metadata, answered by MetadataResponse;

    /// Asks for topics by name, or (from version 10) by id.
    MetadataRequest {
        /// `None` is all topics. In version 0, which has no null, an empty list is all topics.
        [0..] topics: Option<Vec<MetadataRequestTopic>>, null(1..);
        /// Versions without the field create topics.
        [4..] allow_auto_topic_creation: bool = true;
        [8..=10] include_cluster_authorized_operations: bool;
        [8..] include_topic_authorized_operations: bool;
    }

    /// One of [`MetadataRequest::topics`].
    MetadataRequestTopic {
        [10..] topic_id: Uuid, ignorable;
        /// `None` if the topic is asked for by id.
        [0..] name: Option<Str>, null(10..);
    }
}

schema! {
    response MetadataResponse of Metadata;

    /// The cluster as clients see it.
    MetadataResponse {
        [3..] throttle_time_ms: i32, ignorable;
        [0..] brokers: Vec<MetadataResponseBroker>;
        [2..] cluster_id: Option<Str>, ignorable;
        [1..] controller_id: i32 = -1, ignorable;
        [0..] topics: Vec<MetadataResponseTopic>;
        /// Bit field; `i32::MIN` if not asked for.
        [8..=10] cluster_authorized_operations: i32 = i32::MIN;
        [13..] error_code: i16, ignorable;
    }

    /// One of [`MetadataResponse::brokers`].
    MetadataResponseBroker {
        [0..] node_id: i32;
        [0..] host: Str;
        [0..] port: i32;
        [1..] rack: Option<Str>, ignorable;
    }

    /// One of [`MetadataResponse::topics`].
    MetadataResponseTopic {
        [0..] error_code: i16;
        /// Null (from version 12) only for an unknown topic id.
        [0..] name: Option<Str> = Some(Str::default()), null(12..);
        /// Zero only for an unknown topic name.
        [10..] topic_id: Uuid, ignorable;
        [1..] is_internal: bool, ignorable;
        [0..] partitions: Vec<MetadataResponsePartition>;
        /// Bit field; `i32::MIN` if not asked for.
        [8..] topic_authorized_operations: i32 = i32::MIN;
    }

    /// One of [`MetadataResponseTopic::partitions`].
    MetadataResponsePartition {
        [0..] error_code: i16;
        [0..] partition_index: i32;
        /// -1 if there is no leader.
        [0..] leader_id: i32;
        [7..] leader_epoch: i32 = -1, ignorable;
        [0..] replica_nodes: Vec<i32>;
        [0..] isr_nodes: Vec<i32>;
        [5..] offline_replicas: Vec<i32>, ignorable;
    }
}
