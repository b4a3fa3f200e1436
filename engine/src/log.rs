//! The log of one partition: segments of record batches, appended at the end, read anywhere.
//! Owns offsets from `log_start` to `log_end` and what is on disk of them. Never assigns offsets
//! and never looks into records: see `partition`.
//!
//! ```text
//! append -> queue -> tail (window chunks) -> appender (group commit) -> flushed, waiters wake
//! read   -> tail, else reader (segment files through the sparse index)
//! open   -> recovery
//! behind: roll (next file, seal), zeroer (zeros ahead of the end), pool (files for reuse)
//! ```

mod appender;
mod checkpoint;
mod close;
mod config;
mod epochs;
mod error;
mod files;
mod index;
mod lookup;
mod maintenance;
mod notify;
mod pool;
mod reader;
mod recovery;
mod recovery_scan;
mod retention;
mod scan;
mod segment;
mod shared;
mod tail;
mod zero_ahead;
mod zeroer;

#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use log_format::RecordBatchHeader;

use self::{
    appender::Appender,
    epochs::Epochs,
    maintenance::Maintenance,
    notify::OffsetWaiters,
    segment::Segment,
    tail::{Evicted, Tail},
};
use crate::{
    limits::SEGMENT_OVERRUN_BYTES_MAX,
    ring::disk::Disk,
    types::{LeaderEpoch, Offset, TimestampMs},
};

pub use self::{
    config::{FlushPolicy, LogConfig},
    error::{LogError, ReadError},
    lookup::FoundRecord,
    reader::ReadBatches,
    recovery::{CleanEnd, OpenHint, RecoveryReport},
    segment::{Hole, MaxTimestamp},
    shared::{LocalTask, LogShared, ShardPaths, Spawner},
    tail::WindowRange,
};

/// How often appends that wait for memory look again.
const STALL_RETRY: Duration = Duration::from_millis(1);

/// What the owner of a log wants to hear at once. Called synchronously from the log's own tasks:
/// do little, and do not call `append` from within.
pub trait LogEvents {
    /// Everything below `offset` is on stable storage.
    fn flushed(&self, offset: Offset);
    /// The batches from `log_end` on were given up (disk full); their offsets are assigned anew.
    fn rolled_back(&self, log_end: Offset);
    /// A write or flush failed: nothing more is appended.
    fn offline(&self);
}

/// A handle to one partition's log. Clones are the same log.
pub struct Log<D: Disk>(Rc<LogInner<D>>);

impl<D: Disk> Clone for Log<D> {
    fn clone(&self) -> Self {
        Log(Rc::clone(&self.0))
    }
}

pub(crate) struct LogInner<D: Disk> {
    shared: LogShared<D>,
    dir: PathBuf,
    config: RefCell<LogConfig>,
    state: RefCell<LogState<D>>,
    waiters: OffsetWaiters,
    events: RefCell<Option<Rc<dyn LogEvents>>>,
    pumping: Cell<bool>,
    /// In the zeroer's queue.
    zeros_wanted: Cell<bool>,
}

/// Offsets: `log_start <= flushed <= written <= placed_end <= log_end`.
struct LogState<D: Disk> {
    log_start: Offset,
    /// Everything below is on stable storage.
    flushed: Offset,
    /// Everything below is on the disk, stable or not.
    written: Offset,
    /// Everything below has its place in a segment.
    placed_end: Offset,
    /// The next offset to assign.
    log_end: Offset,
    /// Grows whenever queued or written batches are given up.
    generation: u32,
    /// The log's end when the last generation ended.
    last_cut: Offset,
    status: Status,
    /// In order; the last one is active.
    segments: VecDeque<Rc<Segment<D>>>,
    tail: Tail,
    /// Appended, but not yet placed: waits for the window or for the next segment.
    queue: VecDeque<Queued>,
    appender: Appender<D>,
    maintenance: Maintenance<D>,
    epochs: Epochs,
    /// Out of the log; their files go once the log start is stable.
    retired: Vec<Rc<Segment<D>>>,
}

/// Whether the log takes appends.
enum Status {
    Online,
    /// The disk was full: what was given up must be wiped before the next append. Appends queue.
    Repair {
        /// Position up to which bytes of given-up batches may be in the active segment.
        dirty_end: u64,
    },
    Offline(String),
}

struct Queued {
    header: RecordBatchHeader,
    epoch: LeaderEpoch,
    batch: Bytes,
    now: TimestampMs,
}

/// An append, to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The offset after the batch.
    pub next_offset: Offset,
    generation: u32,
}

/// Size of one segment, for DescribeLogDirs and tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its base offset.
    pub base: Offset,
    /// Bytes of batches in it.
    pub bytes: u64,
}

/// What must happen before the first batch of the queue gets its place.
enum Front {
    /// Nothing to place, or not now.
    Wait,
    /// It needs this many chunks.
    Chunks(usize),
}

