//! What a partition knows of its idempotent producers (KIP-98): decides whether a batch is the
//! next one, a repeated one or out of order. Pure: no log, no clock, no I/O.
//!
//! As Kafka 4 does it: the last five batches of each producer are remembered; a repeated one is
//! answered with its first answer; a producer that is not known (new, expired, or its records were
//! deleted) may begin with any sequence number.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use log_format::{
    RecordBatchHeader,
    batch::{add_sequence, subtract_sequence},
    producer_snapshot::{ProducerBatch, ProducerEntry},
};

use crate::{
    limits::{
        PRODUCER_BATCHES_MAX, PRODUCER_KEPT_MS_MIN, PRODUCERS_PER_PARTITION_MAX,
        PRODUCERS_PER_SHARD_MAX,
    },
    types::{Offset, ProducerId, TimestampMs},
};

/// How many producers the partitions of a shard remember in all. Cheap to clone: one counter.
#[derive(Clone, Debug, Default)]
pub struct ProducerBudget {
    used: Rc<Cell<usize>>,
}

impl ProducerBudget {
    /// Producers remembered now.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    fn take(&self) -> bool {
        let free = self.used.get() < PRODUCERS_PER_SHARD_MAX;
        if free {
            self.used.set(self.used.get() + 1);
        }
        free
    }

    fn give_back(&self, count: usize) {
        self.used.set(self.used.get() - count);
    }
}

/// What to do with a batch that carries a producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Append it, then call [`Producers::appended`].
    Append,
    /// It is in the log already: answer with these offsets and this append time.
    Duplicate {
        /// Offset its first record got.
        base_offset: Offset,
        /// Offset its last record got.
        last_offset: Offset,
        /// Its largest timestamp.
        timestamp: TimestampMs,
    },
}

/// Why a batch of an idempotent producer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// OUT_OF_ORDER_SEQUENCE_NUMBER: a batch before this one is missing.
    #[error("producer {producer_id:?}: sequence {sequence}, expected {expected}")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: ProducerId,
        /// What came.
        sequence: i32,
        /// What would have been right.
        expected: i32,
    },
    /// INVALID_PRODUCER_EPOCH: a newer instance of this producer has been here.
    #[error("producer {producer_id:?}: epoch {epoch} is older than {current}")]
    InvalidEpoch {
        /// The producer.
        producer_id: ProducerId,
        /// What came.
        epoch: i16,
        /// The newest known.
        current: i16,
    },
    /// THROTTLING_QUOTA_EXCEEDED, which clients retry: no room to remember one more producer,
    /// and all that are remembered were active lately.
    #[error("no room for one more producer")]
    NoRoom,
}

/// The producers of one partition.
#[derive(Debug)]
pub(super) struct Producers {
    /// At most [`PRODUCERS_PER_PARTITION_MAX`], each counted in `budget`.
    known: HashMap<ProducerId, Producer>,
    budget: ProducerBudget,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// Base sequence of the next batch.
    next_sequence: i32,
    /// Oldest first, of this epoch only, at most [`PRODUCER_BATCHES_MAX`].
    batches: VecDeque<ProducerBatch>,
    heard: TimestampMs,
}

impl Producers {
    /// Knows nobody yet.
    pub(super) fn new(budget: ProducerBudget) -> Self {
        Self { known: HashMap::new(), budget }
    }

    /// Producers remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Decides about a batch that carries a producer id, before it gets its offset. Changes
    /// nothing but this: when there is no room for a new producer, stale ones are forgotten.
    pub(super) fn check(
        &mut self,
        header: &RecordBatchHeader,
        now: TimestampMs,
    ) -> Result<Verdict, ProducerError> {
        let producer_id = ProducerId(header.producer_id);
        let Some(producer) = self.known.get(&producer_id) else {
            return if self.make_room(now) {
                Ok(Verdict::Append)
            } else {
                Err(ProducerError::NoRoom)
            };
        };
        if header.producer_epoch < producer.epoch {
            return Err(ProducerError::InvalidEpoch {
                producer_id,
                epoch: header.producer_epoch,
                current: producer.epoch,
            });
        }
        let expected = if header.producer_epoch > producer.epoch {
            0
        } else if let Some(batch) = producer.find(header) {
            return Ok(duplicate(batch));
        } else {
            producer.next_sequence
        };
        if header.base_sequence != expected {
            let sequence = header.base_sequence;
            return Err(ProducerError::OutOfOrderSequence { producer_id, sequence, expected });
        }
        Ok(Verdict::Append)
    }

