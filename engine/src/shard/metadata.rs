//! What this node knows of its topics: one immutable value, replaced as a whole by the controller
//! and shared by all shards. Pure: no I/O, no clock. How it changes is in `shard/change.rs`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kafka_wire::{Str, Uuid};

use crate::{
    config::{Settings, TopicConfig, TopicOverrides},
    types::LeaderEpoch,
};

/// The topic that holds committed offsets; made by the broker, not by clients.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The topic that holds transaction states; made by the broker, not by clients.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// Where a partition lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The shard of this node that owns it.
    pub shard: u16,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
}

/// A topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Random, given at creation; a topic of the same name created later has another one.
    pub id: Uuid,
    /// Kafka's rules: at most 249 of `[a-zA-Z0-9._-]`.
    pub name: Str,
    /// The settings made on the topic itself.
    pub overrides: TopicOverrides,
    /// All settings in force.
    pub config: TopicConfig,
    /// By partition index.
    pub partitions: Vec<Placement>,
}

impl Topic {
    /// True for topics that the broker keeps for itself.
    pub fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }
}

/// True for the names of topics that the broker keeps for itself.
pub fn is_internal(name: &str) -> bool {
    name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC
}

/// All topics of the node at one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Grows by one with every change.
    version: u64,
    topics: BTreeMap<Str, Arc<Topic>>,
    names: HashMap<Uuid, Str>,
    /// Topics deleted whose files may still be there.
    deleted: Vec<Uuid>,
    /// The first producer id that no shard has been given. Never moves back.
    next_producer_id: i64,
}

