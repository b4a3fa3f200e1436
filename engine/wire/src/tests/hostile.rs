//! Bytes that lie. Decoding answers with an error: it never panics, and its memory stays in
//! proportion to the frame.

use std::process::Command;

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    cases, effort,
    every_message::{call_each, for_every_message},
    round_trip::{decoded, encoded},
    sample::{Sample, Source},
};
use crate::*;

/// Every proper start of a message is too short for it.
fn every_truncation_is_refused<M: Message + Sample>(seed: u64) {
    for version in M::KEY.versions() {
        let frame = encoded(&M::sample(&mut Source::new(seed), version), version);
        for end in 0..frame.len().min(600) {
            let mut r = Reader::new(frame.slice(..end));
            let decoded = M::decode(&mut r, version);
            assert!(decoded.is_err(), "{:?} version {version}, {end} bytes", M::KEY);
        }
    }
}

#[test]
fn truncated_at_every_byte() {
    (0..8).for_each(|seed| for_every_message!(every_truncation_is_refused(seed)));
}

/// Numbers that announce much: the largest in each layout, and its neighbours.
const LIES: [&[u8]; 8] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x7f, 0xff],
    &[0xff, 0xff, 0x7f],
];

/// A valid message with a lie written over each of its positions.
fn lies_everywhere<M: Message + Sample>(seed: u64) {
    for version in M::KEY.versions() {
        let frame = encoded(&M::sample(&mut Source::new(seed), version), version);
        for at in 0..frame.len().min(400) {
            for lie in LIES {
                let mut lying = frame.to_vec();
                let end = lying.len().min(at + lie.len());
                lying.splice(at..end, lie.iter().copied());
                decode_anything::<M>(lying.into(), version);
            }
        }
    }
}

/// Any answer will do, as long as there is one; a message that comes out is one that goes in again.
fn decode_anything<M: Message>(frame: Bytes, version: i16) {
    if let Ok(message) = M::decode(&mut Reader::new(frame), version) {
        let frame = encoded(&message, version);
        let again = M::decode(&mut Reader::new(frame.clone()), version);
        // Compared as bytes, because a number that is none differs from itself.
        assert_eq!(encoded(&again.unwrap(), version), frame);
    }
}

/// The same byte all over: arrays of arrays of the smallest elements.
fn monotony<M: Message>(length: usize) {
    for version in M::KEY.versions() {
        for byte in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
            decode_anything::<M>(vec![byte; length].into(), version);
        }
    }
}

fn hostile_inputs(seeds: std::ops::Range<u64>) {
    seeds.for_each(|seed| for_every_message!(lies_everywhere(seed)));
    for_every_message!(monotony(100_000));
}

const CHILD: &str = "KAFKA_WIRE_HOSTILE_CHILD";

/// Runs this test's own binary with little address space, where an allocation that trusts a count
/// from the wire aborts.
#[test]
fn lies_fit_in_256_mebibytes() {
    if std::env::var_os(CHILD).is_some() {
        return hostile_inputs(0..effort().into());
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 262144; exec \"$0\" --exact \"$1\" --test-threads 1"])
        .arg(std::env::current_exe().unwrap())
        .arg("tests::hostile::lies_fit_in_256_mebibytes")
        .env(CHILD, "")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {text}{errors}", output.status);
    assert!(text.contains("1 passed"), "the child ran: {text}");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn noise(noise in proptest::collection::vec(any::<u8>(), 0..300), version in 0..20_i16) {
        let noise = Bytes::from(noise);
        fn decode<M: Message>(noise: &Bytes, version: i16) {
            decode_anything::<M>(noise.clone(), version);
        }
        for_every_message!(decode(&noise, version));
        let mut frame = noise.clone();
        if decode_header(&mut frame).is_err() {
            prop_assert_eq!(frame, noise);
        }
    }
}

