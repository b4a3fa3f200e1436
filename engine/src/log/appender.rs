//! Group commit: one write of a log is on its way at a time and takes everything that has arrived
//! meanwhile; a second one opens when much is waiting. Owns what is in flight; `flushed` moves only
//! over the part of the log that is on stable storage without gaps. Never retries a write.

use std::{collections::VecDeque, io, rc::Rc};

use bytes::Bytes;

use super::{FlushPolicy, Log, LogError, LogState, Status, Ticket, files, segment::Segment};
use crate::{
    limits::{SECOND_WRITE_BYTES_MIN, WRITE_BYTES_MAX},
    ring::disk::{BLOCK_BYTES, Disk, Durability},
    types::{Offset, TimestampMs},
};

const BLOCK: u64 = BLOCK_BYTES as u64;
/// Writes of one log in flight at most.
const WRITES_MAX: usize = 2;

pub(crate) struct Appender<D: Disk> {
    /// Placed batches that are not on disk yet, in order.
    pending: VecDeque<Pending>,
    /// In the order of the log; the front one ends the part without gaps.
    in_flight: VecDeque<InFlight<D>>,
    next_id: u64,
    /// Tasks that are writing or about to.
    tasks: usize,
    failure: Option<Failure>,
    /// Segment and position of the end of the last batch that is on disk.
    written_end: (Offset, u64),
    /// Bytes were written that only a flush makes stable.
    volatile: bool,
    flushing: bool,
    /// Someone wants everything below to be stable, whatever the policy.
    flush_to: Offset,
    /// When the oldest batch that is not stable was placed.
    unflushed_since: Option<TimestampMs>,
}

struct Pending {
    segment: Offset,
    end: u64,
    next_offset: Offset,
}

struct InFlight<D: Disk> {
    id: u64,
    segment: Rc<Segment<D>>,
    end: u64,
    done: bool,
}

enum Failure {
    NoSpace,
    Fatal(String),
}

/// What a writing task does next.
enum Step<D: Disk> {
    Write(Write<D>),
    /// A zero write covers a block of this segment that is to be written.
    Wait(Rc<Segment<D>>),
    End,
}

struct Write<D: Disk> {
    id: u64,
    file: D::File,
    position: u64,
    buffers: Vec<Bytes>,
    durability: Durability,
}

impl<D: Disk> Appender<D> {
    /// An appender whose log is on stable storage up to `position` of `segment`, and `end`.
    pub(crate) fn new(segment: Offset, position: u64, end: Offset) -> Self {
        Appender {
            pending: VecDeque::new(),
            in_flight: VecDeque::new(),
            next_id: 0,
            tasks: 0,
            failure: None,
            written_end: (segment, position),
            volatile: false,
            flushing: false,
            flush_to: end,
            unflushed_since: None,
        }
    }

    /// Notes that a batch got its place.
    pub(crate) fn placed(&mut self, place: (Offset, u64), next_offset: Offset, now: TimestampMs) {
        self.pending.push_back(Pending { segment: place.0, end: place.1, next_offset });
        self.unflushed_since.get_or_insert(now);
    }

    /// No write is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Gives up what is not on disk; returns where the rest ends.
    pub(super) fn give_up(&mut self) -> (Offset, u64) {
        assert!(self.in_flight.is_empty(), "writes in flight are waited for");
        self.pending.clear();
        self.written_end
    }

    /// Moves `segment.written` and the written offset over all finished writes at the front.
    fn advance(&mut self, written: &mut Offset) {
        while self.in_flight.front().is_some_and(|write| write.done) {
            let write = self.in_flight.pop_front().expect("seen above");
            write.segment.written.set(write.end);
            let (base, end) = (write.segment.base, write.end);
            let covered = |batch: &Pending| (batch.segment, batch.end) <= (base, end);
            while self.pending.front().is_some_and(covered) {
                let batch = self.pending.pop_front().expect("seen above");
                self.written_end = (batch.segment, batch.end);
                *written = batch.next_offset;
            }
        }
    }
}

impl<D: Disk> LogState<D> {
    /// The oldest segment with bytes that were not handed to the disk.
    fn segment_to_write(&self) -> Option<&Rc<Segment<D>>> {
        let waiting = |s: &&Rc<Segment<D>>| s.submitted.get() < s.placed.get();
        self.segments.iter().rev().take_while(waiting).last()
    }

