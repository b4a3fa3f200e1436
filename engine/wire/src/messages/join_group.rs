//! JoinGroup: become a member of a classic group.

use bytes::Bytes;

use crate::{Str, schema::schema};

schema! {
    request JoinGroupRequest of JoinGroup, answered by JoinGroupResponse;

    /// Asks to join.
    JoinGroupRequest {
        [0..] group_id: Str;
        [0..] session_timeout_ms: i32;
        /// -1: as `session_timeout_ms` (version 0 has no field).
        [1..] rebalance_timeout_ms: i32 = -1, ignorable;
        /// Empty at the first join.
        [0..] member_id: Str;
        /// Static membership (KIP-345).
        [5..] group_instance_id: Option<Str>;
        [0..] protocol_type: Str;
        [0..] protocols: Vec<JoinGroupRequestProtocol>;
        [8..] reason: Option<Str>, ignorable;
    }

    /// One of [`JoinGroupRequest::protocols`].
    JoinGroupRequestProtocol {
        [0..] name: Str;
        [0..] metadata: Bytes;
    }
}

schema! {
    response JoinGroupResponse of JoinGroup;

    /// The generation that the member is in. Only the leader gets the members.
    JoinGroupResponse {
        [2..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
        [0..] generation_id: i32 = -1;
        [7..] protocol_type: Option<Str>, ignorable;
        /// Null for "none" from version 7 only; before that (and by default) it is empty.
        [0..] protocol_name: Option<Str> = Some(Str::default()), null(7..);
        [0..] leader: Str;
        [9..] skip_assignment: bool;
        [0..] member_id: Str;
        [0..] members: Vec<JoinGroupResponseMember>;
    }

    /// One of [`JoinGroupResponse::members`].
    JoinGroupResponseMember {
        [0..] member_id: Str;
        [5..] group_instance_id: Option<Str>, ignorable;
        [0..] metadata: Bytes;
    }
}
