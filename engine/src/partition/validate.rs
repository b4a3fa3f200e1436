//! Whether the records of a Produce request may enter the log, and in which bytes. Pure; assigns
//! no offsets and knows no producers. Kafka's rules (`LogValidator`), with one exception:
//! compressed records are not unpacked, their header is believed, unless its `max_timestamp` is
//! impossible (some clients leave it unset and then time lookups would skip the batch).

use bytes::{Bytes, BytesMut};
use log_format::{
    Batch, Batches, Compression, FormatError, RecordBatchHeader, Records,
    batch::{MAGIC_AT, NO_TIMESTAMP, set_log_append_time, set_max_timestamp},
};

use crate::{
    config::{TimestampType, TopicConfig},
    limits::DECOMPRESSED_BATCH_BYTES_MAX,
    types::TimestampMs,
};

/// The part of a topic's settings that decides what may be appended.
#[derive(Clone, Copy, Debug)]
pub struct AppendPolicy {
    /// `max.message.bytes`: largest batch as it is sent, header included.
    pub message_bytes_max: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record's time may lie in the past.
    pub timestamp_before_ms_max: i64,
    /// `message.timestamp.after.max.ms`: how far it may lie in the future.
    pub timestamp_after_ms_max: i64,
}

impl From<&TopicConfig> for AppendPolicy {
    fn from(config: &TopicConfig) -> Self {
        Self {
            message_bytes_max: config.message_bytes_max,
            timestamp_type: config.timestamp_type,
            timestamp_before_ms_max: config.timestamp_before_ms_max,
            timestamp_after_ms_max: config.timestamp_after_ms_max,
        }
    }
}

/// Why records are refused. Each variant names the error a client gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// CORRUPT_MESSAGE: cut off, a wrong length or a wrong checksum.
    #[error("corrupt batch: {0}")]
    Corrupt(FormatError),
    /// MESSAGE_TOO_LARGE.
    #[error("batch of {bytes} bytes, max.message.bytes is {bytes_max}")]
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// `max.message.bytes`.
        bytes_max: usize,
    },
    /// INVALID_RECORD.
    #[error("{why}")]
    InvalidRecord {
        /// A sentence for the client.
        why: String,
    },
    /// INVALID_TIMESTAMP.
    #[error("record {record}: {why}")]
    InvalidTimestamp {
        /// Place of the record in the batch, from 0 (the batch's first, if compressed).
        record: i32,
        /// A sentence for the client.
        why: String,
    },
    /// UNSUPPORTED_COMPRESSION_TYPE.
    #[error("compression id {id} does not exist")]
    UnsupportedCompression {
        /// The id in the attributes.
        id: i16,
    },
    /// INVALID_TXN_STATE: transactions are not offered, so there can be none to belong to.
    #[error("transactional batch, but transactions are not offered")]
    Transactional,
}

/// The one batch of `records`, checked, with its timestamps as the topic wants them. Its base
/// offset and leader epoch are still the client's.
pub(super) fn validate(
    records: &Bytes,
    policy: &AppendPolicy,
    now: TimestampMs,
) -> Result<Batch, InvalidBatch> {
    let batch = take_one_batch(records, policy)?;
    check_header(&batch.header)?;
    match policy.timestamp_type {
        TimestampType::LogAppendTime => {
            check_records(&batch)?;
            Ok(stamp(batch, now))
        }
        TimestampType::CreateTime => check_create_time(batch, policy, now),
    }
}

