//! Message sets as clients send them, hostile ones, and both directions against each other.

mod client_bytes;
mod hostile;
mod round_trip;

use bytes::Bytes;

use super::*;
use crate::{
    batch::{Compression, TimestampType},
    batches::Batch,
    compress::compress,
    error::FormatError,
    records::Records,
};

const MAX: usize = 1 << 20;

/// Offset, time, key, value.
type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn own(field: Option<&[u8]>) -> Option<Vec<u8>> {
    field.map(<[u8]>::to_vec)
}

fn message_row(message: &Message<'_>) -> Row {
    (message.offset, message.timestamp_ms, own(message.key), own(message.value))
}

/// The messages of a set as a client sees them, wrappers opened.
fn set_rows(set: &Bytes) -> Result<Vec<Row>, FormatError> {
    let mut rows = Vec::new();
    for entry in Entries::new(set, MAX) {
        match entry? {
            Entry::Message(message) => rows.push(message_row(&message)),
            Entry::Wrapper(wrapper) => {
                for message in wrapper.messages() {
                    rows.push(message_row(&message?));
                }
            }
        }
    }
    Ok(rows)
}

fn batch_rows(batch: &Bytes) -> Vec<Row> {
    let batch = Batch::decode(batch).unwrap();
    let records = Records::open(&batch, MAX).unwrap();
    let rows = records.iter().map(|record| {
        let record = record.unwrap();
        (record.offset, record.timestamp_ms, own(record.key), own(record.value))
    });
    rows.collect()
}

const PLAIN: Message<'static> = Message {
    offset: 0,
    magic: LegacyMagic::V1,
    compression: Compression::None,
    timestamp_type: TimestampType::CreateTime,
    timestamp_ms: 5,
    key: Some(b"k"),
    value: Some(b"v"),
};

fn encode(messages: &[Message<'_>]) -> Bytes {
    let mut out = Vec::new();
    messages.iter().for_each(|message| message.put(&mut out).unwrap());
    out.into()
}

/// A wrapper like `like`, with its compression, around `inner`.
fn wrap(like: Message<'_>, inner: &[u8]) -> Bytes {
    let value = compress(like.compression, inner);
    encode(&[Message { value: Some(&value), ..like }])
}

fn offsets(set: &Bytes) -> Vec<i64> {
    set_rows(set).unwrap().iter().map(|row| row.0).collect()
}

#[test]
fn inner_offsets_of_magic_1_are_relative_to_the_wrapper() {
    let inner: Vec<_> = [0, 1, 4].map(|offset| Message { offset, ..PLAIN }).into();
    let wrapper = Message { offset: 104, compression: Compression::Gzip, ..PLAIN };
    assert_eq!(offsets(&wrap(wrapper, &encode(&inner))), [100, 101, 104]);
    // Absolute ones give the same: only their distances count.
    let inner: Vec<_> = [100, 101, 104].map(|offset| Message { offset, ..PLAIN }).into();
    assert_eq!(offsets(&wrap(wrapper, &encode(&inner))), [100, 101, 104]);
}

#[test]
fn inner_offsets_of_magic_0_are_absolute() {
    let plain = Message { magic: LegacyMagic::V0, timestamp_ms: -1, ..PLAIN };
    let inner: Vec<_> = [100, 101, 104].map(|offset| Message { offset, ..plain }).into();
    let wrapper = Message { offset: 104, compression: Compression::Snappy, ..plain };
    assert_eq!(offsets(&wrap(wrapper, &encode(&inner))), [100, 101, 104]);
}

#[test]
fn inner_offsets_that_do_not_grow_are_counted_back_from_the_wrapper() {
    let inner = encode(&[PLAIN; 3]);
    for (offset, expected) in [(104, [102, 103, 104]), (0, [0, 1, 2])] {
        let wrapper = Message { offset, compression: Compression::Gzip, ..PLAIN };
        assert_eq!(offsets(&wrap(wrapper, &inner)), expected);
    }
}

#[test]
fn wrappers_keep_their_codec_and_the_inner_times() {
    for magic in [LegacyMagic::V0, LegacyMagic::V1] {
        for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let inner: Vec<_> =
                [7, 9, 8].map(|timestamp_ms| Message { magic, timestamp_ms, ..PLAIN }).into();
            let wrapper = Message { magic, compression, timestamp_ms: 0, ..PLAIN };
            let batch = up_convert(&wrap(wrapper, &encode(&inner)), MAX).unwrap();
            let rows: Vec<_> = batch_rows(&batch).iter().map(|row| (row.0, row.1)).collect();
            let times = if magic == LegacyMagic::V0 { [-1; 3] } else { [7, 9, 8] };
            assert_eq!(rows, (0..).zip(times).collect::<Vec<_>>());
            assert_eq!(Batch::decode(&batch).unwrap().header.compression(), compression);
        }
    }
}

