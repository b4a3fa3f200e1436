//! InitProducerId: a producer id and epoch for idempotent and transactional producers.

use crate::{Str, schema::schema};

schema! {
    request InitProducerIdRequest of InitProducerId, answered by InitProducerIdResponse;

    /// Asks for a producer id.
    InitProducerIdRequest {
        [0..] transactional_id: Option<Str>;
        [0..] transaction_timeout_ms: i32;
        /// The current id to bump the epoch of (KIP-360), or -1.
        [3..] producer_id: i64 = -1;
        [3..] producer_epoch: i16 = -1;
    }
}

schema! {
    response InitProducerIdResponse of InitProducerId;

    /// Producer id and epoch.
    InitProducerIdResponse {
        [0..] throttle_time_ms: i32, ignorable;
        [0..] error_code: i16;
        [0..] producer_id: i64 = -1;
        [0..] producer_epoch: i16;
    }
}
