//! Appends to a partition: checks the batch, asks whether its producer may, assigns offsets, hands
//! it to the log, and says what is to be waited for. Synchronous, so that the order of calls is
//! the order in the log.

use bytes::Bytes;

use super::{
    Partition,
    acks::{Ack, AckError, Acks},
    producers::{ProducerError, Verdict},
    validate::{InvalidBatch, validate},
};
use crate::{
    config::TimestampType,
    log::LogError,
    ring::disk::Disk,
    types::{Offset, TimestampMs},
};

/// What became of a batch.
#[derive(Debug)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// The broker's time, where it is the records' time; Kafka answers -1 for `None`.
    pub log_append_time: Option<TimestampMs>,
    /// First readable offset of the partition.
    pub log_start: Offset,
    /// True when the batch was in the log already (a producer repeated it).
    pub duplicate: bool,
    /// When it counts as written.
    pub ack: Ack,
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The batch itself is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidBatch),
    /// Its producer may not append it.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// KAFKA_STORAGE_ERROR when offline; RECORD_LIST_TOO_LARGE when it does not fit the window.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl<D: Disk> Partition<D> {
    /// Appends the one batch of `records` (magic 2), with offsets from the log's end on, or finds
    /// out that it was appended before.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    pub fn append(
        &self,
        records: &Bytes,
        acks: Acks,
        now: TimestampMs,
    ) -> Result<Appended, AppendError> {
        let (batch, base_offset, leader_epoch) = {
            let state = &mut *self.0.state.borrow_mut();
            let batch = validate(records, &state.policy, now)?;
            if batch.header.has_producer_id()
                && let Verdict::Duplicate { base_offset, last_offset, timestamp } =
                    state.producers.check(&batch.header, now)?
            {
                let offsets = (base_offset, last_offset);
                return Ok(self.answer(state, offsets, timestamp, acks, true));
            }
            (batch, state.offsets.log_end(), state.leader_epoch)
        };
        // The log may call back (`LogEvents`), so the state is not borrowed here.
        self.0.log.append(base_offset, leader_epoch, batch.bytes, now)?;
        let state = &mut *self.0.state.borrow_mut();
        let mut header = batch.header;
        header.base_offset = base_offset.0;
        state.offsets.set_log_end(Offset(header.next_offset()));
        state.appended_bytes += header.total_bytes() as u64;
        if header.has_producer_id() {
            state.producers.appended(&header, now);
        }
        let offsets = (base_offset, Offset(header.last_offset()));
        Ok(self.answer(state, offsets, now, acks, false))
    }

    fn answer(
        &self,
        state: &mut super::State,
        (base_offset, last_offset): (Offset, Offset),
        append_time: TimestampMs,
        acks: Acks,
        duplicate: bool,
    ) -> Appended {
        let is_brokers_time = state.policy.timestamp_type == TimestampType::LogAppendTime;
        Appended {
            base_offset,
            last_offset,
            log_append_time: is_brokers_time.then_some(append_time),
            log_start: state.offsets.log_start(),
            duplicate,
            ack: state.ack(Offset(last_offset.0 + 1), acks),
        }
    }

    /// Waits for the acknowledgement of an append, at most `timeout`.
    ///
    /// # Errors
    /// [`AckError`].
    pub async fn wait_acked(
        &self,
        ack: &Ack,
        timeout: std::time::Duration,
    ) -> Result<(), AckError> {
        if let Some(outcome) = ack.outcome() {
            return outcome;
        }
        let timer = self.0.disk.sleep(timeout);
        super::first_of(ack.wait(), timer).await.unwrap_or(Err(AckError::TimedOut))
    }
}

impl super::State {
    /// What an append that ends at `next_offset` has to wait for.
    fn ack(&mut self, next_offset: Offset, acks: Acks) -> Ack {
        match acks {
            Acks::None => Ack::given(),
            // The topic says that in memory is enough.
            Acks::Leader if self.relaxed => Ack::given(),
            Acks::Leader if next_offset <= self.offsets.flushed() => Ack::given(),
            Acks::Leader => self.leader_acks.add(next_offset),
            Acks::All if next_offset <= self.offsets.high_watermark() => Ack::given(),
            Acks::All => self.all_acks.add(next_offset),
        }
    }
}
