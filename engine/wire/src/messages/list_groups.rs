//! ListGroups: the groups that a broker coordinates.

use crate::{Str, schema::schema};

schema! {
    request ListGroupsRequest of ListGroups, answered by ListGroupsResponse;

    /// Which groups; empty filters are all.
    ListGroupsRequest {
        [4..] states_filter: Vec<Str>;
        [5..] types_filter: Vec<Str>;
    }
}

schema! {
    response ListGroupsResponse of ListGroups;

    /// The groups.
    ListGroupsResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
        [0..] groups: Vec<ListedGroup>;
    }

    /// One of [`ListGroupsResponse::groups`].
    ListedGroup {
        [0..] group_id: Str;
        [0..] protocol_type: Str;
        [4..] group_state: Str, ignorable;
        [5..] group_type: Str, ignorable;
    }
}
