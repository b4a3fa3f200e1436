//! One partition as its shard sees it: offsets, appends, acknowledgements, reads and waiting
//! readers, over one log. Never touches a segment file: see `log/`.
//!
//! ```text
//! append -> validate -> producers (new, repeated, out of order) -> log.append -> Ack
//! log flushed -> offsets -> acks given, waiting readers woken
//! read   -> below the high watermark -> log.read
//! ```

mod acks;
mod append;
mod fetch_wait;
mod lookup;
mod offsets;
mod producers;
mod read;
mod snapshots;
mod validate;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    path::Path,
    pin::pin,
    rc::{Rc, Weak},
    task::Poll,
    time::Duration,
};

use log_format::producer_snapshot::ProducerEntry;

use self::{acks::AckWaiters, fetch_wait::FetchWaiters};
use crate::{
    config::TopicConfig,
    limits::{PRODUCER_SNAPSHOT_BYTES, PRODUCER_SNAPSHOT_MS, RELAXED_FLUSH_MS_MAX},
    log::{FlushPolicy, Log, LogConfig, LogError, LogEvents, LogShared, ReadError, RecoveryReport},
    ring::disk::Disk,
    types::{LeaderEpoch, Offset, TimestampMs},
};

pub use self::{
    acks::{Ack, AckError, Acks},
    append::{AppendError, Appended},
    fetch_wait::{FetchWaiter, Watch},
    lookup::DeleteRecordsError,
    offsets::Offsets,
    producers::{ProducerBudget, ProducerError},
    read::{PartitionRead, ReadWish},
    validate::{AppendPolicy, InvalidBatch},
};

/// How often a close looks whether a snapshot that is being written is done.
const SNAPSHOT_POLL: Duration = Duration::from_millis(1);

/// A handle to one partition. Clones are the same partition.
pub struct Partition<D: Disk>(Rc<Inner<D>>);

impl<D: Disk> Clone for Partition<D> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Inner<D: Disk> {
    log: Log<D>,
    disk: D,
    state: RefCell<State>,
    readers: FetchWaiters,
    /// `producer.id.expiration.ms`.
    producer_expiration_ms: Cell<i64>,
    last_snapshot: Cell<TimestampMs>,
    /// A producer snapshot is being written.
    snapshotting: Cell<bool>,
    /// Closed or removed: no more snapshots.
    closed: Cell<bool>,
}

/// Never borrowed across an await, nor while the log is called.
struct State {
    offsets: Offsets,
    leader_epoch: LeaderEpoch,
    policy: AppendPolicy,
    /// `flush.messages` above 1: `acks=1` does not wait for the disk.
    relaxed: bool,
    producers: producers::Producers,
    leader_acks: AckWaiters,
    all_acks: AckWaiters,
    /// Bytes appended since the last producer snapshot.
    appended_bytes: u64,
}

/// What a partition is opened with.
#[derive(Clone)]
pub struct PartitionConfig {
    /// The topic's settings.
    pub topic: TopicConfig,
    /// `producer.id.expiration.ms`.
    pub producer_expiration_ms: i64,
    /// The epoch this node leads it in.
    pub leader_epoch: LeaderEpoch,
    /// The shard's budget for idempotent producers.
    pub producer_budget: ProducerBudget,
}

