//! Owns the description of a workload: every setting, its default, its TOML form and its limits.
//! Never connects to anything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::keys::{KEYS_MAX, KeyChoice};
use crate::payload::STAMP_BYTES;
use crate::schedule::Arrivals;
use crate::units::{duration_ns, parse_bytes, parse_duration, parse_rate};

/// Longest run: a bounded tool never runs away. One week.
pub const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most producers or consumers in a process; each has its own connections.
pub const CLIENTS_MAX: usize = 20_000;
/// Most partitions of one topic.
pub const PARTITIONS_MAX: usize = 100_000;
/// Most topics of a run.
pub const TOPICS_MAX: usize = 1_000;
/// Largest batch.
pub const BATCH_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most records in a batch.
pub const BATCH_RECORDS_MAX: usize = 100_000;
/// Most unanswered requests on a connection.
pub const IN_FLIGHT_MAX: usize = 10_000;

/// A duration that is written `10s` in files and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A size in bytes that is written `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

/// Sizes of record values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordSize {
    /// Every value has this many bytes.
    Fixed(u64),
    /// Evenly spread between two sizes, both included: `100-2000`.
    Uniform(u64, u64),
    /// Values are the lines of a file: `@payload.txt`.
    File(PathBuf),
}

/// The offered rate in records per second, in steps; empty means closed loop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rates(pub Vec<f64>);

/// When the broker answers a produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Never.
    None,
    /// After the leader has it.
    Leader,
    /// After every in-sync replica has it.
    All,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "Kafka's own names")]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Everything a run needs to know. Kebab-case names are the keys of the TOML file and the flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    /// `host:port`, several separated by commas.
    pub bootstrap: String,
    /// Name of an existing topic, or of the one to create. `None`: a fresh name.
    pub topic: Option<String>,
    /// Topics to spread the load over.
    pub topics: usize,
    /// Partitions of each topic that is created.
    pub partitions: usize,
    /// Replication factor of created topics; -1 is the broker's default.
    pub replication: i16,
    /// Settings of created topics, under Kafka's names.
    pub topic_config: BTreeMap<String, String>,
    /// Leave created topics in place.
    pub keep_topics: bool,
    /// Independent producers, each with its own connections.
    pub producers: usize,
    /// Consumers per group, each with its own connections.
    pub consumers: usize,
    /// Groups: each reads everything.
    pub groups: usize,
    /// Records per second, all producers together; several are run as steps. Empty: closed loop.
    pub rate: Rates,
    /// Spacing of arrivals in open loop.
    pub arrivals: Arrivals,
    /// Size of record values.
    pub record_size: RecordSize,
    /// Records of a batch.
    pub batch_records: usize,
    /// How long a batch may wait to fill (open loop). 0: a batch's records arrive together.
    pub linger: Span,
    /// Choice of keys.
    pub keys: KeyChoice,
    /// Distinct keys.
    pub key_count: usize,
    /// Compression of batches.
    pub compression: Codec,
    /// Acknowledgement.
    pub acks: Acks,
    /// Number batches so that the broker can drop repeats.
    pub idempotence: bool,
    /// Unanswered produce requests per connection. `None`: 1 in closed loop, 64 in open loop, 5
    /// with idempotence.
    pub in_flight: Option<usize>,
    /// Time before measuring starts.
    pub warm_up: Span,
    /// Measured time of a step.
    pub duration: Span,
    /// Length of an interval of the time series.
    pub interval: Span,
    /// How long a request may take, retries included, before it counts as failed.
    pub delivery_timeout: Span,
    /// Producer threads.
    pub threads: usize,
    /// CPUs to pin the threads to, producers first; empty: not pinned.
    pub pin: Vec<usize>,
    /// Spin instead of sleeping between requests: earlier sends, a whole core per thread.
    pub spin: bool,
    /// Least bytes a Fetch waits for.
    pub fetch_min_bytes: Size,
    /// Longest wait of a Fetch.
    pub fetch_max_wait: Span,
    /// Most bytes of a Fetch.
    pub fetch_max_bytes: Size,
    /// Start of all random choices; 0: from the clock.
    pub seed: u64,
}

