//! Keeps the active files of a shard's logs filled with zeros ahead of their ends, in one task for
//! all logs, in small throttled writes. Zeros are a matter of speed only: a log that outruns them
//! goes on into extents that are merely allocated, or into none.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    ops::Range,
    rc::{Rc, Weak},
    time::Duration,
};

use super::{Log, LogInner, LogShared, Status, files, segment::Segment, zero_ahead};
use crate::{
    limits::{ZERO_BYTES_PER_SECOND, ZERO_FLUSH_BYTES, ZERO_WRITE_BYTES},
    ring::disk::Disk,
};

pub(crate) struct Zeroer<D: Disk> {
    queue: RefCell<VecDeque<Weak<LogInner<D>>>>,
    running: Cell<bool>,
}

impl<D: Disk> Default for Zeroer<D> {
    fn default() -> Self {
        Zeroer { queue: RefCell::default(), running: Cell::new(false) }
    }
}

/// What one log wants zeroed.
struct Work<D: Disk> {
    segment: Rc<Segment<D>>,
    range: Range<u64>,
    /// Space is to be reserved up to here first.
    allocate_to: Option<u64>,
    goal: u64,
}

impl<D: Disk> LogShared<D> {
    /// Puts `log` in the zeroer's queue.
    pub(crate) fn want_zeros(&self, log: &Log<D>) {
        if !log.0.zeros_wanted.replace(true) {
            self.0.zeroer.queue.borrow_mut().push_back(Rc::downgrade(&log.0));
        }
        if !self.0.zeroer.running.replace(true) {
            let shared = self.clone();
            self.spawn(async move { shared.zero_all().await });
        }
    }

    async fn zero_all(self) {
        loop {
            let next = self.0.zeroer.queue.borrow_mut().pop_front();
            let Some(log) = next else { break };
            let Some(log) = log.upgrade().map(Log) else { continue };
            log.0.zeros_wanted.set(false);
            self.zero_log(&log).await;
        }
        self.0.zeroer.running.set(false);
    }

    /// Zeroes the log's file up to its goal, at most one flush's worth, then lets others go first.
    async fn zero_log(&self, log: &Log<D>) {
        let mut unflushed: Option<(Rc<Segment<D>>, u64)> = None;
        let mut done_bytes = 0;
        while done_bytes < ZERO_FLUSH_BYTES {
            let Some(work) = log.zero_work(unflushed.as_ref()) else { break };
            let range = work.range.clone();
            if self.zero_range(&work).await.is_err() {
                break;
            }
            done_bytes += range.end - range.start;
            unflushed = Some((work.segment, range.end));
            if range.end >= work.goal {
                break;
            }
            self.0.disk.sleep(pause()).await;
        }
        let Some((segment, end)) = unflushed else { return };
        if segment.sealed.get() || segment.removed.get() {
            return;
        }
        let Some(file) = segment.file.borrow().clone() else { return };
        match self.0.disk.flush(&file).await {
            Ok(()) => segment.zero.set(end),
            Err(error) => return log.go_offline(&format!("flush zeros: {error}")),
        }
        log.start_maintenance();
    }

    /// An error means: no zeros for now. If it was not for want of space the log is offline.
    async fn zero_range(&self, work: &Work<D>) -> Result<(), ()> {
        let Some(file) = work.segment.file.borrow().clone() else { return Err(()) };
        let claim = work.range.start..work.allocate_to.unwrap_or(work.range.end);
        work.segment.zero.claim(&claim);
        let result = self.zero_steps(work, &file).await;
        work.segment.zero.release();
        // A failed zero write leaves no data in doubt, so the log itself goes on.
        result.map_err(|_: io::Error| ())
    }

    async fn zero_steps(&self, work: &Work<D>, file: &D::File) -> io::Result<()> {
        if let Some(to) = work.allocate_to {
            let from = work.range.start;
            self.0.disk.allocate(file, from, to - from).await?;
            work.segment.zero.allocated.set(to);
        }
        files::write_zeros(&self.0.disk, file, work.range.start, work.range.end).await
    }
}

impl<D: Disk> Log<D> {
    /// The next range to zero; `done` is what was zeroed before in the same turn.
    fn zero_work(&self, done: Option<&(Rc<Segment<D>>, u64)>) -> Option<Work<D>> {
        let state = self.0.state.borrow();
        let active = state.segments.back()?;
        if !matches!(state.status, Status::Online)
            || done.is_some_and(|(segment, _)| !Rc::ptr_eq(segment, active))
        {
            return None;
        }
        let segment_bytes = self.0.config.borrow().segment_bytes;
        let goal = state.maintenance.zero_goal(active, segment_bytes)?;
        let zeroed = done.map_or(0, |(_, end)| *end).max(active.zero.zeroed.get());
        // What has its place is written soon, perhaps before the zeros are.
        let range = zero_ahead::next_range(zeroed, active.placed.get(), goal)?;
        let allocate_to = (range.end > active.zero.allocated.get()).then_some(goal.max(range.end));
        Some(Work { segment: Rc::clone(active), range, allocate_to, goal })
    }
}

/// The pause after one zero write that keeps to the budget.
fn pause() -> Duration {
    Duration::from_micros(ZERO_WRITE_BYTES as u64 * 1_000_000 / ZERO_BYTES_PER_SECOND)
}
