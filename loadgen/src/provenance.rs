//! Owns where results come from: this tool, the command, the machine and the broker's settings. What
//! cannot be read is left out, never guessed. Never changes anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::Setup;

/// Topic settings that decide what an acknowledgement means and when segments roll.
const TOPIC_SETTINGS: [&str; 8] = [
    "flush.messages",
    "flush.ms",
    "min.insync.replicas",
    "compression.type",
    "segment.bytes",
    "segment.ms",
    "retention.ms",
    "message.timestamp.type",
];
/// Broker settings of the same kind, reported even at their defaults.
const BROKER_SETTINGS: [&str; 5] = [
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "min.insync.replicas",
    "num.io.threads",
    "num.network.threads",
];
/// Kafka's source code of a built-in default.
const DEFAULT_CONFIG: i8 = 5;
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// See the file's first line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Provenance {
    pub tool_version: String,
    /// Commit that the tool was built from.
    pub git_commit: Option<String>,
    pub command_line: Vec<String>,
    pub started_unix_s: f64,
    pub seed: u64,
    pub run_id: u32,
    pub host: Option<String>,
    pub kernel: Option<String>,
    pub cpu_model: Option<String>,
    pub cpus: usize,
    pub governor: Option<String>,
    pub clock_source: Option<String>,
    pub memory_kib: Option<u64>,
    pub load_average: Option<String>,
    /// Of the folder the results (and the floor) are written to.
    pub file_system: Option<String>,
    pub disk: Option<String>,
    pub disk_write_cache: Option<String>,
    pub brokers: Vec<String>,
    pub cluster_id: Option<String>,
    /// Version ranges by API, the closest to a version that Kafka's protocol tells.
    pub broker_apis: BTreeMap<String, String>,
    /// Settings of the broker and of the first topic, with their meaning for durability.
    pub broker_settings: BTreeMap<String, String>,
    pub topic_settings: BTreeMap<String, String>,
    pub settings_error: Option<String>,
    pub topics: Vec<String>,
    /// Movement of the wall clock against the monotonic clock during the run.
    pub wall_clock_drift_ns: i64,
}

impl Provenance {
    /// Reads the machine.
    pub fn of_machine(folder: &Path) -> Provenance {
        let started = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64());
        let (file_system, device) = mount_of(folder).unzip();
        let disk = device.as_deref().and_then(disk_of);
        Provenance {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: option_env!("LOADGEN_GIT_COMMIT").map(str::to_owned),
            command_line: std::env::args().collect(),
            started_unix_s: started,
            host: line("/proc/sys/kernel/hostname"),
            kernel: line("/proc/sys/kernel/osrelease"),
            cpu_model: field("/proc/cpuinfo", "model name"),
            cpus: crate::affinity::cpus(),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            memory_kib: field("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse().ok()),
            load_average: line("/proc/loadavg"),
            file_system,
            disk_write_cache: disk
                .as_ref()
                .and_then(|disk| line(&format!("/sys/block/{disk}/queue/write_cache"))),
            disk,
            ..Provenance::default()
        }
    }

    /// Adds what the broker tells about itself.
    pub fn ask_broker(&mut self, setup: &mut Setup) {
        self.seed = setup.seed;
        self.run_id = setup.run_id;
        self.topics = setup.topics.names.clone();
        self.broker_apis = setup.client.versions();
        self.brokers =
            setup.map.brokers.iter().map(|(id, address)| format!("{id}={address}")).collect();
        self.cluster_id = setup
            .client
            .metadata(&[])
            .ok()
            .and_then(|answer| answer.cluster_id.map(|id| id.to_string()));
        let broker = setup.map.brokers.keys().next().copied().unwrap_or(0).to_string();
        match setup.client.settings(BROKER, &broker) {
            Ok(settings) => {
                for setting in settings {
                    let wanted = BROKER_SETTINGS.contains(&setting.name.as_str());
                    if wanted || setting.source != DEFAULT_CONFIG {
                        let value = setting.value.unwrap_or_else(|| "(hidden)".to_owned());
                        self.broker_settings.insert(setting.name, value);
                    }
                }
            }
            Err(error) => self.settings_error = Some(error.to_string()),
        }
        if let Some(topic) = self.topics.first()
            && let Ok(settings) = setup.client.settings(TOPIC, topic)
        {
            for setting in settings {
                if TOPIC_SETTINGS.contains(&setting.name.as_str()) {
                    self.topic_settings.insert(setting.name, setting.value.unwrap_or_default());
                }
            }
        }
    }

    /// What an acknowledgement means by the topic's settings, in words.
    pub fn durability(&self) -> String {
        match self.topic_settings.get("flush.messages").map(String::as_str) {
            Some("1") => "flush.messages=1: flushed before the acknowledgement".to_owned(),
            Some("9223372036854775807") => {
                "flush.messages unset: acknowledged from the page cache, not durable".to_owned()
            }
            Some(other) => format!("flush.messages={other}"),
            None => "unknown: the broker did not tell its flush settings".to_owned(),
        }
    }
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// File system (with its options) and device of the mount that holds `folder`.
fn mount_of(folder: &Path) -> Option<(String, String)> {
    let folder = fs::canonicalize(folder).or_else(|_| std::env::current_dir()).ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut best: Option<(usize, (String, String))> = None;
    for mount in mounts.lines() {
        let mut parts = mount.split(' ');
        let (device, at) = (parts.next()?, parts.next()?);
        let (kind, options) = (parts.next()?, parts.next()?);
        let longer = best.as_ref().is_none_or(|(length, _)| at.len() >= *length);
        if folder.starts_with(at) && longer {
            let system = format!("{kind} ({options}) on {at}");
            best = Some((at.len(), (system, device.to_owned())));
        }
    }
    best.map(|(_, found)| found)
}

/// Block device in `/sys/block` that a partition device belongs to.
fn disk_of(device: &str) -> Option<String> {
    let name = device.strip_prefix("/dev/")?;
    let disks = fs::read_dir("/sys/block").ok()?;
    disks
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find(|disk| name == disk || Path::new(&format!("/sys/block/{disk}/{name}")).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let provenance = Provenance::of_machine(Path::new("."));
        assert!(provenance.kernel.is_some());
        assert!(provenance.cpus > 0);
        assert!(provenance.file_system.is_some());
    }
}