/// From Produce v3 on there is exactly one batch for a partition.
fn take_one_batch(records: &Bytes, policy: &AppendPolicy) -> Result<Batch, InvalidBatch> {
    if let Some(magic) = records.get(MAGIC_AT).filter(|magic| **magic != 2) {
        return invalid(format!(
            "record format (magic) {magic} in a request that carries format 2"
        ));
    }
    let mut batches = Batches::new(records.clone());
    let Some(first) = batches.next() else {
        return invalid("no record batch for this partition".to_owned());
    };
    let batch = first.map_err(|error| match error {
        FormatError::BadCompression { id } => InvalidBatch::UnsupportedCompression { id },
        FormatError::BadCounts { .. } | FormatError::Malformed(_) => {
            InvalidBatch::InvalidRecord { why: error.to_string() }
        }
        error => InvalidBatch::Corrupt(error),
    })?;
    if batch.bytes.len() > policy.message_bytes_max {
        return Err(InvalidBatch::TooLarge {
            bytes: batch.bytes.len(),
            bytes_max: policy.message_bytes_max,
        });
    }
    if !batches.rest().is_empty() {
        return invalid("more than one record batch for this partition".to_owned());
    }
    Ok(batch)
}

fn check_header(header: &RecordBatchHeader) -> Result<(), InvalidBatch> {
    let offsets = i64::from(header.last_offset_delta) + 1;
    if i64::from(header.records_count) != offsets {
        return invalid(format!("{} records for {offsets} offsets", header.records_count));
    }
    if header.is_control() {
        return invalid("clients may not write control records".to_owned());
    }
    if header.is_transactional() {
        return Err(InvalidBatch::Transactional);
    }
    if header.has_delete_horizon() {
        return invalid("a delete horizon is the broker's to set".to_owned());
    }
    if header.has_producer_id() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return invalid(format!(
            "producer {} with sequence {} and epoch {}",
            header.producer_id, header.base_sequence, header.producer_epoch
        ));
    }
    if header.timestamp_type() == log_format::TimestampType::LogAppendTime {
        let why = "producers may not set the timestamp type to LogAppendTime".to_owned();
        return Err(InvalidBatch::InvalidTimestamp { record: 0, why });
    }
    Ok(())
}

/// Walks uncompressed records: their shape, and that their offsets are 0, 1, 2 and so on.
/// (They grow inside 0..count, as `RecordIter` checks, and there are `count` of them.)
fn check_records(batch: &Batch) -> Result<(), InvalidBatch> {
    if batch.header.compression() != Compression::None {
        return Ok(());
    }
    walk(batch, |_, _| Ok(())).map(|_| ())
}

/// Calls `check` with place and time of each record; returns the largest time.
fn walk(
    batch: &Batch,
    mut check: impl FnMut(i32, i64) -> Result<(), InvalidBatch>,
) -> Result<i64, InvalidBatch> {
    let malformed = |error: FormatError| InvalidBatch::InvalidRecord { why: error.to_string() };
    let mut max_timestamp = NO_TIMESTAMP;
    let records = Records::open(batch, DECOMPRESSED_BATCH_BYTES_MAX).map_err(malformed)?;
    for (place, record) in (0..).zip(records.iter()) {
        let timestamp_ms = record.map_err(malformed)?.timestamp_ms;
        check(place, timestamp_ms)?;
        max_timestamp = max_timestamp.max(timestamp_ms);
    }
    Ok(max_timestamp)
}

fn check_create_time(
    batch: Batch,
    policy: &AppendPolicy,
    now: TimestampMs,
) -> Result<Batch, InvalidBatch> {
    let header = &batch.header;
    let plausible = header.max_timestamp >= header.base_timestamp;
    let max_timestamp = if header.compression() == Compression::None || !plausible {
        walk(&batch, |record, time| check_time(record, time, policy, now))?
    } else {
        check_time(0, header.base_timestamp, policy, now)?;
        check_time(0, header.max_timestamp, policy, now)?;
        header.max_timestamp
    };
    Ok(if max_timestamp == header.max_timestamp {
        batch
    } else {
        rewrite(&batch, |bytes| set_max_timestamp(bytes, max_timestamp))
    })
}