impl Default for Workload {
    fn default() -> Self {
        Workload {
            bootstrap: "127.0.0.1:9092".to_owned(),
            topic: None,
            topics: 1,
            partitions: 4,
            replication: -1,
            topic_config: BTreeMap::new(),
            keep_topics: false,
            producers: 1,
            consumers: 0,
            groups: 1,
            rate: Rates::default(),
            arrivals: Arrivals::Constant,
            record_size: RecordSize::Fixed(1024),
            batch_records: 1,
            linger: Span(Duration::ZERO),
            keys: KeyChoice::None,
            key_count: 10_000,
            compression: Codec::None,
            acks: Acks::All,
            idempotence: false,
            in_flight: None,
            warm_up: Span(Duration::from_secs(2)),
            duration: Span(Duration::from_secs(15)),
            interval: Span(Duration::from_secs(1)),
            delivery_timeout: Span(Duration::from_secs(30)),
            threads: 1,
            pin: Vec::new(),
            spin: false,
            fetch_min_bytes: Size(1),
            fetch_max_wait: Span(Duration::from_millis(500)),
            fetch_max_bytes: Size(8 * 1024 * 1024),
            seed: 0,
        }
    }
}

impl Workload {
    /// Lays a file over `defaults` and `flags` over both.
    pub fn load(
        file: Option<&Path>,
        defaults: toml::Table,
        flags: toml::Table,
    ) -> Result<Workload> {
        let mut table = defaults;
        table.extend(match file {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("read workload {}", path.display()))?;
                match path.extension().and_then(|e| e.to_str()) {
                    Some("yaml" | "yml") => crate::omb::import(&text)?,
                    _ => text.parse().with_context(|| format!("parse {}", path.display()))?,
                }
            }
        });
        table.extend(flags);
        let workload: Workload = table.try_into().context("workload")?;
        workload.check()?;
        Ok(workload)
    }

    /// Refuses settings that cannot be run, with the reason.
    pub fn check(&self) -> Result<()> {
        in_range("topics", self.topics, 1, TOPICS_MAX)?;
        in_range("partitions", self.partitions, 1, PARTITIONS_MAX)?;
        in_range("producers", self.producers, 0, CLIENTS_MAX)?;
        in_range("consumers", self.consumers, 0, CLIENTS_MAX)?;
        in_range("groups", self.groups, 1, 100)?;
        in_range("batch-records", self.batch_records, 1, BATCH_RECORDS_MAX)?;
        in_range("threads", self.threads, 1, 256)?;
        in_range("key-count", self.key_count, 1, KEYS_MAX)?;
        in_range("in-flight", self.in_flight(self.is_open_loop()), 1, IN_FLIGHT_MAX)?;
        if self.producers == 0 && self.consumers == 0 {
            bail!("nothing to do: producers and consumers are both 0");
        }
        if self.duration.0 > DURATION_MAX || self.duration.0.is_zero() {
            bail!("duration must be above 0 and at most 7 days");
        }
        if self.interval.0 < Duration::from_millis(10) {
            bail!("interval must be at least 10ms");
        }
        if self.topics > 1 && self.topic.is_some() {
            bail!("topic names one topic; it cannot be combined with topics = {}", self.topics);
        }
        if self.idempotence && self.acks != Acks::All {
            bail!("idempotence needs acks = \"all\"");
        }
        if self.idempotence && self.in_flight(self.is_open_loop()) > 5 {
            bail!(
                "idempotence allows at most 5 requests in flight, not {}",
                self.in_flight(self.is_open_loop())
            );
        }
        if self.linger.0 > Duration::ZERO && self.rate.0.is_empty() {
            bail!("linger needs a rate: in closed loop a batch is always full");
        }
        self.check_sizes()
    }

    fn check_sizes(&self) -> Result<()> {
        let (least, most) = match &self.record_size {
            RecordSize::Fixed(size) => (*size, *size),
            RecordSize::Uniform(least, most) if least <= most => (*least, *most),
            RecordSize::Uniform(least, most) => bail!("record-size {least}-{most} runs backwards"),
            RecordSize::File(_) => return Ok(()),
        };
        let batch_bytes = most.saturating_mul(u64::try_from(self.batch_records)?);
        if batch_bytes > BATCH_BYTES_MAX {
            bail!("a batch of {batch_bytes} bytes is over the limit of {BATCH_BYTES_MAX}");
        }
        if self.consumers > 0 && least < u64::try_from(STAMP_BYTES)? {
            bail!(
                "end-to-end latency is read from a {STAMP_BYTES}-byte stamp in the record: \
                 record-size {least} is too small, use consumers = 0 or larger records"
            );
        }
        Ok(())
    }

    /// Whether requests follow a schedule rather than the broker's answers.
    pub fn is_open_loop(&self) -> bool {
        !self.rate.0.is_empty()
    }

    /// Unanswered produce requests allowed per connection in a step of open or closed loop.
    pub fn in_flight(&self, open_loop: bool) -> usize {
        self.in_flight.unwrap_or(match (self.idempotence, open_loop) {
            (true, true) => 5,
            (false, true) => 64,
            (_, false) => 1,
        })
    }

    /// The linger in nanoseconds.
    pub fn linger_ns(&self) -> u64 {
        duration_ns(self.linger.0)
    }
}

