//! Batches to messages, and there and back.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    batch::{NO_TIMESTAMP, set_log_append_time},
    builder::BatchBuilder,
    records::Headers,
};

const CONTROL: i16 = 0x20;
const WISH: DownConversion = DownConversion {
    magic: LegacyMagic::V1,
    from_offset: 0,
    bytes_max: MAX,
    decompressed_bytes_max: MAX,
};

/// A batch from offset 10 on with `deltas`, whose values are the offsets as text.
fn batch(compression: Compression, deltas: &[i32], flags: i16) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    builder.base_offset = 10;
    builder.flags = flags;
    let mut scratch = Vec::new();
    for delta in deltas {
        let headers = Headers::encode(&[(b"header", Some(b"is dropped"))], &mut scratch);
        let value = (10 + delta).to_string();
        builder.push_at(*delta, 1000 + i64::from(*delta), None, Some(value.as_bytes()), headers);
    }
    builder.cover_offsets(9);
    builder.build()
}

fn moved(batch: &Bytes, base_offset: i64) -> Vec<u8> {
    let mut bytes = batch.to_vec();
    crate::batch::set_base_offset_and_epoch(&mut bytes, base_offset, 0);
    bytes
}

#[test]
fn offsets_stay_over_the_gaps_of_compaction_in_every_codec() {
    use Compression::{Gzip, Lz4, None as Plain, Snappy, Zstd};
    for compression in [Plain, Gzip, Snappy, Lz4, Zstd] {
        let set = batch(compression, &[1, 4, 5], 0);
        let got = down_convert(set, &WISH).unwrap();
        assert_eq!(offsets(&got.messages), [11, 14, 15]);
        assert_eq!(got.next_offset, 20, "the end of the batch, not of its records");
        for entry in Entries::new(&got.messages, 0) {
            let Entry::Message(message) = entry.unwrap() else { panic!("compressed") };
            assert_eq!(own(message.value), Some(message.offset.to_string().into_bytes()));
            assert_eq!(message.timestamp_ms, 990 + message.offset);
        }
    }
}

#[test]
fn a_fetch_may_start_inside_a_batch() {
    let set = batch(Compression::Gzip, &[1, 4, 5], 0);
    for (from_offset, expected) in
        [(11, &[11, 14, 15][..]), (12, &[14, 15]), (15, &[15]), (16, &[]), (20, &[])]
    {
        let got = down_convert(set.clone(), &DownConversion { from_offset, ..WISH }).unwrap();
        assert_eq!(offsets(&got.messages), expected, "from {from_offset}");
        assert_eq!(got.next_offset, 20);
    }
}

#[test]
fn control_batches_are_stepped_over() {
    let control = batch(Compression::None, &[0], CONTROL);
    let got = down_convert(control.clone(), &WISH).unwrap();
    assert_eq!((got.messages.len(), got.next_offset), (0, 20));
    let set = [&control[..], &moved(&batch(Compression::None, &[0], 0), 20)].concat();
    let got = down_convert(set.into(), &WISH).unwrap();
    assert_eq!((offsets(&got.messages), got.next_offset), (vec![20], 30));
}

#[test]
fn the_answer_ends_at_its_limit_but_has_one_message() {
    let set = batch(Compression::None, &[0, 1, 2, 3], 0);
    let all = down_convert(set.clone(), &WISH).unwrap().messages;
    let one_bytes = all.len() / 4;
    for bytes_max in 0..=all.len() {
        let got = down_convert(set.clone(), &DownConversion { bytes_max, ..WISH }).unwrap();
        let messages = (bytes_max / one_bytes).max(1);
        assert_eq!(got.messages, all[..messages * one_bytes]);
        let next = if messages == 4 { 20 } else { 10 + i64::try_from(messages).unwrap() };
        assert_eq!(got.next_offset, next);
    }
}