fn check_time(
    record: i32,
    timestamp_ms: i64,
    policy: &AppendPolicy,
    now: TimestampMs,
) -> Result<(), InvalidBatch> {
    let age_ms = now.0.saturating_sub(timestamp_ms);
    if timestamp_ms == NO_TIMESTAMP
        || (age_ms <= policy.timestamp_before_ms_max
            && age_ms.saturating_neg() <= policy.timestamp_after_ms_max)
    {
        return Ok(());
    }
    let earliest = now.0.saturating_sub(policy.timestamp_before_ms_max);
    let latest = now.0.saturating_add(policy.timestamp_after_ms_max);
    let why = format!("timestamp {timestamp_ms} is outside {earliest}..={latest}");
    Err(InvalidBatch::InvalidTimestamp { record, why })
}

fn stamp(batch: Batch, now: TimestampMs) -> Batch {
    rewrite(&batch, |bytes| set_log_append_time(bytes, now.0))
}

/// A changed copy of a batch: what the client sent is shared with its request, so never changed
/// in place.
fn rewrite(batch: &Batch, change: impl FnOnce(&mut [u8])) -> Batch {
    let mut bytes = BytesMut::from(&batch.bytes[..]);
    change(&mut bytes);
    let header = RecordBatchHeader::decode(&bytes).expect("a good header stays good");
    Batch { header, bytes: bytes.freeze() }
}

fn invalid<T>(why: String) -> Result<T, InvalidBatch> {
    Err(InvalidBatch::InvalidRecord { why })
}

#[cfg(test)]
mod tests {
    use log_format::{
        BatchBuilder, Headers,
        batch::{set_crc, verify_crc},
    };
    use proptest::prelude::*;

    use super::*;

    const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

    fn policy() -> AppendPolicy {
        AppendPolicy {
            message_bytes_max: 10_000,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_ms_max: i64::MAX,
            timestamp_after_ms_max: 3_600_000,
        }
    }

    fn builder(times: &[i64], compression: Compression) -> BatchBuilder {
        let mut builder = BatchBuilder::new(compression);
        for time in times {
            builder.push(*time, Some(b"key"), Some(b"value"), Headers::NONE);
        }
        builder
    }

    fn changed(at: usize, field: &[u8], compression: Compression) -> Bytes {
        let mut bytes = builder(&[5, 9, 7], compression).build().to_vec();
        bytes[at..at + field.len()].copy_from_slice(field);
        set_crc(&mut bytes);
        bytes.into()
    }

    #[test]
    fn a_good_batch_goes_in_as_it_came() {
        for compression in [Compression::None, Compression::Zstd] {
            let bytes = builder(&[5, 9, 7], compression).build();
            let batch = validate(&bytes, &policy(), NOW).unwrap();
            assert_eq!(batch.bytes.as_ptr(), bytes.as_ptr(), "not copied");
        }
    }

    #[test]
    fn a_wrong_max_timestamp_is_corrected() {
        let max_timestamp_at = 35;
        // Uncompressed: any wrong value. Compressed: when it is unset.
        for (claim, compression) in [
            (8i64, Compression::None),
            (1000, Compression::None),
            (-1, Compression::Lz4),
            (0, Compression::Zstd),
        ] {
            let bytes = changed(max_timestamp_at, &claim.to_be_bytes(), compression);
            let batch = validate(&bytes, &policy(), NOW).unwrap();
            assert_eq!(batch.header.max_timestamp, 9, "{claim} {compression:?}");
            verify_crc(&batch.bytes).unwrap();
        }
    }

    #[test]
    fn append_time_is_the_brokers() {
        let policy = AppendPolicy { timestamp_type: TimestampType::LogAppendTime, ..policy() };
        let bytes = builder(&[5, i64::MAX / 2], Compression::Gzip).build();
        let batch = validate(&bytes, &policy, NOW).unwrap();
        assert_eq!(batch.header.max_timestamp, NOW.0);
        assert_eq!(batch.header.timestamp_type(), log_format::TimestampType::LogAppendTime);
        verify_crc(&batch.bytes).unwrap();
    }