impl<D: Disk> Log<D> {
    /// A log whose segments are all on disk; the last one is active.
    fn assemble(
        shared: &LogShared<D>,
        dir: &Path,
        config: LogConfig,
        hint: OpenHint,
        segments: VecDeque<Rc<Segment<D>>>,
        epochs: Vec<log_format::checkpoint::EpochEntry>,
    ) -> Log<D> {
        let first = segments.front().expect("a log has a segment").base;
        let active = segments.back().expect("a log has a segment");
        let end = active.next_offset.get();
        let appender = Appender::new(active.base, active.placed.get(), end);
        let mut epochs = Epochs::new(epochs);
        epochs.truncate(end);
        let state = LogState {
            log_start: first.max(hint.log_start),
            flushed: end,
            written: end,
            placed_end: end,
            log_end: end,
            generation: 0,
            last_cut: end,
            status: Status::Online,
            segments,
            tail: Tail::default(),
            queue: VecDeque::new(),
            appender,
            maintenance: Maintenance::new(),
            epochs,
            retired: Vec::new(),
        };
        let log = Log(Rc::new(LogInner {
            shared: shared.clone(),
            dir: dir.to_owned(),
            config: RefCell::new(config),
            state: RefCell::new(state),
            waiters: OffsetWaiters::default(),
            events: RefCell::default(),
            pumping: Cell::new(false),
            zeros_wanted: Cell::new(false),
        }));
        shared.0.checkpoint.register(&log);
        log
    }

    /// Appends one batch, which becomes `base_offset` up to its own last offset. Order of calls is
    /// order in the log. Returns at once: the batch may wait for memory or for the disk, and
    /// shares the caller's buffer until it is copied into the window.
    ///
    /// The batch is one whole, checked record batch v2; `base_offset` is `log_end` or more.
    ///
    /// # Errors
    /// [`LogError::Offline`], [`LogError::TooLarge`], [`LogError::Malformed`].
    pub fn append(
        &self,
        base_offset: Offset,
        epoch: LeaderEpoch,
        batch: Bytes,
        now: TimestampMs,
    ) -> Result<Ticket, LogError> {
        let mut header = RecordBatchHeader::decode(&batch)?;
        header.base_offset = base_offset.0;
        let bytes_max = self.0.shared.batch_bytes_max();
        if batch.len() > bytes_max {
            return Err(LogError::TooLarge { bytes: batch.len(), bytes_max });
        }
        let ticket = {
            let state = &mut *self.0.state.borrow_mut();
            if let Status::Offline(reason) = &state.status {
                return Err(self.offline_error(reason));
            }
            assert!(base_offset >= state.log_end, "offsets of appends grow");
            assert_eq!(header.total_bytes(), batch.len(), "one whole batch");
            state.log_end = Offset(header.next_offset());
            state.queue.push_back(Queued { header, epoch, batch, now });
            Ticket { next_offset: state.log_end, generation: state.generation }
        };
        self.pump();
        Ok(ticket)
    }

    /// Waits until the append is on stable storage.
    ///
    /// # Errors
    /// [`LogError::NoSpace`] when the batch was given up, [`LogError::Offline`].
    pub async fn wait_flushed(&self, ticket: Ticket) -> Result<(), LogError> {
        loop {
            let waiter = {
                let state = self.0.state.borrow();
                // An older generation ended at the cut: above it, offsets were assigned anew.
                let kept = ticket.generation == state.generation
                    || (ticket.generation + 1 == state.generation
                        && ticket.next_offset <= state.last_cut);
                if !kept {
                    return Err(LogError::NoSpace { dir: self.0.dir.clone() });
                }
                if state.flushed >= ticket.next_offset {
                    return Ok(());
                }
                if let Status::Offline(reason) = &state.status {
                    return Err(self.offline_error(reason));
                }
                self.0.waiters.add(ticket.next_offset)
            };
            waiter.woken().await;
        }
    }

    /// First offset of the log.
    pub fn log_start(&self) -> Offset {
        self.0.state.borrow().log_start
    }

    /// The next offset to assign.
    pub fn log_end(&self) -> Offset {
        self.0.state.borrow().log_end
    }

    /// Everything below is on stable storage.
    pub fn flushed(&self) -> Offset {
        self.0.state.borrow().flushed
    }

    /// Everything below can be read: it has its place in the window or on disk.
    pub fn readable_end(&self) -> Offset {
        self.0.state.borrow().placed_end
    }

    /// True after a failed write or flush.
    pub fn is_offline(&self) -> bool {
        matches!(self.0.state.borrow().status, Status::Offline(_))
    }

    /// Bytes of batches in all segments.
    pub fn size_bytes(&self) -> u64 {
        self.0.state.borrow().segments.iter().map(|segment| segment.placed.get()).sum()
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |segment: &Rc<Segment<D>>| SegmentInfo {
            base: segment.base,
            bytes: segment.placed.get(),
        };
        self.0.state.borrow().segments.iter().map(info).collect()
    }

    /// The partition's folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The settings in force.
    pub fn config(&self) -> LogConfig {
        self.0.config.borrow().clone()
    }

    /// Changes the settings; they hold from the next append on.
    pub fn set_config(&self, config: LogConfig) {
        *self.0.config.borrow_mut() = config;
    }

    /// Who hears of offsets moving. Keep only weak references to the log's owner in it.
    pub fn set_events(&self, events: Rc<dyn LogEvents>) {
        *self.0.events.borrow_mut() = Some(events);
    }

