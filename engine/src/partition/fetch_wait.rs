//! Readers that wait for data: one waiter, registered with many partitions, woken when the high
//! watermark of any of them moves. Knows no offsets and no clock: whoever waits looks again, and
//! sets its own limit of time.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use slab::Slab;

use crate::limits::FETCH_WAITERS_PER_PARTITION_MAX;

/// One Fetch request that waits. Clones are the same waiter.
#[derive(Clone, Debug, Default)]
pub struct FetchWaiter(Rc<State>);

#[derive(Debug, Default)]
struct State {
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl FetchWaiter {
    /// A waiter that waits for nothing yet: see `Partition::watch`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until a watched partition has moved since the last call returned (or since the
    /// waiter was made). Register first, then read, then wait: so nothing is missed.
    pub async fn woken(&self) {
        poll_fn(|context| {
            if self.0.woken.replace(false) {
                return Poll::Ready(());
            }
            *self.0.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn wake(&self) {
        self.0.woken.set(true);
        let waker = self.0.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The readers that wait for one partition.
#[derive(Clone, Debug, Default)]
pub(super) struct FetchWaiters(Rc<RefCell<Slab<FetchWaiter>>>);

/// Keeps a waiter registered with a partition until it is dropped.
#[derive(Debug)]
pub struct Watch {
    waiters: FetchWaiters,
    key: usize,
}

impl FetchWaiters {
    /// Registers `waiter`; `None` when too many wait already, and the fetch should be answered at
    /// once.
    pub(super) fn watch(&self, waiter: &FetchWaiter) -> Option<Watch> {
        let mut slab = self.0.borrow_mut();
        if slab.len() >= FETCH_WAITERS_PER_PARTITION_MAX {
            return None;
        }
        let key = slab.insert(waiter.clone());
        Some(Watch { waiters: self.clone(), key })
    }

    /// The partition moved. Wakers only schedule their task, so nothing comes back here.
    pub(super) fn wake_all(&self) {
        self.0.borrow().iter().for_each(|(_, waiter)| waiter.wake());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.waiters.0.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use futures_executor::LocalPool;
    use futures_util::task::LocalSpawnExt;

    use super::*;

    #[test]
    fn one_waiter_hears_from_each_of_its_partitions() {
        let partitions = [FetchWaiters::default(), FetchWaiters::default()];
        let waiter = FetchWaiter::new();
        let watches: Vec<_> = partitions.iter().map(|p| p.watch(&waiter).unwrap()).collect();
        for partition in &partitions {
            partition.wake_all();
            futures_executor::block_on(waiter.woken());
        }
        drop(watches);
        assert!(partitions.iter().all(|partition| partition.0.borrow().is_empty()));
    }

    #[test]
    fn a_wake_between_reading_and_waiting_is_not_lost_and_a_wait_without_one_pends() {
        let partition = FetchWaiters::default();
        let waiter = FetchWaiter::new();
        let _watch = partition.watch(&waiter).unwrap();
        let turns = Rc::new(Cell::new(0));
        let mut pool = LocalPool::new();
        let counted = Rc::clone(&turns);
        let task = async move {
            loop {
                waiter.woken().await;
                counted.set(counted.get() + 1);
            }
        };
        pool.spawner().spawn_local(task).unwrap();
        partition.wake_all();
        partition.wake_all();
        pool.run_until_stalled();
        assert_eq!(turns.get(), 1, "two moves before it looks are one");
        pool.run_until_stalled();
        assert_eq!(turns.get(), 1);
        partition.wake_all();
        pool.run_until_stalled();
        assert_eq!(turns.get(), 2);
    }

    #[test]
    fn the_limit_is_kept() {
        let partition = FetchWaiters::default();
        let waiter = FetchWaiter::new();
        let mut watches: Vec<_> = (0..FETCH_WAITERS_PER_PARTITION_MAX)
            .map(|_| partition.watch(&waiter).unwrap())
            .collect();
        assert!(partition.watch(&waiter).is_none());
        watches.pop();
        assert!(partition.watch(&waiter).is_some());
    }
}
