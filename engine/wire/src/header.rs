//! What stands in front of every request and response body.
//!
//! ```text
//! request   | api_key 2 | api_version 2 | correlation_id 4 | client_id string | tags |
//! response  | correlation_id 4 | tags |
//! ```
//! Tags from request header version 2 and response header version 1 on. The client id is a classic
//! (16-bit length) string in every version.

use std::mem;

use bytes::Bytes;

use crate::{
    ApiKey, DecodeError, GatherBuf, Reader, Str,
    field::{Field, Nullable},
};

/// Header of a request. Key and version are as received: they may be unknown to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// Number of the API: see [`ApiKey`].
    pub api_key: i16,
    /// Version of the body.
    pub api_version: i16,
    /// Comes back in the answer.
    pub correlation_id: i32,
    /// The name that the client gave itself.
    pub client_id: Option<Str>,
}

impl RequestHeader {
    /// Appends the header in the version that key and version call for.
    pub fn encode(&self, w: &mut GatherBuf) {
        self.api_key.write(w);
        self.api_version.write(w);
        self.correlation_id.write(w);
        w.flexible = false;
        self.client_id.write(w);
        let api = ApiKey::from_code(self.api_key);
        if api.is_some_and(|api| api.request_header_version(self.api_version) >= 2) {
            w.put_unsigned_varint(0);
        }
    }

    /// Takes the header, and leaves the reader at the body.
    ///
    /// For a key that we do not know, the header's own version is unknown too: only the fixed
    /// fields are read then, which is enough to log the request and to close.
    ///
    /// # Errors
    /// The bytes are not a header.
    pub fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let mut header = Self {
            api_key: r.i16()?,
            api_version: r.i16()?,
            correlation_id: r.i32()?,
            client_id: None,
        };
        if let Some(api) = ApiKey::from_code(header.api_key) {
            r.flexible = false;
            header.client_id = Str::read_nullable(r)?;
            if api.request_header_version(header.api_version) >= 2 {
                r.tagged_fields(|_, _| Ok(false))?;
            }
        }
        Ok(header)
    }
}

/// Takes the header off the front of a frame (without its 4-byte size) and leaves the body in it.
/// See [`RequestHeader::decode`].
///
/// # Errors
/// The bytes are not a header; `frame` is then as it was.
pub fn decode_header(frame: &mut Bytes) -> Result<RequestHeader, DecodeError> {
    let mut r = Reader::new(mem::take(frame));
    let header = RequestHeader::decode(&mut r);
    *frame = if header.is_ok() { r.into_rest() } else { r.into_frame() };
    header
}

pub(crate) fn write_response_header(w: &mut GatherBuf, header_version: i16, correlation_id: i32) {
    correlation_id.write(w);
    if header_version >= 1 {
        w.put_unsigned_varint(0);
    }
}

pub(crate) fn read_response_header(
    r: &mut Reader,
    header_version: i16,
) -> Result<i32, DecodeError> {
    let correlation_id = r.i32()?;
    if header_version >= 1 {
        r.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(correlation_id)
}