    /// Remembers a batch that was given its offsets (those in `header`): after
    /// [`Verdict::Append`], or while the state is rebuilt from the log, where what was accepted
    /// once is taken as it is.
    pub(super) fn appended(&mut self, header: &RecordBatchHeader, now: TimestampMs) {
        let batch = ProducerBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp_ms: header.max_timestamp,
        };
        let producer_id = ProducerId(header.producer_id);
        if !self.known.contains_key(&producer_id) && !self.make_room(now) {
            // Only while rebuilding: `check` refuses new producers when there is no room.
            return;
        }
        let producer = self.known.entry(producer_id).or_insert_with(|| {
            assert!(self.budget.take(), "make_room left room");
            let epoch = header.producer_epoch;
            Producer { epoch, next_sequence: 0, batches: VecDeque::new(), heard: now }
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == PRODUCER_BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(batch);
        producer.next_sequence = add_sequence(batch.last_sequence, 1);
        producer.heard = now;
    }

    /// The batches from `log_end` on were given up: their producers will repeat them.
    pub(super) fn truncate(&mut self, log_end: Offset) {
        for producer in self.known.values_mut() {
            while producer.batches.back().is_some_and(|batch| batch.last_offset >= log_end.0) {
                let batch = producer.batches.pop_back().expect("seen above");
                producer.next_sequence = subtract_sequence(batch.last_sequence, batch.offset_delta);
            }
        }
    }

    /// Forgets producers not heard of for `producer.id.expiration.ms`. Returns how many.
    pub(super) fn expire(&mut self, now: TimestampMs, expiration_ms: i64) -> usize {
        let before = self.known.len();
        self.known.retain(|_, producer| now.0.saturating_sub(producer.heard.0) < expiration_ms);
        let gone = before - self.known.len();
        self.budget.give_back(gone);
        gone
    }

    /// The state as a snapshot file holds it, of the batches below `end` only, in the order of
    /// producer ids.
    pub(super) fn snapshot(&self, end: Offset) -> Vec<ProducerEntry> {
        let below = |producer: &Producer| -> Vec<ProducerBatch> {
            producer.batches.iter().take_while(|batch| batch.last_offset < end.0).copied().collect()
        };
        let mut entries: Vec<ProducerEntry> = self
            .known
            .iter()
            .map(|(producer_id, producer)| (producer_id, producer, below(producer)))
            .filter(|(_, _, batches)| !batches.is_empty())
            .map(|(producer_id, producer, batches)| ProducerEntry {
                producer_id: producer_id.0,
                producer_epoch: producer.epoch,
                batches,
                timestamp_ms: producer.heard.0,
                coordinator_epoch: -1,
                current_txn_first_offset: None,
            })
            .collect();
        entries.sort_unstable_by_key(|entry| entry.producer_id);
        entries
    }

    /// Takes over a snapshot; call before [`Producers::appended`] replays what came after it.
    pub(super) fn restore(&mut self, entries: Vec<ProducerEntry>, now: TimestampMs) {
        for entry in entries {
            let skip = entry.batches.len().saturating_sub(PRODUCER_BATCHES_MAX);
            let batches: VecDeque<_> = entry.batches.into_iter().skip(skip).collect();
            let producer_id = ProducerId(entry.producer_id);
            let Some(newest) = batches.back() else { continue };
            let next_sequence = add_sequence(newest.last_sequence, 1);
            if self.known.contains_key(&producer_id) || !self.make_room(now) {
                continue;
            }
            assert!(self.budget.take(), "make_room left room");
            let heard = TimestampMs(entry.timestamp_ms.min(now.0));
            let epoch = entry.producer_epoch;
            let producer = Producer { epoch, next_sequence, batches, heard };
            self.known.insert(producer_id, producer);
        }
    }

    /// Whether one more producer may be remembered, after forgetting stale ones if need be.
    fn make_room(&mut self, now: TimestampMs) -> bool {
        let full = |this: &Self| {
            this.known.len() >= PRODUCERS_PER_PARTITION_MAX
                || this.budget.used() >= PRODUCERS_PER_SHARD_MAX
        };
        if full(self) {
            self.expire(now, PRODUCER_KEPT_MS_MIN);
        }
        !full(self)
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.budget.give_back(self.known.len());
    }
}

impl Producer {
    /// The remembered batch with exactly these sequence numbers.
    fn find(&self, header: &RecordBatchHeader) -> Option<&ProducerBatch> {
        let last_sequence = header.last_sequence();
        self.batches.iter().find(|batch| {
            batch.last_sequence == last_sequence && batch.offset_delta == header.last_offset_delta
        })
    }
}

fn duplicate(batch: &ProducerBatch) -> Verdict {
    Verdict::Duplicate {
        base_offset: Offset(batch.last_offset - i64::from(batch.offset_delta)),
        last_offset: Offset(batch.last_offset),
        timestamp: TimestampMs(batch.timestamp_ms),
    }
}

#[cfg(test)]
#[path = "producers_tests.rs"]
mod tests;
