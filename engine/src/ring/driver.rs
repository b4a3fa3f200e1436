//! One `io_uring` per shard and the task that drives it: submit everything pending in one enter,
//! dispatch completions, spin a little with `sched_yield`, then park on the ring's eventfd.
//!
//! Owns every buffer of a running operation until its last completion arrives: a dropped future
//! orphans its slot, it never frees memory the kernel may still use. Never interprets results.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_lite::FutureExt;
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use slab::Slab;

use super::{buffers::RecvBuffers, executor};
use crate::clock;

/// Submission entries of a ring. A full queue is submitted at once, so this is no limit on
/// running operations.
const SUBMISSION_ENTRIES: u32 = 1024;
/// Completion entries of a ring; beyond it the kernel keeps completions for us (`FEAT_NODROP`).
const COMPLETION_ENTRIES: u32 = 8192;
/// Completions dispatched in one turn, so that woken tasks run in between.
const COMPLETIONS_PER_TURN_MAX: usize = 512;
/// The driver looks at the ring at least this often, whatever wake-up may have been lost. Several
/// periods without a common beat: glommio 0.9 may park with runnable tasks when its preemption
/// timer fires at the wrong moment, and a watchdog that is itself among them cannot end that.
const WATCHDOGS: [Duration; 3] =
    [Duration::from_millis(29), Duration::from_millis(67), Duration::from_millis(101)];
/// `user_data` of operations nobody waits for (cancellations).
const NOBODY: u64 = u64::MAX;

/// What a completion says: the operation's result (negative errno) and its CQE flags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    pub(super) result: i32,
    pub(super) flags: u32,
}

impl Completion {
    /// The result as a count, or the operating system's error.
    pub(super) fn into_result(self) -> io::Result<usize> {
        usize::try_from(self.result).map_err(|_| io::Error::from_raw_os_error(-self.result))
    }
}

/// One operation in the kernel's hands.
enum Slot {
    /// Answers once. `hold` keeps everything the kernel may touch.
    Single { done: Option<Completion>, waker: Option<Waker>, orphan: bool, hold: Box<dyn Any> },
    /// Answers until a completion comes without the MORE flag.
    Multi { ready: VecDeque<Completion>, waker: Option<Waker>, finished: bool, orphan: bool },
}

struct Inner {
    uring: RefCell<IoUring>,
    slots: RefCell<Slab<Slot>>,
    recv_buffers: RefCell<RecvBuffers>,
    /// Woken when an entry is pushed while the driver is parked.
    parked: RefCell<Option<Waker>>,
    /// Entries pushed since the last enter.
    unsubmitted: Cell<bool>,
    stopping: Cell<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing a ring does not wait for its operations: what they may still touch must stay.
        if !self.slots.borrow().is_empty() {
            std::mem::forget(self.slots.take());
            std::mem::forget(self.recv_buffers.get_mut().take());
        }
    }
}

/// The ring of a shard. Cheap to clone; must stay on the thread that made it.
#[derive(Clone)]
pub struct Ring {
    inner: Rc<Inner>,
}

