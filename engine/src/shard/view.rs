//! What a shard knows of the topics: for each one its metadata and the partitions that live here.
//! Only lookups; `shard/hosting.rs` keeps it up to date.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use kafka_wire::{Str, Uuid};

use super::metadata::{Placement, Topic};
use crate::{partition::Partition, ring::disk::Disk};

/// A partition's place, as seen from this shard.
pub(super) enum Slot<D: Disk> {
    /// It lives here.
    Here(Partition<D>),
    /// It should live here, but could not be opened.
    Failed,
    /// Another shard owns it.
    Elsewhere,
}

/// A topic and its partitions of this shard.
pub struct Hosted<D: Disk> {
    /// The topic as this shard works by it.
    pub topic: Arc<Topic>,
    /// By partition index.
    pub(super) slots: Vec<Slot<D>>,
}

/// Why a partition cannot be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No topic of that name.
    UnknownTopic,
    /// No topic with that id.
    UnknownTopicId,
    /// The topic has no such partition.
    UnknownPartition,
    /// Another shard owns it.
    NotLeader(Placement),
    /// It could not be opened.
    Storage,
}

impl<D: Disk> Hosted<D> {
    /// The partition with that index, if it lives here.
    pub fn partition(&self, index: i32) -> Result<&Partition<D>, Miss> {
        let at = usize::try_from(index).map_err(|_| Miss::UnknownPartition)?;
        match self.slots.get(at) {
            Some(Slot::Here(partition)) => Ok(partition),
            Some(Slot::Failed) => Err(Miss::Storage),
            Some(Slot::Elsewhere) => Err(Miss::NotLeader(self.topic.partitions[at])),
            None => Err(Miss::UnknownPartition),
        }
    }

    /// The partitions that live here, with their indexes.
    pub fn partitions(&self) -> impl Iterator<Item = (i32, &Partition<D>)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| match slot {
            Slot::Here(partition) => Some((index, partition)),
            Slot::Failed | Slot::Elsewhere => None,
        })
    }
}

/// All topics.
pub(super) struct View<D: Disk> {
    pub(super) by_id: HashMap<Uuid, Rc<Hosted<D>>>,
    pub(super) by_name: HashMap<Str, Rc<Hosted<D>>>,
}

impl<D: Disk> Default for View<D> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), by_name: HashMap::new() }
    }
}

impl<D: Disk> View<D> {
    pub(super) fn insert(&mut self, hosted: Hosted<D>) {
        let hosted = Rc::new(hosted);
        self.by_name.insert(hosted.topic.name.clone(), Rc::clone(&hosted));
        self.by_id.insert(hosted.topic.id, hosted);
    }

    pub(super) fn remove(&mut self, id: Uuid) -> Option<Rc<Hosted<D>>> {
        let hosted = self.by_id.remove(&id)?;
        // A topic of the same name may have come already.
        if self.by_name.get(&hosted.topic.name).is_some_and(|named| named.topic.id == id) {
            self.by_name.remove(&hosted.topic.name);
        }
        Some(hosted)
    }

    pub(super) fn hosted(&self) -> Vec<Rc<Hosted<D>>> {
        self.by_id.values().cloned().collect()
    }
}
