//! Who waits for the acknowledgement of an append, and when it is given: `acks=1` when the record
//! is on this node's stable storage, `acks=all` when it is on that of every in-sync replica.
//! Driven by offsets moving; knows no log, no clock and no client.
//!
//! There is one waiter for each Produce request in flight, so their number is bounded by the
//! in-flight limits of the connections.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use crate::types::Offset;

/// What a producer wants to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// `acks=0`: nothing.
    None,
    /// `acks=1`: this node's stable storage.
    Leader,
    /// `acks=all`: that of every in-sync replica.
    All,
}

/// Why a record that was appended is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// KAFKA_STORAGE_ERROR: the disk is full; the record was given up and is not in the log.
    #[error("no space left on the disk; the record was given up")]
    NoSpace,
    /// KAFKA_STORAGE_ERROR: a write or flush failed. Whether the record survives is not known.
    #[error("a write or flush failed; the partition is offline")]
    Offline,
    /// REQUEST_TIMED_OUT: not acknowledged in time; the record may still be.
    #[error("not acknowledged in time")]
    TimedOut,
    /// NOT_LEADER_OR_FOLLOWER: the partition was closed or moved. Whether the record survives is
    /// not known.
    #[error("the partition was closed")]
    Closed,
}

/// The acknowledgement of one append. Dropping it gives up waiting; the append goes on.
#[derive(Debug)]
pub struct Ack(Option<Rc<Waiter>>);

#[derive(Debug)]
struct Waiter {
    /// Offset after the last record: acknowledged when this is reached.
    next_offset: Offset,
    outcome: Cell<Option<Result<(), AckError>>>,
    waker: RefCell<Option<Waker>>,
}

impl Ack {
    /// Already given: nothing is waited for.
    pub(super) fn given() -> Self {
        Self(None)
    }

    /// What it came to, if that is known.
    pub fn outcome(&self) -> Option<Result<(), AckError>> {
        self.0.as_ref().map_or(Some(Ok(())), |waiter| waiter.outcome.get())
    }

    /// Waits until the append is acknowledged or cannot be any more.
    ///
    /// # Errors
    /// [`AckError`], never `TimedOut`.
    pub async fn wait(&self) -> Result<(), AckError> {
        poll_fn(|context| match (self.outcome(), &self.0) {
            (Some(outcome), _) => Poll::Ready(outcome),
            (None, Some(waiter)) => {
                *waiter.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
            (None, None) => Poll::Ready(Ok(())),
        })
        .await
    }
}

/// Appends that wait for one offset to move: the flushed end, or the high watermark.
#[derive(Debug, Default)]
pub(super) struct AckWaiters {
    /// Lowest offset first.
    waiting: VecDeque<Rc<Waiter>>,
}

impl AckWaiters {
    /// An acknowledgement to be given when everything below `next_offset` is covered.
    pub(super) fn add(&mut self, next_offset: Offset) -> Ack {
        let (outcome, waker) = (Cell::new(None), RefCell::new(None));
        let waiter = Rc::new(Waiter { next_offset, outcome, waker });
        // Appends come in order; only a repeated batch waits for an older offset.
        let at = self.waiting.partition_point(|other| other.next_offset <= next_offset);
        self.waiting.insert(at, Rc::clone(&waiter));
        Ack(Some(waiter))
    }

    /// Everything below `offset` is covered.
    pub(super) fn reached(&mut self, offset: Offset) {
        while self.waiting.front().is_some_and(|waiter| waiter.next_offset <= offset) {
            let waiter = self.waiting.pop_front().expect("seen above");
            waiter.finish(Ok(()));
        }
    }

    /// Everything that waits for more than `log_end` will never come.
    pub(super) fn fail_above(&mut self, log_end: Offset, error: AckError) {
        while self.waiting.back().is_some_and(|waiter| waiter.next_offset > log_end) {
            let waiter = self.waiting.pop_back().expect("seen above");
            waiter.finish(Err(error));
        }
    }

    /// Nothing more will be covered.
    pub(super) fn fail_all(&mut self, error: AckError) {
        self.waiting.drain(..).for_each(|waiter| waiter.finish(Err(error)));
    }

    /// Appends that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Waiter {
    fn finish(&self, outcome: Result<(), AckError>) {
        self.outcome.set(Some(outcome));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_in_order_as_the_offset_moves() {
        let mut waiters = AckWaiters::default();
        let (first, second) = (waiters.add(Offset(3)), waiters.add(Offset(5)));
        let repeated = waiters.add(Offset(3));
        waiters.reached(Offset(2));
        assert_eq!(first.outcome(), None);
        waiters.reached(Offset(4));
        assert_eq!((first.outcome(), repeated.outcome()), (Some(Ok(())), Some(Ok(()))));
        assert_eq!(second.outcome(), None);
        waiters.reached(Offset(5));
        assert_eq!(futures_executor::block_on(second.wait()), Ok(()));
        assert_eq!(waiters.len(), 0);
    }

    #[test]
    fn a_full_disk_fails_only_what_was_given_up() {
        let mut waiters = AckWaiters::default();
        let (kept, lost) = (waiters.add(Offset(3)), waiters.add(Offset(5)));
        waiters.fail_above(Offset(3), AckError::NoSpace);
        assert_eq!(lost.outcome(), Some(Err(AckError::NoSpace)));
        assert_eq!(kept.outcome(), None);
        waiters.fail_all(AckError::Offline);
        assert_eq!(futures_executor::block_on(kept.wait()), Err(AckError::Offline));
    }
}
