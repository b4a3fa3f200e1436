//! The configuration: one TOML file, environment and flags, under our names and Kafka's.
//! Owns parsing, precedence and checking; decides nothing about how a setting is used.

mod error;
pub mod keys;
mod settings;
mod topic;
pub mod topic_keys;
mod value;

use std::path::{Path, PathBuf};

pub use self::{
    error::ConfigError,
    settings::{Setting, Settings, Source},
    topic::{
        ConfigSource, Described, Synonym, TimestampType, TopicConfig, TopicOverrides,
        check_override, describe,
    },
    value::{Kind, Unit},
};

/// What the configuration needs to know of the machine, taken once at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// CPUs this process may run on.
    pub cpus: u16,
    /// Memory of the machine or of the cgroup, the smaller one, in bytes.
    pub memory_bytes: u64,
}

/// The broker's configuration, typed and complete.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`.
    pub node_id: i32,
    /// `node.name`: the rack of every shard of this node.
    pub node_name: String,
    /// `network.host`.
    pub host: String,
    /// `network.port` of shard 0; 0: pick free ones.
    pub port: u16,
    /// The host clients are told to connect to.
    pub advertised_host: String,
    /// `network.connections.max`, of the whole broker.
    pub connections_max: usize,
    /// `network.connections.idle.max`, in milliseconds.
    pub connections_idle_max_ms: u64,
    /// `storage.data.dir`.
    pub data_dir: PathBuf,
    /// `storage.direct.io`.
    pub direct_io: bool,
    /// Number of shards.
    pub shards: u16,
    /// How long an idle shard polls before it sleeps, in microseconds.
    pub spin_us: u32,
    /// Memory budget of the whole broker.
    pub memory_bytes: u64,
    /// `topic.partitions`.
    pub partitions_default: i32,
    /// `topic.replication.factor`.
    pub replication_factor_default: i16,
    /// `topic.auto.create`.
    pub auto_create_topics: bool,
    /// `topic.delete`.
    pub delete_topics: bool,
    /// `offsets.topic.partitions`.
    pub offsets_topic_partitions: i32,
    /// `fetch.sessions.max`, per shard.
    pub fetch_sessions_max: usize,
    /// `background.retention.check`, in milliseconds.
    pub retention_check_ms: u64,
    /// `producer.expiry`, in milliseconds.
    pub producer_expiry_ms: i64,
    /// `logging.filter`.
    pub log_filter: String,
    /// `logging.format` is JSON.
    pub log_json: bool,
    /// All settings as given: defaults of topics, sources, what to show.
    pub settings: Settings,
}

/// Largest automatic memory budget: more is a decision for people.
const MEMORY_AUTO_BYTES_MAX: u64 = 4 << 30;
/// Smallest usable memory budget of one shard.
pub const MEMORY_SHARD_BYTES_MIN: u64 = 32 << 20;
/// Default polling time of an idle shard that has a CPU of its own.
const SPIN_US_DEFAULT: u32 = 50;

impl BrokerConfig {
    /// Types and completes `settings` for this machine.
    pub fn new(settings: Settings, host: HostFacts) -> Result<Self, ConfigError> {
        topic::check_defaults(&settings).map_err(|(what, why)| {
            ConfigError::new(what, why, "remove the line or correct its value")
        })?;
        let shards = match settings.number("shard.count") {
            0 => host.cpus.max(1),
            count => narrow(count),
        };
        let node_id: i32 = narrow(settings.number("node.id"));
        Ok(Self {
            node_id,
            node_name: settings
                .text("node.name")
                .map_or_else(|| format!("node-{node_id}"), str::to_owned),
            host: settings.text("network.host").unwrap_or("127.0.0.1").to_owned(),
            port: port(&settings, shards)?,
            advertised_host: advertised_host(&settings),
            connections_max: narrow(settings.number("network.connections.max")),
            connections_idle_max_ms: narrow(settings.number("network.connections.idle.max")),
            data_dir: PathBuf::from(settings.text("storage.data.dir").unwrap_or("ringlog-data")),
            direct_io: settings.flag("storage.direct.io"),
            shards,
            spin_us: match settings.number("shard.spin.us") {
                -1 if shards >= host.cpus => 0,
                -1 => SPIN_US_DEFAULT,
                spin_us => narrow(spin_us),
            },
            memory_bytes: memory(&settings, shards, host)?,
            partitions_default: narrow(settings.number("topic.partitions")),
            replication_factor_default: narrow(settings.number("topic.replication.factor")),
            auto_create_topics: settings.flag("topic.auto.create"),
            delete_topics: settings.flag("topic.delete"),
            offsets_topic_partitions: narrow(settings.number("offsets.topic.partitions")),
            fetch_sessions_max: narrow(settings.number("fetch.sessions.max")),
            retention_check_ms: narrow(settings.number("background.retention.check")),
            producer_expiry_ms: settings.number("producer.expiry"),
            log_filter: settings.text("logging.filter").unwrap_or("info").to_owned(),
            log_json: settings.text("logging.format") == Some("json"),
            settings,
        })
    }

