//! Owns reading record batches (magic 2) out of a Fetch response: header walk without decoding, and
//! the records inside when a consumer wants them. Never trusts a length or a count.
//!
//! ```text
//! | base_offset 8 | batch_length 4 | leader_epoch 4 | magic 1 | crc 4 | attributes 2 |
//! | last_offset_delta 4 | base_timestamp 8 | max_timestamp 8 | producer_id 8 |
//! | producer_epoch 2 | base_sequence 4 | record_count 4 | records … |
//! ```

use anyhow::{Result, anyhow, bail};
use bytes::{Buf, Bytes};
use kafka_protocol::compression::{Decompressor, Gzip, Lz4, Snappy, Zstd};

/// Bytes from the start of a batch to its first record.
pub const HEADER_BYTES: usize = 61;
/// Where the checksum stands; it covers everything from [`CRC_FROM`] on.
pub const CRC_AT: usize = 17;
/// First byte covered by the checksum.
pub const CRC_FROM: usize = 21;
/// Attributes: the low three bits name the compression.
pub const ATTRIBUTES_AT: usize = 21;
/// Timestamp of the first record, milliseconds since 1970.
pub const BASE_TIMESTAMP_AT: usize = 27;
/// Largest timestamp of the batch.
pub const MAX_TIMESTAMP_AT: usize = 35;
/// Producer id; -1 without idempotence.
pub const PRODUCER_ID_AT: usize = 43;
/// Producer epoch; -1 without idempotence.
pub const PRODUCER_EPOCH_AT: usize = 51;
/// Sequence of the first record; -1 without idempotence.
pub const BASE_SEQUENCE_AT: usize = 53;
/// Number of records.
const COUNT_AT: usize = 57;
const CONTROL_BIT: u16 = 1 << 5;

/// One batch as it lies in a Fetch response.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record minus the first.
    pub last_offset_delta: i32,
    /// Records announced by the header.
    pub count: i32,
    /// The whole batch, header included.
    pub bytes: &'a [u8],
}

/// A record's place in its batch and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Offset minus the batch's base offset.
    pub offset_delta: i64,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// The batches of a partition's `records` field. A cut-off batch at the end, which Kafka allows,
/// ends the walk; anything else that is wrong is an error.
pub fn batches(records: &[u8]) -> impl Iterator<Item = Result<Batch<'_>>> {
    let mut rest = records;
    std::iter::from_fn(move || match split_batch(rest) {
        Ok(Some(batch)) => {
            rest = &rest[batch.bytes.len()..];
            Some(Ok(batch))
        }
        Ok(None) => None,
        Err(error) => {
            rest = &[];
            Some(Err(error))
        }
    })
}

fn split_batch(rest: &[u8]) -> Result<Option<Batch<'_>>> {
    if rest.len() < CRC_FROM {
        return Ok(None);
    }
    let length = usize::try_from(number::<4>(rest, 8).map(i32::from_be_bytes)?)
        .map_err(|_| anyhow!("batch with a negative length"))?;
    let magic = rest[16];
    if magic != 2 {
        bail!("record batch of magic {magic}; only magic 2 is read");
    }
    if length < HEADER_BYTES - 12 {
        bail!("batch of {length} bytes is shorter than its own header");
    }
    let Some(bytes) = rest.get(..12 + length) else { return Ok(None) };
    Ok(Some(Batch {
        base_offset: number(bytes, 0).map(i64::from_be_bytes)?,
        last_offset_delta: number(bytes, 23).map(i32::from_be_bytes)?,
        count: number(bytes, COUNT_AT).map(i32::from_be_bytes)?,
        bytes,
    }))
}

impl Batch<'_> {
    /// Offset that follows this batch.
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    /// Whether the stored checksum is that of the bytes.
    pub fn crc_matches(&self) -> bool {
        number(self.bytes, CRC_AT).map(u32::from_be_bytes).ok()
            == Some(crc32c::crc32c(&self.bytes[CRC_FROM..]))
    }

    fn attributes(&self) -> u16 {
        u16::from_be_bytes([self.bytes[ATTRIBUTES_AT], self.bytes[ATTRIBUTES_AT + 1]])
    }

    /// Whether the batch is a transaction marker, which consumers do not see.
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL_BIT != 0
    }

    /// The records, decompressed if need be.
    pub fn records(&self) -> Result<Vec<Record>> {
        let payload = self.payload()?;
        let mut rest = &payload[..];
        // A record takes at least seven bytes, so the bytes bound the count.
        let mut records = Vec::with_capacity(payload.len().min(1 << 20) / 7 + 1);
        while !rest.is_empty() {
            records.push(take_record(&mut rest)?);
        }
        if i32::try_from(records.len()) != Ok(self.count) {
            bail!("batch announces {} records and holds {}", self.count, records.len());
        }
        Ok(records)
    }

    /// Only the first record's value: what end-to-end latency needs, at a fraction of the work.
    pub fn first_value(&self) -> Result<Option<Bytes>> {
        let payload = if self.attributes() & 7 == 0 {
            let first = &self.bytes[HEADER_BYTES..];
            let mut rest = &first[..first.len().min(64 * 1024)];
            if let Ok(record) = take_record(&mut rest) {
                return Ok(record.value);
            }
            Bytes::copy_from_slice(first)
        } else {
            self.payload()?
        };
        Ok(take_record(&mut &payload[..])?.value)
    }

    fn payload(&self) -> Result<Bytes> {
        let mut raw = Bytes::copy_from_slice(&self.bytes[HEADER_BYTES..]);
        let whole = |buf: &mut Bytes| Ok(buf.copy_to_bytes(buf.remaining()));
        match self.attributes() & 7 {
            0 => Ok(raw),
            1 => Gzip::decompress(&mut raw, whole),
            2 => Snappy::decompress(&mut raw, whole),
            3 => Lz4::decompress(&mut raw, whole),
            4 => Zstd::decompress(&mut raw, whole),
            other => bail!("unknown compression {other}"),
        }
    }
}

