//! Looks up offsets: by timestamp, by leader epoch; and walks headers to rebuild producers.

use log_format::{Batch, RecordBatchHeader, records::find_record_by_timestamp};

use super::{Log, MaxTimestamp, ReadError};
use crate::{
    limits::{BATCH_BYTES_MAX, SCAN_BYTES},
    ring::disk::Disk,
    types::{LeaderEpoch, Offset, TimestampMs},
};

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: TimestampMs,
    /// The epoch it was written in; -1 when not known.
    pub leader_epoch: LeaderEpoch,
}

impl<D: Disk> Log<D> {
    /// The first record below `up_to` with this timestamp or a later one, exact to the record.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn offset_for_timestamp(
        &self,
        timestamp: TimestampMs,
        up_to: Offset,
    ) -> Result<Option<FoundRecord>, ReadError> {
        let segments: Vec<_> = self.0.state.borrow().segments.iter().cloned().collect();
        let mut from = self.log_start();
        for segment in &segments {
            self.load_times(segment).await?;
            let max = segment.max_timestamp.get();
            if max.is_none_or(|max| max.timestamp < timestamp) || segment.next_offset.get() <= from
            {
                continue;
            }
            let start = self.offset_before(segment, timestamp).await?;
            from = from.max(start);
            while from < segment.next_offset.get().min(up_to) {
                let Some(batch) = self.batch_at(from, up_to).await? else { return Ok(None) };
                if batch.header.max_timestamp >= timestamp.0
                    && let Some(found) = self.record_in(&batch, timestamp)?
                {
                    return Ok(Some(found));
                }
                from = Offset(batch.header.next_offset());
            }
        }
        Ok(None)
    }

    /// An offset of `segment` below which no record has the timestamp.
    async fn offset_before(
        &self,
        segment: &std::rc::Rc<super::Segment<D>>,
        timestamp: TimestampMs,
    ) -> Result<Offset, ReadError> {
        self.load_index(segment).await?;
        let index = segment.index.borrow();
        let relative = index.as_ref().map_or(0, |index| index.offset_before_time(timestamp.0));
        Ok(Offset(segment.base.0 + i64::from(relative)))
    }

    /// The whole batch that holds `from` or comes after it, below `up_to`.
    async fn batch_at(&self, from: Offset, up_to: Offset) -> Result<Option<Batch>, ReadError> {
        let found = self.read(from, up_to, 0, true).await?;
        if found.bytes == 0 {
            return Ok(None);
        }
        let bytes = match &found.buffers[..] {
            [one] => one.clone(),
            many => many.concat().into(),
        };
        let batch = Batch::decode_without_crc(&bytes);
        batch.map(Some).map_err(|reason| self.corrupt_record(from, &reason.to_string()))
    }

    fn record_in(
        &self,
        batch: &Batch,
        timestamp: TimestampMs,
    ) -> Result<Option<FoundRecord>, ReadError> {
        let found = find_record_by_timestamp(batch, timestamp.0, BATCH_BYTES_MAX);
        let found = found.map_err(|reason| {
            self.corrupt_record(Offset(batch.header.base_offset), &reason.to_string())
        })?;
        let log_start = self.log_start();
        Ok(found.filter(|(offset, _)| *offset >= log_start.0).map(|(offset, timestamp)| {
            FoundRecord {
                offset: Offset(offset),
                timestamp: TimestampMs(timestamp),
                leader_epoch: LeaderEpoch(batch.header.partition_leader_epoch),
            }
        }))
    }

    fn corrupt_record(&self, offset: Offset, reason: &str) -> ReadError {
        let file = self.segment_of(offset).path(&self.0.dir);
        ReadError::Corrupt { file, offset, position: 0, reason: reason.to_owned() }
    }

    /// The record with the largest timestamp: the first one, if several have it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn max_timestamp(&self, up_to: Offset) -> Result<Option<FoundRecord>, ReadError> {
        let segments: Vec<_> = self.0.state.borrow().segments.iter().cloned().collect();
        let mut largest: Option<MaxTimestamp> = None;
        for segment in &segments {
            self.load_times(segment).await?;
            let max = segment.max_timestamp.get();
            if let Some(max) = max.filter(|max| max.timestamp.0 >= 0)
                && largest.is_none_or(|largest| largest.timestamp < max.timestamp)
            {
                largest = Some(max);
            }
        }
        match largest {
            Some(largest) => self.offset_for_timestamp(largest.timestamp, up_to).await,
            None => Ok(None),
        }
    }

    /// For OffsetForLeaderEpoch: the largest epoch up to `epoch` that the log knows, and the
    /// offset where it ends.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.0.state.borrow();
        state.epochs.end_offset(epoch, state.log_end)
    }

    /// The newest leader epoch in the log.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.0.state.borrow().epochs.latest()
    }

    /// The leader epoch in which `offset` was written.
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.0.state.borrow().epochs.epoch_of(offset)
    }

    /// Calls `visit` with every batch header from `from` on, in order: to rebuild producers. Damaged
    /// parts are stepped over.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub async fn scan_headers(
        &self,
        from: Offset,
        mut visit: impl FnMut(&RecordBatchHeader),
    ) -> Result<(), ReadError> {
        let mut from = from.max(self.log_start());
        loop {
            let end = self.readable_end();
            let found = match self.read(from, end, SCAN_BYTES, true).await {
                Ok(found) if found.bytes == 0 => return Ok(()),
                Ok(found) => found,
                Err(ReadError::OutOfRange { log_start, .. }) if log_start > from => {
                    from = log_start;
                    continue;
                }
                Err(ReadError::Corrupt { .. }) => {
                    from = self.after_hole(from);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let bytes = found.buffers.concat();
            let mut rest = &bytes[..];
            while let Ok(header) = RecordBatchHeader::decode(rest) {
                visit(&header);
                rest = &rest[header.total_bytes().min(rest.len())..];
            }
            from = found.next_offset;
        }
    }

    /// Where to go on behind a damaged `offset`: after the known hole, else with the next segment.
    fn after_hole(&self, offset: Offset) -> Offset {
        let segment = self.segment_of(offset);
        let holes = segment.holes.borrow();
        let hole = holes.iter().find(|hole| hole.from <= offset && offset < hole.to);
        hole.map_or_else(|| segment.next_offset.get(), |hole| hole.to).max(Offset(offset.0 + 1))
    }
}
