//! The node's controller, on shard 0: takes changes one by one, makes each durable, then shows it
//! to all shards. Owns the order of changes; the rules are in `shard/change.rs`.

use std::{io, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use kafka_wire::{ErrorCode, Uuid};

use crate::{
    clock,
    config::BrokerConfig,
    limits::CONTROL_APPLY_WAIT_MS_MAX,
    ring::disk::Disk,
};

use super::{
    change::{Change, Outcome, Refusal, Rules},
    exchange::{ControlReply, ControlRequest, Exchange},
    metadata::Metadata,
    signal::Signal,
    store,
};

/// How often a waiting controller looks whether the shards have caught up, when nobody wakes it.
const APPLY_POLL: Duration = Duration::from_millis(5);

/// The controller. One per node; runs until dropped.
pub struct Controller<D: Disk> {
    disk: D,
    dir: PathBuf,
    config: Arc<BrokerConfig>,
    exchange: Arc<Exchange>,
    /// Raised when shard 0 is woken: a request came or a shard caught up.
    woken: Rc<Signal>,
    /// The newest durable metadata. May be ahead of what shards see by producer ids only.
    metadata: Metadata,
    /// After a failed write or flush nobody knows what is on the disk: no change until a restart.
    failed: Option<String>,
}

impl<D: Disk> Controller<D> {
    /// A controller over the metadata that `exchange` holds.
    pub fn new(
        disk: D,
        dir: PathBuf,
        config: Arc<BrokerConfig>,
        exchange: Arc<Exchange>,
        woken: Rc<Signal>,
    ) -> Self {
        let metadata = Metadata::clone(&exchange.metadata());
        Self { disk, dir, config, exchange, woken, metadata, failed: None }
    }

    /// Serves changes for ever.
    pub async fn run(mut self) {
        loop {
            while let Some(request) = self.exchange.next_request() {
                let (from, correlation) = (request.from, request.correlation);
                let outcome = self.serve(request).await;
                self.exchange.reply(from, ControlReply { correlation, outcome });
            }
            self.woken.wait().await;
        }
    }

    async fn serve(&mut self, request: ControlRequest) -> Outcome {
        if let Some(reason) = &self.failed {
            let message = format!("The controller's disk has failed ({reason}); restart the broker.");
            return Outcome::Failed(Refusal::new(ErrorCode::KafkaStorageError, message));
        }
        let shown = !matches!(request.change, Change::ReserveProducerIds);
        let (next, outcome) = self.decide(request.change);
        if request.validate_only || is_refused(&outcome) {
            return outcome;
        }
        // 1. make it durable
        if let Err(error) = store::save(&self.disk, &self.dir, &next).await {
            return self.storage_failed(&error);
        }
        self.metadata = next;
        // 2. show it to all shards, and wait until they work by it
        if shown {
            self.exchange.publish(Arc::new(self.metadata.clone()));
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
            settings: &self.config.settings,
            shards: self.config.shards,
            node_id: self.config.node_id,
            new_id: &mut new_id,
        };
        rules.apply(&self.metadata, change)
    }

    fn storage_failed(&mut self, error: &io::Error) -> Outcome {
        tracing::error!(%error, dir = %self.dir.display(), "metadata could not be written");
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
        while !self.exchange.is_applied(version) {
            if clock::now() >= deadline {
                tracing::warn!(version, "a shard is slow to take up new metadata");
                return false;
            }
            let sleep = std::pin::pin!(self.disk.sleep(APPLY_POLL));
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
