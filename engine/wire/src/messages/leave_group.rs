//! LeaveGroup: leave a classic group.

use crate::{Str, schema::schema};

schema! {
    request LeaveGroupRequest of LeaveGroup, answered by LeaveGroupResponse;

    /// One member up to version 2, a list from version 3.
    LeaveGroupRequest {
        [0..] group_id: Str;
        [0..=2] member_id: Str;
        [3..] members: Vec<MemberIdentity>;
    }

    /// One of [`LeaveGroupRequest::members`].
    MemberIdentity {
        [3..] member_id: Str;
        [3..] group_instance_id: Option<Str>;
        [5..] reason: Option<Str>, ignorable;
    }
}

schema! {
    response LeaveGroupResponse of LeaveGroup;

    /// What became of the members.
    LeaveGroupResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
        [3..] members: Vec<MemberResponse>;
    }

    /// One of [`LeaveGroupResponse::members`].
    MemberResponse {
        [3..] member_id: Str;
        [3..] group_instance_id: Option<Str>;
        [3..] error_code: i16;
    }
}
