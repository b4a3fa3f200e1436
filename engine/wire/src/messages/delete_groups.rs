//! DeleteGroups: delete groups without members.

use crate::{Str, schema::schema};

schema! {
    request DeleteGroupsRequest of DeleteGroups, answered by DeleteGroupsResponse;

    /// Groups to delete.
    DeleteGroupsRequest {
        [0..] groups_names: Vec<Str>;
    }
}

schema! {
    response DeleteGroupsResponse of DeleteGroups;

    /// What became of each group.
    DeleteGroupsResponse {
        [0..] throttle_time_ms: i32;
        [0..] results: Vec<DeletableGroupResult>;
    }

    /// One of [`DeleteGroupsResponse::results`].
    DeletableGroupResult {
        [0..] group_id: Str;
        [0..] error_code: i16;
    }
}
