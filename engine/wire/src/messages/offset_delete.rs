//! OffsetDelete: delete a group's offsets of partitions.

use crate::{Str, schema::schema};

schema! {
    request OffsetDeleteRequest of OffsetDelete, answered by OffsetDeleteResponse;

    /// Offsets to delete.
    OffsetDeleteRequest {
        [0..] group_id: Str;
        [0..] topics: Vec<OffsetDeleteRequestTopic>;
    }

    /// One of [`OffsetDeleteRequest::topics`].
    OffsetDeleteRequestTopic {
        [0..] name: Str;
        [0..] partitions: Vec<OffsetDeleteRequestPartition>;
    }

    /// One of [`OffsetDeleteRequestTopic::partitions`].
    OffsetDeleteRequestPartition {
        [0..] partition_index: i32;
    }
}

schema! {
    response OffsetDeleteResponse of OffsetDelete;

    /// What became of each partition.
    OffsetDeleteResponse {
        [0..] error_code: i16;
        [0..] throttle_time_ms: i32, ignorable;
        [0..] topics: Vec<OffsetDeleteResponseTopic>;
    }

    /// One of [`OffsetDeleteResponse::topics`].
    OffsetDeleteResponseTopic {
        [0..] name: Str;
        [0..] partitions: Vec<OffsetDeleteResponsePartition>;
    }

    /// One of [`OffsetDeleteResponseTopic::partitions`].
    OffsetDeleteResponsePartition {
        [0..] partition_index: i32;
        [0..] error_code: i16;
    }
}
