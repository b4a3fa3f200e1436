//! DescribeGroups: state and members of classic groups.

use bytes::Bytes;

use crate::{Str, schema::schema};

schema! {
    request DescribeGroupsRequest of DescribeGroups, answered by DescribeGroupsResponse;

    /// Groups to describe.
    DescribeGroupsRequest {
        [0..] groups: Vec<Str>;
        [3..] include_authorized_operations: bool;
    }
}

schema! {
    response DescribeGroupsResponse of DescribeGroups;

    /// The groups. An unknown one is in state `Dead` (an error from version 6 on).
    DescribeGroupsResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] groups: Vec<DescribedGroup>;
    }

    /// One of [`DescribeGroupsResponse::groups`].
    DescribedGroup {
        [0..] error_code: i16;
        [6..] error_message: Option<Str>;
        [0..] group_id: Str;
        [0..] group_state: Str;
        [0..] protocol_type: Str;
        [0..] protocol_data: Str;
        [0..] members: Vec<DescribedGroupMember>;
        /// Bit field; `i32::MIN` if not asked for.
        [3..] authorized_operations: i32 = i32::MIN;
    }

    /// One of [`DescribedGroup::members`].
    DescribedGroupMember {
        [0..] member_id: Str;
        [4..] group_instance_id: Option<Str>, ignorable;
        [0..] client_id: Str;
        [0..] client_host: Str;
        [0..] member_metadata: Bytes;
        [0..] member_assignment: Bytes;
    }
}
