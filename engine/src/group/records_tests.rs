//! The record layouts against bytes written out by hand from Kafka's schemas, and against noise.

use proptest::prelude::*;

use super::*;

fn commit_value(expire_timestamp_ms: i64) -> OffsetCommitValue<'static> {
    OffsetCommitValue {
        offset: 258,
        leader_epoch: if expire_timestamp_ms < 0 { 7 } else { -1 },
        metadata: "m",
        commit_timestamp_ms: 1_000,
        expire_timestamp_ms,
    }
}

#[test]
fn an_offset_commit_has_kafkas_bytes() {
    let record = RecordWriter::default().offset_commit(("g", "t", 3), &commit_value(-1)).unwrap();
    assert_eq!(&record.key[..], b"\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x03");
    assert_eq!(
        record.value.as_deref().unwrap(),
        b"\x00\x03\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x07\x00\x01m\
          \x00\x00\x00\x00\x00\x00\x03\xe8"
    );
}

#[test]
fn an_expiry_is_written_in_layout_one() {
    let record =
        RecordWriter::default().offset_commit(("g", "t", 3), &commit_value(2_000)).unwrap();
    assert_eq!(
        record.value.as_deref().unwrap(),
        b"\x00\x01\x00\x00\x00\x00\x00\x00\x01\x02\x00\x01m\
          \x00\x00\x00\x00\x00\x00\x03\xe8\x00\x00\x00\x00\x00\x00\x07\xd0"
    );
    assert_eq!(decode_offset_commit(record.value.as_deref().unwrap()), Ok(commit_value(2_000)));
}

#[test]
fn older_and_newer_layouts_of_an_offset_commit_are_read() {
    let tail = b"\x00\x00\x00\x00\x00\x00\x03\xe8";
    let old = [b"\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x00\x01m".as_slice(), tail].concat();
    let value = OffsetCommitValue { leader_epoch: -1, ..commit_value(-1) };
    assert_eq!(decode_offset_commit(&old), Ok(value));
    let flexible = [
        b"\x00\x04\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x07\x02m".as_slice(),
        tail,
        // One tagged field of Kafka 4.x, the topic id, which we do not need.
        b"\x01\x00\x100123456789abcdef",
    ]
    .concat();
    assert_eq!(decode_offset_commit(&flexible), Ok(commit_value(-1)));
    assert_eq!(decode_offset_commit(b"\x00\x05"), Err(RecordError::UnknownVersion(5)));
}

#[test]
fn a_group_has_kafkas_bytes() {
    let value = GroupMetadataValue {
        protocol_type: "consumer",
        generation: 2,
        protocol: Some("range"),
        leader: Some("a"),
        current_state_timestamp_ms: 5,
        members: vec![MemberMetadata {
            member_id: "a",
            group_instance_id: None,
            client_id: "c",
            client_host: "/h",
            rebalance_timeout_ms: 1,
            session_timeout_ms: 2,
            subscription: b"s",
            assignment: b"",
        }],
    };
    let record = RecordWriter::default().group_metadata("g", &value).unwrap();
    assert_eq!(&record.key[..], b"\x00\x02\x00\x01g");
    assert_eq!(
        record.value.as_deref().unwrap(),
        b"\x00\x03\x00\x08consumer\x00\x00\x00\x02\x00\x05range\x00\x01a\
          \x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01\
          \x00\x01a\xff\xff\x00\x01c\x00\x02/h\x00\x00\x00\x01\x00\x00\x00\x02\
          \x00\x00\x00\x01s\x00\x00\x00\x00"
    );
    assert_eq!(decode_group_metadata(record.value.as_deref().unwrap()), Ok(value));
}

#[test]
fn layout_zero_of_a_group_has_no_timeouts_or_timestamp() {
    let bytes = b"\x00\x00\x00\x01t\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x01\
                  \x00\x01a\x00\x01c\x00\x01h\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00";
    let value = decode_group_metadata(bytes).unwrap();
    assert_eq!((value.protocol, value.current_state_timestamp_ms), (None, -1));
    assert_eq!(value.members[0].rebalance_timeout_ms, -1);
    assert_eq!(value.members[0].session_timeout_ms, 9);
}

#[test]
fn keys_old_new_and_foreign() {
    let old = decode_key(b"\x00\x00\x00\x01g\x00\x01t\x00\x00\x00\x03");
    assert_eq!(old, Ok(Key::OffsetCommit { group: "g", topic: "t", partition: 3 }));
    assert_eq!(decode_key(b"\x00\x03whatever"), Ok(Key::Unknown(3)));
    assert_eq!(decode_key(b"\x00"), Err(RecordError::Truncated));
    assert_eq!(decode_key(b"\x00\x02\xff\xff"), Err(RecordError::BadLength));
}

#[test]
fn a_count_beyond_the_record_is_refused_before_memory_is_taken() {
    let bytes = b"\x00\x03\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\
                  \x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff";
    assert_eq!(decode_group_metadata(bytes), Err(RecordError::BadLength));
}

#[test]
fn text_beyond_the_length_field_is_refused_and_leaves_nothing_behind() {
    let mut writer = RecordWriter::default();
    let long = "x".repeat(32_768);
    assert_eq!(writer.group_tombstone(&long), Err(RecordError::TooLong));
    assert_eq!(&writer.group_tombstone("g").unwrap().key[..], b"\x00\x02\x00\x01g");
}

proptest! {
    #[test]
    fn commits_survive_the_round_trip(
        group in ".{0,20}", topic in ".{0,20}", partition: i32,
        offset: i64, epoch: i32, metadata in ".{0,40}", at: i64, expire in -1i64..,
    ) {
        let value = OffsetCommitValue {
            offset,
            leader_epoch: if expire < 0 { epoch } else { -1 },
            metadata: &metadata,
            commit_timestamp_ms: at,
            expire_timestamp_ms: expire,
        };
        let record =
            RecordWriter::default().offset_commit((&group, &topic, partition), &value).unwrap();
        let key = Key::OffsetCommit { group: &group, topic: &topic, partition };
        prop_assert_eq!(decode_key(&record.key), Ok(key));
        prop_assert_eq!(decode_offset_commit(record.value.as_deref().unwrap()), Ok(value));
    }

    #[test]
    fn noise_is_refused_or_read_but_never_panics(bytes: Vec<u8>, version in 0i16..6) {
        let versioned = [version.to_be_bytes().as_slice(), &bytes].concat();
        // A decode that succeeds has stayed inside the bytes: what it borrows is no longer.
        if let Ok(value) = decode_offset_commit(&versioned) {
            prop_assert!(value.metadata.len() <= bytes.len());
        }
        if let Ok(value) = decode_group_metadata(&versioned) {
            prop_assert!(value.members.len() * MEMBER_BYTES_MIN <= bytes.len());
        }
        let is_foreign_key = matches!(decode_key(&versioned), Ok(Key::Unknown(_)));
        prop_assert_eq!(is_foreign_key, version > 2);
    }
}
