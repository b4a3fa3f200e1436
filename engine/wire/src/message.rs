//! Whole requests and responses: version checks, and frames in both directions.

use std::fmt::Debug;

use bytes::Bytes;

use crate::{
    ApiKey, DecodeError, EncodeError, GatherBuf, Reader, RequestHeader,
    field::Field,
    header::{read_response_header, write_response_header},
};

/// A request or response body.
pub trait Message: Field + Clone + Debug + Default + PartialEq {
    /// The API it belongs to.
    const KEY: ApiKey;

    /// Takes the body out of a frame, in one of the versions of [`ApiKey::versions`].
    /// Bytes after the body stay in the reader: Kafka ignores them, so callers may too.
    ///
    /// # Errors
    /// The frame is not such a message.
    fn decode(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let key = Self::KEY;
        if !key.versions().contains(&version) {
            return Err(DecodeError::UnsupportedVersion { key, version });
        }
        r.version = version;
        r.flexible = key.is_flexible(version);
        Self::read(r)
    }

    /// Appends the body in one of the versions of [`ApiKey::versions`].
    ///
    /// # Errors
    /// The version cannot carry a value of this message; the output is then useless.
    fn encode(&self, w: &mut GatherBuf, version: i16) -> Result<(), EncodeError> {
        let key = Self::KEY;
        if !key.versions().contains(&version) {
            return Err(EncodeError::UnsupportedVersion { key, version });
        }
        w.version = version;
        w.flexible = key.is_flexible(version);
        self.write(w);
        w.check()
    }
}

/// A request, and what answers it.
pub trait Request: Message {
    /// The answer.
    type Response: Message;
}

/// A whole request frame, its 4-byte size included, ready for a gather send.
/// Key and version come from `header`, which must name the API of `request`.
///
/// # Errors
/// The version cannot carry the request.
///
/// # Panics
/// If the header names another API: that is a bug of the caller.
pub fn encode_request<R: Request>(
    header: &RequestHeader,
    request: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    assert_eq!(header.api_key, R::KEY.code(), "the header names another API");
    let mut out = GatherBuf::framed();
    header.encode(&mut out);
    request.encode(&mut out, header.api_version)?;
    out.finish()
}

/// A whole response frame, its 4-byte size included, ready for a gather send.
///
/// # Errors
/// The version cannot carry the response.
///
/// # Panics
/// If `api_key` is not the API of `response`: that is a bug of the caller.
pub fn encode_response<M: Message>(
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
    response: &M,
) -> Result<Vec<Bytes>, EncodeError> {
    assert_eq!(api_key, M::KEY, "a response of another API");
    let mut out = GatherBuf::framed();
    write_response_header(&mut out, api_key.response_header_version(version), correlation_id);
    response.encode(&mut out, version)?;
    out.finish()
}

/// For clients: correlation id and body of a response frame (without its 4-byte size) to a request
/// of type `R` sent in `version`.
///
/// An ApiVersions request in a version that the broker does not know is answered in version 0
/// (KIP-511), so for that API version 0 is tried too.
///
/// # Errors
/// The frame is not such a response.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), DecodeError> {
    let mut r = Reader::new(frame);
    let correlation_id = read_response_header(&mut r, R::KEY.response_header_version(version))?;
    let body = r.into_rest();
    let mut response = R::Response::decode(&mut Reader::new(body.clone()), version);
    if response.is_err() && R::KEY == ApiKey::ApiVersions {
        response = R::Response::decode(&mut Reader::new(body), 0);
    }
    Ok((correlation_id, response?))
}
