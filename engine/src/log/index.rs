//! The sparse indexes of one segment in memory: offset to position, timestamp to offset.
//! Derived data: whatever is found with it is checked against the batches. Does no I/O.

use log_format::FormatError;
use log_format::index::{OffsetIndexEntry, TimeIndexEntry, decode_offset_index, decode_time_index};

/// What an index needs to know of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexedBatch {
    /// Last offset of the batch minus the segment's base offset.
    pub(crate) relative_last: i32,
    /// Where the batch starts.
    pub(crate) position: i32,
    pub(crate) bytes: u64,
    /// -1: none.
    pub(crate) max_timestamp_ms: i64,
}

/// Both indexes of a segment. Filled batch by batch, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentIndex {
    offsets: Vec<OffsetIndexEntry>,
    times: Vec<TimeIndexEntry>,
    /// Bytes of batches since the last entry.
    bytes_since_entry: u64,
    /// The largest timestamp so far and the last offset of its batch.
    max_time: Option<TimeIndexEntry>,
}

impl SegmentIndex {
    /// Notes a batch; makes an entry for it when `interval_bytes` have gone by since the last one.
    pub(crate) fn push(&mut self, batch: IndexedBatch, interval_bytes: u64) {
        if self.max_time.is_none_or(|max| max.timestamp_ms < batch.max_timestamp_ms) {
            self.max_time = Some(TimeIndexEntry {
                timestamp_ms: batch.max_timestamp_ms,
                relative_offset: batch.relative_last,
            });
        }
        if self.bytes_since_entry > interval_bytes {
            let entry =
                OffsetIndexEntry { relative_offset: batch.relative_last, position: batch.position };
            self.offsets.push(entry);
            self.push_time();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += batch.bytes;
    }

    fn push_time(&mut self) {
        if let Some(max) = self.max_time
            && self.times.last().is_none_or(|last| last.timestamp_ms < max.timestamp_ms)
        {
            self.times.push(max);
        }
    }

    /// A batch start at or before the batch that holds `relative_offset`.
    pub(crate) fn position_for(&self, relative_offset: i32) -> u64 {
        let at = self.offsets.partition_point(|entry| entry.relative_offset <= relative_offset);
        self.position_before(at)
    }

    /// An offset (relative) below which no batch reaches `timestamp_ms`.
    pub(crate) fn offset_before_time(&self, timestamp_ms: i64) -> i32 {
        // All batches up to the offset of the last smaller entry have smaller timestamps.
        let at = self.times.partition_point(|entry| entry.timestamp_ms < timestamp_ms);
        at.checked_sub(1).map_or(0, |last| self.times[last].relative_offset)
    }

    /// The next indexed batch start behind `position`: where to go on after damage.
    pub(crate) fn position_after(&self, position: u64) -> Option<u64> {
        let at = self.offsets.partition_point(|entry| as_position(entry.position) <= position);
        self.offsets.get(at).map(|entry| as_position(entry.position))
    }

    /// The largest timestamp and the last offset (relative) of the batch that has it.
    pub(crate) fn max_time(&self) -> Option<TimeIndexEntry> {
        self.max_time
    }

    /// Forgets all batches that end at or behind `relative_end`.
    pub(crate) fn truncate(&mut self, relative_end: i32) {
        self.offsets.retain(|entry| entry.relative_offset < relative_end);
        self.times.retain(|entry| entry.relative_offset < relative_end);
        if self.max_time.is_some_and(|max| max.relative_offset >= relative_end) {
            self.max_time = self.times.last().copied();
        }
        self.bytes_since_entry = 0;
    }

    /// Content of the `.index` file.
    pub(crate) fn encode_offsets(&self) -> Vec<u8> {
        self.offsets.iter().flat_map(|entry| entry.encode()).collect()
    }

    /// Content of the `.timeindex` file of a sealed segment: ends with the largest timestamp.
    pub(crate) fn encode_times(&self) -> Vec<u8> {
        let mut sealed = self.clone();
        sealed.push_time();
        sealed.times.iter().flat_map(|entry| entry.encode()).collect()
    }

    /// Reads both files back.
    pub(crate) fn decode(offsets: &[u8], times: &[u8]) -> Result<SegmentIndex, FormatError> {
        let (offsets, times) = (decode_offset_index(offsets)?, decode_time_index(times)?);
        let max_time = times.last().copied();
        Ok(SegmentIndex { offsets, times, bytes_since_entry: 0, max_time })
    }

    /// Memory in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<OffsetIndexEntry>()
            + self.times.capacity() * size_of::<TimeIndexEntry>()
    }