fn in_range(name: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        bail!("{name} = {value} is outside {least} to {most}")
    }
}

impl Acks {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

impl FromStr for Acks {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "0" | "none" => Ok(Acks::None),
            "1" | "leader" => Ok(Acks::Leader),
            "-1" | "all" => Ok(Acks::All),
            _ => bail!("acks is 0, 1 or all, not {text:?}"),
        }
    }
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        })
    }
}

impl FromStr for Span {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        parse_duration(text).map(Span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = duration_ns(self.0);
        match ns {
            0 => f.write_str("0s"),
            _ if ns.is_multiple_of(1_000_000_000) => write!(f, "{}s", ns / 1_000_000_000),
            _ if ns.is_multiple_of(1_000_000) => write!(f, "{}ms", ns / 1_000_000),
            _ if ns.is_multiple_of(1_000) => write!(f, "{}us", ns / 1_000),
            _ => write!(f, "{ns}ns"),
        }
    }
}

impl FromStr for Size {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        parse_bytes(text).map(Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for RecordSize {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix('@') {
            return Ok(RecordSize::File(path.into()));
        }
        match text.split_once('-') {
            Some((least, most)) => Ok(RecordSize::Uniform(parse_bytes(least)?, parse_bytes(most)?)),
            None => parse_bytes(text).map(RecordSize::Fixed),
        }
    }
}

impl fmt::Display for RecordSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordSize::Fixed(size) => write!(f, "{size}"),
            RecordSize::Uniform(least, most) => write!(f, "{least}-{most}"),
            RecordSize::File(path) => write!(f, "@{}", path.display()),
        }
    }
}

impl FromStr for Rates {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        if matches!(text, "" | "closed" | "max") {
            return Ok(Rates::default());
        }
        text.split(',').map(|rate| parse_rate(rate.trim())).collect::<Result<_>>().map(Rates)
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("closed");
        }
        let rates: Vec<String> = self.0.iter().map(f64::to_string).collect();
        f.write_str(&rates.join(","))
    }
}

/// Written as text in files, and read from text or a bare number.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Written { Text(String), Whole(i64), Broken(f64) }
                let text = match Written::deserialize(from)? {
                    Written::Text(text) => text,
                    Written::Whole(number) => number.to_string(),
                    Written::Broken(number) => number.to_string(),
                };
                text.parse().map_err(|error| serde::de::Error::custom(format!("{error:#}")))
            }
        }
    )*};
}
as_text!(Acks, Span, Size, RecordSize, Rates);

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Workload> {
        let workload: Workload = text.parse::<toml::Table>()?.try_into()?;
        workload.check()?;
        Ok(workload)
    }

    #[test]
    fn a_file_is_read_and_written_back_the_same() {
        let workload = load(
            "bootstrap = \"h:1\"\nrate = \"1000,20k\"\nrecord-size = \"100-2000\"\nacks = 1\n\
             duration = \"2m\"\nlinger = \"5ms\"\nkeys = \"zipf\"\n[topic-config]\n\"flush.messages\" = \"1\"",
        )
        .unwrap();
        assert_eq!(workload.rate, Rates(vec![1000.0, 20_000.0]));
        assert_eq!(workload.acks, Acks::Leader);
        let text = toml::to_string(&workload).unwrap();
        assert_eq!(load(&text).unwrap(), workload);
    }

    #[test]
    fn what_cannot_run_is_refused_with_its_reason() {
        for (text, reason) in [
            ("partitions = 0", "partitions = 0"),
            ("record-size = 16\nconsumers = 1", "too small"),
            ("idempotence = true\nacks = 1", "needs acks"),
            ("linger = \"5ms\"", "linger needs a rate"),
            ("duration = \"30d\"", "7 days"),
            ("no-such-key = 1", "unknown field"),
            ("record-size = \"1GiB\"", "over the limit"),
            ("rate = \"-5\"", "not a number"),
        ] {
            let error = format!("{:#}", load(text).unwrap_err());
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
