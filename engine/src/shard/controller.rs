//! The node's controller, on shard 0: takes changes one by one, makes each durable, then shows it
//! to all shards. Owns the order of changes; the rules are in `shard/change.rs`.

use std::{io, rc::Rc, sync::Arc, time::Duration};

use kafka_wire::{ErrorCode, Uuid};

use crate::{clock, config::ConfigError, limits::CONTROL_APPLY_WAIT_MS_MAX, ring::disk::Disk};

use super::{
    Runtime,
    change::{Change, Outcome, Refusal, Rules},
    exchange::{ControlReply, ControlRequest},
    folders,
    metadata::Metadata,
    node::Node,
    signal::Signal,
    store,
};

/// How often a waiting controller looks whether the shards have caught up, when nobody wakes it.
const APPLY_POLL: Duration = Duration::from_millis(5);

/// The controller. One per node; runs until dropped.
pub(super) struct Controller<D: Disk> {
    disk: D,
    runtime: Runtime,
    node: Arc<Node>,
    /// Raised when shard 0 is woken: a request came or a shard caught up.
    woken: Rc<Signal>,
    /// The newest durable metadata. May be ahead of what shards see by producer ids only.
    metadata: Metadata,
    /// After a failed write or flush nobody knows what is on the disk: no change until a restart.
    failed: Option<String>,
}

impl<D: Disk> Controller<D> {
    /// Reads the metadata from the disk (or makes the first one), puts every partition on a shard
    /// that exists, and shows the result to all shards.
    pub(super) async fn open(
        disk: D,
        runtime: Runtime,
        node: Arc<Node>,
        woken: Rc<Signal>,
    ) -> Result<Self, ConfigError> {
        let found = store::load(&disk, &node.data_dir, &node.config.settings).await?;
        let current = found.unwrap_or_default();
        let replaced = current.replaced(node.config.shards);
        let is_first = current.version() == 0;
        let metadata = match replaced {
            Some(replaced) => replaced,
            None if is_first => current.begin_change(),
            None => current.clone(),
        };
        if metadata.version() != current.version() {
            store::save(&disk, &node.data_dir, &metadata).await.map_err(|error| {
                ConfigError::new(
                    format!("cannot write the metadata in {}: {error}", node.data_dir.display()),
                    "the broker keeps its topics there",
                    "free space or repair the disk, or choose another --data-dir",
                )
            })?;
        }
        let data_dir = node.partitions_dir();
        folders::put_strays_aside(&disk, &data_dir, &metadata, clock::now_ms()).await.map_err(
            |error| {
                ConfigError::new(
                    format!("cannot tidy {}: {error}", data_dir.display()),
                    "the partitions are there",
                    "repair the disk or its permissions, or choose another --data-dir",
                )
            },
        )?;
        node.exchange.publish(Arc::new(metadata.clone()));
        Ok(Self { disk, runtime, node, woken, metadata, failed: None })
    }

    /// Serves changes for ever.
    pub(super) async fn run(mut self) {
        loop {
            while let Some(request) = self.node.exchange.next_request() {
                let (from, correlation) = (request.from, request.correlation);
                let outcome = self.serve(request).await;
                self.node.exchange.reply(from, ControlReply { correlation, outcome });
            }
            self.woken.wait().await;
        }
    }

    async fn serve(&mut self, request: ControlRequest) -> Outcome {
        if let Some(reason) = &self.failed {
            let message =
                format!("The controller's disk has failed ({reason}); restart the broker.");
            return Outcome::Failed(Refusal::new(ErrorCode::KafkaStorageError, message));
        }
        let shown = !matches!(request.change, Change::ReserveProducerIds);
        let (next, outcome) = self.decide(request.change);
        if request.validate_only || is_refused(&outcome) {
            return outcome;
        }
        // 1. make it durable
        if let Err(error) = store::save(&self.disk, &self.node.data_dir, &next).await {
            return self.storage_failed(&error);
        }
        self.metadata = next;
        // 2. show it to all shards, and wait until they work by it
        if shown {
            self.node.exchange.publish(Arc::new(self.metadata.clone()));
            if self.wait_applied().await {
                // 3. the files of deleted topics are gone: the next change forgets them
                self.metadata.forget_deleted();
            }
        }
        outcome
    }

    fn decide(&self, change: Change) -> (Metadata, Outcome) {
        let mut new_id = || Uuid(uuid::Uuid::new_v4().into_bytes());
        let mut rules = Rules {
            settings: &self.node.config.settings,
            shards: self.node.config.shards,
            node_id: self.node.config.node_id,
            new_id: &mut new_id,
        };
        rules.apply(&self.metadata, change)
    }

    fn storage_failed(&mut self, error: &io::Error) -> Outcome {
        tracing::error!(%error, dir = %self.node.data_dir.display(), "metadata could not be written");
        // A full disk wrote nothing that counts, and passes; anything else may have lied.
        if error.kind() != io::ErrorKind::StorageFull {
            self.failed = Some(error.to_string());
        }
        let message = format!("The change could not be stored: {error}");
        Outcome::Failed(Refusal::new(ErrorCode::KafkaStorageError, message))
    }

    async fn wait_applied(&self) -> bool {
        let version = self.metadata.version();
        let deadline = clock::now() + Duration::from_millis(CONTROL_APPLY_WAIT_MS_MAX);
        while !self.node.exchange.is_applied(version) {
            if clock::now() >= deadline {
                tracing::warn!(version, "a shard is slow to take up new metadata");
                return false;
            }
            let sleep = (self.runtime.sleep)(APPLY_POLL);
            let woken = std::pin::pin!(self.woken.wait());
            futures_util::future::select(sleep, woken).await;
        }
        true
    }
}

fn is_refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Topics(topics) => topics.iter().all(Result::is_err),
        Outcome::ProducerIds(_) => false,
        Outcome::Failed(_) => true,
    }
}