/// `| length varint | attributes 1 | timestamp_delta varint | offset_delta varint | key | value |
/// headers |`, keys and values with a varint length where -1 is null.
fn take_record(rest: &mut &[u8]) -> Result<Record> {
    let length =
        usize::try_from(take_varint(rest)?).map_err(|_| anyhow!("negative record length"))?;
    let mut record =
        rest.get(..length).ok_or_else(|| anyhow!("record of {length} bytes is cut off"))?;
    *rest = &rest[length..];
    take(&mut record, 1)?;
    take_varint(&mut record)?;
    let offset_delta = take_varint(&mut record)?;
    take_blob(&mut record)?;
    let value = take_blob(&mut record)?.map(Bytes::copy_from_slice);
    Ok(Record { offset_delta, value })
}

fn take_blob<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>> {
    match usize::try_from(take_varint(rest)?) {
        Ok(length) => take(rest, length).map(Some),
        Err(_) => Ok(None),
    }
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Result<&'a [u8]> {
    let (head, tail) =
        rest.split_at_checked(bytes).ok_or_else(|| anyhow!("record ends {bytes} bytes early"))?;
    *rest = tail;
    Ok(head)
}

fn take_varint(rest: &mut &[u8]) -> Result<i64> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    bail!("varint longer than ten bytes")
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or_else(|| anyhow!("batch ends inside its header"))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::{
        Compression, Record as KafkaRecord, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
    };
    use proptest::prelude::*;

    use super::*;

    fn encoded(values: &[&[u8]], compression: Compression) -> Vec<u8> {
        let records: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, value)| KafkaRecord {
                transactional: false,
                control: false,
                delete_horizon: false,
                partition_leader_epoch: 0,
                producer_id: -1,
                producer_epoch: -1,
                timestamp_type: TimestampType::Creation,
                offset: i64::try_from(index).unwrap(),
                sequence: i32::try_from(index).unwrap(),
                timestamp: 5,
                key: None,
                value: Some(Bytes::copy_from_slice(value)),
                headers: Default::default(),
            })
            .collect();
        let mut out = Vec::new();
        let options = RecordEncodeOptions { version: 2, compression };
        RecordBatchEncoder::encode(&mut out, &records, &options).unwrap();
        out
    }

    #[test]
    fn reads_what_the_crate_encodes_in_every_compression() {
        for compression in [
            Compression::None,
            Compression::Gzip,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd,
        ] {
            let mut bytes = encoded(&[b"one", b"two"], compression);
            bytes.extend(encoded(&[b"three"], compression));
            bytes.truncate(bytes.len());
            let all: Vec<_> = batches(&bytes).map(Result::unwrap).collect();
            assert_eq!(all.len(), 2);
            assert!(all.iter().all(Batch::crc_matches));
            let records = all[0].records().unwrap();
            assert_eq!(records[1].value.as_deref(), Some(&b"two"[..]));
            assert_eq!(records[1].offset_delta, 1);
            assert_eq!(all[1].first_value().unwrap().as_deref(), Some(&b"three"[..]));
            assert_eq!(all[0].next_offset(), 2);
        }
    }

    #[test]
    fn a_flipped_bit_is_seen_and_a_cut_tail_ends_the_walk() {
        let mut bytes = encoded(&[b"payload"], Compression::None);
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        assert!(!batches(&bytes).next().unwrap().unwrap().crc_matches());
        assert!(batches(&bytes[..last]).next().is_none());
    }

    proptest! {
        #[test]
        fn noise_never_panics(mut noise in prop::collection::vec(any::<u8>(), 61..300)) {
            noise[16] = 2;
            for batch in batches(&noise).flatten() {
                let _records = batch.records();
                let _first = batch.first_value();
            }
        }
    }
}