    /// The range of the next write, if one may start now: the segment and the end position.
    fn next_write(&self) -> Option<(&Rc<Segment<D>>, u64)> {
        if self.appender.failure.is_some() || !matches!(self.status, Status::Online) {
            return None;
        }
        let segment = self.segment_to_write()?;
        let (from, placed) = (segment.submitted.get(), segment.placed.get());
        if let Some(last) = self.appender.in_flight.back() {
            // Two writes must not touch the same block.
            let shares_block = last.segment.base == segment.base && !from.is_multiple_of(BLOCK);
            let full = self.appender.in_flight.len() >= WRITES_MAX;
            if full || shares_block || placed - from < SECOND_WRITE_BYTES_MIN {
                return None;
            }
        }
        Some((segment, placed.min(from / BLOCK * BLOCK + WRITE_BYTES_MAX)))
    }
}

impl<D: Disk> Log<D> {
    /// Starts a writing task if there is something that none of the running ones will take.
    pub(crate) fn start_writes(&self) {
        let start = {
            let state = &mut *self.0.state.borrow_mut();
            // A task without a write in flight is about to look by itself.
            let start = state.appender.tasks == state.appender.in_flight.len()
                && state.next_write().is_some();
            state.appender.tasks += usize::from(start);
            start
        };
        if start {
            let log = self.clone();
            self.0.shared.spawn(async move { log.write_loop().await });
        }
    }

    async fn write_loop(self) {
        loop {
            match self.next_step() {
                Step::End => return,
                Step::Wait(segment) => segment.zero.released.wait().await,
                Step::Write(write) => {
                    let Write { id, file, position, buffers, durability } = write;
                    let disk = &self.0.shared.0.disk;
                    let result = disk.write(&file, position, buffers, durability).await;
                    self.finish_write(id, durability, result);
                }
            }
        }
    }

    fn next_step(&self) -> Step<D> {
        let state = &mut *self.0.state.borrow_mut();
        let Some((segment, end)) = state.next_write() else {
            state.appender.tasks -= 1;
            return Step::End;
        };
        let (segment, from) = (Rc::clone(segment), segment.submitted.get());
        let position = from / BLOCK * BLOCK;
        if segment.zero.is_busy(&(position..end.next_multiple_of(BLOCK))) {
            return Step::Wait(segment);
        }
        let buffers = state.tail.write_buffers(segment.base, from, end);
        segment.submitted.set(end);
        let id = state.appender.next_id;
        state.appender.next_id += 1;
        let file = segment.file.borrow().clone().expect("unsealed segments are open");
        state.appender.in_flight.push_back(InFlight { id, segment, end, done: false });
        let durability = match self.0.config.borrow().flush {
            FlushPolicy::EveryBatch => Durability::Stable,
            FlushPolicy::Relaxed { .. } => Durability::Volatile,
        };
        Step::Write(Write { id, file, position, buffers, durability })
    }

    fn finish_write(&self, id: u64, durability: Durability, result: io::Result<()>) {
        let failed = {
            let state = &mut *self.0.state.borrow_mut();
            match result {
                Ok(()) => {
                    let mut in_flight = state.appender.in_flight.iter_mut();
                    let write = in_flight.find(|write| write.id == id);
                    write.expect("its own task finishes it once").done = true;
                    state.appender.volatile |= durability == Durability::Volatile;
                }
                Err(error) => {
                    state.appender.in_flight.retain(|write| write.id != id);
                    let failure = if files::is_no_space(&error) {
                        Failure::NoSpace
                    } else {
                        Failure::Fatal(format!("write: {error}"))
                    };
                    state.appender.failure.get_or_insert(failure);
                }
            }
            if state.appender.failure.is_none() {
                state.appender.advance(&mut state.written);
            } else {
                // What came after the failed write cannot count any more.
                state.appender.in_flight.retain(|write| !write.done);
            }
            if state.appender.in_flight.is_empty() { state.appender.failure.take() } else { None }
        };
        match failed {
            Some(Failure::NoSpace) => self.roll_back(),
            Some(Failure::Fatal(reason)) => self.go_offline(&reason),
            None => self.after_write(),
        }
        self.0.shared.wake_stalled();
        self.pump();
    }

    /// Tells that more of the log is on disk, and flushes it if the policy or a caller says so.
    fn after_write(&self) {
        let flush = {
            let state = &mut *self.0.state.borrow_mut();
            let policy_due = match self.0.config.borrow().flush {
                FlushPolicy::EveryBatch => true,
                FlushPolicy::Relaxed { messages, .. } => {
                    u64::try_from(state.written.0 - state.flushed.0).is_ok_and(|n| n >= messages)
                }
            };
            let appender = &mut state.appender;
            if !appender.volatile && !appender.flushing {
                state.flushed = state.written;
            }
            if state.flushed >= state.placed_end {
                appender.unflushed_since = None;
            }
            let wanted = appender.flush_to > state.flushed && state.written >= appender.flush_to;
            let flush = (policy_due || wanted) && appender.volatile && !appender.flushing;
            appender.flushing |= flush;
            flush
        };
        self.tell_flushed();
        if flush {
            let log = self.clone();
            self.0.shared.spawn(async move { log.flush_written().await });
        }
    }