    /// The Kafka broker id of a shard of this node.
    pub fn broker_id(&self, shard: u16) -> i32 {
        self.node_id * 1000 + i32::from(shard)
    }

    /// The memory budget of one shard, in bytes.
    pub fn shard_memory_bytes(&self) -> u64 {
        self.memory_bytes / u64::from(self.shards)
    }
}

/// Reads and applies the TOML file at `path`. Blocking: only for the start and the command line.
pub fn read_file(settings: &mut Settings, path: &Path) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(
            format!("cannot read {}: {error}", path.display()),
            "the file given with --config must exist and be readable",
            "check the path, or leave --config out to run with defaults",
        )
    })?;
    settings.apply_file(path, &text)
}

fn port(settings: &Settings, shards: u16) -> Result<u16, ConfigError> {
    let port: u16 = narrow(settings.number("network.port"));
    if port != 0 && port.checked_add(shards - 1).is_none() {
        return Err(ConfigError::new(
            format!("network.port = {port} leaves no room for {shards} shards"),
            "shard n listens on port + n, and ports end at 65535",
            format!("use a port up to {}", u16::MAX - shards + 1),
        ));
    }
    Ok(port)
}

fn advertised_host(settings: &Settings) -> String {
    let host = settings.text("network.host").unwrap_or("127.0.0.1");
    if let Some(advertised) = settings.text("network.advertised.host") {
        return advertised.to_owned();
    }
    let listens_everywhere = matches!(host, "0.0.0.0" | "::" | "[::]");
    if !listens_everywhere {
        return host.to_owned();
    }
    let name = rustix::system::uname();
    name.nodename().to_str().ok().filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned()
}

fn memory(settings: &Settings, shards: u16, host: HostFacts) -> Result<u64, ConfigError> {
    let bytes = match settings.number("memory.bytes") {
        0 => (host.memory_bytes / 4)
            .min(MEMORY_AUTO_BYTES_MAX)
            .max(MEMORY_SHARD_BYTES_MIN * u64::from(shards)),
        bytes => narrow(bytes),
    };
    let needed = MEMORY_SHARD_BYTES_MIN * u64::from(shards);
    if bytes < needed {
        return Err(ConfigError::new(
            format!("memory.bytes = {bytes} is too little for {shards} shards"),
            format!("each shard needs at least {MEMORY_SHARD_BYTES_MIN} bytes"),
            format!("give --memory {needed} or more, or fewer --shards"),
        ));
    }
    Ok(bytes)
}

fn narrow<T: TryFrom<i64>>(number: i64) -> T {
    T::try_from(number).ok().expect("the table's bounds fit the type")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostFacts = HostFacts { cpus: 4, memory_bytes: 8 << 30 };

    fn config(sets: &[&str]) -> Result<BrokerConfig, ConfigError> {
        let mut settings = Settings::default();
        sets.iter().for_each(|set| settings.apply_set(set).unwrap());
        BrokerConfig::new(settings, HOST)
    }

    #[test]
    fn defaults_fit_the_machine() {
        let config = config(&[]).unwrap();
        assert_eq!((config.shards, config.spin_us, config.port), (4, 0, 9092));
        assert_eq!(config.memory_bytes, 2 << 30);
        assert_eq!(config.broker_id(3), 1003);
        assert_eq!(config.node_name, "node-1");
        assert_eq!(config.advertised_host, "127.0.0.1");
        assert!(config.direct_io && config.auto_create_topics);
    }

    #[test]
    fn fewer_shards_than_cpus_spin() {
        assert_eq!(config(&["shard.count=2"]).unwrap().spin_us, 50);
        assert_eq!(config(&["shard.count=2", "shard.spin.us=0"]).unwrap().spin_us, 0);
    }

    #[test]
    fn impossible_combinations_teach() {
        let error = config(&["network.port=65534"]).unwrap_err();
        assert!(error.fix.contains("65532"), "{error}");
        let error = config(&["memory.bytes=1MiB"]).unwrap_err();
        assert!(error.fix.contains("--memory"), "{error}");
        let error = config(&["log.cleanup.policy=compact"]).unwrap_err();
        assert!(error.why.contains("not offered yet"), "{error}");
    }

    #[test]
    fn listening_everywhere_advertises_a_name() {
        let all = config(&["network.host=0.0.0.0"]).unwrap();
        assert!(!all.advertised_host.is_empty() && all.advertised_host != "0.0.0.0");
        let named = config(&["network.advertised.host=broker.example"]).unwrap();
        assert_eq!(named.advertised_host, "broker.example");
    }
}
