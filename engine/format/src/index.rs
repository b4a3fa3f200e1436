//! Entries of the two sparse indexes beside a segment. Both are derived data: they can be rebuilt
//! from the segment at any time. Decides nothing about when an entry is due.
//!
//! ```text
//! <base offset>.index      | relative_offset 4 | position 4 |          repeated, both growing
//! <base offset>.timeindex  | timestamp 8 | relative_offset 4 |         repeated, both growing
//! ```
//! Big-endian, no file header, no checksum (Kafka's `OffsetIndex` and `TimeIndex`).
//! `relative_offset` is the offset minus the segment's base offset.

use crate::{
    error::FormatError,
    field::{get_i32, get_i64},
};

/// Bytes of one [`OffsetIndexEntry`].
pub const OFFSET_INDEX_ENTRY_BYTES: usize = 8;
/// Bytes of one [`TimeIndexEntry`].
pub const TIME_INDEX_ENTRY_BYTES: usize = 12;

/// Where the batch that ends with an offset starts in the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetIndexEntry {
    /// Last offset of the batch, minus the segment's base offset.
    pub relative_offset: i32,
    /// Byte position of the batch in the segment.
    pub position: i32,
}

impl OffsetIndexEntry {
    /// The entry's bytes.
    pub fn encode(self) -> [u8; OFFSET_INDEX_ENTRY_BYTES] {
        let mut bytes = [0; OFFSET_INDEX_ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.relative_offset.to_be_bytes());
        bytes[4..].copy_from_slice(&self.position.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { relative_offset: get_i32(bytes, 0), position: get_i32(bytes, 4) }
    }
}

/// The largest timestamp up to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeIndexEntry {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Offset of the record that has it, minus the segment's base offset.
    pub relative_offset: i32,
}

impl TimeIndexEntry {
    /// The entry's bytes.
    pub fn encode(self) -> [u8; TIME_INDEX_ENTRY_BYTES] {
        let mut bytes = [0; TIME_INDEX_ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.timestamp_ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.relative_offset.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Self {
        Self { timestamp_ms: get_i64(bytes, 0), relative_offset: get_i32(bytes, 8) }
    }
}

/// All entries of an `.index` file, checked: a whole number of entries, offsets and positions
/// growing. Kafka pads a live file with zero entries; they end the index.
pub fn decode_offset_index(bytes: &[u8]) -> Result<Vec<OffsetIndexEntry>, FormatError> {
    let mut entries: Vec<OffsetIndexEntry> = Vec::new();
    for chunk in whole_entries(bytes, OFFSET_INDEX_ENTRY_BYTES)? {
        let entry = OffsetIndexEntry::decode(chunk);
        if is_padding(chunk, entries.is_empty()) {
            break;
        }
        let grows = entries.last().is_none_or(|last| {
            last.relative_offset < entry.relative_offset && last.position < entry.position
        });
        if !grows || entry.relative_offset < 0 || entry.position < 0 {
            return Err(FormatError::Malformed("offset index does not grow"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// All entries of a `.timeindex` file, checked: a whole number of entries, timestamps growing,
/// offsets not shrinking. Zero entries end the index.
pub fn decode_time_index(bytes: &[u8]) -> Result<Vec<TimeIndexEntry>, FormatError> {
    let mut entries: Vec<TimeIndexEntry> = Vec::new();
    for chunk in whole_entries(bytes, TIME_INDEX_ENTRY_BYTES)? {
        let entry = TimeIndexEntry::decode(chunk);
        if is_padding(chunk, entries.is_empty()) {
            break;
        }
        let grows = entries.last().is_none_or(|last| {
            last.timestamp_ms < entry.timestamp_ms && last.relative_offset <= entry.relative_offset
        });
        if !grows || entry.relative_offset < 0 {
            return Err(FormatError::Malformed("time index does not grow"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn whole_entries(
    bytes: &[u8],
    entry_bytes: usize,
) -> Result<std::slice::Chunks<'_, u8>, FormatError> {
    if !bytes.len().is_multiple_of(entry_bytes) {
        return Err(FormatError::Malformed("index is not a whole number of entries"));
    }
    Ok(bytes.chunks(entry_bytes))
}

/// An all-zero entry can be real only as the first one.
fn is_padding(chunk: &[u8], first: bool) -> bool {
    !first && chunk.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        let entry = OffsetIndexEntry { relative_offset: 1, position: 0x0102 };
        assert_eq!(entry.encode(), [0, 0, 0, 1, 0, 0, 1, 2]);
        let entry = TimeIndexEntry { timestamp_ms: 5, relative_offset: 7 };
        assert_eq!(entry.encode(), [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7]);
    }

    #[test]
    fn padding_ends_and_disorder_is_refused() {
        let one = OffsetIndexEntry { relative_offset: 9, position: 100 };
        let padded = [&one.encode()[..], &[0; 16]].concat();
        assert_eq!(decode_offset_index(&padded).unwrap(), [one]);
        let twice = [one.encode(), one.encode()].concat();
        assert!(decode_offset_index(&twice).is_err());
        assert!(decode_offset_index(&padded[..9]).is_err());
        let late = TimeIndexEntry { timestamp_ms: 9, relative_offset: 1 };
        let early = TimeIndexEntry { timestamp_ms: 8, relative_offset: 2 };
        assert!(decode_time_index(&[late.encode(), early.encode()].concat()).is_err());
        assert_eq!(decode_time_index(&late.encode()).unwrap(), [late]);
    }

    proptest! {
        #[test]
        fn round_trip(steps in proptest::collection::vec((1..1000i32, 1..1000i32), 0..50)) {
            let (mut offset, mut position) = (0, 0);
            let mut offsets = Vec::new();
            let mut times = Vec::new();
            for (offset_step, position_step) in steps {
                offset += offset_step;
                position += position_step;
                offsets.push(OffsetIndexEntry { relative_offset: offset, position });
                times.push(TimeIndexEntry { timestamp_ms: position.into(), relative_offset: offset });
            }
            let bytes: Vec<u8> = offsets.iter().flat_map(|entry| entry.encode()).collect();
            prop_assert_eq!(decode_offset_index(&bytes), Ok(offsets));
            let bytes: Vec<u8> = times.iter().flat_map(|entry| entry.encode()).collect();
            prop_assert_eq!(decode_time_index(&bytes), Ok(times));
        }
    }
}