    #[test]
    fn times_outside_the_bounds_are_refused_by_record() {
        let policy = AppendPolicy { timestamp_before_ms_max: 1000, ..policy() };
        for (times, record) in [
            (vec![NOW.0, NOW.0 - 1001], 1),
            (vec![NOW.0 + 3_600_001], 0),
            (vec![NOW.0, NOW.0, i64::MAX], 2),
        ] {
            let bytes = builder(&times, Compression::None).build();
            let error = validate(&bytes, &policy, NOW).unwrap_err();
            assert!(
                matches!(error, InvalidBatch::InvalidTimestamp { record: r, .. } if r == record),
                "{error}"
            );
            let bytes = builder(&times, Compression::Snappy).build();
            let error = validate(&bytes, &policy, NOW);
            // Compressed: the header's two times are checked, so a time between them passes.
            assert_eq!(error.is_err(), times[0] != NOW.0 || times.len() == 3, "{times:?}");
        }
        let bytes = builder(&[-1], Compression::None).build();
        assert!(validate(&bytes, &policy, NOW).is_ok(), "a record without a time is welcome");
    }

    #[test]
    fn each_rule_has_its_error() {
        let kind = |records: Bytes| match validate(&records, &policy(), NOW).unwrap_err() {
            InvalidBatch::Corrupt(_) => "corrupt",
            InvalidBatch::TooLarge { .. } => "too large",
            InvalidBatch::InvalidRecord { .. } => "invalid record",
            InvalidBatch::InvalidTimestamp { .. } => "invalid timestamp",
            InvalidBatch::UnsupportedCompression { .. } => "compression",
            InvalidBatch::Transactional => "transactional",
        };
        let good = builder(&[5], Compression::None).build();
        let with = |change: fn(&mut BatchBuilder)| {
            let mut builder = builder(&[5], Compression::None);
            change(&mut builder);
            kind(builder.build())
        };
        assert_eq!(kind(Bytes::new()), "invalid record");
        assert_eq!(kind([&good[..], &good[..]].concat().into()), "invalid record");
        assert_eq!(kind(changed(16, &[1], Compression::None)), "invalid record");
        assert_eq!(kind(good.slice(..good.len() - 1)), "corrupt");
        let mut flipped = good.to_vec();
        flipped[70] ^= 1;
        assert_eq!(kind(flipped.into()), "corrupt");
        assert_eq!(kind(changed(21, &[0, 6], Compression::None)), "compression");
        assert_eq!(kind(changed(23, &9i32.to_be_bytes(), Compression::Zstd)), "invalid record");
        assert_eq!(kind(changed(57, &2i32.to_be_bytes(), Compression::None)), "invalid record");
        assert_eq!(kind(changed(61, &[0x7e], Compression::None)), "invalid record");
        assert_eq!(kind(changed(8, &40i32.to_be_bytes(), Compression::None)), "corrupt");
        assert_eq!(with(|b| b.flags = 0x08), "invalid timestamp");
        assert_eq!(with(|b| b.flags = 0x10), "transactional");
        assert_eq!(with(|b| b.flags = 0x20), "invalid record");
        assert_eq!(with(|b| b.flags = 0x40), "invalid record");
        assert_eq!(with(|b| b.producer_id = 1), "invalid record");
        let mut large = BatchBuilder::new(Compression::None);
        large.push(5, None, Some(&[0; 10_000]), Headers::NONE);
        assert_eq!(kind(large.build()), "too large");
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(validate(&bytes.into(), &policy(), NOW).is_err());
        }

        #[test]
        fn hostile_records_with_a_good_header_never_panic(
            body in proptest::collection::vec(any::<u8>(), 1..100),
            attributes in 0..5i16,
            records_count in 1..5i32,
        ) {
            let mut header = RecordBatchHeader::decode(
                &builder(&[5], Compression::None).build()).unwrap();
            header.attributes = attributes;
            header.max_timestamp = -1;
            header.records_count = records_count;
            header.last_offset_delta = records_count - 1;
            header.batch_length = 49 + i32::try_from(body.len()).unwrap();
            let mut bytes = [&header.encode()[..], &body].concat();
            set_crc(&mut bytes);
            if let Ok(batch) = validate(&bytes.into(), &policy(), NOW) {
                verify_crc(&batch.bytes).unwrap();
            }
        }
    }
}
