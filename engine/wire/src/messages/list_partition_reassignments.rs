//! ListPartitionReassignments: reassignments under way.

use crate::{Str, schema::schema};

schema! {
    request ListPartitionReassignmentsRequest of ListPartitionReassignments,
        answered by ListPartitionReassignmentsResponse;

    /// Partitions to look at.
    ListPartitionReassignmentsRequest {
        [0..] timeout_ms: i32 = 60000;
        /// `None` is all topics.
        [0..] topics: Option<Vec<ListPartitionReassignmentsTopics>>;
    }

    /// One of [`ListPartitionReassignmentsRequest::topics`].
    ListPartitionReassignmentsTopics {
        [0..] name: Str;
        [0..] partition_indexes: Vec<i32>;
    }
}

schema! {
    response ListPartitionReassignmentsResponse of ListPartitionReassignments;

    /// The reassignments.
    ListPartitionReassignmentsResponse {
        [0..] throttle_time_ms: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] topics: Vec<OngoingTopicReassignment>;
    }

    /// One of [`ListPartitionReassignmentsResponse::topics`].
    OngoingTopicReassignment {
        [0..] name: Str;
        [0..] partitions: Vec<OngoingPartitionReassignment>;
    }

    /// One of [`OngoingTopicReassignment::partitions`].
    OngoingPartitionReassignment {
        [0..] partition_index: i32;
        [0..] replicas: Vec<i32>;
        [0..] adding_replicas: Vec<i32>;
        [0..] removing_replicas: Vec<i32>;
    }
}