impl<D: Disk> Partition<D> {
    /// Makes a new, empty partition in the folder `dir`, which must not exist. Stable when it
    /// returns.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn create(
        shared: &LogShared<D>,
        dir: &Path,
        config: &PartitionConfig,
        now: TimestampMs,
    ) -> Result<Self, LogError> {
        let log = Log::create(shared, dir, log_config(&config.topic), now).await?;
        let producers = producers::Producers::new(config.producer_budget.clone());
        Ok(Self::assemble(shared, log, producers, config, now))
    }

    /// Opens the partition in the folder `dir`, and says what the log found.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn open(
        shared: &LogShared<D>,
        dir: &Path,
        config: &PartitionConfig,
        now: TimestampMs,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let hint = shared.open_hint(dir);
        let (log, report) = Log::open(shared, dir, log_config(&config.topic), hint, now).await?;
        let mut producers = producers::Producers::new(config.producer_budget.clone());
        let rebuilt = snapshots::rebuild(shared.disk(), &log, &mut producers, now).await;
        rebuilt.map_err(|error| rebuild_error(dir, error))?;
        Ok((Self::assemble(shared, log, producers, config, now), report))
    }

    fn assemble(
        shared: &LogShared<D>,
        log: Log<D>,
        producers: producers::Producers,
        config: &PartitionConfig,
        now: TimestampMs,
    ) -> Self {
        let state = State {
            offsets: Offsets::new(log.log_start(), log.log_end()),
            leader_epoch: config.leader_epoch,
            policy: AppendPolicy::from(&config.topic),
            relaxed: !config.topic.is_durable(),
            producers,
            leader_acks: AckWaiters::default(),
            all_acks: AckWaiters::default(),
            appended_bytes: 0,
        };
        let inner = Rc::new(Inner {
            log,
            disk: shared.disk().clone(),
            state: RefCell::new(state),
            readers: FetchWaiters::default(),
            producer_expiration_ms: Cell::new(config.producer_expiration_ms),
            last_snapshot: Cell::new(now),
            snapshotting: Cell::new(false),
            closed: Cell::new(false),
        });
        inner.log.set_events(Rc::new(Events(Rc::downgrade(&inner))));
        Self(inner)
    }

    /// The offsets of this moment.
    pub fn offsets(&self) -> Offsets {
        self.0.state.borrow().offsets
    }

    /// Readers see what is below.
    pub fn high_watermark(&self) -> Offset {
        self.offsets().high_watermark()
    }

    /// The epoch this node leads the partition in.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.0.state.borrow().leader_epoch
    }

    /// Appends get `leader_epoch` from now on. Epochs grow.
    pub fn set_leader_epoch(&self, leader_epoch: LeaderEpoch) {
        let state = &mut *self.0.state.borrow_mut();
        assert!(leader_epoch >= state.leader_epoch, "leader epochs grow");
        state.leader_epoch = leader_epoch;
    }

    /// Changed settings of the topic; they hold from the next append on.
    pub fn set_config(&self, topic: &TopicConfig) {
        self.0.log.set_config(log_config(topic));
        let state = &mut *self.0.state.borrow_mut();
        state.policy = AppendPolicy::from(topic);
        state.relaxed = !topic.is_durable();
    }

    /// The log below, for sizes, segments and the replicator.
    pub fn log(&self) -> &Log<D> {
        &self.0.log
    }

    /// True after a failed write or flush: appends get KAFKA_STORAGE_ERROR until a restart.
    pub fn is_offline(&self) -> bool {
        self.0.log.is_offline()
    }

    /// Wakes `waiter` whenever the high watermark moves, until the result is dropped. `None` when
    /// too many wait already: answer the fetch at once.
    pub fn watch(&self, waiter: &FetchWaiter) -> Option<Watch> {
        self.0.readers.watch(waiter)
    }

    /// Appends that wait for their acknowledgement.
    pub fn waiting_acks(&self) -> usize {
        let state = self.0.state.borrow();
        state.leader_acks.len() + state.all_acks.len()
    }

    /// Producers remembered, as DescribeProducers lists them.
    pub fn producers(&self) -> Vec<ProducerEntry> {
        self.0.state.borrow().producers.snapshot(Offset(i64::MAX))
    }

    /// Flushes a topic with relaxed flushing when its time has come; nothing for others. To be
    /// called every [`RELAXED_FLUSH_MS_MAX`] or more often.
    pub fn flush_turn(&self, now: TimestampMs) {
        self.0.log.flush_turn(now);
    }

    /// What is to be done now and then (every few seconds): expiry of producers, retention, a
    /// producer snapshot when much was appended. Says whether the log start or the segments
    /// changed.
    ///
    /// # Errors
    /// A segment's index could not be read.
    pub async fn background_turn(&self, now: TimestampMs) -> Result<bool, ReadError> {
        let expiration_ms = self.0.producer_expiration_ms.get();
        self.0.state.borrow_mut().producers.expire(now, expiration_ms);
        if self.snapshot_is_due(now) {
            // Without it, opening takes longer; the next turn tries again.
            let _tried = self.write_snapshot(now, false).await;
        }
        let changed = self.0.log.retention_turn(now, self.high_watermark()).await;
        self.take_log_start();
        changed
    }

    fn snapshot_is_due(&self, now: TimestampMs) -> bool {
        let appended_bytes = self.0.state.borrow().appended_bytes;
        let age_ms = now.0.saturating_sub(self.0.last_snapshot.get().0);
        let due = appended_bytes >= PRODUCER_SNAPSHOT_BYTES
            || (appended_bytes > 0 && age_ms >= PRODUCER_SNAPSHOT_MS);
        due && !self.0.snapshotting.get() && !self.0.closed.get()
    }

    async fn write_snapshot(&self, now: TimestampMs, stable: bool) -> std::io::Result<()> {
        self.0.snapshotting.set(true);
        let snapshot = {
            let state = &mut *self.0.state.borrow_mut();
            state.appended_bytes = 0;
            let flushed = state.offsets.flushed();
            (flushed, state.producers.snapshot(flushed))
        };
        self.0.last_snapshot.set(now);
        let written = snapshots::write(&self.0.disk, self.0.log.dir(), snapshot, stable).await;
        self.0.snapshotting.set(false);
        written
    }

    #[cfg(test)]
    async fn snapshot_now(&self) {
        self.write_snapshot(self.0.last_snapshot.get(), false).await.expect("the disk works");
    }

    /// No snapshot is begun any more, and none is being written when this returns.
    async fn stop_snapshots(&self) {
        self.0.closed.set(true);
        while self.0.snapshotting.get() {
            self.0.disk.sleep(SNAPSHOT_POLL).await;
        }
    }

    /// The log start moved in the log (retention, DeleteRecords): take it over.
    fn take_log_start(&self) {
        let log_start = self.0.log.log_start();
        self.0.state.borrow_mut().offsets.set_log_start(log_start);
    }

    /// Flushes, remembers the producers and closes the log cleanly. Appends that come later fail.
    ///
    /// # Errors
    /// [`LogError`]: the next start then recovers as after a crash.
    pub async fn close(&self, now: TimestampMs) -> Result<(), LogError> {
        self.stop_snapshots().await;
        let flushed = self.0.log.flush().await;
        let snapshot = match &flushed {
            Ok(()) => self.write_snapshot(now, true).await,
            Err(_) => Ok(()),
        };
        let closed = self.0.log.close().await;
        self.fail_waiters(AckError::Closed);
        flushed?;
        closed?;
        snapshot.map_err(|error| LogError::Io {
            operation: "write a producer snapshot in",
            path: self.0.log.dir().to_owned(),
            error,
        })
    }

    /// Deletes the partition and its folder.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn remove(&self, now: TimestampMs) -> Result<(), LogError> {
        self.stop_snapshots().await;
        self.fail_waiters(AckError::Closed);
        self.0.log.remove(now).await
    }

    fn fail_waiters(&self, error: AckError) {
        self.0.fail_waiters(error);
    }
}

