//! What shards share: the newest metadata, the queue to the controller, the answers back.
//! Lock-free, bounded; whoever puts something in wakes the shard it is for.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use crossbeam_queue::ArrayQueue;

use crate::limits::CONTROL_REQUESTS_PER_SHARD_MAX;

use super::{
    change::{Change, Outcome},
    metadata::Metadata,
};

/// Wakes a shard from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A change on its way to the controller.
#[derive(Debug)]
pub(super) struct ControlRequest {
    /// The shard that asks.
    pub(super) from: u16,
    /// Comes back in the answer.
    pub(super) correlation: u64,
    /// What to change.
    pub(super) change: Change,
    /// Only say what would happen.
    pub(super) validate_only: bool,
}

/// The controller's answer.
#[derive(Debug)]
pub(super) struct ControlReply {
    /// Of the request.
    pub(super) correlation: u64,
    /// What became of it.
    pub(super) outcome: Outcome,
}

/// Shared by all shards of the process.
pub struct Exchange {
    /// The newest metadata. Replaced whole, never dropped: a shard that is late sees the last one.
    metadata: ArcSwap<Metadata>,
    /// To the controller. Holds what all shards together may have outstanding, so it is never full.
    requests: ArrayQueue<ControlRequest>,
    /// To each shard. Each holds what its shard may have outstanding, so it is never full.
    replies: Vec<ArrayQueue<ControlReply>>,
    /// The metadata version that each shard works by.
    applied: Vec<AtomicU64>,
    wakes: Vec<Wake>,
}

impl Exchange {
    /// One exchange for as many shards as there are `wakes`.
    pub fn new(metadata: Metadata, wakes: Vec<Wake>) -> Self {
        let shards = wakes.len();
        let queue = || ArrayQueue::new(CONTROL_REQUESTS_PER_SHARD_MAX);
        Self {
            metadata: ArcSwap::from_pointee(metadata),
            requests: ArrayQueue::new(CONTROL_REQUESTS_PER_SHARD_MAX * shards),
            replies: (0..shards).map(|_| queue()).collect(),
            applied: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            wakes,
        }
    }

    /// The newest metadata.
    pub fn metadata(&self) -> Arc<Metadata> {
        self.metadata.load_full()
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.wakes.len()
    }

    /// Sends a request to the controller. The caller keeps to
    /// [`CONTROL_REQUESTS_PER_SHARD_MAX`] outstanding ones.
    pub(super) fn ask(&self, request: ControlRequest) {
        let sent = self.requests.push(request).is_ok();
        assert!(sent, "each shard keeps to its share of the queue");
        (self.wakes[0])();
    }

    pub(super) fn next_request(&self) -> Option<ControlRequest> {
        self.requests.pop()
    }

    pub(super) fn reply(&self, to: u16, reply: ControlReply) {
        let sent = self.replies[usize::from(to)].push(reply).is_ok();
        assert!(sent, "a shard has room for all answers it waits for");
        (self.wakes[usize::from(to)])();
    }

    pub(super) fn next_reply(&self, shard: u16) -> Option<ControlReply> {
        self.replies[usize::from(shard)].pop()
    }

    pub(super) fn publish(&self, metadata: Arc<Metadata>) {
        self.metadata.store(metadata);
        self.wakes.iter().for_each(|wake| wake());
    }

    pub(super) fn set_applied(&self, shard: u16, version: u64) {
        // Shard 0 applies metadata at every wake: waking it for nothing new would never end.
        if self.applied[usize::from(shard)].swap(version, Ordering::AcqRel) != version {
            (self.wakes[0])();
        }
    }

    /// Whether every shard works by `version` or a later one.
    pub(super) fn is_applied(&self, version: u64) -> bool {
        self.applied.iter().all(|applied| applied.load(Ordering::Acquire) >= version)
    }
}
