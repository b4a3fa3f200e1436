//! Changes of the metadata, decided in pure code: `(metadata, change) -> (metadata, outcomes)`.
//! Owns every rule about topic names, partition counts, replicas and settings. No I/O.

use std::{collections::HashSet, ops::Range, sync::Arc};

use kafka_wire::{ErrorCode, Str, Uuid};

use crate::{
    config::{Settings, TopicOverrides, check_override},
    limits::{
        PRODUCER_ID_BLOCK, SHARD_PARTITIONS_MAX, TOPIC_NAME_BYTES_MAX, TOPIC_PARTITIONS_MAX,
        TOPICS_MAX,
    },
    types::LeaderEpoch,
};

use super::metadata::{Metadata, Placement, Topic, choose_shard, is_internal, resolve};

/// Why a change of one topic was refused: code and sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The protocol's code.
    pub code: ErrorCode,
    /// What is wrong, in words.
    pub message: String,
}

impl Refusal {
    /// A refusal in words of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A topic to create.
#[derive(Clone, Debug, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: Str,
    /// Partitions; None: the broker's default.
    pub partitions: Option<i32>,
    /// Replicas, counted in nodes; None: the broker's default.
    pub replication_factor: Option<i16>,
    /// Manual assignment: partition index and broker ids. Empty: the broker places.
    pub assignments: Vec<(i32, Vec<i32>)>,
    /// Settings, unchecked.
    pub configs: Vec<(Str, Option<Str>)>,
}

/// How one setting changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOp {
    /// Set it, unchecked text.
    Set(String),
    /// Back to the broker's value.
    Delete,
    /// Add words to a list.
    Append(String),
    /// Take words out of a list.
    Subtract(String),
}

/// A change of one topic's settings.
#[derive(Clone, Debug)]
pub struct ConfigChange {
    /// The topic.
    pub topic: Str,
    /// Forget all settings first (AlterConfigs), or change only the named ones.
    pub replace: bool,
    /// The named settings.
    pub ops: Vec<(Str, ConfigOp)>,
}

/// More partitions for a topic.
#[derive(Clone, Debug)]
pub struct MorePartitions {
    /// The topic.
    pub topic: Str,
    /// The new total.
    pub count: i32,
    /// Broker ids of each new partition. Empty: the broker places.
    pub assignments: Vec<Vec<i32>>,
}

/// One durable step.
#[derive(Clone, Debug)]
pub enum Change {
    /// New topics.
    Create(Vec<NewTopic>),
    /// Topics to delete, by id.
    Delete(Vec<Uuid>),
    /// More partitions.
    Grow(Vec<MorePartitions>),
    /// Other settings.
    Configure(Vec<ConfigChange>),
    /// A block of producer ids for one shard.
    ReserveProducerIds,
}

/// What became of a change.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// One result per topic, in the order of the request.
    Topics(Vec<Result<Arc<Topic>, Refusal>>),
    /// Producer ids that nobody else was or will be given.
    ProducerIds(Range<i64>),
    /// The change could not be made durable or was not even tried.
    Failed(Refusal),
}

/// What the rules need to know of the node.
pub struct Rules<'a> {
    /// Defaults.
    pub settings: &'a Settings,
    /// Shards of this node.
    pub shards: u16,
    /// Number of this node.
    pub node_id: i32,
    /// A fresh random topic id.
    pub new_id: &'a mut dyn FnMut() -> Uuid,
}

