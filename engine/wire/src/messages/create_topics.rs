//! CreateTopics: create topics.

use crate::{Str, Uuid, schema::schema};

schema! {
    request CreateTopicsRequest of CreateTopics, answered by CreateTopicsResponse;

    /// Topics to create.
    CreateTopicsRequest {
        [0..] topics: Vec<CreatableTopic>;
        [0..] timeout_ms: i32 = 60000;
        /// Only say what would happen.
        [1..] validate_only: bool;
    }

    /// One of [`CreateTopicsRequest::topics`].
    CreatableTopic {
        [0..] name: Str;
        /// -1: the broker's default, or as many as `assignments` has.
        [0..] num_partitions: i32;
        /// -1: the broker's default, or as `assignments` says.
        [0..] replication_factor: i16;
        [0..] assignments: Vec<CreatableReplicaAssignment>;
        [0..] configs: Vec<CreatableTopicConfig>;
    }

    /// One of [`CreatableTopic::assignments`].
    CreatableReplicaAssignment {
        [0..] partition_index: i32;
        [0..] broker_ids: Vec<i32>;
    }

    /// One of [`CreatableTopic::configs`].
    CreatableTopicConfig {
        [0..] name: Str;
        [0..] value: Option<Str>;
    }
}

schema! {
    response CreateTopicsResponse of CreateTopics;

    /// What became of each topic.
    CreateTopicsResponse {
        [2..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<CreatableTopicResult>;
    }

    /// One of [`CreateTopicsResponse::topics`].
    CreatableTopicResult {
        [0..] name: Str;
        [7..] topic_id: Uuid, ignorable;
        [0..] error_code: i16;
        [1..] error_message: Option<Str>, ignorable;
        [5..] num_partitions: i32 = -1, ignorable;
        [5..] replication_factor: i16 = -1, ignorable;
        /// The topic's settings (KIP-525); null with an error.
        [5..] configs: Option<Vec<CreatableTopicConfigs>>, ignorable;
        tags {
            0 [5..] topic_config_error_code: i16, ignorable;
        }
    }

    /// One of [`CreatableTopicResult::configs`].
    CreatableTopicConfigs {
        [5..] name: Str;
        [5..] value: Option<Str>;
        [5..] read_only: bool;
        [5..] config_source: i8 = -1, ignorable;
        [5..] is_sensitive: bool;
    }
}
