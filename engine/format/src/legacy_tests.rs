//! Message sets as clients send them, hostile ones, and both directions against each other.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{batch::set_log_append_time, compress::compress};

const MAX: usize = 1 << 20;
type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn message(magic: u8, attributes: u8, offset: i64, time: i64, value: Option<&[u8]>) -> Vec<u8> {
    let record =
        Record { offset, timestamp_ms: time, key: Some(b"k"), value, headers: Headers::NONE };
    let mut set = Vec::new();
    put_message(&mut set, magic, attributes, &record);
    set
}

fn rows(batch: &Bytes) -> Vec<Row> {
    let batch = Batch::decode(batch).unwrap();
    let records = Records::open(&batch, MAX).unwrap();
    let row = |record: Record<'_>| {
        let own = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
        (record.offset, record.timestamp_ms, own(record.key), own(record.value))
    };
    records.iter().map(|record| row(record.unwrap())).collect()
}

/// A wrapper of `codec` (its number) around `inner`.
fn wrapper(magic: u8, codec: u8, time: i64, inner: &[u8]) -> Bytes {
    let compression = Compression::from_attributes(i16::from(codec & COMPRESSION_MASK)).unwrap();
    let value = compress(compression, inner);
    message(magic, codec, 0, time, Some(&value)).into()
}

