//! What a shard does now and then: retention, expiry of producers, checkpoints, relaxed flushes.
//! Never in the way of requests: one partition at a time.

use std::time::Duration;

use super::Shard;
use crate::{
    clock,
    limits::{CHECKPOINT_MS, RELAXED_FLUSH_MS_MAX},
    ring::disk::Disk,
};

/// How often topics with relaxed flushing are looked after.
const FLUSH_TURN: Duration = Duration::from_millis(RELAXED_FLUSH_MS_MAX.unsigned_abs() / 2);

impl<D: Disk> Shard<D> {
    /// Begins the background turns. After [`Shard::start`].
    pub fn start_background(&self) {
        let (turns, checkpoints, flushes) = (self.clone(), self.clone(), self.clone());
        self.spawn(async move { turns.partition_turns().await });
        self.spawn(async move { checkpoints.checkpoints().await });
        self.spawn(async move { flushes.relaxed_flushes().await });
    }

    async fn partition_turns(self) {
        let every = Duration::from_millis(self.0.node.config.retention_check_ms);
        loop {
            self.sleep(every).await;
            self.partition_turn().await;
        }
    }

    /// Retention, producer expiry and snapshots of all partitions.
    pub async fn partition_turn(&self) {
        for partition in self.partitions() {
            if let Err(error) = partition.background_turn(clock::now_ms()).await {
                tracing::error!(%error, "retention of a partition");
            }
        }
    }

    async fn checkpoints(self) {
        loop {
            self.sleep(Duration::from_millis(CHECKPOINT_MS)).await;
            if let Err(error) = self.0.logs.write_checkpoint().await {
                tracing::error!(%error, "writing the checkpoint; the old one stays true");
            }
        }
    }

    async fn relaxed_flushes(self) {
        loop {
            self.sleep(FLUSH_TURN).await;
            let now = clock::now_ms();
            self.0.relaxed.borrow().iter().for_each(|partition| partition.flush_turn(now));
        }
    }
}
