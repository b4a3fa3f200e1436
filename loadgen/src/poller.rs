//! Owns waiting: an epoll set with nanosecond timeouts. Tokens are the caller's numbers. Never
//! reads or writes a socket.

use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;

/// Events taken from the kernel per call.
const EVENTS_MAX: usize = 256;

/// An epoll instance.
pub struct Poller {
    epoll: std::os::fd::OwnedFd,
    events: Vec<Event>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

/// A descriptor that became ready.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// What the caller named it.
    pub token: u64,
    /// Bytes (or an end) can be read.
    pub readable: bool,
    /// Bytes can be written.
    pub writable: bool,
}

impl Poller {
    /// An empty set. Timer slack of the thread goes to the minimum so that waits end on time.
    pub fn new() -> Result<Poller> {
        let slack = std::num::NonZeroU64::MIN;
        rustix::thread::set_current_timer_slack(Some(slack)).context("set timer slack")?;
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("epoll_create")?;
        Ok(Poller { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a descriptor for reading, and for writing if `writes`.
    pub fn add(&self, fd: impl AsFd, token: u64, writes: bool) -> Result<()> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token), flags(writes)).context("epoll add")
    }

    /// Changes whether writability is watched.
    pub fn modify(&self, fd: impl AsFd, token: u64, writes: bool) -> Result<()> {
        epoll::modify(&self.epoll, fd, EventData::new_u64(token), flags(writes))
            .context("epoll modify")
    }

    /// Waits for events, at most `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Result<()> {
        self.events.clear();
        let timeout = Timespec::try_from(timeout).context("timeout")?;
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("epoll_wait"),
        }
    }

    /// The events of the last wait.
    pub fn ready(&self) -> impl Iterator<Item = Ready> + '_ {
        self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                token: data.u64(),
                readable: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
                writable: flags.contains(EventFlags::OUT),
            }
        })
    }
}

fn flags(writes: bool) -> EventFlags {
    if writes { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}
