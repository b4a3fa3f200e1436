//! Offset lookups for ListOffsets and OffsetForLeaderEpoch, and DeleteRecords. All of them look
//! only below the high watermark.

use super::Partition;
use crate::{
    log::{FoundRecord, LogError, ReadError},
    ring::disk::Disk,
    types::{LeaderEpoch, Offset, TimestampMs},
};

/// Why records could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    /// OFFSET_OUT_OF_RANGE: above the high watermark.
    #[error("offset {} is above the high watermark {}", before.0, high_watermark.0)]
    OutOfRange {
        /// The offset asked for.
        before: Offset,
        /// The largest possible.
        high_watermark: Offset,
    },
    /// KAFKA_STORAGE_ERROR.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl<D: Disk> Partition<D> {
    /// First record with this timestamp or a later one, exact to the record; `None` when there is
    /// none below the high watermark.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn offset_for_timestamp(
        &self,
        timestamp: TimestampMs,
    ) -> Result<Option<FoundRecord>, ReadError> {
        self.0.log.offset_for_timestamp(timestamp, self.offsets().high_watermark()).await
    }

    /// The first of the records with the largest timestamp (KIP-734); `None` in an empty log.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn max_timestamp(&self) -> Result<Option<FoundRecord>, ReadError> {
        self.0.log.max_timestamp(self.offsets().high_watermark()).await
    }

    /// The largest epoch that is not above `epoch`, and the offset after its last record (KIP-101,
    /// KIP-279). The current epoch ends at the log's end. `None` (Kafka answers -1, -1) when the
    /// epoch lies in the future or no such epoch is known.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let current = self.leader_epoch();
        if epoch > current {
            return None;
        }
        if epoch == current {
            return Some((current, self.offsets().log_end()));
        }
        self.0.log.end_offset_for_epoch(epoch)
    }

    /// The epoch a record was written in, for ListOffsets; the current one at the log's end.
    pub fn epoch_of(&self, offset: Offset) -> LeaderEpoch {
        let stored =
            if offset < self.offsets().log_end() { self.0.log.epoch_of(offset) } else { None };
        stored.unwrap_or_else(|| self.leader_epoch())
    }

    /// Moves the log start to `before` (`None`: to the high watermark), stable when this returns;
    /// says where it is now. Never moves back.
    ///
    /// # Errors
    /// [`DeleteRecordsError`].
    pub async fn delete_records(
        &self,
        before: Option<Offset>,
    ) -> Result<Offset, DeleteRecordsError> {
        let high_watermark = self.offsets().high_watermark();
        let before = before.unwrap_or(high_watermark);
        if before > high_watermark || before.0 < 0 {
            return Err(DeleteRecordsError::OutOfRange { before, high_watermark });
        }
        let result = self.0.log.delete_records(before).await;
        self.take_log_start();
        Ok(result?)
    }
}
