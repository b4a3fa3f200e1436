//! Brings the partitions of a shard in line with the metadata: opens, creates, configures, removes
//! and closes them. One run at a time.

use std::{io, path::Path, rc::Rc, sync::Arc};

use futures_util::{StreamExt, stream};

use super::{
    Shard, folders,
    metadata::{Metadata, Topic},
    view::{Hosted, Slot},
};
use crate::{
    clock,
    limits::OPENING_PARTITIONS_MAX,
    log::{LogError, RecoveryReport},
    partition::{Partition, PartitionConfig},
    ring::disk::Disk,
};

impl<D: Disk> Shard<D> {
    /// Takes `metadata` as what this shard works by.
    pub(super) async fn host(&self, metadata: &Metadata) {
        self.unhost_deleted(metadata).await;
        let index = self.0.index;
        for topic in metadata.topics() {
            self.take_settings(topic);
        }
        let missing = metadata.topics().flat_map(|topic| {
            let hosted = self.topic_by_id(topic.id);
            let known = hosted.map_or(0, |hosted| hosted.slots.len());
            (0..)
                .zip(&topic.partitions)
                .skip(known)
                .filter(move |(_, place)| place.shard == index)
                .map(move |(partition, _)| (Arc::clone(topic), partition))
        });
        let missing: Vec<(Arc<Topic>, i32)> = missing.collect();
        let opened: Vec<_> = stream::iter(missing)
            .map(|(topic, partition)| async move {
                let slot = self.open_partition(&topic, partition).await;
                (topic.id, partition, slot)
            })
            .buffer_unordered(OPENING_PARTITIONS_MAX)
            .collect()
            .await;
        let mut opened: std::collections::HashMap<_, _> =
            opened.into_iter().map(|(id, partition, slot)| ((id, partition), slot)).collect();
        for topic in metadata.topics() {
            let hosted = self.topic_by_id(topic.id);
            if hosted.as_ref().is_some_and(|hosted| Arc::ptr_eq(&hosted.topic, topic)) {
                continue;
            }
            let slots = (0..).zip(&topic.partitions).map(|(partition, place)| {
                if place.shard != index {
                    return Slot::Elsewhere;
                }
                match hosted.as_ref().and_then(|hosted| hosted.partition(partition).ok()) {
                    Some(open) => Slot::Here(open.clone()),
                    None => opened.remove(&(topic.id, partition)).unwrap_or(Slot::Failed),
                }
            });
            let hosted = Hosted { topic: Arc::clone(topic), slots: slots.collect() };
            self.0.view.borrow_mut().insert(hosted);
        }
        self.forget_elsewhere(metadata);
        self.note_relaxed();
    }

    /// What an earlier owner knew of a log must never be taken for news: see
    /// [`Metadata::replaced`].
    fn forget_elsewhere(&self, metadata: &Metadata) {
        for topic in metadata.topics() {
            for (partition, place) in (0..).zip(&topic.partitions) {
                if place.shard != self.0.index {
                    let dir = self.0.node.partitions_dir().join(folders::name(topic, partition));
                    self.0.logs.0.checkpoint.forget(&dir);
                }
            }
        }
    }

    async fn unhost_deleted(&self, metadata: &Metadata) {
        let all = self.0.view.borrow().hosted();
        for gone in all.iter().filter(|hosted| metadata.topic_by_id(hosted.topic.id).is_none()) {
            self.0.view.borrow_mut().remove(gone.topic.id);
            for (index, partition) in gone.partitions() {
                if let Err(error) = partition.remove(clock::now_ms()).await {
                    // The next start removes what is left of it.
                    tracing::error!(%error, topic = %gone.topic.name, index, "deleting a partition");
                }
            }
        }
    }

    /// Changed settings hold from the next append on.
    fn take_settings(&self, topic: &Arc<Topic>) {
        let Some(hosted) = self.topic_by_id(topic.id) else { return };
        if hosted.topic.config != topic.config {
            hosted.partitions().for_each(|(_, partition)| partition.set_config(&topic.config));
        }
    }

