//! The header of a record batch v2 (magic 2) and the few ways a broker may change it.
//! Never looks at the records: see `records.rs`.
//!
//! ```text
//!   at  bytes
//!    0  8  base_offset             offset of the first record
//!    8  4  batch_length            bytes after this field
//!   12  4  partition_leader_epoch
//!   16  1  magic                   2
//!   17  4  crc                     CRC-32C of everything from `attributes` to the end
//!   21  2  attributes              | 0 | 6: delete horizon | 5: control | 4: transactional |
//!                                  | 3: timestamp type | 2..0: compression |
//!   23  4  last_offset_delta
//!   27  8  base_timestamp          ms; base of the records' deltas, or the delete horizon (bit 6)
//!   35  8  max_timestamp           ms
//!   43  8  producer_id             -1: none
//!   51  2  producer_epoch
//!   53  4  base_sequence
//!   57  4  records_count
//!   61  …  records                 compressed as one block when attributes say so
//! ```
//!
//! Source: KIP-98, and `DefaultRecordBatch` of Apache Kafka.

use crate::{
    error::FormatError,
    field::{get_i16, get_i32, get_i64, get_u32, put},
};

/// Bytes of the header, from `base_offset` to `records_count`.
pub const BATCH_HEADER_BYTES: usize = 61;
/// Bytes of `base_offset` and `batch_length`, which `batch_length` does not count.
pub const BATCH_OVERHEAD_BYTES: usize = 12;
/// Where the magic byte is, in batches as in legacy messages.
pub const MAGIC_AT: usize = 16;
/// The format version of this layout.
pub const MAGIC_V2: i8 = 2;
/// `producer_id` of a batch that is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;
/// `producer_epoch` of a batch that is not idempotent.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// `base_sequence` of a batch that is not idempotent.
pub const NO_SEQUENCE: i32 = -1;
/// Timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;

const BATCH_LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const PRODUCER_EPOCH_AT: usize = 51;
const BASE_SEQUENCE_AT: usize = 53;
const RECORDS_COUNT_AT: usize = 57;
const _: () = assert!(RECORDS_COUNT_AT + 4 == BATCH_HEADER_BYTES);
const _: () = assert!(BATCH_LENGTH_AT + 4 == BATCH_OVERHEAD_BYTES);

/// Smallest legal `batch_length`: a header without records.
pub const BATCH_LENGTH_MIN: i32 = 49;
const _: () = assert!(BATCH_LENGTH_MIN as usize + BATCH_OVERHEAD_BYTES == BATCH_HEADER_BYTES);

const COMPRESSION_MASK: i16 = 0x07;
pub(crate) const TIMESTAMP_TYPE_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;

/// How the records of a batch are compressed. The numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None = 0,
    /// RFC 1952.
    Gzip = 1,
    /// Snappy blocks in xerial's framing.
    Snappy = 2,
    /// LZ4 frame.
    Lz4 = 3,
    /// RFC 8878.
    Zstd = 4,
}

impl Compression {
    /// The compression named by the low three bits of `attributes`.
    pub fn from_attributes(attributes: i16) -> Result<Self, FormatError> {
        match attributes & COMPRESSION_MASK {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            id => Err(FormatError::BadCompression { id }),
        }
    }

    /// Kafka's name, as in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Who set the records' timestamps (KIP-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer: each record carries its own.
    CreateTime,
    /// The broker: `max_timestamp` is the time of every record in the batch.
    LogAppendTime,
}

/// The decoded header of one batch. Field meanings are drawn on top of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are drawn, with their units, on top of the file")]
pub struct RecordBatchHeader {
    pub base_offset: i64,
    pub batch_length: i32,
    pub partition_leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub records_count: i32,
}

