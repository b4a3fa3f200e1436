//! A shard: the partitions of one core, its view of the metadata, its mailbox to the controller
//! and its background turns. Knows no request; `api` calls it.

mod background;
pub mod change;
mod control;
mod controller;
pub mod data_dir;
mod exchange;
mod fetch_memory;
pub mod fetch_sessions;
mod folders;
mod hosting;
pub mod metadata;
pub mod node;
mod signal;
pub mod store;
mod view;

use std::{
    cell::{RefCell, RefMut},
    io,
    ops::Range,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use kafka_wire::{ErrorCode, Uuid};

use self::{
    change::{Change, Outcome},
    control::Control,
    controller::Controller,
    fetch_memory::FetchMemory,
    fetch_sessions::FetchSessions,
    node::Node,
    view::View,
};
pub use self::{
    exchange::{Exchange, Wake},
    signal::Signal,
    view::{Hosted, Miss},
};
use crate::{
    config::ConfigError,
    limits::FETCH_READ_MEMORY_SHARE,
    log::{LogShared, ShardPaths},
    partition::{Partition, ProducerBudget},
    ring::{disk::Disk, window::Window},
};

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
    runtime: Runtime,
    /// Disk, window and pool of this shard's logs.
    logs: LogShared<D>,
    view: RefCell<View<D>>,
    /// Partitions of topics with relaxed flushing.
    relaxed: RefCell<Vec<Partition<D>>>,
    producer_budget: ProducerBudget,
    fetch_sessions: RefCell<FetchSessions>,
    fetch_memory: FetchMemory,
    control: Control,
    /// Raised at every wake: the controller of shard 0 looks for requests and progress.
    controller_woken: Rc<Signal>,
    /// Raised at every wake: new metadata may be there.
    metadata_woken: Signal,
    /// Producer ids this shard may still give out.
    producer_ids: RefCell<Range<i64>>,
}

impl<D: Disk> Shard<D> {
    /// Shard `index` of `node`, with its own window. Serves nothing before [`Shard::start`].
    pub fn new(node: Arc<Node>, index: u16, disk: D, window: Window, runtime: Runtime) -> Self {
        let logs = LogShared::new(disk, window, Rc::clone(&runtime.spawn), paths(&node, index));
        let sessions = FetchSessions::new(node.config.fetch_sessions_max);
        let fetch_memory =
            FetchMemory::new(node.config.shard_memory_bytes() / FETCH_READ_MEMORY_SHARE);
        Self(Rc::new(Inner {
            control: Control::new(Arc::clone(&node), index),
            node,
            index,
            runtime,
            logs,
            view: RefCell::default(),
            relaxed: RefCell::default(),
            producer_budget: ProducerBudget::default(),
            fetch_sessions: RefCell::new(sessions),
            fetch_memory,
            controller_woken: Rc::default(),
            metadata_woken: Signal::default(),
            producer_ids: RefCell::new(0..0),
        }))
    }

    /// Starts the controller (on shard 0), opens this shard's partitions, and begins to follow the
    /// metadata. [`Shard::woken`] must be wired before: other shards wait for shard 0's wake.
    pub async fn start(&self) -> Result<(), ConfigError> {
        self.load_logs().await.map_err(|error| {
            ConfigError::new(
                format!("cannot use {}: {error}", self.0.node.data_dir.display()),
                "the state of the logs is kept there",
                "repair the disk or its permissions, or choose another --data-dir",
            )
        })?;
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

    /// A topic by its name.
    pub fn topic(&self, name: &str) -> Result<Rc<Hosted<D>>, Miss> {
        self.0.view.borrow().by_name.get(name).cloned().ok_or(Miss::UnknownTopic)
    }

    /// A topic by its id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Rc<Hosted<D>>> {
        self.0.view.borrow().by_id.get(&id).cloned()
    }

    /// All topics.
    pub fn topics(&self) -> Vec<Rc<Hosted<D>>> {
        self.0.view.borrow().hosted()
    }

    /// The fetch sessions of this shard's clients. Not to be held across an await.
    pub fn fetch_sessions(&self) -> RefMut<'_, FetchSessions> {
        self.0.fetch_sessions.borrow_mut()
    }

    /// The memory that answers read from files may hold.
    pub fn fetch_memory(&self) -> &FetchMemory {
        &self.0.fetch_memory
    }

    /// The disk under this shard.
    pub fn disk(&self) -> &D {
        self.0.logs.disk()
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

    /// Makes this shard's own folders and reads what the last run has left.
    async fn load_logs(&self) -> io::Result<()> {
        let disk = self.0.logs.disk();
        let paths = paths(&self.0.node, self.0.index);
        let checkpoints = paths.checkpoint.parent().expect("it is in a folder").to_owned();
        let pools = paths.pool_dir.parent().expect("it is in a folder").to_owned();
        for dir in [&checkpoints, &pools, &paths.pool_dir] {
            match disk.create_dir(dir).await {
                Ok(()) => disk.flush_dir(dir.parent().expect("below the data folder")).await?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        self.0.logs.load(&self.others(&checkpoints).await?).await
    }

    /// Checkpoints that may know of partitions which another shard owned before: those of shards
    /// that are no more, and for a new shard all.
    async fn others(&self, checkpoints: &Path) -> io::Result<Vec<PathBuf>> {
        let known = self.0.logs.disk().list(checkpoints).await?;
        let mut known: Vec<u16> = known
            .iter()
            .filter_map(|entry| entry.name.strip_prefix("shard-")?.split('.').next()?.parse().ok())
            .collect();
        known.sort_unstable();
        known.dedup();
        let is_new = !known.contains(&self.0.index);
        known.retain(|shard| is_new || *shard >= self.0.node.config.shards);
        Ok(known.into_iter().map(|shard| paths(&self.0.node, shard).checkpoint).collect())
    }

    async fn open_controller(&self) -> Result<Controller<D>, ConfigError> {
        let node = Arc::clone(&self.0.node);
        let (disk, runtime) = (self.0.logs.disk().clone(), self.0.runtime.clone());
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
        self.host(&metadata).await;
        self.0.node.exchange.set_applied(self.0.index, metadata.version());
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        (self.0.runtime.spawn)(Box::pin(task));
    }
}

/// Where a shard keeps what belongs to all its logs.
fn paths(node: &Node, shard: u16) -> ShardPaths {
    ShardPaths {
        pool_dir: node.data_dir.join("pool").join(format!("shard-{shard}")),
        checkpoint: node.data_dir.join("checkpoints").join(format!("shard-{shard}")),
    }
}
