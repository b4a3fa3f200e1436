//! The only file that names glommio: threads, tasks, queues, coarse timers, parking and the
//! blocking helper. Another executor would replace this file alone.

use std::{
    future::Future,
    io,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd},
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use glommio::{
    ExecutorJoinHandle, Latency, LocalExecutorBuilder, Placement, Shares, TaskQueueHandle,
    io::BufferedFile,
};
use rustix::event::{EventfdFlags, eventfd};

/// glommio's own I/O memory: the least it takes, since its buffers are not used.
const IO_MEMORY_BYTES: usize = 64 << 10;
/// Longest time a busy task keeps glommio's reactor (timers, parking) waiting.
const PREEMPT: Duration = Duration::from_millis(1);
/// Share of background work (zeroing, retention, catch-up) against 1000 of the data path.
const BACKGROUND_SHARES: usize = 100;

/// A shard's thread.
pub struct Thread(ExecutorJoinHandle<()>);

impl Thread {
    /// Waits for the shard to end.
    ///
    /// # Errors
    /// The thread panicked or its executor failed.
    pub fn join(self) -> io::Result<()> {
        self.0.join().map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Starts a shard's thread, pinned to `cpu` when there is one, and runs `main` on it.
///
/// # Errors
/// The executor could not be made: `RLIMIT_MEMLOCK` below 512 KiB, or an unknown CPU.
pub fn start<G, F>(name: &str, cpu: Option<usize>, main: G) -> io::Result<Thread>
where
    G: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let placement = cpu.map_or(Placement::Unbound, Placement::Fixed);
    LocalExecutorBuilder::new(placement)
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .preempt_timer(PREEMPT)
        .spawn(main)
        .map(Thread)
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Runs `task` beside the caller, on this shard.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    glommio::spawn_local(task).detach();
}

/// The shard's queue for work that must not slow requests.
#[derive(Clone, Copy)]
pub struct Background(TaskQueueHandle);

impl Background {
    /// Makes the queue; once per shard.
    pub fn new() -> Self {
        Self(glommio::executor().create_task_queue(
            Shares::Static(BACKGROUND_SHARES),
            Latency::NotImportant,
            "background",
        ))
    }

    /// Runs `task` in the background queue.
    pub fn spawn(self, task: impl Future<Output = ()> + 'static) {
        match glommio::spawn_local_into(task, self.0) {
            Ok(task) => {
                task.detach();
            }
            Err(error) => unreachable!("the queue lives as long as the shard: {error}"),
        }
    }
}

impl Default for Background {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets the other tasks run.
pub async fn yield_now() {
    glommio::executor().yield_now().await;
}

/// Sleeps on the executor's timer: coarse, about a millisecond late on a busy shard.
pub async fn sleep(duration: Duration) {
    glommio::timer::sleep(duration).await;
}

/// Runs `work` on a helper thread: folder listings and other rare calls without a ring operation.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    glommio::executor().spawn_blocking(work).await
}

/// An eventfd the driver sleeps on through glommio's reactor.
pub struct Parking {
    file: Rc<BufferedFile>,
    /// The read in flight. Kept across parks: dropping it could swallow a signal.
    read: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Parking {
    /// Opens the eventfd.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC)?;
        // SAFETY: the descriptor is open and handed over.
        let file = unsafe { BufferedFile::from_raw_fd(fd.into_raw_fd()) };
        Ok(Self { file: Rc::new(file), read: None })
    }

    /// The eventfd, for registration with a ring.
    pub fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Returns once the eventfd was signalled since the last time it returned.
    pub async fn signalled(&mut self) {
        let file = &self.file;
        let read = self.read.get_or_insert_with(|| Box::pin(read_signal(Rc::clone(file))));
        read.await;
        self.read = None;
    }
}

async fn read_signal(file: Rc<BufferedFile>) {
    if file.read_at(0, size_of::<u64>()).await.is_err() {
        // A failed read would make the driver spin: fall back to a slow pace.
        sleep(PREEMPT).await;
    }
}
