//! `<offset, 20 digits>.snapshot`: what a partition knows of its idempotent producers, up to that
//! offset. Kafka's file, version 1, which Kafka's tools read; then a section of ours, which they
//! skip, because Kafka keeps only the newest batch of a producer over a restart and would not
//! recognise the other four when a client repeats them.
//!
//! ```text
//! | version 2 (=1) | crc 4 | entries_count 4 | entries … | "RLW1" 4 | older_count 4 | older … |
//!                           `-- the CRC-32C covers everything from here to the end
//! entry (46):  | producer_id 8 | producer_epoch 2 | last_sequence 4 | last_offset 8
//!              | offset_delta 4 | timestamp 8 | coordinator_epoch 4 | current_txn_first_offset 8 |
//! older (32):  | producer_id 8 | last_sequence 4 | last_offset 8 | offset_delta 4 | timestamp 8 |
//! ```
//! Big-endian. -1 stands for none. Older batches stand in the order of their offsets.

use std::collections::HashMap;

use crate::{
    error::FormatError,
    field::{get_i16, get_i32, get_i64, get_u32, put},
};

const VERSION: i16 = 1;
const CRC_AT: usize = 2;
const ENTRIES_AT: usize = 6;
const ENTRY_BYTES: usize = 46;
const OLDER_BYTES: usize = 32;
const OLDER_MAGIC: [u8; 4] = *b"RLW1";
const COUNT_BYTES: usize = 4;

/// One appended batch of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence number of its last record.
    pub last_sequence: i32,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Last offset minus first offset.
    pub offset_delta: i32,
    /// Largest timestamp in the batch, milliseconds.
    pub timestamp_ms: i64,
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The producer.
    pub producer_id: i64,
    /// Its newest epoch.
    pub producer_epoch: i16,
    /// Its last batches, oldest first; none after a transaction marker only.
    pub batches: Vec<ProducerBatch>,
    /// When it was last heard of, milliseconds.
    pub timestamp_ms: i64,
    /// Epoch of the last transaction coordinator that wrote a marker; -1: none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<i64>,
}

/// The bytes of a snapshot file.
pub fn encode_producers(entries: &[ProducerEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENTRIES_AT + COUNT_BYTES + entries.len() * ENTRY_BYTES);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; ENTRIES_AT - CRC_AT]);
    put_count(&mut out, entries.len());
    for entry in entries {
        put_entry(&mut out, entry);
    }
    let older = |entry: &ProducerEntry| entry.batches.len().saturating_sub(1);
    out.extend_from_slice(&OLDER_MAGIC);
    put_count(&mut out, entries.iter().map(older).sum());
    for entry in entries {
        for batch in &entry.batches[..older(entry)] {
            out.extend_from_slice(&entry.producer_id.to_be_bytes());
            put_batch(&mut out, batch);
        }
    }
    let crc = crc32c::crc32c(&out[ENTRIES_AT..]);
    put(&mut out, CRC_AT, crc.to_be_bytes());
    out
}

/// Reads a snapshot file, Kafka's or ours: `entries_max` producers at most, and never more batches
/// than the bytes hold. The file is as untrusted as any.
pub fn decode_producers(
    bytes: &[u8],
    entries_max: usize,
) -> Result<Vec<ProducerEntry>, FormatError> {
    if bytes.len() < ENTRIES_AT + COUNT_BYTES {
        return Err(FormatError::Truncated {
            needed_bytes: ENTRIES_AT + COUNT_BYTES,
            have_bytes: bytes.len(),
        });
    }
    if get_i16(bytes, 0) != VERSION {
        return Err(FormatError::Malformed("producer snapshot version is not 1"));
    }
    let (stored, computed) = (get_u32(bytes, CRC_AT), crc32c::crc32c(&bytes[ENTRIES_AT..]));
    if stored != computed {
        return Err(FormatError::BadCrc { stored, computed });
    }
    let mut rest = &bytes[ENTRIES_AT..];
    let count = take_count(&mut rest, ENTRY_BYTES)?;
    if count > entries_max {
        return Err(FormatError::Malformed("more producers than allowed"));
    }
    let (encoded, mut rest) = rest.split_at(count * ENTRY_BYTES);
    let mut entries: Vec<_> = encoded.chunks_exact(ENTRY_BYTES).map(get_entry).collect();
    if rest.starts_with(&OLDER_MAGIC) {
        rest = &rest[OLDER_MAGIC.len()..];
        let count = take_count(&mut rest, OLDER_BYTES)?;
        add_older(&mut entries, &rest[..count * OLDER_BYTES])?;
    }
    Ok(entries)
}

fn add_older(entries: &mut [ProducerEntry], older: &[u8]) -> Result<(), FormatError> {
    let places: HashMap<i64, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.producer_id, at)).collect();
    for bytes in older.chunks_exact(OLDER_BYTES) {
        let batches = places.get(&get_i64(bytes, 0)).map(|at| &mut entries[*at].batches);
        // The newest batch came with the entry; older ones go before it.
        let Some((batches, newest)) = batches.and_then(|batches| {
            let newest = batches.len().checked_sub(1)?;
            Some((batches, newest))
        }) else {
            return Err(FormatError::Malformed("older batch without its producer"));
        };
        batches.insert(newest, get_batch(&bytes[8..]));
    }
    Ok(())
}

