//! What a log does beside appending, one job after the other in one task: give the rolled file its
//! name, prepare the next file, seal old segments, wipe after a full disk, write epochs, delete.
//! Owns the list of jobs; never touches the write path's positions except to wipe.

use std::{collections::VecDeque, io, rc::Rc};

use bytes::Bytes;

use super::{
    Log, LogConfig, LogState, Status, files,
    pool::NewFile,
    segment::{NEXT_FILE, SIDE_FILES, Segment, file_path, log_path},
    tail::Block,
    zero_ahead,
};
use crate::{
    limits::ZERO_AHEAD_BYTES_MIN,
    ring::disk::{BLOCK_BYTES, Disk, Durability},
    types::{Offset, TimestampMs},
};

const BLOCK: u64 = BLOCK_BYTES as u64;
const SECOND_MS: i64 = 1000;

pub(crate) struct Maintenance<D: Disk> {
    running: bool,
    next: Next<D>,
    to_name: Option<Rc<Segment<D>>>,
    to_seal: VecDeque<Rc<Segment<D>>>,
    /// A seal failed for want of space; tried again by `background_turn`.
    seal_paused: bool,
    /// Files of segments that are no part of the log any more, oldest first.
    to_delete: VecDeque<Rc<Segment<D>>>,
    write_epochs: bool,
    rate: Rate,
}

/// The file that the next roll will use.
enum Next<D: Disk> {
    None,
    Wanted,
    /// `next.log`, zeroed up to a position and known to its folder.
    Ready(NewFile<D>),
    /// The disk was full; wanted again by the next append.
    NoSpace,
}

/// Bytes appended per second, measured over about a second.
#[derive(Default)]
struct Rate {
    since: Option<TimestampMs>,
    bytes: u64,
    bytes_per_second: u64,
}

enum Job<D: Disk> {
    Repair { active: Rc<Segment<D>>, dirty_end: u64, discarded: Vec<Rc<Segment<D>>> },
    Name(Rc<Segment<D>>),
    Epochs(String),
    Prepare,
    Seal(Rc<Segment<D>>),
    Delete(Rc<Segment<D>>),
}

impl<D: Disk> Maintenance<D> {
    pub(crate) fn new() -> Self {
        Maintenance {
            running: false,
            next: Next::None,
            to_name: None,
            to_seal: VecDeque::new(),
            seal_paused: false,
            to_delete: VecDeque::new(),
            write_epochs: false,
            rate: Rate::default(),
        }
    }

    pub(crate) fn next_is_ready(&self) -> bool {
        matches!(self.next, Next::Ready(_))
    }

    /// A job is being done.
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    /// The next file is needed soon.
    pub(crate) fn want_next(&mut self) {
        if matches!(self.next, Next::None | Next::NoSpace) {
            self.next = Next::Wanted;
        }
    }

    pub(crate) fn want_epochs(&mut self) {
        self.write_epochs = true;
    }

    pub(crate) fn want_seal(&mut self, segment: Rc<Segment<D>>) {
        self.to_seal.push_back(segment);
    }

    /// The segment is out of the log; its file goes when its turn comes.
    pub(crate) fn want_delete(&mut self, segment: Rc<Segment<D>>) {
        self.to_seal.retain(|other| !Rc::ptr_eq(other, &segment));
        segment.removed.set(true);
        self.to_delete.push_back(segment);
    }

    /// Makes the prepared file the active segment, from `base` on.
    pub(crate) fn roll(
        &mut self,
        segments: &mut VecDeque<Rc<Segment<D>>>,
        base: Offset,
        now: TimestampMs,
    ) {
        let Next::Ready(file) = std::mem::replace(&mut self.next, Next::None) else {
            panic!("next_is_ready was asked");
        };
        let segment = Segment::new(base, now, Some(file.file));
        segment.named.set(false);
        segment.zero.set(file.zeroed_bytes);
        let segment = Rc::new(segment);
        if let Some(old) = segments.back() {
            self.to_seal.push_back(Rc::clone(old));
        }
        self.to_name = Some(Rc::clone(&segment));
        segments.push_back(segment);
    }