#[test]
fn append_time_is_carried() {
    let mut bytes = batch(Compression::Zstd, &[0, 1], 0).to_vec();
    set_log_append_time(&mut bytes, 50);
    let got = down_convert(bytes.clone().into(), &WISH).unwrap();
    for entry in Entries::new(&got.messages, 0) {
        let Entry::Message(message) = entry.unwrap() else { panic!("compressed") };
        assert_eq!(message.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(message.timestamp_ms, 50);
    }
    let magic = LegacyMagic::V0;
    let got = down_convert(bytes.into(), &DownConversion { magic, ..WISH }).unwrap();
    assert_eq!(got.messages[17], 0, "magic 0 knows no timestamp type");
}

#[test]
fn a_bad_batch_is_an_error_only_where_nothing_lies_before_it() {
    let good = batch(Compression::None, &[0], 0);
    let mut bad = moved(&good, 20);
    *bad.last_mut().unwrap() ^= 1;
    let set = Bytes::from([&good[..], &bad].concat());
    let got = down_convert(set.clone(), &WISH).unwrap();
    assert_eq!((offsets(&got.messages), got.next_offset), (vec![10], 20));
    let error = down_convert(bad.into(), &WISH).unwrap_err();
    assert!(matches!(error, FormatError::BadCrc { .. }));
    let too_large = DownConversion { decompressed_bytes_max: 3, ..WISH };
    assert_eq!(down_convert(set, &too_large), Err(FormatError::TooLarge { max_bytes: 3 }));
}

type Field = Option<Vec<u8>>;

fn field() -> impl Strategy<Value = Field> {
    option::of(vec(any::<u8>(), 0..50))
}

proptest! {
    #[test]
    fn there_and_back(
        records in vec((-1..i64::MAX / 2, field(), field(), 0..3i32), 1..20),
        base_offset in 0..1_000_000i64,
        codec in 0..5i16,
        is_v1 in any::<bool>(),
    ) {
        let mut builder = BatchBuilder::new(Compression::from_attributes(codec).unwrap());
        builder.base_offset = base_offset;
        let mut delta = -1;
        for (time, key, value, gap) in &records {
            delta += 1 + gap;
            builder.push_at(delta, *time, key.as_deref(), value.as_deref(), Headers::NONE);
        }
        let stored = builder.build();
        let magic = if is_v1 { LegacyMagic::V1 } else { LegacyMagic::V0 };
        let wish = DownConversion { magic, ..WISH };
        let messages = down_convert(stored.clone(), &wish).unwrap().messages;
        let mut expected = batch_rows(&stored);
        if !is_v1 {
            expected.iter_mut().for_each(|row| row.1 = NO_TIMESTAMP);
        }
        prop_assert_eq!(&set_rows(&messages).unwrap(), &expected);
        let again = up_convert(&messages, MAX).unwrap();
        expected.iter_mut().zip(0..).for_each(|(row, offset)| row.0 = offset);
        prop_assert_eq!(batch_rows(&again), expected);
    }

    /// As a broker that stored wrappers would have sent them.
    #[test]
    fn wrappers_there_and_back(
        records in vec((-1..i64::MAX / 2, field(), field(), 1..3i64), 1..20),
        last_offset in 1000..1_000_000i64,
        codec in 1..4i16,
    ) {
        let compression = Compression::from_attributes(codec).unwrap();
        let mut offset = 0;
        let inner: Vec<_> = records.iter().map(|(timestamp_ms, key, value, step)| {
            offset += step;
            let (key, value) = (key.as_deref(), value.as_deref());
            Message { offset, timestamp_ms: *timestamp_ms, key, value, ..PLAIN }
        }).collect();
        let wrapper = Message { offset: last_offset, compression, ..PLAIN };
        let set = wrap(wrapper, &encode(&inner));
        let mut expected: Vec<_> = inner.iter().map(message_row).collect();
        expected.iter_mut().for_each(|row| row.0 += last_offset - offset);
        prop_assert_eq!(&set_rows(&set).unwrap(), &expected);
        expected.iter_mut().zip(0..).for_each(|(row, offset)| row.0 = offset);
        prop_assert_eq!(batch_rows(&up_convert(&set, MAX).unwrap()), expected);
    }
}