#[test]
fn a_raw_snappy_block_is_read_too() {
    let value = snap::raw::Encoder::new().compress_vec(&encode(&[PLAIN; 2])).unwrap();
    let compression = Compression::Snappy;
    let set = encode(&[Message { compression, value: Some(&value), ..PLAIN }]);
    assert_eq!(batch_rows(&up_convert(&set, MAX).unwrap()).len(), 2);
}

#[test]
fn the_old_lz4_checksum_is_right_in_magic_0_only() {
    for magic in [LegacyMagic::V0, LegacyMagic::V1] {
        let mut value = compress(Compression::Lz4, &encode(&[Message { magic, ..PLAIN }]));
        let [_, _, old, _] = twox_hash::XxHash32::oneshot(0, &value[..6]).to_be_bytes();
        assert_ne!(value[6], old);
        value[6] = old;
        let compression = Compression::Lz4;
        let set = encode(&[Message { magic, compression, value: Some(&value), ..PLAIN }]);
        assert_eq!(up_convert(&set, MAX).is_ok(), magic == LegacyMagic::V0);
    }
}

#[test]
fn the_append_time_of_a_wrapper_is_every_messages_time() {
    let timestamp_type = TimestampType::LogAppendTime;
    let wrapper =
        Message { timestamp_type, timestamp_ms: 99, compression: Compression::Gzip, ..PLAIN };
    let set = wrap(wrapper, &encode(&[PLAIN; 2]));
    assert!(set_rows(&set).unwrap().iter().all(|row| row.1 == 99));
    let header = Batch::decode(&up_convert(&set, MAX).unwrap()).unwrap().header;
    assert_eq!((header.timestamp_type(), header.max_timestamp), (timestamp_type, 99));

    let mixed = encode(&[PLAIN, Message { timestamp_type, ..PLAIN }]);
    let error = up_convert(&mixed, MAX).unwrap_err();
    assert_eq!(error, FormatError::Malformed("two timestamp types in one message set"));
}

#[test]
fn plain_and_wrapped_messages_become_one_batch_in_their_order() {
    let value = |value| Message { value: Some(value), ..PLAIN };
    let wrapper = Message { compression: Compression::Lz4, ..PLAIN };
    let set = [
        encode(&[value(b"1")]),
        wrap(wrapper, &encode(&[value(b"2"), value(b"3")])),
        encode(&[value(b"4")]),
    ]
    .concat();
    let batch = up_convert(&set.into(), MAX).unwrap();
    let values: Vec<_> =
        batch_rows(&batch).into_iter().map(|row| (row.0, row.3.unwrap())).collect();
    let expected = [b"1", b"2", b"3", b"4"].map(|value| value.to_vec());
    assert_eq!(values, (0..).zip(expected).collect::<Vec<_>>());
}

#[test]
fn a_message_cut_off_at_the_end_is_left_out() {
    let two = encode(&[PLAIN; 2]);
    let one_bytes = two.len() / 2;
    for cut in one_bytes..two.len() {
        let batch = up_convert(&two.slice(..cut), MAX).unwrap();
        assert_eq!(batch_rows(&batch).len(), 1, "cut at {cut}");
    }
    for cut in 0..one_bytes {
        let error = up_convert(&two.slice(..cut), MAX).unwrap_err();
        assert!(matches!(error, FormatError::Truncated { .. }), "cut at {cut}");
    }
}