impl RecordBatchHeader {
    /// Reads a header from the start of `bytes`, which need not hold the whole batch.
    ///
    /// What it promises about an `Ok`: magic is 2, `batch_length` is at least
    /// [`BATCH_LENGTH_MIN`], offsets do not overflow, the compression exists, and there are no
    /// more records than offsets (a compacted batch may have fewer). The CRC is
    /// [`verify_crc`]'s business.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() < BATCH_HEADER_BYTES {
            return Err(match bytes.get(MAGIC_AT) {
                Some(&magic) if magic.cast_signed() != MAGIC_V2 => {
                    FormatError::BadMagic { magic: magic.cast_signed() }
                }
                _ => FormatError::Truncated {
                    needed_bytes: BATCH_HEADER_BYTES,
                    have_bytes: bytes.len(),
                },
            });
        }
        let header = Self {
            base_offset: get_i64(bytes, 0),
            batch_length: get_i32(bytes, BATCH_LENGTH_AT),
            partition_leader_epoch: get_i32(bytes, LEADER_EPOCH_AT),
            magic: bytes[MAGIC_AT].cast_signed(),
            crc: get_u32(bytes, CRC_AT),
            attributes: get_i16(bytes, ATTRIBUTES_AT),
            last_offset_delta: get_i32(bytes, LAST_OFFSET_DELTA_AT),
            base_timestamp: get_i64(bytes, BASE_TIMESTAMP_AT),
            max_timestamp: get_i64(bytes, MAX_TIMESTAMP_AT),
            producer_id: get_i64(bytes, PRODUCER_ID_AT),
            producer_epoch: get_i16(bytes, PRODUCER_EPOCH_AT),
            base_sequence: get_i32(bytes, BASE_SEQUENCE_AT),
            records_count: get_i32(bytes, RECORDS_COUNT_AT),
        };
        header.check()?;
        Ok(header)
    }

    /// The 61 bytes of this header, `crc` as the field says.
    pub fn encode(&self) -> [u8; BATCH_HEADER_BYTES] {
        let mut bytes = [0; BATCH_HEADER_BYTES];
        put(&mut bytes, 0, self.base_offset.to_be_bytes());
        put(&mut bytes, BATCH_LENGTH_AT, self.batch_length.to_be_bytes());
        put(&mut bytes, LEADER_EPOCH_AT, self.partition_leader_epoch.to_be_bytes());
        put(&mut bytes, MAGIC_AT, self.magic.to_be_bytes());
        put(&mut bytes, CRC_AT, self.crc.to_be_bytes());
        put(&mut bytes, ATTRIBUTES_AT, self.attributes.to_be_bytes());
        put(&mut bytes, LAST_OFFSET_DELTA_AT, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, BASE_TIMESTAMP_AT, self.base_timestamp.to_be_bytes());
        put(&mut bytes, MAX_TIMESTAMP_AT, self.max_timestamp.to_be_bytes());
        put(&mut bytes, PRODUCER_ID_AT, self.producer_id.to_be_bytes());
        put(&mut bytes, PRODUCER_EPOCH_AT, self.producer_epoch.to_be_bytes());
        put(&mut bytes, BASE_SEQUENCE_AT, self.base_sequence.to_be_bytes());
        put(&mut bytes, RECORDS_COUNT_AT, self.records_count.to_be_bytes());
        bytes
    }

    fn check(&self) -> Result<(), FormatError> {
        if self.magic != MAGIC_V2 {
            return Err(FormatError::BadMagic { magic: self.magic });
        }
        if self.batch_length < BATCH_LENGTH_MIN {
            return Err(FormatError::BadLength {
                length: self.batch_length.into(),
                min: BATCH_LENGTH_MIN.into(),
                max: i32::MAX.into(),
            });
        }
        let offsets = i64::from(self.last_offset_delta) + 1;
        if self.last_offset_delta < 0
            || self.records_count < 0
            || i64::from(self.records_count) > offsets
        {
            return Err(FormatError::BadCounts {
                records_count: self.records_count,
                last_offset_delta: self.last_offset_delta,
            });
        }
        if self.base_offset.checked_add(offsets).is_none() {
            return Err(FormatError::Malformed("offsets overflow"));
        }
        Compression::from_attributes(self.attributes).map(|_| ())
    }

    /// Bytes of the whole batch, header included.
    #[expect(clippy::cast_sign_loss, reason = "decode refuses lengths below BATCH_LENGTH_MIN")]
    pub fn total_bytes(&self) -> usize {
        self.batch_length as usize + BATCH_OVERHEAD_BYTES
    }

    /// Offset of the last record (of the last one there was, in a compacted batch).
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The offset after this batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// How the records are compressed.
    pub fn compression(&self) -> Compression {
        Compression::from_attributes(self.attributes).expect("decode refuses other ids")
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// A transaction marker or another record that no consumer sees.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// `base_timestamp` is the time after which tombstones may go (KIP-534), not a record's time.
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & DELETE_HORIZON_BIT != 0
    }

    /// Carries a producer id.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id != NO_PRODUCER_ID
    }

    /// Sequence number of the last record; wraps from `i32::MAX` to 0. -1 without a producer id.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        add_sequence(self.base_sequence, self.last_offset_delta)
    }
}