#[test]
fn the_bytes_of_one_message_of_each_format() {
    // Made with kafka-python 2.2.15's LegacyRecordBatchBuilder: key "k", value "v", time 5.
    let v0 = message(0, 0, 0, 0, Some(b"v"));
    assert_eq!(v0[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    assert_eq!(v0[16..], [0, 0, 0, 0, 0, 1, b'k', 0, 0, 0, 1, b'v']);
    let v1 = message(1, 0, 0, 5, Some(b"v"));
    assert_eq!(v1[8..12], [0, 0, 0, 24]);
    assert_eq!(v1[16..26], [1, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(v1[12..16], 0x7fdc_1dec_u32.to_be_bytes());
    assert_eq!(v0[12..16], 0x1fec_d70a_u32.to_be_bytes());
}

#[test]
fn plain_messages_are_numbered_anew() {
    let set = [message(1, 0, 77, 5, Some(b"a")), message(1, 0, 77, 3, None)].concat();
    let batch = message_set_to_batch(&set.into(), MAX).unwrap();
    let key = Some(b"k".to_vec());
    assert_eq!(rows(&batch), [(0, 5, key.clone(), Some(b"a".to_vec())), (1, 3, key, None)]);
    let header = Batch::decode(&batch).unwrap().header;
    assert_eq!((header.max_timestamp, header.compression()), (5, Compression::None));
}

#[test]
fn wrappers_of_every_codec_keep_codec_and_inner_times() {
    for magic in [0, 1] {
        for (codec, compression) in
            [(1, Compression::Gzip), (2, Compression::Snappy), (3, Compression::Lz4)]
        {
            // As kafka-node does: inner offsets all 0, the wrapper's time 0.
            let inner: Vec<u8> =
                (1..=3).flat_map(|time| message(magic, 0, 0, time, Some(b"v"))).collect();
            let set = wrapper(magic, codec, 0, &inner);
            let batch = message_set_to_batch(&set, MAX).unwrap();
            let times: Vec<_> = rows(&batch).iter().map(|row| (row.0, row.1)).collect();
            let expected = if magic == 0 { [-1, -1, -1] } else { [1, 2, 3] };
            assert_eq!(times, (0..).zip(expected).collect::<Vec<_>>());
            assert_eq!(Batch::decode(&batch).unwrap().header.compression(), compression);
        }
    }
}

#[test]
fn the_brokers_time_of_a_wrapper_holds_for_all() {
    let inner = message(1, 0, 0, 1, Some(b"v"));
    let set = wrapper(1, 1 | TIMESTAMP_TYPE_BIT, 99, &inner);
    assert_eq!(rows(&message_set_to_batch(&set, MAX).unwrap())[0].1, 99);
}

#[test]
fn the_old_wrong_lz4_checksum_is_accepted_in_magic_0_only() {
    for magic in [0, 1] {
        let inner = message(magic, 0, 0, 1, Some(b"v"));
        let mut frame = compress(Compression::Lz4, &inner);
        let [_, _, wrong, _] = twox_hash::XxHash32::oneshot(0, &frame[..6]).to_be_bytes();
        assert_ne!(frame[6], wrong);
        frame[6] = wrong;
        let set = Bytes::from(message(magic, 3, 0, 0, Some(&frame)));
        assert_eq!(message_set_to_batch(&set, MAX).is_ok(), magic == 0);
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let good = message(1, 0, 0, 5, Some(b"v"));
    let nested = wrapper(1, 1, 0, &wrapper(1, 1, 0, &good));
    let mixed = [good.clone(), message(0, 0, 0, 0, Some(b"v"))].concat();
    let other_inside = wrapper(1, 1, 0, &message(0, 0, 0, 0, Some(b"v")));
    let zstd = Bytes::from(message(1, 4, 0, 0, Some(b"v")));
    let empty = wrapper(1, 1, 0, &[]);
    let null = Bytes::from(message(1, 1, 0, 0, None));
    for set in [Bytes::new(), nested, mixed.into(), other_inside, zstd, empty, null] {
        assert!(message_set_to_batch(&set, MAX).is_err(), "{set:?}");
    }
    for at in 0..good.len() {
        let cut = Bytes::copy_from_slice(&good[..at]);
        assert!(message_set_to_batch(&cut, MAX).is_err(), "cut at {at}");
        let mut flipped = good.clone();
        flipped[at] ^= 0x40;
        // The offset is not covered by the CRC, and not used.
        let outcome = message_set_to_batch(&flipped.into(), MAX);
        assert_eq!(outcome.is_ok(), at < 8, "flipped at {at}");
    }
}

#[test]
fn bombs_are_refused_in_all() {
    let inner = message(1, 0, 0, 1, Some(&vec![0; 100_000]));
    let one = wrapper(1, 1, 0, &inner);
    let two = Bytes::from([&one[..], &one[..]].concat());
    assert!(message_set_to_batch(&one, 150_000).is_ok());
    let refused = message_set_to_batch(&two, 150_000);
    assert!(matches!(refused, Err(FormatError::TooLarge { .. })));
}

#[test]
fn fetches_skip_what_lies_before_and_carry_the_brokers_time() {
    let mut builder = BatchBuilder::new(Compression::Zstd);
    builder.base_offset = 10;
    for time in 1..=3 {
        builder.push(time, None, Some(b"v"), Headers::NONE);
    }
    let mut bytes = builder.build().to_vec();
    set_log_append_time(&mut bytes, 50);
    let batch = Batch::decode(&bytes.into()).unwrap();
    let mut set = Bytes::from(batch_to_message_set(&batch, 1, 11, MAX).unwrap());
    assert_eq!(get_i64(&set, 0), 11);
    let message = take_message(&mut set).unwrap();
    assert_eq!((message.attributes, message.timestamp_ms), (TIMESTAMP_TYPE_BIT, 50));
    assert_eq!(get_i64(&set, 0), 12);
}

proptest! {
    #[test]
    fn there_and_back(
        records in vec(
            (-1..i64::MAX / 2, option::of(vec(any::<u8>(), 0..20)), option::of(vec(any::<u8>(), 0..50))),
            1..20,
        ),
        magic in 0..2u8,
        codec in 0..5i16,
    ) {
        let mut builder = BatchBuilder::new(Compression::from_attributes(codec).unwrap());
        for (time, key, value) in &records {
            builder.push(*time, key.as_deref(), value.as_deref(), Headers::NONE);
        }
        let bytes = builder.build();
        let batch = Batch::decode(&bytes).unwrap();
        let set = Bytes::from(batch_to_message_set(&batch, magic, 0, MAX).unwrap());
        let again = message_set_to_batch(&set, MAX).unwrap();
        let mut expected = rows(&bytes);
        if magic == 0 {
            expected.iter_mut().for_each(|row| row.1 = -1);
        }
        prop_assert_eq!(rows(&again), expected);
    }

    #[test]
    fn hostile_bytes_are_an_error(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(message_set_to_batch(&bytes.into(), 1000).is_err());
    }
}
