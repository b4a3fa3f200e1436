//! AlterPartitionReassignments: move partitions to other brokers, or stop moving them.

use crate::{Str, schema::schema};

schema! {
    request AlterPartitionReassignmentsRequest of AlterPartitionReassignments,
        answered by AlterPartitionReassignmentsResponse;

    /// New replica lists.
    AlterPartitionReassignmentsRequest {
        [0..] timeout_ms: i32 = 60000;
        [1..] allow_replication_factor_change: bool = true;
        [0..] topics: Vec<ReassignableTopic>;
    }

    /// One of [`AlterPartitionReassignmentsRequest::topics`].
    ReassignableTopic {
        [0..] name: Str;
        [0..] partitions: Vec<ReassignablePartition>;
    }

    /// One of [`ReassignableTopic::partitions`].
    ReassignablePartition {
        [0..] partition_index: i32;
        /// `None` cancels the reassignment.
        [0..] replicas: Option<Vec<i32>>;
    }
}

schema! {
    response AlterPartitionReassignmentsResponse of AlterPartitionReassignments;

    /// What became of each partition.
    AlterPartitionReassignmentsResponse {
        [0..] throttle_time_ms: i32;
        [1..] allow_replication_factor_change: bool = true, ignorable;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] responses: Vec<ReassignableTopicResponse>;
    }

    /// One of [`AlterPartitionReassignmentsResponse::responses`].
    ReassignableTopicResponse {
        [0..] name: Str;
        [0..] partitions: Vec<ReassignablePartitionResponse>;
    }

    /// One of [`ReassignableTopicResponse::partitions`].
    ReassignablePartitionResponse {
        [0..] partition_index: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
    }
}