impl Rules<'_> {
    /// Applies `change`. The returned metadata has a new version; when nothing was changed (every
    /// topic refused) the caller need not store it.
    pub fn apply(&mut self, metadata: &Metadata, change: Change) -> (Metadata, Outcome) {
        let mut next = metadata.begin_change();
        let outcome = match change {
            Change::Create(topics) => {
                let mut named = HashSet::new();
                let twice: HashSet<Str> = topics
                    .iter()
                    .filter(|topic| !named.insert(topic.name.clone()))
                    .map(|topic| topic.name.clone())
                    .collect();
                each(topics, |topic| match twice.contains(&topic.name) {
                    true => Err(Refusal::new(
                        ErrorCode::InvalidRequest,
                        format!("The request names the topic '{}' more than once.", topic.name),
                    )),
                    false => self.create(&mut next, topic),
                })
            }
            Change::Delete(ids) => each(ids, |id| delete(&mut next, id)),
            Change::Grow(topics) => each(topics, |topic| self.grow(&mut next, &topic)),
            Change::Configure(changes) => each(changes, |change| self.configure(&mut next, change)),
            Change::ReserveProducerIds => {
                Outcome::ProducerIds(next.reserve_producer_ids(PRODUCER_ID_BLOCK))
            }
        };
        (next, outcome)
    }

    fn create(&mut self, next: &mut Metadata, new: NewTopic) -> Result<Arc<Topic>, Refusal> {
        check_name(next, &new.name)?;
        if next.topics().len() >= TOPICS_MAX {
            return Err(Refusal::new(
                ErrorCode::PolicyViolation,
                format!("This broker holds its limit of {TOPICS_MAX} topics."),
            ));
        }
        let count = self.partition_count(&new)?;
        self.check_replicas(&new)?;
        let overrides = checked_overrides(&new.configs)?;
        let internal = is_internal(&new.name);
        let partitions = self.place(next, internal, 0..count, &pinned(&new.assignments))?;
        Ok(next.insert(Topic {
            id: (self.new_id)(),
            name: new.name.detached(),
            config: resolve(self.settings, &overrides),
            overrides,
            partitions,
        }))
    }

    fn partition_count(&self, new: &NewTopic) -> Result<i32, Refusal> {
        let count = if new.assignments.is_empty() {
            new.partitions.unwrap_or_else(|| self.number("topic.partitions"))
        } else {
            i32::try_from(new.assignments.len()).unwrap_or(i32::MAX)
        };
        if (1..=TOPIC_PARTITIONS_MAX).contains(&count) {
            return Ok(count);
        }
        Err(Refusal::new(
            ErrorCode::InvalidPartitions,
            format!("Number of partitions must be from 1 to {TOPIC_PARTITIONS_MAX}, not {count}."),
        ))
    }

    /// Replicas are counted in nodes, and there is one.
    fn check_replicas(&self, new: &NewTopic) -> Result<(), Refusal> {
        if new.assignments.is_empty() {
            let factor =
                new.replication_factor.unwrap_or_else(|| self.number("topic.replication.factor"));
            return match factor {
                1 => Ok(()),
                _ => Err(Refusal::new(
                    ErrorCode::InvalidReplicationFactor,
                    format!(
                        "Replication factor {factor} is not possible: this cluster has 1 node \
                         (its shards are counted as one). Use 1, or -1 for the default."
                    ),
                )),
            };
        }
        let mut indexes: Vec<i32> = new.assignments.iter().map(|(index, _)| *index).collect();
        indexes.sort_unstable();
        if !indexes.iter().zip(0..).all(|(index, wanted)| *index == wanted) {
            return Err(bad_assignment("the partitions must be numbered 0, 1, 2 … without a gap"));
        }
        new.assignments.iter().try_for_each(|(_, brokers)| self.check_brokers(brokers).map(drop))
    }

    fn grow(&mut self, next: &mut Metadata, more: &MorePartitions) -> Result<Arc<Topic>, Refusal> {
        let Some(topic) = next.topic(&more.topic) else {
            return Err(unknown_topic(&more.topic));
        };
        let mut topic = Topic::clone(topic);
        let current = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        if more.count <= current || more.count > TOPIC_PARTITIONS_MAX {
            return Err(Refusal::new(
                ErrorCode::InvalidPartitions,
                format!(
                    "The topic {} has {current} partitions; the new total must be larger and at \
                     most {TOPIC_PARTITIONS_MAX}, not {}.",
                    more.topic, more.count
                ),
            ));
        }
        let pinned: Vec<(i32, Vec<i32>)> = (current..).zip(more.assignments.clone()).collect();
        let wanted = usize::try_from(more.count - current).unwrap_or_default();
        if !pinned.is_empty() && pinned.len() != wanted {
            return Err(bad_assignment("there must be one assignment for each new partition"));
        }
        pinned.iter().try_for_each(|(_, brokers)| self.check_brokers(brokers).map(drop))?;
        let added = self.place(next, topic.is_internal(), current..more.count, &pinned)?;
        topic.partitions.extend(added);
        Ok(next.insert(topic))
    }

    fn configure(&self, next: &mut Metadata, change: ConfigChange) -> Result<Arc<Topic>, Refusal> {
        let Some(topic) = next.topic(&change.topic) else {
            return Err(unknown_topic(&change.topic));
        };
        let mut topic = Topic::clone(topic);
        if change.replace {
            topic.overrides.clear();
        }
        for (name, op) in &change.ops {
            let current = topic.config_list(self.settings, name);
            let text = match op {
                ConfigOp::Delete => {
                    known_name(name)?;
                    topic.overrides.remove(name.as_str());
                    continue;
                }
                ConfigOp::Set(text) => text.clone(),
                ConfigOp::Append(words) => join(current, words, true),
                ConfigOp::Subtract(words) => join(current, words, false),
            };
            let value = check_override(name, &text).map_err(invalid_config)?;
            topic.overrides.insert(name.as_str().to_owned(), value);
        }
        topic.config = resolve(self.settings, &topic.overrides);
        Ok(next.insert(topic))
    }

    fn place(
        &self,
        metadata: &Metadata,
        internal: bool,
        indexes: Range<i32>,
        pinned: &[(i32, Vec<i32>)],
    ) -> Result<Vec<Placement>, Refusal> {
        let mut load = metadata.load(self.shards);
        let mut places = Vec::new();
        for index in indexes {
            let fixed = pinned.iter().find(|(pinned, _)| *pinned == index);
            let shard = match fixed {
                Some((_, brokers)) => {
                    let shard = self.check_brokers(brokers)?;
                    load[usize::from(shard)] += 1;
                    shard
                }
                None => {
                    let index = usize::try_from(index).unwrap_or_default();
                    choose_shard(&mut load, internal, index)
                }
            };
            if load[usize::from(shard)] > SHARD_PARTITIONS_MAX {
                return Err(Refusal::new(
                    ErrorCode::PolicyViolation,
                    format!("Shard {shard} holds its limit of {SHARD_PARTITIONS_MAX} partitions."),
                ));
            }
            places.push(Placement { shard, leader_epoch: LeaderEpoch(0) });
        }
        Ok(places)
    }

    /// The shard that a manual assignment names.
    fn check_brokers(&self, brokers: &[i32]) -> Result<u16, Refusal> {
        let first = self.node_id * 1000;
        match brokers {
            [broker] if (first..first + i32::from(self.shards)).contains(broker) => {
                Ok(u16::try_from(broker - first).expect("checked against the shards"))
            }
            [_] => Err(bad_assignment("it names a broker that does not exist")),
            _ => Err(bad_assignment("a partition has exactly one replica on one node")),
        }
    }

    fn number<T: TryFrom<i64>>(&self, key: &str) -> T {
        let number = T::try_from(self.settings.number(key)).ok();
        number.expect("the table's bounds fit the type")
    }
}

