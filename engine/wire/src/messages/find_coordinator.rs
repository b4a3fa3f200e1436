//! FindCoordinator: which broker coordinates a group or a transactional id.

use crate::{Str, schema::schema};

schema! {
    request FindCoordinatorRequest of FindCoordinator, answered by FindCoordinatorResponse;

    /// One key up to version 3, a list from version 4.
    FindCoordinatorRequest {
        [0..=3] key: Str;
        /// 0 group, 1 transaction, 2 share group.
        [1..] key_type: i8;
        [4..] coordinator_keys: Vec<Str>;
    }
}

schema! {
    response FindCoordinatorResponse of FindCoordinator;

    /// One coordinator up to version 3, a list from version 4.
    FindCoordinatorResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..=3] error_code: i16;
        [1..=3] error_message: Option<Str>, ignorable;
        [0..=3] node_id: i32;
        [0..=3] host: Str;
        [0..=3] port: i32;
        [4..] coordinators: Vec<Coordinator>;
    }

    /// One of [`FindCoordinatorResponse::coordinators`].
    Coordinator {
        [4..] key: Str;
        [4..] node_id: i32;
        [4..] host: Str;
        [4..] port: i32;
        [4..] error_code: i16;
        [4..] error_message: Option<Str>, ignorable;
    }
}
