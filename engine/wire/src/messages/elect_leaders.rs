//! ElectLeaders: elect leaders of partitions.

use crate::{Str, schema::schema};

schema! {
    request ElectLeadersRequest of ElectLeaders, answered by ElectLeadersResponse;

    /// Partitions to elect leaders of.
    ElectLeadersRequest {
        /// 0 preferred, 1 unclean. Version 0 is always preferred.
        [1..] election_type: i8;
        /// `None` is all partitions.
        [0..] topic_partitions: Option<Vec<TopicPartitions>>;
        [0..] timeout_ms: i32 = 60000;
    }

    /// One of [`ElectLeadersRequest::topic_partitions`].
    TopicPartitions {
        [0..] topic: Str;
        [0..] partitions: Vec<i32>;
    }
}

schema! {
    response ElectLeadersResponse of ElectLeaders;

    /// What became of each partition.
    ElectLeadersResponse {
        [0..] throttle_time_ms: i32;
        [1..] error_code: i16;
        [0..] replica_election_results: Vec<ReplicaElectionResult>;
    }

    /// One of [`ElectLeadersResponse::replica_election_results`].
    ReplicaElectionResult {
        [0..] topic: Str;
        [0..] partition_result: Vec<PartitionResult>;
    }

    /// One of [`ReplicaElectionResult::partition_result`].
    PartitionResult {
        [0..] partition_id: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
    }
}