    /// A rolled segment is given up again.
    pub(crate) fn discard(&mut self, segment: Rc<Segment<D>>) {
        self.to_name = None;
        self.want_delete(segment);
    }

    /// A segment is active again.
    pub(crate) fn reopen(&mut self, segment: &Rc<Segment<D>>) {
        self.to_seal.retain(|other| !Rc::ptr_eq(other, segment));
    }

    /// Prepares the next file when the active one is more than half full or soon too old.
    pub(crate) fn after_placing(
        &mut self,
        active: &Segment<D>,
        bytes: usize,
        config: &LogConfig,
        now: TimestampMs,
    ) {
        self.rate.add(bytes, now);
        let age_ms = now.0.saturating_sub(active.created.0);
        let old = age_ms > config.segment_ms / 4 * 3;
        let half_full = active.placed.get() > config.segment_bytes / 2;
        if matches!(self.next, Next::None) && (old || half_full) {
            self.next = Next::Wanted;
        }
    }

    /// Where zeros are wanted in the active segment, if it has too few.
    pub(crate) fn zero_goal(&self, active: &Segment<D>, segment_bytes: u64) -> Option<u64> {
        let placed = active.placed.get();
        let target = zero_ahead::target_bytes(self.rate.bytes_per_second);
        let goal = placed.saturating_add(target).min(segment_bytes);
        (active.zero.zeroed.get() < placed.saturating_add(target / 2).min(segment_bytes))
            .then_some(goal)
    }
}

impl Rate {
    fn add(&mut self, bytes: usize, now: TimestampMs) {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes as u64;
        let elapsed_ms = now.0.saturating_sub(since.0);
        if elapsed_ms >= SECOND_MS {
            let seconds = u64::try_from(elapsed_ms / SECOND_MS).unwrap_or(1);
            self.bytes_per_second = self.bytes / seconds;
            (self.since, self.bytes) = (Some(now), 0);
        } else {
            // A burst counts at once, a pause only after a second.
            self.bytes_per_second = self.bytes_per_second.max(self.bytes);
        }
    }
}

impl<D: Disk> LogState<D> {
    /// The most urgent job, if any.
    fn next_job(&mut self) -> Option<Job<D>> {
        let jobs = &mut self.maintenance;
        match self.status {
            Status::Offline(_) => return None,
            // Wiping waits for someone who wants to append.
            Status::Repair { .. } if self.queue.is_empty() => return None,
            Status::Repair { dirty_end } => {
                let active = Rc::clone(self.segments.back().expect("a log has a segment"));
                let newer = |segment: &&Rc<Segment<D>>| segment.base > active.base;
                let discarded = jobs.to_delete.iter().filter(newer).cloned().collect();
                return Some(Job::Repair { active, dirty_end, discarded });
            }
            Status::Online => {}
        }
        if let Some(segment) = jobs.to_name.take() {
            return Some(Job::Name(segment));
        }
        if matches!(jobs.next, Next::Wanted) {
            return Some(Job::Prepare);
        }
        if std::mem::take(&mut jobs.write_epochs) {
            return Some(Job::Epochs(log_format::checkpoint::encode_epochs(self.epochs.entries())));
        }
        let written = |s: &Rc<Segment<D>>| s.written.get() == s.placed.get();
        if !jobs.seal_paused && jobs.to_seal.front().is_some_and(written) {
            return jobs.to_seal.pop_front().map(Job::Seal);
        }
        jobs.to_delete.pop_front().map(Job::Delete)
    }
}

