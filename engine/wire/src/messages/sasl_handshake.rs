//! SaslHandshake: choose the SASL mechanism.

use crate::{Str, schema::schema};

schema! {
    request SaslHandshakeRequest of SaslHandshake, answered by SaslHandshakeResponse;

    /// The mechanism wanted. After version 0, bare tokens follow without Kafka framing of their own.
    SaslHandshakeRequest {
        [0..] mechanism: Str;
    }
}

schema! {
    response SaslHandshakeResponse of SaslHandshake;

    /// The mechanisms offered.
    SaslHandshakeResponse {
        [0..] error_code: i16;
        [0..] mechanisms: Vec<Str>;
    }
}