/// `sequence + delta` in the circle 0..=`i32::MAX`; both are at least 0.
pub fn add_sequence(sequence: i32, delta: i32) -> i32 {
    let sum = (i64::from(sequence) + i64::from(delta)) % (i64::from(i32::MAX) + 1);
    i32::try_from(sum).expect("a remainder of 2^31 fits")
}

/// `sequence - delta` in the same circle: the base sequence of a batch, from its last.
pub fn subtract_sequence(sequence: i32, delta: i32) -> i32 {
    let difference = i64::from(sequence) - i64::from(delta);
    let wrapped = difference.rem_euclid(i64::from(i32::MAX) + 1);
    i32::try_from(wrapped).expect("a remainder of 2^31 fits")
}

/// The CRC-32C a batch should carry. `batch` is one whole batch.
pub fn compute_crc(batch: &[u8]) -> u32 {
    crc32c::crc32c(&batch[ATTRIBUTES_AT..])
}

/// Compares the stored checksum with the bytes. `batch` is exactly one whole batch.
pub fn verify_crc(batch: &[u8]) -> Result<(), FormatError> {
    if batch.len() < BATCH_HEADER_BYTES {
        return Err(FormatError::Truncated {
            needed_bytes: BATCH_HEADER_BYTES,
            have_bytes: batch.len(),
        });
    }
    let (stored, computed) = (get_u32(batch, CRC_AT), compute_crc(batch));
    if stored == computed { Ok(()) } else { Err(FormatError::BadCrc { stored, computed }) }
}

/// Writes the two fields a leader assigns; the CRC does not cover them.
pub fn set_base_offset_and_epoch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    put(batch, 0, base_offset.to_be_bytes());
    put(batch, LEADER_EPOCH_AT, leader_epoch.to_be_bytes());
}

/// Makes `timestamp_ms` the time of every record (`message.timestamp.type=LogAppendTime`):
/// sets the attribute bit and `max_timestamp`, and the CRC anew. `batch` is one whole batch.
pub fn set_log_append_time(batch: &mut [u8], timestamp_ms: i64) {
    let attributes = get_i16(batch, ATTRIBUTES_AT) | TIMESTAMP_TYPE_BIT;
    put(batch, ATTRIBUTES_AT, attributes.to_be_bytes());
    set_max_timestamp(batch, timestamp_ms);
}

/// Corrects a `max_timestamp` that does not fit the records, and sets the CRC anew. `batch` is one
/// whole batch.
pub fn set_max_timestamp(batch: &mut [u8], timestamp_ms: i64) {
    put(batch, MAX_TIMESTAMP_AT, timestamp_ms.to_be_bytes());
    set_crc(batch);
}