impl Topic {
    /// The words in force of a list setting.
    fn config_list(&self, settings: &Settings, name: &str) -> String {
        let described = crate::config::describe(settings, &self.overrides);
        let row = described.into_iter().find(|row| row.key.name == name);
        row.map(|row| row.value).unwrap_or_default()
    }
}

fn each<T>(items: Vec<T>, apply: impl FnMut(T) -> Result<Arc<Topic>, Refusal>) -> Outcome {
    Outcome::Topics(items.into_iter().map(apply).collect())
}

fn delete(next: &mut Metadata, id: Uuid) -> Result<Arc<Topic>, Refusal> {
    let name = next.topic_by_id(id).map(|topic| topic.name.clone());
    let removed = name.and_then(|name| next.remove(&name));
    removed.ok_or_else(|| Refusal::new(ErrorCode::UnknownTopicId, "This topic id is unknown."))
}

fn pinned(assignments: &[(i32, Vec<i32>)]) -> Vec<(i32, Vec<i32>)> {
    assignments.to_vec()
}

fn checked_overrides(configs: &[(Str, Option<Str>)]) -> Result<TopicOverrides, Refusal> {
    let mut overrides = TopicOverrides::new();
    for (name, value) in configs {
        let Some(value) = value else {
            return Err(invalid_config(format!(
                "Null value not supported for topic config {name}"
            )));
        };
        let canonical = check_override(name, value).map_err(invalid_config)?;
        overrides.insert(name.as_str().to_owned(), canonical);
    }
    Ok(overrides)
}

fn known_name(name: &str) -> Result<(), Refusal> {
    match crate::config::topic_keys::topic_key(name) {
        Some(_) => Ok(()),
        None => Err(invalid_config(format!("Unknown topic config name: {name}"))),
    }
}

fn join(current: String, words: &str, append: bool) -> String {
    let mut all: Vec<&str> = current.split(',').filter(|word| !word.is_empty()).collect();
    for word in words.split(',').map(str::trim) {
        all.retain(|known| *known != word);
        if append {
            all.push(word);
        }
    }
    all.join(",")
}

/// Kafka's rules for topic names.
pub fn check_name(metadata: &Metadata, name: &str) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidTopicException, message));
    if name.is_empty() || name == "." || name == ".." {
        return invalid("Topic name cannot be empty, '.' or '..'.".to_owned());
    }
    if name.len() > TOPIC_NAME_BYTES_MAX {
        return invalid(format!(
            "Topic name is {} bytes long; the limit is {TOPIC_NAME_BYTES_MAX}.",
            name.len()
        ));
    }
    let is_legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if !name.bytes().all(is_legal) {
        return invalid(format!(
            "Topic name '{}' has a character other than a-z, A-Z, 0-9, '.', '_' and '-'.",
            name.escape_debug()
        ));
    }
    if metadata.topic(name).is_some() {
        return Err(Refusal::new(
            ErrorCode::TopicAlreadyExists,
            format!("Topic '{name}' already exists."),
        ));
    }
    // Metric names replace dots by underscores: Kafka refuses names that would meet there.
    if name.contains(['.', '_']) {
        let folded = |name: &str| name.replace('.', "_");
        let mine = folded(name);
        if let Some(other) = metadata.topics().find(|topic| folded(&topic.name) == mine) {
            return invalid(format!("Topic '{name}' collides with existing topic: {}", other.name));
        }
    }
    Ok(())
}

fn unknown_topic(name: &str) -> Refusal {
    Refusal::new(ErrorCode::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."))
}

fn bad_assignment(why: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidReplicaAssignment, format!("Bad replica assignment: {why}."))
}

fn invalid_config(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, message)
}
