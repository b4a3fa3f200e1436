//! Waking tasks of the same thread: a bell that many may wait for, and waiters for an offset.
//! Never blocks and never crosses threads.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use crate::types::Offset;

/// A bell: `ring` wakes everyone who waits.
#[derive(Default)]
pub(crate) struct Bell {
    rings: Cell<u64>,
    wakers: RefCell<Vec<Waker>>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rings.set(self.rings.get() + 1);
        for waker in self.wakers.take() {
            waker.wake();
        }
    }

    /// Waits for the first ring after this call (not after the first poll).
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + '_ {
        let seen = self.rings.get();
        poll_fn(move |context| {
            if self.rings.get() != seen {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
    }
}

/// Those who wait until an offset is reached, lowest first.
#[derive(Default)]
pub(crate) struct OffsetWaiters(RefCell<VecDeque<Rc<OffsetWaiter>>>);

/// One waiter. Its owner keeps the `Rc`; a waiter whose owner is gone is dropped when its turn
/// comes.
pub(crate) struct OffsetWaiter {
    end: Offset,
    waker: RefCell<Option<Waker>>,
    woken: Cell<bool>,
}

impl OffsetWaiters {
    pub(crate) fn add(&self, end: Offset) -> Rc<OffsetWaiter> {
        let woken = Cell::new(false);
        let waiter = Rc::new(OffsetWaiter { end, waker: RefCell::new(None), woken });
        let list = &mut *self.0.borrow_mut();
        let at = list.partition_point(|other| other.end <= end);
        list.insert(at, Rc::clone(&waiter));
        waiter
    }

    /// Wakes all that wait for `reached` or less.
    pub(crate) fn wake(&self, reached: Offset) {
        loop {
            let waiter = {
                let list = &mut *self.0.borrow_mut();
                if list.front().is_none_or(|waiter| waiter.end > reached) {
                    return;
                }
                list.pop_front()
            };
            waiter.iter().for_each(|waiter| waiter.wake());
        }
    }

    pub(crate) fn wake_all(&self) {
        let all = self.0.take();
        all.iter().for_each(|waiter| waiter.wake());
    }
}

impl OffsetWaiter {
    fn wake(&self) {
        self.woken.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(crate) async fn woken(&self) {
        poll_fn(|context| {
            if self.woken.get() {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
