//! A shard: the partitions of one core, its view of the metadata, its mailbox to the controller
//! and its background turns. Knows no request; `api` calls it.

pub mod change;
mod control;
mod controller;
pub mod data_dir;
mod exchange;
pub mod fetch_sessions;
pub mod metadata;
pub mod node;
mod signal;
pub mod store;

use std::{cell::RefCell, ops::Range, rc::Rc, sync::Arc, time::Duration};

use futures_util::future::LocalBoxFuture;
use kafka_wire::ErrorCode;

use self::{
    change::{Change, Outcome},
    control::Control,
    controller::Controller,
    node::Node,
};
pub use self::{
    exchange::{Exchange, Wake},
    signal::Signal,
};
use crate::{config::ConfigError, ring::disk::Disk};

/// What the executor does for a shard. Tests give their own.
#[derive(Clone)]
pub struct Runtime {
    /// Runs a task beside the caller, on the shard's thread.
    pub spawn: Rc<dyn Fn(LocalBoxFuture<'static, ()>)>,
    /// Waits; a millisecond more does not matter.
    pub sleep: Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>,
}

/// One shard. Cheap to clone; stays on its thread.
pub struct Shard<D: Disk>(Rc<Inner<D>>);

impl<D: Disk> Clone for Shard<D> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

struct Inner<D: Disk> {
    node: Arc<Node>,
    index: u16,
    disk: D,
    runtime: Runtime,
    control: Control,
    /// Raised at every wake: the controller of shard 0 looks for requests and progress.
    controller_woken: Rc<Signal>,
    /// Raised at every wake: new metadata may be there.
    metadata_woken: Signal,
    /// Producer ids this shard may still give out.
    producer_ids: RefCell<Range<i64>>,
}

impl<D: Disk> Shard<D> {
    /// Shard `index` of `node`. Serves nothing before [`Shard::start`].
    pub fn new(node: Arc<Node>, index: u16, disk: D, runtime: Runtime) -> Self {
        Self(Rc::new(Inner {
            control: Control::new(Arc::clone(&node), index),
            node,
            index,
            disk,
            runtime,
            controller_woken: Rc::default(),
            metadata_woken: Signal::default(),
            producer_ids: RefCell::new(0..0),
        }))
    }

    /// Starts the controller (on shard 0), opens this shard's partitions, and begins to follow the
    /// metadata. [`Shard::woken`] must be wired before: other shards wait for shard 0's wake.
    pub async fn start(&self) -> Result<(), ConfigError> {
        if self.0.index == 0 {
            let controller = self.open_controller().await?;
            self.spawn(controller.run());
        }
        while self.0.node.exchange.metadata().version() == 0 {
            self.0.metadata_woken.wait().await;
        }
        self.apply_metadata().await;
        let shard = self.clone();
        self.spawn(async move { shard.follow_metadata().await });
        Ok(())
    }

    /// The node this shard is part of.
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// Its number on the node.
    pub fn index(&self) -> u16 {
        self.0.index
    }

    /// To be called on this shard's thread whenever its [`Wake`] was called.
    pub fn woken(&self) {
        self.0.control.collect();
        self.0.controller_woken.raise();
        self.0.metadata_woken.raise();
    }

    /// Asks the controller for a change and waits until it is durable and all shards work by it.
    pub async fn change(&self, change: Change, validate_only: bool) -> Outcome {
        self.0.control.ask(change, validate_only).await
    }

    /// A producer id that nobody else was or will be given.
    pub async fn next_producer_id(&self) -> Result<i64, ErrorCode> {
        loop {
            if let Some(id) = self.0.producer_ids.borrow_mut().next() {
                return Ok(id);
            }
            match self.change(Change::ReserveProducerIds, false).await {
                // Another request may have refilled meanwhile; the rest of its block is then lost,
                // not given out twice.
                Outcome::ProducerIds(block) => *self.0.producer_ids.borrow_mut() = block,
                Outcome::Failed(refusal) => return Err(refusal.code),
                Outcome::Topics(_) => return Err(ErrorCode::UnknownServerError),
            }
        }
    }

    /// Sleeps on this shard's clock.
    pub async fn sleep(&self, duration: Duration) {
        (self.0.runtime.sleep)(duration).await;
    }

    async fn open_controller(&self) -> Result<Controller<D>, ConfigError> {
        let node = Arc::clone(&self.0.node);
        let (disk, runtime) = (self.0.disk.clone(), self.0.runtime.clone());
        Controller::open(disk, runtime, node, Rc::clone(&self.0.controller_woken)).await
    }

    async fn follow_metadata(self) {
        loop {
            self.0.metadata_woken.wait().await;
            self.apply_metadata().await;
        }
    }

    async fn apply_metadata(&self) {
        let metadata = self.0.node.exchange.metadata();
        self.0.node.exchange.set_applied(self.0.index, metadata.version());
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        (self.0.runtime.spawn)(Box::pin(task));
    }
}
