//! Heartbeat: stay a member of a classic group.

use crate::{Str, schema::schema};

schema! {
    request HeartbeatRequest of Heartbeat, answered by HeartbeatResponse;

    /// Still alive.
    HeartbeatRequest {
        [0..] group_id: Str;
        [0..] generation_id: i32;
        [0..] member_id: Str;
        [3..] group_instance_id: Option<Str>;
    }
}

schema! {
    response HeartbeatResponse of Heartbeat;

    /// Whether to go on, or to join again.
    HeartbeatResponse {
        [1..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
    }
}