    /// The position of the last entry, which must lie inside the file.
    pub(crate) fn last_position(&self) -> u64 {
        self.offsets.last().map_or(0, |entry| as_position(entry.position))
    }

    fn position_before(&self, at: usize) -> u64 {
        at.checked_sub(1).map_or(0, |last| as_position(self.offsets[last].position))
    }
}

fn as_position(position: i32) -> u64 {
    u64::try_from(position).expect("index positions are not negative: checked when decoded")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Batches as (records, bytes, timestamp).
    fn batches() -> impl Strategy<Value = Vec<(i32, u64, i64)>> {
        prop::collection::vec((1..20, 61..3000_u64, -1..500_i64), 1..200)
    }

    fn build(batches: &[(i32, u64, i64)], interval: u64) -> (SegmentIndex, Vec<IndexedBatch>) {
        let mut index = SegmentIndex::default();
        let (mut next, mut position, mut all) = (0, 0, Vec::new());
        for (records, bytes, max_timestamp_ms) in batches {
            next += records;
            let batch = IndexedBatch {
                relative_last: next - 1,
                position,
                bytes: *bytes,
                max_timestamp_ms: *max_timestamp_ms,
            };
            index.push(batch, interval);
            position += i32::try_from(*bytes).unwrap();
            all.push(batch);
        }
        (index, all)
    }

    proptest! {
        /// The position found is a batch start, at or before the wanted batch, and near it.
        #[test]
        fn offsets_are_found(batches in batches(), interval in 1..8000_u64, pick in any::<prop::sample::Index>()) {
            let (index, all) = build(&batches, interval);
            let wanted = pick.get(&all);
            let found = index.position_for(wanted.relative_last);
            let start = as_position(wanted.position);
            prop_assert!(all.iter().any(|batch| as_position(batch.position) == found));
            prop_assert!(found <= start);
            prop_assert!(start - found <= interval + 2 * 3000, "{} {}", start, found);
        }

        /// No batch before the offset found reaches the timestamp.
        #[test]
        fn times_are_found(batches in batches(), interval in 1..8000_u64, time in -1..500_i64) {
            let (index, all) = build(&batches, interval);
            let from = index.offset_before_time(time);
            let before = all.iter().filter(|batch| batch.relative_last < from);
            prop_assert!(before.clone().all(|batch| batch.max_timestamp_ms < time));
        }

        #[test]
        fn files_are_read_back(batches in batches(), interval in 1..8000_u64) {
            let (index, all) = build(&batches, interval);
            let read = SegmentIndex::decode(&index.encode_offsets(), &index.encode_times()).unwrap();
            for batch in &all {
                let relative = batch.relative_last;
                prop_assert_eq!(read.position_for(relative), index.position_for(relative));
            }
            let max = all.iter().map(|batch| batch.max_timestamp_ms).max();
            prop_assert_eq!(read.max_time().map(|max| max.timestamp_ms), max);
        }

        /// After a cut nothing at or behind it is left.
        #[test]
        fn cuts_forget(batches in batches(), interval in 1..8000_u64, pick in any::<prop::sample::Index>()) {
            let (mut index, all) = build(&batches, interval);
            let end = pick.get(&all).relative_last + 1;
            index.truncate(end);
            prop_assert!(index.offsets.iter().all(|entry| entry.relative_offset < end));
            prop_assert!(index.max_time().is_none_or(|max| max.relative_offset < end));
        }
    }
}
