//! Owns the framing of Kafka requests and responses and which version of each API is spoken.
//! The messages themselves are the crate `kafka-protocol`'s. Never touches a socket.

pub mod batch;
pub mod shape;

use anyhow::{Context, Result, anyhow, bail};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// The largest response that is read; a longer one is a protocol error, not an allocation.
pub const FRAME_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The client id in every request, so that operators can find the generator in broker logs.
pub const CLIENT_ID: &str = "ringlog-loadgen";

/// The versions of an API that the generator speaks: `(min, max)`. All are the plain
/// (non-flexible) encodings, whose responses [`shape`] can check before they are decoded.
pub const fn spoken(api_key: i16) -> (i16, i16) {
    match api_key {
        0 => (3, 7),  // Produce
        1 => (4, 11), // Fetch
        2 => (1, 2),  // ListOffsets
        3 => (1, 7),  // Metadata
        19 => (2, 4), // CreateTopics
        20 => (1, 3), // DeleteTopics
        22 => (0, 1), // InitProducerId
        32 => (1, 2), // DescribeConfigs
        _ => (0, 0),  // ApiVersions and everything else: the first version
    }
}

/// Kafka's name of an API that the generator uses.
pub const fn api_name(api_key: i16) -> &'static str {
    match api_key {
        0 => "Produce",
        1 => "Fetch",
        2 => "ListOffsets",
        3 => "Metadata",
        18 => "ApiVersions",
        19 => "CreateTopics",
        20 => "DeleteTopics",
        22 => "InitProducerId",
        32 => "DescribeConfigs",
        _ => "unknown API",
    }
}

/// Kafka's name of an error code, as its protocol guide writes it.
pub fn error_name(code: i16) -> String {
    use kafka_protocol::error::ParseResponseErrorCode;
    let Some(error) = code.err() else { return "NONE".to_owned() };
    let camel = format!("{error:?}");
    let mut name = String::with_capacity(camel.len() + 8);
    for (index, letter) in camel.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Appends one complete request frame (size, header, body) to `out`.
pub fn encode_request<R: Request>(
    out: &mut Vec<u8>,
    request: &R,
    version: i16,
    correlation_id: i32,
) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    header.encode(out, R::header_version(version)).context("encode request header")?;
    request.encode(out, version).with_context(|| format!("encode {}", api_name(R::KEY)))?;
    let body_bytes = i32::try_from(out.len() - start - 4).context("request over 2 GiB")?;
    out[start..start + 4].copy_from_slice(&body_bytes.to_be_bytes());
    Ok(())
}

/// Decodes the body of a response to `R`. `frame` starts at the correlation id.
pub fn decode_response<R: Request>(frame: &[u8], version: i16) -> Result<R::Response> {
    if <R::Response as HeaderVersion>::header_version(version) != 0 {
        bail!("{} v{version} has a flexible header, which is not spoken", api_name(R::KEY));
    }
    let mut body = frame.get(4..).ok_or_else(|| anyhow!("response shorter than its header"))?;
    shape::check_response(R::KEY, version, body)?;
    <R::Response as Decodable>::decode(&mut body, version)
        .with_context(|| format!("decode {} v{version} response", api_name(R::KEY)))
}

/// The correlation id at the start of a response frame.
pub fn correlation_id(frame: &[u8]) -> Result<i32> {
    let bytes =
        frame.first_chunk::<4>().ok_or_else(|| anyhow!("response of {} bytes", frame.len()))?;
    Ok(i32::from_be_bytes(*bytes))
}

/// Checks a frame's announced size before anything is allocated for it.
pub fn frame_bytes(size: [u8; 4]) -> Result<usize> {
    let announced = i32::from_be_bytes(size);
    match usize::try_from(announced) {
        Ok(bytes) if (4..=FRAME_BYTES_MAX).contains(&bytes) => Ok(bytes),
        _ if size[0] == 0x15 && size[1] == 0x03 => {
            bail!(
                "the broker answered with a TLS alert: this listener wants TLS, which is not spoken"
            )
        }
        _ => bail!("the broker announced a response of {announced} bytes: not Kafka's protocol"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_are_kafkas() {
        assert_eq!(error_name(6), "NOT_LEADER_OR_FOLLOWER");
        assert_eq!(error_name(0), "NONE");
    }

    #[test]
    fn frame_sizes_outside_the_limits_are_refused() {
        assert_eq!(frame_bytes(100_i32.to_be_bytes()).unwrap(), 100);
        for bad in [-1, 0, 3, i32::MAX] {
            assert!(frame_bytes(bad.to_be_bytes()).is_err());
        }
        assert!(frame_bytes([0x15, 3, 3, 0]).unwrap_err().to_string().contains("TLS"));
    }
}