    fn tell_flushed(&self) {
        let flushed = self.flushed();
        self.0.waiters.wake(flushed);
        let events = self.0.events.borrow().clone();
        if let Some(events) = events {
            events.flushed(flushed);
        }
    }

    /// Makes everything written so far stable. `flushing` was set by the caller.
    async fn flush_written(self) {
        let (written, files) = {
            let state = &mut *self.0.state.borrow_mut();
            state.appender.volatile = !state.appender.is_idle();
            let unsealed = state.segments.iter().filter(|segment| !segment.sealed.get());
            let files: Vec<_> = unsealed.filter_map(|s| s.file.borrow().clone()).collect();
            (state.written, files)
        };
        let mut result = Ok(());
        for file in &files {
            result = self.0.shared.0.disk.flush(file).await;
            if result.is_err() {
                break;
            }
        }
        {
            let state = &mut *self.0.state.borrow_mut();
            state.appender.flushing = false;
            if result.is_ok() {
                state.flushed = state.flushed.max(written);
            }
        }
        match result {
            Ok(()) => self.after_write(),
            Err(error) => self.go_offline(&format!("flush: {error}")),
        }
    }

    /// Makes everything that was appended before this call stable, whatever the policy.
    ///
    /// # Errors
    /// As [`Log::wait_flushed`].
    pub async fn flush(&self) -> Result<(), LogError> {
        let ticket = {
            let state = &mut *self.0.state.borrow_mut();
            state.appender.flush_to = state.log_end;
            Ticket { next_offset: state.log_end, generation: state.generation }
        };
        self.after_write();
        self.wait_flushed(ticket).await
    }

    /// Starts a flush if bytes have been waiting for one longer than `flush.ms`. For the shard's
    /// background turn; does nothing when every batch is flushed anyway.
    pub fn flush_turn(&self, now: TimestampMs) {
        let FlushPolicy::Relaxed { ms, .. } = self.0.config.borrow().flush else { return };
        {
            let state = &mut *self.0.state.borrow_mut();
            let since = state.appender.unflushed_since;
            if since.is_none_or(|since| now.0.saturating_sub(since.0) < ms) {
                return;
            }
            state.appender.flush_to = state.written;
        }
        self.after_write();
    }

    /// A write or flush failed: nothing counts any more, and nothing is tried again.
    pub(crate) fn go_offline(&self, reason: &str) {
        {
            let state = &mut *self.0.state.borrow_mut();
            if matches!(state.status, Status::Offline(_)) {
                return;
            }
            state.status = Status::Offline(reason.to_owned());
            state.queue.clear();
        }
        self.0.waiters.wake_all();
        let events = self.0.events.borrow().clone();
        if let Some(events) = events {
            events.offline();
        }
    }

    /// The disk is full: gives up every batch that is not on disk.
    pub(crate) fn roll_back(&self) {
        let log_end = {
            let state = &mut *self.0.state.borrow_mut();
            if matches!(state.status, Status::Offline(_)) {
                return;
            }
            let end = state.written;
            let (written_segment, written_position) = state.appender.give_up();
            state.queue.clear();
            state.tail.clear();
            while state.segments.len() > 1 && state.segments.back().is_some_and(|s| s.base > end) {
                let segment = state.segments.pop_back().expect("seen above");
                state.maintenance.discard(segment);
            }
            let active = state.segments.back().expect("one is left");
            state.maintenance.reopen(active);
            let position = if active.base == written_segment { written_position } else { 0 };
            let dirty_end = match state.status {
                Status::Repair { dirty_end } => dirty_end.max(active.submitted.get()),
                _ => active.submitted.get(),
            };
            active.cut(position, end);
            state.epochs.truncate(end);
            (state.placed_end, state.log_end) = (end, end);
            state.last_cut = end;
            state.generation += 1;
            state.status = Status::Repair { dirty_end };
            end
        };
        self.0.waiters.wake_all();
        let events = self.0.events.borrow().clone();
        if let Some(events) = events {
            events.rolled_back(log_end);
        }
    }
}
