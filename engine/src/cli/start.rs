//! `ringlog start`: arguments and environment to a configuration; the line that says "ready".

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::error::CliError;
use crate::{
    config::{
        BrokerConfig, ConfigError, HostFacts, Settings, TopicConfig, TopicOverrides, read_file,
    },
    shard::node::Node,
};

/// Where the layers of the configuration come from.
#[derive(Args, Debug, Default)]
pub(super) struct StartArguments {
    /// For trying out: a fresh temporary data folder unless one is given. Durability is the same.
    #[arg(long)]
    dev: bool,
    #[command(flatten)]
    pub(super) settings: SettingArguments,
}

/// Settings by flag; every other one goes through `--set`.
#[derive(Args, Debug, Default)]
pub(super) struct SettingArguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that holds everything.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address to listen on.
    #[arg(long)]
    host: Option<String>,
    /// Kafka port of shard 0; shard n listens on port + n; 0 picks free ports.
    #[arg(long)]
    port: Option<String>,
    /// Name or address that clients are told to connect to.
    #[arg(long, value_name = "HOST")]
    advertised_host: Option<String>,
    /// Shards (pinned threads).
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// Number of this node.
    #[arg(long, value_name = "N")]
    node_id: Option<String>,
    /// Memory budget of the whole broker, such as 512MiB.
    #[arg(long, value_name = "BYTES")]
    memory: Option<String>,
    /// Any setting, under our name or Kafka's, such as log.retention.hours=24.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The configuration of a broker to start.
pub(super) fn config(arguments: &StartArguments) -> Result<BrokerConfig, CliError> {
    let mut settings = layered(&arguments.settings)?;
    let default_dir =
        matches!(settings.get("storage.data.dir").source, crate::config::Source::Default);
    if arguments.dev && default_dir {
        let dir = fresh_dir().map_err(|error| CliError::failed("temporary data folder", error))?;
        settings.apply_flag("storage.data.dir", &dir.display().to_string(), "--dev")?;
    }
    Ok(BrokerConfig::new(settings, host_facts())?)
}

/// File, environment and flags, in this order.
pub(super) fn layered(arguments: &SettingArguments) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    if let Some(file) = &arguments.config {
        read_file(&mut settings, file)?;
    }
    // A variable that is not text cannot be one of ours.
    settings.apply_env(
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    )?;
    arguments.set.iter().try_for_each(|pair| settings.apply_set(pair))?;
    let flags = [
        ("storage.data.dir", "--data-dir", &arguments.data_dir),
        ("network.host", "--host", &arguments.host),
        ("network.port", "--port", &arguments.port),
        ("network.advertised.host", "--advertised-host", &arguments.advertised_host),
        ("shard.count", "--shards", &arguments.shards),
        ("node.id", "--node-id", &arguments.node_id),
        ("memory.bytes", "--memory", &arguments.memory),
    ];
    for (key, flag, value) in flags {
        if let Some(value) = value {
            settings.apply_flag(key, value, flag)?;
        }
    }
    Ok(settings)
}

fn fresh_dir() -> std::io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let dir = std::env::temp_dir().join(format!("ringlog-dev-{}-{now}", process::id()));
    std::fs::create_dir(&dir)?;
    Ok(dir)
}

/// What this process may use: CPUs of its affinity mask, memory of the machine or the cgroup.
pub(super) fn host_facts() -> HostFacts {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
    let total = rustix::system::sysinfo();
    let total_bytes = (total.totalram as u64).saturating_mul(u64::from(total.mem_unit));
    let limit = cgroup_memory_bytes(Path::new("/"));
    HostFacts {
        cpus: u16::try_from(cpus).unwrap_or(u16::MAX),
        memory_bytes: limit.map_or(total_bytes, |limit| limit.min(total_bytes)),
    }
}

/// The smallest `memory.max` (cgroup v2) on the way from this process's cgroup to the root.
fn cgroup_memory_bytes(root: &Path) -> Option<u64> {
    let cgroups = std::fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = root.join("sys/fs/cgroup");
    mount
        .join(path)
        .ancestors()
        .take_while(|dir| dir.starts_with(&mount))
        .filter_map(|dir| std::fs::read_to_string(dir.join("memory.max")).ok()?.trim().parse().ok())
        .min()
}

/// Sends log lines to stderr, as the configuration says. Once per process.
pub fn init_logging(config: &BrokerConfig) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|error| {
        ConfigError::new(
            format!("logging.filter = {:?} cannot be used: {error}", config.log_filter),
            "it selects log lines as RUST_LOG does",
            "set logging.filter to info",
        )
    })?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let done = if config.log_json { builder.json().try_init() } else { builder.try_init() };
    done.map_err(|error| {
        ConfigError::new(
            format!("logging could not be set up: {error}"),
            "a process has one logger",
            "report this: it is a defect of the broker",
        )
    })
}

/// The one line on stdout when the broker accepts clients: `key=value` words, then the next thing
/// to try.
pub fn ready_line(node: &Node) -> String {
    let config = &node.config;
    let addresses = node.endpoints.iter().map(|at| format!("{}:{}", at.host, at.port));
    let addresses: Vec<_> = addresses.collect();
    let topics = TopicConfig::resolve(&config.settings, &TopicOverrides::new());
    let durability = match topics.is_durable() {
        true => "every-ack-on-stable-storage".to_owned(),
        false => format!("relaxed-flush.messages={}", topics.flush_messages),
    };
    format!(
        "ringlog ready: kafka={} shards={} node={} data={} durability={durability}  \
         next: kcat -b {} -t hello -P",
        addresses.join(","),
        config.shards,
        config.node_id,
        node.data_dir.display(),
        addresses[0],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_beat_set_and_name_themselves_in_errors() {
        let arguments = SettingArguments {
            port: Some("7000".to_owned()),
            set: vec!["network.port=6000".to_owned(), "log.retention.hours=2".to_owned()],
            ..SettingArguments::default()
        };
        let settings = layered(&arguments).unwrap();
        assert_eq!(settings.number("network.port"), 7000);
        assert_eq!(settings.number("topics.retention.ms"), 7_200_000);
        let wrong = SettingArguments { port: Some("x".to_owned()), ..SettingArguments::default() };
        assert!(layered(&wrong).unwrap_err().what.contains("--port"));
    }

    #[test]
    fn dev_makes_a_folder_only_when_none_is_given() {
        let dev = StartArguments { dev: true, ..StartArguments::default() };
        let config = config(&dev).unwrap();
        assert!(config.data_dir.is_dir());
        std::fs::remove_dir(&config.data_dir).unwrap();
        let given = StartArguments {
            dev: true,
            settings: SettingArguments {
                data_dir: Some("/somewhere".to_owned()),
                ..SettingArguments::default()
            },
        };
        assert_eq!(super::config(&given).unwrap().data_dir, PathBuf::from("/somewhere"));
    }

    #[test]
    fn this_machine_has_cpus_and_memory() {
        let facts = host_facts();
        assert!(facts.cpus >= 1 && facts.memory_bytes > 64 << 20);
    }
}
