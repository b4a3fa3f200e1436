//! SaslAuthenticate: one token of the SASL exchange (from handshake version 1 on).

use bytes::Bytes;

use crate::{Str, schema::schema};

schema! {
    request SaslAuthenticateRequest of SaslAuthenticate, answered by SaslAuthenticateResponse;

    /// A token from the client.
    SaslAuthenticateRequest {
        [0..] auth_bytes: Bytes;
    }
}

schema! {
    response SaslAuthenticateResponse of SaslAuthenticate;

    /// A token from the broker.
    SaslAuthenticateResponse {
        [0..] error_code: i16;
        [0..] error_message: Option<Str>;
        [0..] auth_bytes: Bytes;
        /// 0: no need to authenticate again (KIP-368).
        [1..] session_lifetime_ms: i64, ignorable;
    }
}
