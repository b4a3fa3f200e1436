//! SyncGroup: hand out (leader) and receive the group's assignment.

use bytes::Bytes;

use crate::{Str, schema::schema};

schema! {
    request SyncGroupRequest of SyncGroup, answered by SyncGroupResponse;

    /// The leader sends the assignments, the others an empty list.
    SyncGroupRequest {
        [0..] group_id: Str;
        [0..] generation_id: i32;
        [0..] member_id: Str;
        [3..] group_instance_id: Option<Str>;
        [5..] protocol_type: Option<Str>, ignorable;
        [5..] protocol_name: Option<Str>, ignorable;
        [0..] assignments: Vec<SyncGroupRequestAssignment>;
    }

    /// One of [`SyncGroupRequest::assignments`].
    SyncGroupRequestAssignment {
        [0..] member_id: Str;
        [0..] assignment: Bytes;
    }
}

schema! {
    response SyncGroupResponse of SyncGroup;

    /// The member's own assignment.
    SyncGroupResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
        [5..] protocol_type: Option<Str>, ignorable;
        [5..] protocol_name: Option<Str>, ignorable;
        [0..] assignment: Bytes;
    }
}
