//! SaslHandshake: choose the SASL mechanism.

use crate::{Str, schema::schema};

schema! {
    request SaslHandshakeRequest of SaslHandshake, answered by SaslHandshakeResponse;

    /// The mechanism wanted. After version 0 the tokens follow as bare frames: a 4-byte size and
    /// the token, without headers. After version 1 they come in SaslAuthenticate requests.
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