/// Writes the checksum of the bytes as they are. `batch` is one whole batch.
pub fn set_crc(batch: &mut [u8]) {
    let crc = compute_crc(batch);
    put(batch, CRC_AT, crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A batch of one record (key null, value "hello") made by hand from the drawing.
    fn sample() -> Vec<u8> {
        let records = [0x16, 0, 0, 0, 0x01, 0x0a, b'h', b'e', b'l', b'l', b'o', 0];
        let header = RecordBatchHeader {
            base_offset: 0,
            batch_length: BATCH_LENGTH_MIN + 12,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: 0,
            base_timestamp: 1_700_000_000_000,
            max_timestamp: 1_700_000_000_000,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: 1,
        };
        let mut batch = header.encode().to_vec();
        batch.extend_from_slice(&records);
        set_crc(&mut batch);
        batch
    }

    #[test]
    fn offset_and_epoch_are_outside_the_crc() {
        let mut batch = sample();
        verify_crc(&batch).unwrap();
        set_base_offset_and_epoch(&mut batch, 77, 3);
        verify_crc(&batch).unwrap();
        let header = RecordBatchHeader::decode(&batch).unwrap();
        assert_eq!((header.base_offset, header.partition_leader_epoch), (77, 3));
        assert_eq!((header.last_offset(), header.next_offset()), (77, 78));
    }

    #[test]
    fn log_append_time_keeps_the_crc_right() {
        let mut batch = sample();
        set_log_append_time(&mut batch, 42);
        verify_crc(&batch).unwrap();
        let header = RecordBatchHeader::decode(&batch).unwrap();
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp, 42);
        assert_eq!(header.base_timestamp, 1_700_000_000_000);
    }

    #[test]
    fn every_flipped_bit_under_the_crc_is_noticed() {
        let batch = sample();
        for at in CRC_AT..batch.len() {
            for bit in 0..8 {
                let mut broken = batch.clone();
                broken[at] ^= 1 << bit;
                assert!(matches!(verify_crc(&broken), Err(FormatError::BadCrc { .. })));
            }
        }
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(add_sequence(i32::MAX, 1), 0);
        assert_eq!(add_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(add_sequence(5, 0), 5);
        assert_eq!(subtract_sequence(1, 3), i32::MAX - 1);
        assert_eq!(subtract_sequence(5, 5), 0);
    }

    #[test]
    fn impossible_headers_are_refused() {
        let change = |at: usize, field: &[u8]| {
            let mut batch = sample();
            batch[at..at + field.len()].copy_from_slice(field);
            RecordBatchHeader::decode(&batch).unwrap_err()
        };
        assert_eq!(change(MAGIC_AT, &[1]), FormatError::BadMagic { magic: 1 });
        let short = change(BATCH_LENGTH_AT, &48i32.to_be_bytes());
        assert!(matches!(short, FormatError::BadLength { length: 48, .. }));
        let negative = change(BATCH_LENGTH_AT, &(-1i32).to_be_bytes());
        assert!(matches!(negative, FormatError::BadLength { length: -1, .. }));
        let many = change(RECORDS_COUNT_AT, &2i32.to_be_bytes());
        assert!(matches!(many, FormatError::BadCounts { records_count: 2, .. }));
        let overflow = change(0, &i64::MAX.to_be_bytes());
        assert_eq!(overflow, FormatError::Malformed("offsets overflow"));
        let codec = change(ATTRIBUTES_AT, &5i16.to_be_bytes());
        assert_eq!(codec, FormatError::BadCompression { id: 5 });
        let empty = RecordBatchHeader::decode(&[]).unwrap_err();
        assert_eq!(empty, FormatError::Truncated { needed_bytes: 61, have_bytes: 0 });
    }

    proptest! {
        #[test]
        fn decode_returns_what_encode_wrote(
            (base_offset, last_offset_delta) in (0..i64::MAX / 2, 0..1_000_000i32),
            batch_length in BATCH_LENGTH_MIN..i32::MAX,
            (attributes, crc) in (0..128i16, any::<u32>()),
            times in any::<(i64, i64)>(),
            producer in any::<(i64, i16, i32)>(),
            partition_leader_epoch in any::<i32>(),
        ) {
            prop_assume!(attributes & COMPRESSION_MASK <= 4);
            let header = RecordBatchHeader {
                base_offset, batch_length, partition_leader_epoch, magic: 2, crc, attributes,
                last_offset_delta, base_timestamp: times.0, max_timestamp: times.1,
                producer_id: producer.0, producer_epoch: producer.1, base_sequence: producer.2,
                records_count: last_offset_delta + 1,
            };
            prop_assert_eq!(RecordBatchHeader::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn decode_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(header) = RecordBatchHeader::decode(&bytes) {
                prop_assert!(header.total_bytes() >= BATCH_HEADER_BYTES);
                prop_assert!(header.next_offset() > header.base_offset);
            }
        }
    }
}