    /// Where the placed bytes from the batch that holds `from` on are in the window; `None` when
    /// they begin before it.
    pub fn window_ranges(&self, from: Offset) -> Option<Vec<WindowRange>> {
        self.0.state.borrow().tail.ranges(from)
    }

    /// Gives queued batches their places as far as memory and segments allow, and starts writes.
    pub(crate) fn pump(&self) {
        // Taking a chunk may evict one of this log, but never calls back into `pump`.
        if self.0.pumping.replace(true) {
            return;
        }
        let mut chunks = Vec::new();
        loop {
            let front = self.front();
            match front {
                Front::Wait => break,
                Front::Chunks(needed) if chunks.len() >= needed => self.place_front(&mut chunks),
                Front::Chunks(_) => match self.0.shared.take_chunk(self) {
                    Some(chunk) => chunks.push(chunk),
                    None => {
                        self.0.shared.add_stalled(self);
                        break;
                    }
                },
            }
        }
        self.0.pumping.set(false);
        self.start_writes();
        self.start_maintenance();
    }

    /// Rolls if the first queued batch wants it, and says what that batch still needs.
    fn front(&self) -> Front {
        let state = &mut *self.0.state.borrow_mut();
        if !matches!(state.status, Status::Online) {
            return Front::Wait;
        }
        let config = self.0.config.borrow();
        let Some(queued) = state.queue.front() else { return Front::Wait };
        let active = state.segments.back().expect("a log has an active segment");
        match roll_need(active, queued, &config) {
            Roll::No => {}
            Roll::Wanted | Roll::Needed if state.maintenance.next_is_ready() => {
                let base = Offset(queued.header.base_offset);
                state.maintenance.roll(&mut state.segments, base, queued.now);
            }
            Roll::Wanted => state.maintenance.want_next(),
            Roll::Needed => {
                state.maintenance.want_next();
                return Front::Wait;
            }
        }
        let active = state.segments.back().expect("a log has an active segment");
        let queued = state.queue.front().expect("seen above");
        let (position, bytes) = (active.placed.get(), queued.batch.len());
        Front::Chunks(state.tail.chunks_needed(active.base, position, bytes))
    }

    fn place_front(&self, chunks: &mut Vec<(u64, crate::ring::window::Chunk)>) {
        let state = &mut *self.0.state.borrow_mut();
        let queued = state.queue.pop_front().expect("front() saw it");
        let active = state.segments.back().expect("a log has an active segment");
        let (base, position) = (active.base, active.placed.get());
        let Queued { header, epoch, batch, now } = queued;
        state.tail.append((base, position), &batch, &header, epoch, chunks);
        let config = self.0.config.borrow();
        active.place(&header, batch.len(), config.index_interval_bytes);
        state.placed_end = Offset(header.next_offset());
        state.appender.placed((base, active.placed.get()), state.placed_end, now);
        if state.epochs.assign(epoch, Offset(header.base_offset)) {
            state.maintenance.want_epochs();
        }
        state.maintenance.after_placing(active, batch.len(), &config, now);
    }

    /// Gives chunk `id` back to the window if it is written.
    pub(crate) fn evict_chunk(&self, id: u64) -> Evicted {
        let state = &mut *self.0.state.borrow_mut();
        let segments = &state.segments;
        state.tail.evict(id, |base| {
            let at = segments.partition_point(|segment| segment.base < base);
            segments.get(at).filter(|s| s.base == base).map_or(u64::MAX, |s| s.written.get())
        })
    }

    fn io_error(&self, operation: &'static str, error: std::io::Error) -> LogError {
        LogError::Io { operation, path: self.0.dir.clone(), error }
    }

    fn offline_error(&self, reason: &str) -> LogError {
        LogError::Offline { dir: self.0.dir.clone(), reason: reason.to_owned() }
    }
}

/// Whether a batch should go into a new segment.
enum Roll {
    No,
    /// As soon as the next file is ready.
    Wanted,
    /// It cannot go into this one.
    Needed,
}

fn roll_need<D: Disk>(active: &Segment<D>, queued: &Queued, config: &LogConfig) -> Roll {
    let placed = active.placed.get();
    let end = placed + queued.batch.len() as u64;
    let last = Offset(queued.header.last_offset());
    let segment_bytes = config.segment_bytes.min(crate::limits::SEGMENT_BYTES_MAX);
    // Kafka rolls by the records' time if they have one, else by the clock.
    let age_ms = match active.first_timestamp.get() {
        Some(first) if first.0 >= 0 => queued.header.max_timestamp.saturating_sub(first.0),
        _ => queued.now.0.saturating_sub(active.created.0),
    };
    if placed == 0 && active.takes_offset(last) {
        return Roll::No;
    }
    let overrun_bytes = SEGMENT_OVERRUN_BYTES_MAX.min(segment_bytes / 2);
    if !active.takes_offset(last) || end > segment_bytes + overrun_bytes {
        return Roll::Needed;
    }
    if end > segment_bytes || age_ms > config.segment_ms { Roll::Wanted } else { Roll::No }
}
