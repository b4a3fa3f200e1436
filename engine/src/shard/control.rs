//! A shard's side of the control plane: sends changes to the controller and matches the answers.
//! Owns the requests in flight; knows nothing of what they change.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use kafka_wire::ErrorCode;

use crate::limits::CONTROL_REQUESTS_PER_SHARD_MAX;

use super::{
    change::{Change, Outcome, Refusal},
    exchange::ControlRequest,
    node::Node,
};

/// One request in flight.
enum Pending {
    Waiting(Option<Waker>),
    Answered(Outcome),
    /// Nobody waits any more. It stays until the answer comes, so that the queues cannot overflow.
    Abandoned,
}

/// Changes that this shard has asked for.
pub(super) struct Control {
    node: Arc<Node>,
    shard: u16,
    next: Cell<u64>,
    /// At most [`CONTROL_REQUESTS_PER_SHARD_MAX`].
    pending: RefCell<HashMap<u64, Pending>>,
}

impl Control {
    pub(super) fn new(node: Arc<Node>, shard: u16) -> Self {
        Self { node, shard, next: Cell::new(0), pending: RefCell::default() }
    }

    /// Asks the controller and waits for its answer. May be dropped while waiting: the change
    /// happens or not, as when a client hangs up.
    pub(super) async fn ask(&self, change: Change, validate_only: bool) -> Outcome {
        if self.pending.borrow().len() >= CONTROL_REQUESTS_PER_SHARD_MAX {
            return Outcome::Failed(Refusal::new(
                ErrorCode::RequestTimedOut,
                "Too many changes are waiting for the controller; try again.",
            ));
        }
        let correlation = self.next.get();
        self.next.set(correlation + 1);
        self.pending.borrow_mut().insert(correlation, Pending::Waiting(None));
        self.node.exchange.ask(ControlRequest {
            from: self.shard,
            correlation,
            change,
            validate_only,
        });
        Asked { control: self, correlation }.await
    }

    /// Takes the answers that have come. Called when the shard is woken.
    pub(super) fn collect(&self) {
        while let Some(reply) = self.node.exchange.next_reply(self.shard) {
            let was = self.pending.borrow_mut().remove(&reply.correlation);
            let Some(Pending::Waiting(waker)) = was else { continue };
            let answered = Pending::Answered(reply.outcome);
            self.pending.borrow_mut().insert(reply.correlation, answered);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

struct Asked<'a> {
    control: &'a Control,
    correlation: u64,
}

impl Future for Asked<'_> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut pending = self.control.pending.borrow_mut();
        if let Some(Pending::Answered(outcome)) = pending.remove(&self.correlation) {
            return Poll::Ready(outcome);
        }
        pending.insert(self.correlation, Pending::Waiting(Some(context.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut pending = self.control.pending.borrow_mut();
        if let Some(Pending::Waiting(_)) = pending.remove(&self.correlation) {
            pending.insert(self.correlation, Pending::Abandoned);
        }
    }
}
