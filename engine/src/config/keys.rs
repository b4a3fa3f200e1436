//! The table of broker settings: our name, Kafka's names, what it may hold, default, meaning.
//! Defaults of topic settings are keys too, as `topics.<Kafka's topic setting>`.

use super::{
    topic_keys::TOPIC_KEYS,
    value::{Kind, Unit},
};

/// One broker setting.
#[derive(Clone, Debug)]
pub struct Key {
    /// Section and name, as in the file and in `--set`.
    pub name: String,
    /// Kafka's names for it, with the unit of a plain number.
    pub kafka_names: Vec<(&'static str, Unit)>,
    /// What it may hold.
    pub kind: Kind,
    /// The value when nothing sets it (canonical form).
    pub default: &'static str,
    /// For people.
    pub doc: &'static str,
}

impl Key {
    /// The environment variable of this key.
    pub fn env_name(&self) -> String {
        let upper = self.name.to_ascii_uppercase().replace(['.', '-'], "_");
        format!("{ENV_PREFIX}{upper}")
    }

    /// The part before the first dot.
    pub fn section(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

/// What every environment variable of ours begins with.
pub const ENV_PREFIX: &str = "RINGLOG_";

/// Largest node id: `node_id * 1000 + shard` must stay a positive 32-bit number.
pub const NODE_ID_MAX: i64 = 2_147_482;

/// A row: name, Kafka's names, kind, default, meaning.
type Row = (&'static str, &'static [(&'static str, Unit)], Kind, &'static str, &'static str);

const ANY_MS: Kind = Kind::Ms { min: 1, max: i64::MAX };

const ROWS: &[Row] = &[
    (
        "node.id",
        &[("broker.id", Unit::Own)],
        Kind::Int { min: 0, max: NODE_ID_MAX },
        "1",
        "Number of this node; its shards are the Kafka brokers node.id * 1000 + shard.",
    ),
    (
        "node.name",
        &[("broker.rack", Unit::Own)],
        Kind::Text,
        "",
        "Name of this node, shown to clients as the rack of its shards. Empty: node-<id>.",
    ),
    (
        "network.host",
        &[],
        Kind::Text,
        "127.0.0.1",
        "Address the Kafka ports listen on; 0.0.0.0 for all.",
    ),
    (
        "network.port",
        &[],
        Kind::Int { min: 0, max: 65_535 },
        "9092",
        "Kafka port of shard 0; shard n listens on port + n. 0 picks free ports and prints them.",
    ),
    (
        "network.advertised.host",
        &[],
        Kind::Text,
        "",
        "Name or address clients are told to connect to. Empty: network.host, or this machine's name when that is 0.0.0.0.",
    ),
    (
        "network.connections.max",
        &[("max.connections", Unit::Own)],
        Kind::Int { min: 1, max: i32::MAX as i64 },
        "20000",
        "Open connections of the whole broker; more are closed at once.",
    ),
    (
        "network.connections.idle.max",
        &[("connections.max.idle.ms", Unit::Own)],
        Kind::Ms { min: 1000, max: i64::MAX },
        "600000",
        "A connection without traffic for this long is closed.",
    ),
    (
        "storage.data.dir",
        &[("log.dirs", Unit::Own), ("log.dir", Unit::Own)],
        Kind::Text,
        "ringlog-data",
        "Folder that holds everything; one process at a time.",
    ),
    (
        "storage.direct.io",
        &[],
        Kind::Bool,
        "true",
        "Segment files bypass the page cache. Set it to false only for file systems that refuse O_DIRECT (tmpfs, some overlays): writes are then flushed through the page cache.",
    ),
    (
        "shard.count",
        &[],
        Kind::Int { min: 0, max: 999 },
        "0",
        "Shards (pinned threads). 0: one per CPU this process may use.",
    ),
    (
        "shard.spin.us",
        &[],
        Kind::Int { min: -1, max: 1_000_000 },
        "-1",
        "How long an idle shard polls before it sleeps, in microseconds. -1: 50, or 0 when there are as many shards as CPUs.",
    ),
    (
        "memory.bytes",
        &[],
        Kind::Bytes { min: 0, max: i64::MAX },
        "0",
        "Memory budget of the whole broker, divided among the shards. 0: a quarter of what the machine or its cgroup has, at most 4 GiB.",
    ),
    (
        "topic.partitions",
        &[("num.partitions", Unit::Own)],
        Kind::Int { min: 1, max: 10_000 },
        "1",
        "Partitions of a topic created without a number.",
    ),
    (
        "topic.replication.factor",
        &[("default.replication.factor", Unit::Own)],
        Kind::Int { min: 1, max: 1_000 },
        "1",
        "Replication factor of a topic created with -1; counted in nodes.",
    ),
    (
        "topic.auto.create",
        &[("auto.create.topics.enable", Unit::Own)],
        Kind::Bool,
        "true",
        "A Metadata request that allows it creates the topics it names.",
    ),
    (
        "topic.delete",
        &[("delete.topic.enable", Unit::Own)],
        Kind::Bool,
        "true",
        "Topics may be deleted.",
    ),
    (
        "offsets.topic.partitions",
        &[("offsets.topic.num.partitions", Unit::Own)],
        Kind::Int { min: 1, max: 10_000 },
        "50",
        "Partitions of __consumer_offsets; decides which shard coordinates a group.",
    ),
    (
        "fetch.sessions.max",
        &[("max.incremental.fetch.session.cache.slots", Unit::Own)],
        Kind::Int { min: 0, max: 100_000 },
        "1000",
        "Fetch sessions kept per shard; when full the stalest makes room, else clients send full requests.",
    ),
    (
        "background.retention.check",
        &[("log.retention.check.interval.ms", Unit::Own)],
        ANY_MS,
        "300000",
        "How often each partition is checked for records past their retention.",
    ),
    (
        "producer.expiry",
        &[("producer.id.expiration.ms", Unit::Own)],
        ANY_MS,
        "86400000",
        "An idempotent producer idle for longer is forgotten by its partitions.",
    ),
    (
        "logging.filter",
        &[],
        Kind::Text,
        "info",
        "What is logged, as in RUST_LOG: info, debug, engine::log=debug.",
    ),
    ("logging.format", &[], Kind::Choice(&["text", "json"]), "text", "How a log line looks."),
];

/// Every broker setting, sections together.
pub fn keys() -> Vec<Key> {
    let broker = ROWS.iter().map(|&(name, kafka_names, kind, default, doc)| Key {
        name: name.to_owned(),
        kafka_names: kafka_names.to_vec(),
        kind,
        default,
        doc,
    });
    let topics = TOPIC_KEYS.iter().map(|key| Key {
        name: format!("topics.{}", key.name),
        kafka_names: key.broker_names.to_vec(),
        kind: key.kind,
        default: key.default,
        doc: key.doc,
    });
    broker.chain(topics).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_unique_and_every_default_fits_its_kind() {
        let mut names = HashSet::new();
        for key in keys() {
            assert_eq!(
                key.kind.canonical(key.default, Unit::Own).as_deref(),
                Ok(key.default),
                "{}",
                key.name
            );
            assert!(names.insert(key.env_name()), "{}", key.name);
            for (kafka, _) in &key.kafka_names {
                assert!(names.insert((*kafka).to_owned()), "{kafka}");
            }
        }
    }
}