#[test]
fn each_lie_has_its_error() {
    let topics = |frame: &[u8]| {
        DeleteTopicsRequest::decode(&mut Reader::new(frame.to_vec().into()), 0).unwrap_err()
    };
    assert_eq!(
        topics(&[0x7f, 0xff, 0xff, 0xff]),
        DecodeError::CountTooLarge { count: 0x7fff_ffff, remaining: 0 }
    );
    assert_eq!(topics(&[0xff, 0xff, 0xff, 0xfe]), DecodeError::NegativeLength(-2));
    assert_eq!(topics(&[0xff, 0xff, 0xff, 0xff]), DecodeError::UnexpectedNull);
    assert_eq!(topics(&[0, 0, 0]), DecodeError::Truncated { needed: 4, remaining: 3 });
    assert_eq!(topics(&[0, 0, 0, 1, 0xff, 0xff]), DecodeError::UnexpectedNull);
    assert_eq!(topics(&[0, 0, 0, 1, 0, 1, 0xff]), DecodeError::NotUtf8);

    let sasl = |frame: &[u8]| {
        SaslAuthenticateRequest::decode(&mut Reader::new(frame.to_vec().into()), 2).unwrap_err()
    };
    assert_eq!(sasl(&[0xff, 0xff, 0xff, 0xff, 0x1f]), DecodeError::VarintTooLong);
    assert_eq!(
        sasl(&[0xff, 0xff, 0xff, 0xff, 0x0f]),
        DecodeError::Truncated { needed: 0xffff_fffe, remaining: 0 }
    );

    let mut versions = vec![0x80, 0x80, 0x04];
    versions.resize(70_000, b'x');
    let error = ApiVersionsRequest::decode(&mut Reader::new(versions.into()), 3).unwrap_err();
    assert_eq!(error, DecodeError::StringTooLong(65_535));

    let error = ApiVersionsRequest::decode(&mut Reader::new(Bytes::new()), 5).unwrap_err();
    assert_eq!(error, DecodeError::UnsupportedVersion { key: ApiKey::ApiVersions, version: 5 });
}

#[test]
fn a_tagged_field_fills_its_size() {
    // Fetch 12 with a cluster id of two bytes in a field of four.
    let request = FetchRequest { cluster_id: Some("id".into()), ..Default::default() };
    let mut frame = encoded(&request, 12).to_vec();
    let size = frame.len() - 4;
    assert_eq!(frame[size..], *b"\x03\x03id");
    frame[size] = 4;
    frame.push(0);
    let error = FetchRequest::decode(&mut Reader::new(frame.into()), 12).unwrap_err();
    assert_eq!(error, DecodeError::TagSize { tag: 0 });
}

#[test]
fn elements_stay_within_the_memory_budget() {
    // 1,000 empty strings: 2 bytes each on the wire, a `Str` each in memory.
    let names = 1000;
    let request =
        DeleteTopicsRequest { topic_names: vec![Str::default(); names], ..Default::default() };
    let frame = encoded(&request, 0);
    let needed_bytes = names * size_of::<Str>();
    let decode =
        |budget| DeleteTopicsRequest::decode(&mut Reader::with_memory(frame.clone(), budget), 0);
    assert_eq!(decode(needed_bytes), Ok(request));
    let left_bytes = needed_bytes - 1;
    assert_eq!(decode(left_bytes), Err(DecodeError::ElementMemory { needed_bytes, left_bytes }));
}

/// The two elements that take the most memory for their bytes.
#[test]
fn honest_lists_of_the_smallest_elements_fit_the_default_budget() {
    let keys = FindCoordinatorRequest {
        coordinator_keys: vec![Str::default(); 1000],
        ..Default::default()
    };
    assert_eq!(decoded(encoded(&keys, 4), 4), (keys, 0));
    let group = offset_fetch::OffsetFetchRequestGroup::default();
    let groups = OffsetFetchRequest { groups: vec![group; 1000], ..Default::default() };
    assert_eq!(decoded(encoded(&groups, 8), 8), (groups, 0));
}
