//! The committed offsets of one group: what is durable, and nothing else.
//! Never decides who may commit, or when an offset has had its time.

use std::collections::HashMap;
use std::sync::Arc;

use super::records::OffsetCommitValue;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) offset: i64,
    /// -1: unknown.
    pub(super) leader_epoch: i32,
    /// None for the empty text, which most commits carry.
    pub(super) metadata: Option<Arc<str>>,
    pub(super) commit_timestamp_ms: i64,
    /// -1: the broker's retention decides.
    pub(super) expire_timestamp_ms: i64,
}

impl From<&OffsetCommitValue<'_>> for Committed {
    fn from(value: &OffsetCommitValue<'_>) -> Committed {
        Committed {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: (!value.metadata.is_empty()).then(|| value.metadata.into()),
            commit_timestamp_ms: value.commit_timestamp_ms,
            expire_timestamp_ms: value.expire_timestamp_ms,
        }
    }
}

/// A topic and its offsets, by partition.
pub(super) type TopicOffsets<'a> = (&'a Arc<str>, Vec<(i32, &'a Committed)>);

/// Offsets by topic and partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    topics: HashMap<Arc<str>, HashMap<i32, Committed>>,
    count: usize,
}

impl Offsets {
    /// How many partitions have an offset.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.topics.get(topic)?.get(&partition)
    }

    /// Returns true if the partition had none.
    pub(super) fn set(&mut self, topic: &str, partition: i32, committed: Committed) -> bool {
        let partitions = match self.topics.get_mut(topic) {
            Some(partitions) => partitions,
            None => self.topics.entry(topic.into()).or_default(),
        };
        let is_new = partitions.insert(partition, committed).is_none();
        self.count += usize::from(is_new);
        is_new
    }

    /// Returns true if the partition had one.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(topic) else { return false };
        let was_there = partitions.remove(&partition).is_some();
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        self.count -= usize::from(was_there);
        was_there
    }

    /// All offsets, by topic and partition.
    pub(super) fn sorted(&self) -> Vec<TopicOffsets<'_>> {
        let mut topics: Vec<_> = self
            .topics
            .iter()
            .map(|(topic, partitions)| {
                let mut partitions: Vec<_> = partitions.iter().map(|(p, c)| (*p, c)).collect();
                partitions.sort_unstable_by_key(|(partition, _)| *partition);
                (topic, partitions)
            })
            .collect();
        topics.sort_unstable_by_key(|(topic, _)| *topic);
        topics
    }
}