impl Ring {
    /// Opens a ring whose receive buffers hold `recv_buffers` blocks.
    ///
    /// # Errors
    /// The kernel's refusal; [`super::probe::explain`] turns it into a remedy.
    pub fn new() -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETION_ENTRIES)
            .build(SUBMISSION_ENTRIES)?;
        let recv_buffers = RecvBuffers::register(&uring)?;
        Ok(Self {
            inner: Rc::new(Inner {
                uring: RefCell::new(uring),
                slots: RefCell::new(Slab::with_capacity(1024)),
                recv_buffers: RefCell::new(recv_buffers),
                parked: RefCell::new(None),
                unsubmitted: Cell::new(false),
                stopping: Cell::new(false),
            }),
        })
    }

    /// Starts an operation that answers once. `hold` owns all memory that `entry` points to.
    ///
    /// # Safety
    /// Every pointer in `entry` must stay valid while `hold` lives, at a stable address.
    pub(super) unsafe fn start<H: 'static>(&self, entry: squeue::Entry, hold: Box<H>) -> Op<H> {
        let slot = Slot::Single { done: None, waker: None, orphan: false, hold };
        let index = self.inner.slots.borrow_mut().insert(slot);
        // SAFETY: the slot holds the entry's memory until its completion was dispatched.
        unsafe { self.push(entry.user_data(index as u64)) };
        Op { ring: self.clone(), index, cancel: false, _hold: std::marker::PhantomData }
    }

    /// Starts an operation that answers many times (accept, receive).
    ///
    /// # Safety
    /// `entry` must not point to memory of the caller.
    pub(super) unsafe fn start_multi(&self, entry: squeue::Entry) -> MultiOp {
        let slot =
            Slot::Multi { ready: VecDeque::new(), waker: None, finished: false, orphan: false };
        let index = self.inner.slots.borrow_mut().insert(slot);
        // SAFETY: nothing of ours is pointed to, see the contract above.
        unsafe { self.push(entry.user_data(index as u64)) };
        MultiOp { ring: self.clone(), index }
    }

    /// Sleeps on the ring's own timer.
    pub async fn sleep(&self, duration: Duration) {
        let timespec =
            Box::new(types::Timespec::new().sec(duration.as_secs()).nsec(duration.subsec_nanos()));
        let entry = opcode::Timeout::new(&raw const *timespec).build();
        // SAFETY: the timespec is boxed and held by the slot.
        let mut op = unsafe { self.start(entry, timespec) };
        op.cancel = true;
        op.await;
    }

    /// Bytes of receive buffers, part of the shard's memory budget.
    pub fn recv_buffer_bytes(&self) -> usize {
        self.inner.recv_buffers.borrow().total_bytes()
    }

    pub(super) fn recv_buffers(&self) -> &RefCell<RecvBuffers> {
        &self.inner.recv_buffers
    }

    /// Ends [`Ring::drive`] after its current turn.
    pub fn stop(&self) {
        self.inner.stopping.set(true);
        self.kick();
    }

    /// Runs the ring until [`Ring::stop`]. One task per shard; `spin` is how long it looks for
    /// completions, yielding the CPU each turn, before it parks.
    ///
    /// # Errors
    /// The ring itself failed: the shard cannot go on.
    pub async fn drive(&self, spin: Duration) -> io::Result<()> {
        let mut parking = executor::Parking::new()?;
        self.inner.uring.borrow().submitter().register_eventfd(parking.raw_fd())?;
        for period in WATCHDOGS {
            executor::spawn(watchdog(self.clone(), period));
        }
        while !self.inner.stopping.get() {
            if self.turn()? > 0 || self.inner.unsubmitted.get() {
                executor::yield_now().await;
                continue;
            }
            if !self.spin(spin) {
                self.park(&mut parking).await;
            }
        }
        Ok(())
    }

    /// Queues an entry for the next enter.
    ///
    /// # Safety
    /// As for [`Ring::start`].
    unsafe fn push(&self, entry: squeue::Entry) {
        let mut uring = self.inner.uring.borrow_mut();
        // SAFETY: the caller vouches for the entry's pointers.
        while unsafe { uring.submission().push(&entry) }.is_err() {
            // A full queue empties by being submitted; an error here (EBUSY, EAGAIN) passes too.
            if uring.submit().is_err() {
                std::hint::spin_loop();
            }
        }
        self.inner.unsubmitted.set(true);
        drop(uring);
        self.kick();
    }

    fn kick(&self) {
        if let Some(waker) = self.inner.parked.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Submits, lets the kernel finish deferred work, dispatches. Returns completions seen.
    fn turn(&self) -> io::Result<usize> {
        self.enter_if_needed()?;
        Ok(self.dispatch())
    }

    fn enter_if_needed(&self) -> io::Result<()> {
        let mut uring = self.inner.uring.borrow_mut();
        let submission = uring.submission();
        let needed =
            self.inner.unsubmitted.get() || submission.taskrun() || submission.cq_overflow();
        drop(submission);
        if !needed {
            return Ok(());
        }
        self.inner.unsubmitted.set(false);
        match uring.submit() {
            Ok(_) => Ok(()),
            // The kernel is short of something for a moment: entries stay queued for the next turn.
            Err(error) if is_passing(&error) => {
                self.inner.unsubmitted.set(true);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn dispatch(&self) -> usize {
        let mut seen = 0;
        while seen < COMPLETIONS_PER_TURN_MAX {
            let Some(entry) = self.inner.uring.borrow_mut().completion().next() else { break };
            seen += 1;
            if entry.user_data() != NOBODY {
                self.complete(&entry);
            }
        }
        seen
    }

    fn complete(&self, entry: &cqueue::Entry) {
        let completion = Completion { result: entry.result(), flags: entry.flags() };
        let index = usize::try_from(entry.user_data()).expect("user_data is a slab index");
        let mut slots = self.inner.slots.borrow_mut();
        let slot = slots.get_mut(index).expect("a slot lives until its last completion");
        let waker = match slot {
            Slot::Single { orphan: true, .. } => {
                slots.remove(index);
                None
            }
            Slot::Single { done, waker, .. } => {
                *done = Some(completion);
                waker.take()
            }
            Slot::Multi { finished, orphan, ready, waker } => {
                let last = !cqueue::more(completion.flags);
                if *orphan {
                    self.recycle(completion);
                    if last {
                        slots.remove(index);
                    }
                    None
                } else {
                    *finished = last;
                    ready.push_back(completion);
                    waker.take()
                }
            }
        };
        drop(slots);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Gives back the receive buffer of a completion nobody will read. A descriptor accepted for
    /// nobody is closed by its listener's drop, which drains before it orphans.
    fn recycle(&self, completion: Completion) {
        if let Some(id) = cqueue::buffer_select(completion.flags) {
            self.inner.recv_buffers.borrow_mut().give_back(id);
        }
    }

    /// Looks at the ring for `spin`, giving the CPU away each turn: a spinning thread on the CPU
    /// that owns the disk's interrupt delays a flushed write by a whole scheduler tick otherwise.
    fn spin(&self, spin: Duration) -> bool {
        if spin.is_zero() {
            return false;
        }
        let end = clock::now() + spin;
        loop {
            if self.has_work() {
                return true;
            }
            rustix::thread::sched_yield();
            if clock::now() >= end {
                return false;
            }
        }
    }

    fn has_work(&self) -> bool {
        let mut uring = self.inner.uring.borrow_mut();
        let submission = uring.submission();
        let pending = submission.taskrun() || submission.cq_overflow();
        drop(submission);
        pending || !uring.completion().is_empty()
    }

    /// Waits until the kernel signals the eventfd or somebody pushes an entry.
    async fn park(&self, parking: &mut executor::Parking) {
        let kicked = poll_fn(|cx| {
            if self.inner.unsubmitted.get() || self.inner.stopping.get() || self.has_work() {
                return Poll::Ready(());
            }
            *self.inner.parked.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        });
        kicked.or(parking.signalled()).await;
        self.inner.parked.borrow_mut().take();
    }

    fn cancel(&self, index: usize) {
        let entry = opcode::AsyncCancel::new(index as u64).build().user_data(NOBODY);
        // SAFETY: a cancellation points to no memory.
        unsafe { self.push(entry) };
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EBUSY | libc::EINTR))
}

async fn watchdog(ring: Ring, period: Duration) {
    while !ring.inner.stopping.get() {
        executor::sleep(period).await;
        ring.kick();
    }
}

/// A running operation that answers once: yields the completion and gives `H` back.
pub(super) struct Op<H> {
    ring: Ring,
    index: usize,
    /// Whether a drop asks the kernel to stop the operation. Never for writes to files: they are
    /// left to finish.
    pub(super) cancel: bool,
    _hold: std::marker::PhantomData<fn() -> H>,
}

impl<H: 'static> Future for Op<H> {
    type Output = (Completion, Box<H>);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slots = self.ring.inner.slots.borrow_mut();
        let Some(Slot::Single { done, waker, .. }) = slots.get_mut(self.index) else {
            panic!("an operation was polled after it answered");
        };
        if done.is_none() {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Slot::Single { done: Some(done), hold, .. } = slots.remove(self.index) else {
            unreachable!("checked above");
        };
        drop(slots);
        let hold = hold.downcast::<H>().expect("start() boxed this very type");
        // The slot is gone: the drop below must not touch its successor.
        self.get_mut().index = usize::MAX;
        Poll::Ready((done, hold))
    }
}

impl<H> Drop for Op<H> {
    fn drop(&mut self) {
        if self.index == usize::MAX {
            return;
        }
        let mut slots = self.ring.inner.slots.borrow_mut();
        let Some(Slot::Single { done, orphan, .. }) = slots.get_mut(self.index) else { return };
        if done.is_some() {
            slots.remove(self.index);
            return;
        }
        *orphan = true;
        drop(slots);
        if self.cancel {
            self.ring.cancel(self.index);
        }
    }
}

/// A running operation that answers many times.
pub(super) struct MultiOp {
    ring: Ring,
    index: usize,
}

impl MultiOp {
    /// The next completion, or None when the kernel has ended the operation.
    pub(super) async fn next(&mut self) -> Option<Completion> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Completion>> {
        let mut slots = self.ring.inner.slots.borrow_mut();
        let Some(Slot::Multi { ready, waker, finished, .. }) = slots.get_mut(self.index) else {
            panic!("a multi-shot operation lost its slot");
        };
        if let Some(completion) = ready.pop_front() {
            return Poll::Ready(Some(completion));
        }
        if *finished {
            return Poll::Ready(None);
        }
        *waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Asks the kernel to end the operation; completions already on their way still come.
    pub(super) fn stop(&self) {
        self.ring.cancel(self.index);
    }

    /// Takes what has already arrived, without waiting.
    pub(super) fn take_ready(&mut self) -> Option<Completion> {
        match self.ring.inner.slots.borrow_mut().get_mut(self.index) {
            Some(Slot::Multi { ready, .. }) => ready.pop_front(),
            _ => None,
        }
    }
}

impl Drop for MultiOp {
    fn drop(&mut self) {
        while let Some(completion) = self.take_ready() {
            self.ring.recycle(completion);
        }
        let mut slots = self.ring.inner.slots.borrow_mut();
        let Some(Slot::Multi { finished, orphan, .. }) = slots.get_mut(self.index) else { return };
        if *finished {
            slots.remove(self.index);
            return;
        }
        *orphan = true;
        drop(slots);
        self.ring.cancel(self.index);
    }
}