impl<D: Disk> Inner<D> {
    fn fail_waiters(&self, error: AckError) {
        {
            let state = &mut *self.state.borrow_mut();
            state.leader_acks.fail_all(error);
            state.all_acks.fail_all(error);
        }
        self.readers.wake_all();
    }
}

/// What the partition hears from its log.
struct Events<D: Disk>(Weak<Inner<D>>);

impl<D: Disk> LogEvents for Events<D> {
    fn flushed(&self, offset: Offset) {
        let Some(inner) = self.0.upgrade() else { return };
        let moved = {
            let state = &mut *inner.state.borrow_mut();
            state.offsets.set_flushed(offset);
            state.leader_acks.reached(offset);
            // One node: what is stable here is stable on every in-sync replica.
            let moved = state.offsets.set_high_watermark(offset);
            state.all_acks.reached(offset);
            moved
        };
        if moved {
            inner.readers.wake_all();
        }
    }

    fn rolled_back(&self, log_end: Offset) {
        let Some(inner) = self.0.upgrade() else { return };
        let state = &mut *inner.state.borrow_mut();
        state.offsets.truncate(log_end);
        state.producers.truncate(log_end);
        state.leader_acks.fail_above(log_end, AckError::NoSpace);
        state.all_acks.fail_above(log_end, AckError::NoSpace);
    }

    fn offline(&self) {
        if let Some(inner) = self.0.upgrade() {
            inner.fail_waiters(AckError::Offline);
        }
    }
}

/// The log's part of a topic's settings.
fn log_config(topic: &TopicConfig) -> LogConfig {
    LogConfig {
        segment_bytes: topic.segment_bytes,
        segment_ms: topic.segment_ms,
        index_interval_bytes: topic.index_interval_bytes.into(),
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        flush: if topic.is_durable() {
            FlushPolicy::EveryBatch
        } else {
            // Readers see only what is stable, so a relaxed topic is flushed soon all the same.
            FlushPolicy::Relaxed {
                messages: topic.flush_messages,
                ms: topic.flush_ms.min(RELAXED_FLUSH_MS_MAX),
            }
        },
    }
}

fn rebuild_error(dir: &Path, error: ReadError) -> LogError {
    let error = match error {
        ReadError::Io { error, .. } => error,
        error => std::io::Error::other(error.to_string()),
    };
    LogError::Io { operation: "rebuild the producers of", path: dir.to_owned(), error }
}

/// Runs `work` until `timer` ends; `None` when it ends first.
async fn first_of<T>(work: impl Future<Output = T>, timer: impl Future<Output = ()>) -> Option<T> {
    let (mut work, mut timer) = (pin!(work), pin!(timer));
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        timer.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests;