impl<D: Disk> Log<D> {
    /// Runs jobs in the background if there are any, and asks for zeros if too few are ahead.
    pub(crate) fn start_maintenance(&self) {
        let (job, zero) = {
            let state = &mut *self.0.state.borrow_mut();
            let job = if state.maintenance.running { None } else { state.next_job() };
            state.maintenance.running |= job.is_some();
            let segment_bytes = self.0.config.borrow().segment_bytes;
            let active = state.segments.back().expect("a log has an active segment");
            let zero = matches!(state.status, Status::Online)
                && state.maintenance.zero_goal(active, segment_bytes).is_some();
            (job, zero)
        };
        if zero {
            self.0.shared.want_zeros(self);
        }
        if let Some(job) = job {
            let log = self.clone();
            self.0.shared.spawn(async move { log.run_jobs(job).await });
        }
    }

    async fn run_jobs(self, first: Job<D>) {
        let mut next = Some(first);
        while let Some(job) = next {
            self.run_job(job).await;
            self.pump();
            let state = &mut *self.0.state.borrow_mut();
            next = state.next_job();
            state.maintenance.running = next.is_some();
        }
    }

    async fn run_job(&self, job: Job<D>) {
        let (what, result) = match job {
            Job::Repair { active, dirty_end, discarded } => {
                ("wipe", self.repair(&active, dirty_end, &discarded).await)
            }
            Job::Name(segment) => ("rename", self.name(&segment).await),
            Job::Epochs(text) => ("write epochs", self.write_epochs(text).await),
            Job::Prepare => ("prepare a segment", self.prepare_next().await),
            Job::Seal(segment) => ("seal a segment", self.seal(&segment).await),
            Job::Delete(segment) => ("delete a segment", self.delete(&segment).await),
        };
        if let Err(error) = result {
            self.go_offline(&format!("{what}: {error}"));
        }
    }

    /// The rolled file gets its name. It was already in use: recovery knows `next.log`.
    async fn name(&self, segment: &Segment<D>) -> io::Result<()> {
        let disk = &self.0.shared.0.disk;
        let to = log_path(&self.0.dir, segment.base);
        disk.rename(&self.0.dir.join(NEXT_FILE), &to).await?;
        segment.named.set(true);
        disk.flush_dir(&self.0.dir).await
    }

    async fn write_epochs(&self, text: String) -> io::Result<()> {
        let disk = &self.0.shared.0.disk;
        let path = self.0.dir.join(log_format::checkpoint::LEADER_EPOCH_CHECKPOINT);
        let result = async {
            files::replace(disk, &path, text.into_bytes()).await?;
            disk.flush_dir(&self.0.dir).await
        };
        match result.await {
            // The batches carry the epochs: the file can wait for space.
            Err(error) if files::is_no_space(&error) => Ok(()),
            other => other,
        }
    }

    async fn prepare_next(&self) -> io::Result<()> {
        let path = self.0.dir.join(NEXT_FILE);
        let (bytes, reuse) = {
            let state = self.0.state.borrow();
            let segment_bytes = self.0.config.borrow().segment_bytes;
            let ahead = zero_ahead::target_bytes(state.maintenance.rate.bytes_per_second);
            // A quiet log gets a small file; only a busy one is worth a large one of the pool.
            (ahead.min(segment_bytes).next_multiple_of(BLOCK), ahead > ZERO_AHEAD_BYTES_MIN)
        };
        let shared = &self.0.shared;
        let result = shared.0.pool.new_file(&shared.0.disk, &path, bytes, reuse).await;
        let out_of_space = {
            let state = &mut *self.0.state.borrow_mut();
            match result {
                Ok(file) => {
                    state.maintenance.next = Next::Ready(file);
                    false
                }
                Err(error) if files::is_no_space(&error) => {
                    state.maintenance.next = Next::NoSpace;
                    !state.queue.is_empty() && state.appender.is_idle()
                }
                Err(error) => return Err(error),
            }
        };
        if out_of_space {
            self.roll_back();
        }
        Ok(())
    }