    async fn open_partition(&self, topic: &Topic, index: i32) -> Slot<D> {
        match self.try_open_partition(topic, index).await {
            Ok(partition) => Slot::Here(partition),
            Err(error) => {
                tracing::error!(%error, topic = %topic.name, index, "opening a partition");
                Slot::Failed
            }
        }
    }

    async fn try_open_partition(
        &self,
        topic: &Topic,
        index: i32,
    ) -> Result<Partition<D>, LogError> {
        let dir = self.0.node.partitions_dir().join(folders::name(topic, index));
        let at = usize::try_from(index).expect("indexes count from 0");
        let config = PartitionConfig {
            topic: topic.config.clone(),
            producer_expiration_ms: self.0.node.config.producer_expiry_ms,
            leader_epoch: topic.partitions[at].leader_epoch,
            producer_budget: self.0.producer_budget.clone(),
        };
        let disk = self.0.logs.disk();
        let io = |error| LogError::Io { operation: "open", path: dir.clone(), error };
        let now = clock::now_ms();
        match Partition::create(&self.0.logs, &dir, &config, now).await {
            Ok(created) => {
                folders::label(disk, &dir, topic.id).await.map_err(io)?;
                Ok(created)
            }
            Err(LogError::Io { error, .. }) if error.kind() == io::ErrorKind::AlreadyExists => {
                match folders::owner(disk, &dir).await.map_err(io)? {
                    Some(owner) if owner != topic.id => {
                        let reason = io::Error::other("the folder belongs to another topic");
                        return Err(io(reason));
                    }
                    Some(_) => {}
                    None => folders::label(disk, &dir, topic.id).await.map_err(io)?,
                }
                let (opened, report) = Partition::open(&self.0.logs, &dir, &config, now).await?;
                tell(&dir, &report);
                Ok(opened)
            }
            Err(error) => Err(error),
        }
    }

    /// Topics with relaxed flushing need a clock of their own.
    fn note_relaxed(&self) {
        let all = self.0.view.borrow().hosted();
        let relaxed = all.iter().filter(|hosted| !hosted.topic.config.is_durable());
        let partitions = relaxed.flat_map(|hosted| hosted.partitions().map(|(_, p)| p.clone()));
        *self.0.relaxed.borrow_mut() = partitions.collect();
    }

    /// Closes all partitions cleanly, so that the next start need not scan them. Appends that come
    /// later fail.
    pub async fn stop(&self) {
        let all: Vec<Partition<D>> = self.partitions();
        stream::iter(all)
            .for_each_concurrent(OPENING_PARTITIONS_MAX, |partition| async move {
                if let Err(error) = partition.close(clock::now_ms()).await {
                    tracing::error!(%error, "closing a partition; the next start scans it");
                }
            })
            .await;
        if let Err(error) = self.0.logs.write_checkpoint().await {
            tracing::error!(%error, "writing the checkpoint; the next start scans all partitions");
        }
    }

    /// All partitions that live here.
    pub fn partitions(&self) -> Vec<Partition<D>> {
        let all: Vec<Rc<Hosted<D>>> = self.0.view.borrow().hosted();
        all.iter().flat_map(|hosted| hosted.partitions().map(|(_, p)| p.clone())).collect()
    }
}

/// What recovery found goes to the log when there is something to say.
fn tell(dir: &Path, report: &RecoveryReport) {
    let dir = dir.display();
    for hole in &report.holes {
        tracing::error!(%dir, ?hole, "damaged records below the durable floor are not served");
    }
    if report.cut_bytes > 0 || report.segments_removed > 0 {
        tracing::warn!(%dir, cut_bytes = report.cut_bytes, segments = report.segments_removed,
            "an unfinished write was cut off; nothing of it was acknowledged");
    }
    if report.scanned_bytes > 0 {
        tracing::info!(%dir, scanned_bytes = report.scanned_bytes, "recovered after a crash");
    }
}