fn put_entry(out: &mut Vec<u8>, entry: &ProducerEntry) {
    let none =
        ProducerBatch { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp_ms: -1 };
    let newest = ProducerBatch {
        timestamp_ms: entry.timestamp_ms,
        ..entry.batches.last().copied().unwrap_or(none)
    };
    out.extend_from_slice(&entry.producer_id.to_be_bytes());
    out.extend_from_slice(&entry.producer_epoch.to_be_bytes());
    put_batch(out, &newest);
    out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
    out.extend_from_slice(&entry.current_txn_first_offset.unwrap_or(-1).to_be_bytes());
}

fn get_entry(bytes: &[u8]) -> ProducerEntry {
    let newest = get_batch(&bytes[10..]);
    let current_txn_first_offset = get_i64(bytes, 38);
    ProducerEntry {
        producer_id: get_i64(bytes, 0),
        producer_epoch: get_i16(bytes, 8),
        batches: if newest.last_offset >= 0 { vec![newest] } else { Vec::new() },
        timestamp_ms: newest.timestamp_ms,
        coordinator_epoch: get_i32(bytes, 34),
        current_txn_first_offset: (current_txn_first_offset >= 0)
            .then_some(current_txn_first_offset),
    }
}

fn put_batch(out: &mut Vec<u8>, batch: &ProducerBatch) {
    out.extend_from_slice(&batch.last_sequence.to_be_bytes());
    out.extend_from_slice(&batch.last_offset.to_be_bytes());
    out.extend_from_slice(&batch.offset_delta.to_be_bytes());
    out.extend_from_slice(&batch.timestamp_ms.to_be_bytes());
}

fn get_batch(bytes: &[u8]) -> ProducerBatch {
    ProducerBatch {
        last_sequence: get_i32(bytes, 0),
        last_offset: get_i64(bytes, 4),
        offset_delta: get_i32(bytes, 12),
        timestamp_ms: get_i64(bytes, 16),
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = i32::try_from(count).expect("producers of a partition are bounded");
    out.extend_from_slice(&count.to_be_bytes());
}

/// Takes a count off the front, after checking that so many items follow it.
fn take_count(bytes: &mut &[u8], item_bytes: usize) -> Result<usize, FormatError> {
    let malformed = FormatError::Malformed("producer snapshot count");
    let Some((count, rest)) = bytes.split_first_chunk::<COUNT_BYTES>() else {
        return Err(malformed);
    };
    let count = usize::try_from(i32::from_be_bytes(*count)).map_err(|_| malformed.clone())?;
    *bytes = rest;
    if count > rest.len() / item_bytes { Err(malformed) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn batch(last_sequence: i32, last_offset: i64) -> ProducerBatch {
        ProducerBatch { last_sequence, last_offset, offset_delta: 1, timestamp_ms: last_offset }
    }

    fn entry(producer_id: i64, batches: Vec<ProducerBatch>) -> ProducerEntry {
        ProducerEntry {
            producer_id,
            producer_epoch: 4,
            timestamp_ms: batches.last().map_or(77, |batch| batch.timestamp_ms),
            batches,
            coordinator_epoch: -1,
            current_txn_first_offset: None,
        }
    }

    #[test]
    fn a_file_of_kafkas_has_only_the_newest_batch() {
        let whole = [entry(9, vec![batch(1, 11), batch(3, 13)])];
        let ours = encode_producers(&whole);
        let mut kafkas = ours[..ENTRIES_AT + COUNT_BYTES + ENTRY_BYTES].to_vec();
        let crc = crc32c::crc32c(&kafkas[ENTRIES_AT..]);
        put(&mut kafkas, CRC_AT, crc.to_be_bytes());
        assert_eq!(decode_producers(&kafkas, 10).unwrap(), [entry(9, vec![batch(3, 13)])]);
        assert_eq!(decode_producers(&ours, 10).unwrap(), whole);
    }

    #[test]
    fn damage_and_excess_are_refused() {
        let bytes = encode_producers(&[entry(1, vec![batch(0, 5)]), entry(2, Vec::new())]);
        assert_eq!(decode_producers(&bytes, 2).unwrap().len(), 2);
        assert!(decode_producers(&bytes, 1).is_err());
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x10;
            assert!(decode_producers(&broken, 2).is_err(), "byte {at}");
            assert!(decode_producers(&bytes[..at], 2).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            producers in vec((0..1000i64, vec((0..i32::MAX, 0..1_000_000i64), 0..5)), 0..20),
            txn in proptest::option::of(0..1_000_000i64),
        ) {
            let mut entries: Vec<ProducerEntry> = Vec::new();
            for (producer_id, batches) in producers {
                if entries.iter().all(|entry| entry.producer_id != producer_id) {
                    let batches = batches.into_iter().map(|(s, o)| batch(s, o)).collect();
                    entries.push(ProducerEntry {
                        current_txn_first_offset: txn,
                        ..entry(producer_id, batches)
                    });
                }
            }
            prop_assert_eq!(decode_producers(&encode_producers(&entries), 100), Ok(entries));
        }

        #[test]
        fn hostile_bytes_never_panic(body in vec(any::<u8>(), 0..300)) {
            let mut bytes = encode_producers(&[]);
            bytes.truncate(ENTRIES_AT);
            bytes.extend_from_slice(&body);
            let crc = crc32c::crc32c(&body);
            put(&mut bytes, CRC_AT, crc.to_be_bytes());
            if let Ok(entries) = decode_producers(&bytes, 4) {
                prop_assert!(entries.len() <= 4);
            }
        }
    }
}