    /// Cuts a full segment to its length and writes its indexes; after that its file can be closed
    /// and recovery need not read it.
    async fn seal(&self, segment: &Rc<Segment<D>>) -> io::Result<()> {
        while segment.zero.is_busy(&(0..u64::MAX)) {
            segment.zero.released.wait().await;
        }
        match self.seal_steps(segment).await {
            Ok(()) => {
                segment.sealed.set(true);
                self.0.shared.cache(segment);
                Ok(())
            }
            Err(error) if files::is_no_space(&error) => {
                let state = &mut *self.0.state.borrow_mut();
                state.maintenance.seal_paused = true;
                state.maintenance.to_seal.push_front(Rc::clone(segment));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn seal_steps(&self, segment: &Segment<D>) -> io::Result<()> {
        let disk = &self.0.shared.0.disk;
        let index = segment.index.borrow().clone().expect("unsealed segments have their index");
        let file = segment.file.borrow().clone().expect("unsealed segments are open");
        // 1. cut and flush  2. time index  3. offset index, which says that all this is done.
        disk.set_bytes(&file, segment.placed.get()).await?;
        disk.flush(&file).await?;
        let times = file_path(&self.0.dir, segment.base, "timeindex");
        files::replace(disk, &times, index.encode_times()).await?;
        let offsets = file_path(&self.0.dir, segment.base, "index");
        files::replace(disk, &offsets, index.encode_offsets()).await?;
        disk.flush_dir(&self.0.dir).await
    }

    /// Wipes what batches that were given up have left on disk, so that they can never come back.
    async fn repair(
        &self,
        active: &Segment<D>,
        dirty_end: u64,
        discarded: &[Rc<Segment<D>>],
    ) -> io::Result<()> {
        match self.wipe(active, dirty_end, discarded).await {
            Ok(partial) => {
                let state = &mut *self.0.state.borrow_mut();
                state.tail.set_partial(partial);
                state.maintenance.to_delete.retain(|s| !discarded.iter().any(|d| Rc::ptr_eq(d, s)));
                state.status = Status::Online;
                Ok(())
            }
            Err(error) if files::is_no_space(&error) => {
                self.roll_back();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn wipe(
        &self,
        active: &Segment<D>,
        dirty_end: u64,
        discarded: &[Rc<Segment<D>>],
    ) -> io::Result<Option<Box<Block>>> {
        let disk = &self.0.shared.0.disk;
        for segment in discarded {
            files::remove_if_there(disk, &segment.path(&self.0.dir)).await?;
        }
        if !discarded.is_empty() {
            disk.flush_dir(&self.0.dir).await?;
        }
        let file = active.file.borrow().clone().expect("unsealed segments are open");
        let end = active.placed.get();
        let mut at = end / BLOCK * BLOCK;
        let mut partial = None;
        if at < end {
            let kept = usize::try_from(end - at).expect("less than a block");
            let content = disk.read(&file, at, kept).await?;
            if content.len() < kept {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let block = Block::padded(&content);
            partial = Some(block.clone());
            disk.write(&file, at, vec![block.into_bytes()], Durability::Stable).await?;
            at += BLOCK;
        }
        while at < dirty_end {
            let bytes = (dirty_end - at)
                .next_multiple_of(BLOCK)
                .min(crate::limits::ZERO_WRITE_BYTES as u64);
            let zeros: Vec<Bytes> = vec![files::zeros(bytes)];
            disk.write(&file, at, zeros, Durability::Stable).await?;
            at += bytes;
        }
        Ok(partial)
    }

    /// Removes the files of a segment, or keeps the data file for reuse.
    async fn delete(&self, segment: &Rc<Segment<D>>) -> io::Result<()> {
        while segment.zero.is_busy(&(0..u64::MAX)) {
            segment.zero.released.wait().await;
        }
        let shared = &self.0.shared.0;
        for extension in SIDE_FILES {
            let path = file_path(&self.0.dir, segment.base, extension);
            files::remove_if_there(&shared.disk, &path).await?;
        }
        // A read that still holds the segment goes on reading its file, so that must not be reused.
        let unread = Rc::strong_count(segment) == 1;
        segment.file.take();
        let path = segment.path(&self.0.dir);
        shared.pool.give(&shared.disk, &path, segment.placed.get(), unread).await?;
        shared.disk.flush_dir(&self.0.dir).await
    }
}
