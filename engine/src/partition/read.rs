//! Reads of a partition, below the high watermark. Decides what may be read; the log reads.

use bytes::Bytes;

use super::Partition;
use crate::{log::ReadError, ring::disk::Disk, types::Offset};

/// What a reader gets.
#[derive(Clone, Debug)]
pub struct PartitionRead {
    /// Whole batches, one after the other; a batch may span buffers. Empty at the high watermark.
    pub buffers: Vec<Bytes>,
    /// Bytes in all buffers.
    pub bytes: usize,
    /// Where to read on.
    pub next_offset: Offset,
    /// The high watermark when the read was planned; all batches lie below it.
    pub high_watermark: Offset,
    /// First readable offset.
    pub log_start: Offset,
}

/// How much a reader wants of a partition.
#[derive(Clone, Copy, Debug)]
pub struct ReadWish {
    /// The first batch is the one that holds this offset.
    pub from: Offset,
    /// At most so many bytes of whole batches.
    pub bytes_max: usize,
    /// The first batch is returned however large it is, so that a reader is never stuck.
    pub min_one: bool,
}

impl<D: Disk> Partition<D> {
    /// Reads what `wish` says. An offset above the high watermark but not above the log's end
    /// gives nothing, as in Kafka.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] (OFFSET_OUT_OF_RANGE) below the log start or above the log end;
    /// [`ReadError::Corrupt`], [`ReadError::Io`] (KAFKA_STORAGE_ERROR).
    pub async fn read(&self, wish: ReadWish) -> Result<PartitionRead, ReadError> {
        let plan = self.plan(wish)?;
        if wish.from >= plan.high_watermark {
            return Ok(plan);
        }
        let up_to = plan.high_watermark;
        let found = self.0.log.read(wish.from, up_to, wish.bytes_max, wish.min_one).await?;
        Ok(plan.with(found))
    }

    /// As [`Partition::read`] when that needs no disk; `None` when it does.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`].
    pub fn try_read(&self, wish: ReadWish) -> Result<Option<PartitionRead>, ReadError> {
        let plan = self.plan(wish)?;
        if wish.from >= plan.high_watermark {
            return Ok(Some(plan));
        }
        let up_to = plan.high_watermark;
        let found = self.0.log.try_read_tail(wish.from, up_to, wish.bytes_max, wish.min_one)?;
        Ok(found.map(|found| plan.with(found)))
    }

    /// An empty answer with the offsets of this moment.
    fn plan(&self, wish: ReadWish) -> Result<PartitionRead, ReadError> {
        let offsets = self.0.state.borrow().offsets;
        if wish.from < offsets.log_start() || wish.from > offsets.log_end() {
            return Err(ReadError::OutOfRange {
                from: wish.from,
                log_start: offsets.log_start(),
                log_end: offsets.log_end(),
            });
        }
        Ok(PartitionRead {
            buffers: Vec::new(),
            bytes: 0,
            next_offset: wish.from,
            high_watermark: offsets.high_watermark(),
            log_start: offsets.log_start(),
        })
    }
}

impl PartitionRead {
    fn with(self, found: crate::log::ReadBatches) -> Self {
        Self { buffers: found.buffers, bytes: found.bytes, next_offset: found.next_offset, ..self }
    }
}