impl Metadata {
    /// Grows by one with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic with that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.topic(self.names.get(&id)?)
    }

    /// All topics, in name order.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// Topics in name order, from `name` on.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        let from = (std::ops::Bound::Included(name), std::ops::Bound::Unbounded);
        self.topics.range::<str, _>(from).map(|(_, topic)| topic)
    }

    /// Ids of deleted topics whose files may still be there.
    pub fn deleted(&self) -> &[Uuid] {
        &self.deleted
    }

    /// The first producer id not handed out.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// Partitions per shard.
    pub fn load(&self, shards: u16) -> Vec<usize> {
        let mut load = vec![0; usize::from(shards)];
        let places = self.topics.values().flat_map(|topic| &topic.partitions);
        places.for_each(|place| load[usize::from(place.shard)] += 1);
        load
    }

    /// Puts every partition on one of `shards` shards: those of shards that are no more move, and
    /// shards without any get some. No other moves: what a shard knows of its logs stays with it.
    /// Returns None when nothing moves.
    pub fn replaced(&self, shards: u16) -> Option<Self> {
        let mut moved = self.clone();
        moved.version += 1;
        let mut load = vec![0_usize; usize::from(shards)];
        for place in self.topics.values().flat_map(|topic| &topic.partitions) {
            if let Some(count) = load.get_mut(usize::from(place.shard)) {
                *count += 1;
            }
        }
        let total = self.topics.values().map(|topic| topic.partitions.len()).sum::<usize>();
        let share = total.div_ceil(usize::from(shards));
        let is_new: Vec<bool> = load.iter().map(|count| *count == 0).collect();
        let mut changed = false;
        for topic in moved.topics.values_mut() {
            for index in 0..topic.partitions.len() {
                let from = usize::from(topic.partitions[index].shard);
                let lost = from >= load.len();
                let crowded = !lost && load[from] > share;
                let Some(to) = least_loaded(&load, |shard| lost || (crowded && is_new[shard]))
                else {
                    continue;
                };
                if !lost {
                    load[from] -= 1;
                }
                load[to] += 1;
                changed = true;
                Arc::make_mut(topic).partitions[index].shard = narrow(to);
            }
        }
        changed.then_some(moved)
    }

    pub(super) fn begin_change(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    pub(super) fn insert(&mut self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.names.insert(topic.id, topic.name.clone());
        self.topics.insert(topic.name.clone(), Arc::clone(&topic));
        topic
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<Topic>> {
        let topic = self.topics.remove(name)?;
        self.names.remove(&topic.id);
        self.deleted.push(topic.id);
        Some(topic)
    }

    pub(super) fn forget_deleted(&mut self) {
        self.deleted.clear();
    }

    pub(super) fn reserve_producer_ids(&mut self, count: i64) -> std::ops::Range<i64> {
        let first = self.next_producer_id;
        self.next_producer_id += count;
        first..self.next_producer_id
    }

    pub(super) fn restore(
        version: u64,
        next_producer_id: i64,
        deleted: Vec<Uuid>,
        topics: impl Iterator<Item = Topic>,
    ) -> Self {
        let mut restored = Self { version, next_producer_id, deleted, ..Self::default() };
        topics.for_each(|topic| {
            restored.insert(topic);
        });
        restored
    }
}

/// The shard with the fewest partitions, the lowest index among equals. Internal topics are dealt
/// by index, so that the coordinator of a group is known before the topic exists.
pub(super) fn choose_shard(load: &mut [usize], internal: bool, index: usize) -> u16 {
    let shard = if internal {
        index % load.len()
    } else {
        least_loaded(load, |_| true).expect("there is a shard")
    };
    load[shard] += 1;
    narrow(shard)
}

fn least_loaded(load: &[usize], may: impl Fn(usize) -> bool) -> Option<usize> {
    let shards = load.iter().enumerate().filter(|(shard, _)| may(*shard));
    shards.min_by_key(|(_, count)| **count).map(|(shard, _)| shard)
}

fn narrow(shard: usize) -> u16 {
    u16::try_from(shard).expect("shards are counted in u16")
}

/// Settings in force for `overrides`, for restoring and changing topics.
pub(super) fn resolve(settings: &Settings, overrides: &TopicOverrides) -> TopicConfig {
    TopicConfig::resolve(settings, overrides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_topics(counts: &[(&str, u16)], shards: u16) -> Metadata {
        let mut metadata = Metadata::default();
        let mut load = vec![0; usize::from(shards)];
        for (number, (name, partitions)) in counts.iter().enumerate() {
            let place = |index| Placement {
                shard: choose_shard(&mut load, is_internal(name), index),
                leader_epoch: LeaderEpoch(0),
            };
            let overrides = TopicOverrides::new();
            metadata.insert(Topic {
                id: Uuid([u8::try_from(number + 1).unwrap(); 16]),
                name: Str::from(*name),
                config: resolve(&Settings::default(), &overrides),
                overrides,
                partitions: (0..usize::from(*partitions)).map(place).collect(),
            });
        }
        metadata
    }

    #[test]
    fn placement_is_balanced_and_internal_topics_go_by_index() {
        let metadata = with_topics(&[("a", 3), ("b", 2), (OFFSETS_TOPIC, 8)], 4);
        assert_eq!(metadata.load(4), [4, 3, 3, 3]);
        let offsets = metadata.topic(OFFSETS_TOPIC).unwrap();
        assert!(offsets.partitions.iter().enumerate().all(|(i, p)| usize::from(p.shard) == i % 4));
    }

    #[test]
    fn another_shard_count_moves_what_it_must() {
        let metadata = with_topics(&[("a", 4), ("b", 4)], 4);
        assert_eq!(metadata.replaced(4), None);
        let fewer = metadata.replaced(3).unwrap();
        assert_eq!(fewer.load(3), [3, 3, 2]);
        let stayed = metadata.topic("a").unwrap().partitions[1];
        assert_eq!(fewer.topic("a").unwrap().partitions[1], stayed);
        let more = fewer.replaced(8).unwrap();
        assert_eq!(more.load(8), [1; 8]);
        assert_eq!(more.replaced(8), None);
        assert!(more.version() > fewer.version());
    }

    #[test]
    fn topics_are_found_by_name_and_by_id() {
        let mut metadata = with_topics(&[("a", 1), ("b", 1), ("c", 1)], 1);
        let id = metadata.topic("b").unwrap().id;
        assert_eq!(metadata.topic_by_id(id).unwrap().name, "b");
        let names: Vec<_> = metadata.topics_from("b").map(|topic| topic.name.clone()).collect();
        assert_eq!(names, ["b", "c"]);
        metadata.remove("b");
        assert!(metadata.topic_by_id(id).is_none());
        assert_eq!(metadata.deleted(), [id]);
    }
}
