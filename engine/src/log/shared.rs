//! What the logs of one shard share: disk, window, spawner, and the limits over all of them.
//! Decides which chunk is evicted and which file is closed; never looks into a batch.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    path::PathBuf,
    pin::Pin,
    rc::{Rc, Weak},
};

use super::{
    Log, LogInner, checkpoint::Checkpoint, pool::Pool, segment::Segment, tail::Evicted,
    zeroer::Zeroer,
};
use crate::{
    limits::{INDEX_CACHE_BYTES_MAX, OPEN_SEGMENTS_MAX},
    ring::{
        disk::Disk,
        window::{CHUNK_BYTES, Chunk, Window},
    },
};

/// Background work of a log.
pub type LocalTask = Pin<Box<dyn Future<Output = ()>>>;
/// Runs a task beside the caller, on the same thread.
pub type Spawner = Rc<dyn Fn(LocalTask)>;

/// Where a shard keeps what belongs to all its logs.
#[derive(Clone, Debug)]
pub struct ShardPaths {
    /// Folder for files to be reused; exists, on the same file system, and belongs to this shard.
    pub pool_dir: PathBuf,
    /// Base name of the checkpoint files (`.0` and `.1` are added), in an existing folder.
    pub checkpoint: PathBuf,
}

/// What the logs of one shard share. Cheap to clone.
pub struct LogShared<D: Disk>(pub(crate) Rc<Shared<D>>);

impl<D: Disk> Clone for LogShared<D> {
    fn clone(&self) -> Self {
        LogShared(Rc::clone(&self.0))
    }
}

pub(crate) struct Shared<D: Disk> {
    pub(crate) disk: D,
    window: Window,
    spawner: Spawner,
    pub(crate) pool: Pool,
    pub(crate) zeroer: Zeroer<D>,
    pub(crate) checkpoint: Checkpoint<D>,
    /// Chunks in use, oldest first.
    chunks: RefCell<VecDeque<(u64, Weak<LogInner<D>>)>>,
    next_chunk_id: Cell<u64>,
    /// Logs whose appends wait for a chunk.
    stalled: RefCell<Vec<Weak<LogInner<D>>>>,
    retrying: Cell<bool>,
    /// Sealed segments with an open file or a loaded index.
    cached: RefCell<Vec<Weak<Segment<D>>>>,
    clock: Cell<u64>,
}

impl<D: Disk> LogShared<D> {
    /// Call [`LogShared::load`] next.
    pub fn new(disk: D, window: Window, spawner: Spawner, paths: ShardPaths) -> Self {
        LogShared(Rc::new(Shared {
            disk,
            window,
            spawner,
            pool: Pool::new(paths.pool_dir),
            zeroer: Zeroer::default(),
            checkpoint: Checkpoint::new(&paths.checkpoint),
            chunks: RefCell::default(),
            next_chunk_id: Cell::new(0),
            stalled: RefCell::default(),
            retrying: Cell::new(false),
            cached: RefCell::default(),
            clock: Cell::new(0),
        }))
    }

    /// The shard's window.
    pub fn window(&self) -> &Window {
        &self.0.window
    }

    /// The shard's disk.
    pub fn disk(&self) -> &D {
        &self.0.disk
    }

    /// Largest batch a log takes: half the window, so that two always fit.
    pub fn batch_bytes_max(&self) -> usize {
        self.0.window.chunks() * CHUNK_BYTES / 2
    }

    /// Slices (mostly of readers) hold so many chunks that the window may run out.
    pub(crate) fn is_window_pinned(&self) -> bool {
        let window = &self.0.window;
        window.pinned_chunks() > window.chunks() / crate::limits::WINDOW_PINNED_PART
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        (self.0.spawner)(Box::pin(task));
    }

