//! What holds for all APIs: versions, unknown keys, frames that cannot be read.

use bytes::Bytes;
use kafka_wire::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ErrorCode, MetadataRequest, RequestHeader,
    decode_response,
};

use super::fixture::{CORRELATION, Fixture, frame};
use crate::api::{Answer, served};

fn api_versions() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1.0".into(),
    }
}

#[test]
fn every_version_of_api_versions_lists_what_is_served() {
    let fixture = Fixture::new(1, &[]);
    for version in 0..=4 {
        let response = fixture.ask(0, version, &api_versions());
        assert_eq!(response.error_code, 0);
        for listed in &response.api_keys {
            let key = ApiKey::from_code(listed.api_key).unwrap();
            let range = served(key).unwrap();
            assert_eq!(listed.max_version, *range.end(), "{}", key.name());
            assert!(key.versions().contains(range.end()) && key.versions().contains(range.start()));
        }
        assert_eq!(response.api_keys.len(), ApiKey::ALL.iter().filter_map(|k| served(*k)).count());
    }
}

#[test]
fn a_newer_api_versions_is_answered_in_version_0_with_error_35() {
    let fixture = Fixture::new(1, &[]);
    let newer = Bytes::from_static(b"\x00\x12\x00\x63\x00\x00\x12\x67\xff\xff\x00");
    let Answer::Reply(parts) = fixture.frame(0, newer) else { panic!("no answer") };
    let whole = Bytes::from(parts.concat()).slice(4..);
    let (correlation, response) = decode_response::<ApiVersionsRequest>(whole, 0).unwrap();
    assert_eq!(correlation, CORRELATION);
    let response: ApiVersionsResponse = response;
    assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.code());
    assert_eq!(response.api_keys[0].max_version, 4);
}

#[test]
fn bad_software_names_are_refused() {
    let fixture = Fixture::new(1, &[]);
    for name in ["", "-x", "a b", "a\n"] {
        let request = ApiVersionsRequest { client_software_name: name.into(), ..api_versions() };
        let response = fixture.ask(0, 3, &request);
        assert_eq!(response.error_code, ErrorCode::InvalidRequest.code(), "{name:?}");
    }
}

#[test]
fn other_keys_and_versions_close_the_connection_with_a_reason() {
    let fixture = Fixture::new(1, &[]);
    let header = |api_key, api_version| RequestHeader {
        api_key,
        api_version,
        correlation_id: CORRELATION,
        client_id: Some("test".into()),
    };
    for (key, version, word) in [(999, 0, "999"), (3, 99, "Metadata v99"), (-1, 0, "-1")] {
        let mut out = kafka_wire::GatherBuf::framed();
        header(key, version).encode(&mut out);
        let bytes = Bytes::from(out.finish().unwrap().concat()).slice(4..);
        let answer = fixture.frame(0, bytes);
        assert!(matches!(&answer, Answer::Close(reason) if reason.contains(word)), "{answer:?}");
    }
}

#[test]
fn frames_cut_anywhere_close_and_never_panic() {
    let fixture = Fixture::new(1, &[]);
    let whole = frame(12, &MetadataRequest { topics: None, ..MetadataRequest::default() });
    for length in 0..whole.len() {
        let answer = fixture.frame(0, whole.slice(..length));
        assert!(matches!(answer, Answer::Close(_)), "{length}: {answer:?}");
    }
}

#[test]
fn huge_counts_close_at_once() {
    let fixture = Fixture::new(1, &[]);
    for key in ApiKey::ALL {
        let Some(versions) = served(*key) else { continue };
        for version in versions.clone() {
            let mut out = kafka_wire::GatherBuf::framed();
            RequestHeader {
                api_key: key.code(),
                api_version: version,
                correlation_id: CORRELATION,
                client_id: None,
            }
            .encode(&mut out);
            let mut bytes = out.finish().unwrap().concat();
            bytes.extend([0xff_u8, 0xff, 0xff, 0x7f].repeat(64));
            // Either it cannot be read, or it is a request for nonsense: never a crash.
            let answer = fixture.frame(0, Bytes::from(bytes).slice(4..));
            assert!(!matches!(answer, Answer::Nothing), "{} v{version}", key.name());
        }
    }
}
