//! DescribeProducers: producers known to a partition.

use crate::{Str, schema::schema};

schema! {
    request DescribeProducersRequest of DescribeProducers, answered by DescribeProducersResponse;

    /// Partitions to look at.
    DescribeProducersRequest {
        [0..] topics: Vec<TopicRequest>;
    }

    /// One of [`DescribeProducersRequest::topics`].
    TopicRequest {
        [0..] name: Str;
        [0..] partition_indexes: Vec<i32>;
    }
}

schema! {
    response DescribeProducersResponse of DescribeProducers;

    /// Producers per partition.
    DescribeProducersResponse {
        [0..] throttle_time_ms: i32;
        [0..] topics: Vec<TopicResponse>;
    }

    /// One of [`DescribeProducersResponse::topics`].
    TopicResponse {
        [0..] name: Str;
        [0..] partitions: Vec<PartitionResponse>;
    }

    /// One of [`TopicResponse::partitions`].
    PartitionResponse {
        [0..] partition_index: i32;
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] active_producers: Vec<ProducerState>;
    }

    /// One of [`PartitionResponse::active_producers`].
    ProducerState {
        [0..] producer_id: i64;
        [0..] producer_epoch: i32;
        [0..] last_sequence: i32 = -1;
        [0..] last_timestamp: i64 = -1;
        [0..] coordinator_epoch: i32;
        [0..] current_txn_start_offset: i64 = -1;
    }
}
