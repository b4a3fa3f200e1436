//! CreatePartitions: give topics more partitions.

use crate::{Str, schema::schema};

schema! {
    request CreatePartitionsRequest of CreatePartitions, answered by CreatePartitionsResponse;

    /// New partition counts.
    CreatePartitionsRequest {
        [0..] topics: Vec<CreatePartitionsTopic>;
        [0..] timeout_ms: i32;
        [0..] validate_only: bool;
    }

    /// One of [`CreatePartitionsRequest::topics`].
    CreatePartitionsTopic {
        [0..] name: Str;
        /// The new total.
        [0..] count: i32;
        /// Of the new partitions only; null lets the broker choose.
        [0..] assignments: Option<Vec<CreatePartitionsAssignment>>;
    }

    /// One of [`CreatePartitionsTopic::assignments`].
    CreatePartitionsAssignment {
        [0..] broker_ids: Vec<i32>;
    }
}

schema! {
    response CreatePartitionsResponse of CreatePartitions;

    /// What became of each topic.
    CreatePartitionsResponse {
        [0..] throttle_time_ms: i32;
        [0..] results: Vec<CreatePartitionsTopicResult>;
    }

    /// One of [`CreatePartitionsResponse::results`].
    CreatePartitionsTopicResult {
        [0..] name: Str;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
    }
}
