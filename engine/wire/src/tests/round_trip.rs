//! What we write we read back, in every version, with nothing left over.

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    cases,
    every_message::{call_each, for_every_api, for_every_message},
    sample::{Sample, Source},
};
use crate::*;

pub(super) fn encoded(message: &impl Message, version: i16) -> Bytes {
    let mut out = GatherBuf::new();
    message.encode(&mut out, version).unwrap_or_else(|e| panic!("{e}: {message:?}"));
    out.finish().unwrap().concat().into()
}

pub(super) fn decoded<M: Message>(frame: Bytes, version: i16) -> (M, usize) {
    let mut r = Reader::new(frame);
    let message = M::decode(&mut r, version)
        .unwrap_or_else(|e| panic!("{:?} version {version}: {e}", M::KEY));
    (message, r.remaining())
}

fn round_trip<M: Message + Sample>(seed: u64) {
    for version in M::KEY.versions() {
        let message = M::sample(&mut Source::new(seed), version);
        let (back, left) = decoded::<M>(encoded(&message, version), version);
        assert_eq!(back, message, "{:?} version {version}", M::KEY);
        assert_eq!(left, 0, "{:?} version {version}", M::KEY);
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_message_in_every_version(seed: u64) {
        for_every_message!(round_trip(seed));
    }

    #[test]
    fn request_headers(api_key in -1..90_i16, api_version in -1..20_i16, correlation_id: i32,
                       client_id in proptest::option::of(".{0,40}")) {
        // The header's layout is only known for APIs that we know.
        let known = ApiKey::from_code(api_key).is_some();
        let client_id = client_id.filter(|_| known).map(Str::from);
        let header = RequestHeader { api_key, api_version, correlation_id, client_id };
        let mut out = GatherBuf::new();
        header.encode(&mut out);
        out.put(b"body");
        let mut frame = Bytes::from(out.finish().unwrap().concat());
        prop_assert_eq!(decode_header(&mut frame).unwrap(), header);
        prop_assert!(frame.ends_with(b"body") && (frame.len() == 4 || !known));
    }
}

/// A client's request through to the broker, and the answer back, for every API and version.
#[test]
fn frames_both_ways() {
    fn both_ways<R: Request + Sample>()
    where
        R::Response: Sample,
    {
        for version in R::KEY.versions() {
            let request = R::sample(&mut Source::new(7), version);
            let header = RequestHeader {
                api_key: R::KEY.code(),
                api_version: version,
                correlation_id: 12345,
                client_id: Some("test".into()),
            };
            let mut body = unframed(&encode_request(&header, &request).unwrap());
            assert_eq!(decode_header(&mut body), Ok(header));
            assert_eq!(decoded::<R>(body, version), (request, 0));

            let response = R::Response::sample(&mut Source::new(8), version);
            let frame = unframed(&encode_response(R::KEY, version, 12345, &response).unwrap());
            assert_eq!(decode_response::<R>(frame, version), Ok((12345, response)));
        }
    }
    macro_rules! every {
        ([] $($request:ident, $response:ident;)*) => {
            $(both_ways::<$request>();)*
        };
    }
    for_every_api!(every);
}

/// Checks and takes off the 4-byte size.
pub(super) fn unframed(parts: &[Bytes]) -> Bytes {
    let frame = parts.concat();
    let (size, body) = frame.split_first_chunk::<4>().unwrap();
    assert_eq!(usize::try_from(i32::from_be_bytes(*size)), Ok(body.len()));
    body.to_vec().into()
}