    /// A chunk for `log`: a free one, else the oldest that is written and not the target of a
    /// slow reader. `None` when all are in use.
    pub(crate) fn take_chunk(&self, log: &Log<D>) -> Option<(u64, Chunk)> {
        let chunk = self.0.window.allocate().or_else(|| self.evict_one())?;
        let id = self.0.next_chunk_id.get();
        self.0.next_chunk_id.set(id + 1);
        self.0.chunks.borrow_mut().push_back((id, Rc::downgrade(&log.0)));
        Some((id, chunk))
    }

    /// Evicts chunks, oldest first, until one of them is really free (readers may still hold the
    /// others).
    fn evict_one(&self) -> Option<Chunk> {
        let mut in_use = VecDeque::new();
        let mut chunk = None;
        while chunk.is_none() {
            let Some((id, owner)) = self.0.chunks.borrow_mut().pop_front() else { break };
            match owner.upgrade().map_or(Evicted::Unknown, |log| Log(log).evict_chunk(id)) {
                Evicted::Done => chunk = self.0.window.allocate(),
                Evicted::InUse => in_use.push_back((id, owner)),
                Evicted::Unknown => {}
            }
        }
        let chunks = &mut *self.0.chunks.borrow_mut();
        while let Some(entry) = in_use.pop_back() {
            chunks.push_front(entry);
        }
        chunk
    }

    /// Appends of `log` wait for a chunk: it is asked again when writes finish or readers let go.
    pub(crate) fn add_stalled(&self, log: &Log<D>) {
        self.0.stalled.borrow_mut().push(Rc::downgrade(&log.0));
        if !self.0.retrying.replace(true) {
            let shared = self.clone();
            self.spawn(async move { shared.retry_stalled().await });
        }
    }

    /// Readers free chunks without telling, so the stalled logs look again from time to time.
    async fn retry_stalled(self) {
        while !self.0.stalled.borrow().is_empty() {
            self.0.disk.sleep(super::STALL_RETRY).await;
            self.wake_stalled();
        }
        self.0.retrying.set(false);
    }

    pub(crate) fn wake_stalled(&self) {
        for log in self.0.stalled.take() {
            if let Some(log) = log.upgrade() {
                Log(log).pump();
            }
        }
    }

    /// Notes that a sealed segment was used. True when it was not in the cache before.
    pub(crate) fn touch(&self, segment: &Segment<D>) -> bool {
        let now = self.0.clock.get() + 1;
        self.0.clock.set(now);
        segment.last_used.replace(now) == 0
    }

    /// Notes that a sealed segment holds an open file or an index, and gives up those of others
    /// beyond the limits, the ones not used for longest first.
    pub(crate) fn cache(&self, segment: &Rc<Segment<D>>) {
        let is_new = self.touch(segment);
        let cached = &mut *self.0.cached.borrow_mut();
        if is_new {
            cached.push(Rc::downgrade(segment));
        }
        let mut live: Vec<Rc<Segment<D>>> = cached.iter().filter_map(Weak::upgrade).collect();
        let open = live.iter().filter(|segment| segment.file.borrow().is_some()).count();
        let index_bytes = |segment: &Rc<Segment<D>>| {
            segment.index.borrow().as_ref().map_or(0, |index| index.memory_bytes())
        };
        let bytes: usize = live.iter().map(index_bytes).sum();
        if open <= OPEN_SEGMENTS_MAX && bytes <= INDEX_CACHE_BYTES_MAX {
            return;
        }
        live.sort_by_key(|segment| segment.last_used.get());
        let (mut open, mut bytes) = (open, bytes);
        for old in live.iter().filter(|old| !Rc::ptr_eq(old, segment)) {
            if open <= OPEN_SEGMENTS_MAX && bytes <= INDEX_CACHE_BYTES_MAX {
                break;
            }
            open -= usize::from(old.file.take().is_some());
            bytes -= index_bytes(old);
            old.index.take();
            old.last_used.set(0);
        }
        cached.retain(|old| old.upgrade().is_some_and(|old| old.last_used.get() != 0));
    }
}
