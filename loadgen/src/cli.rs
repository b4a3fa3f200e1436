//! Owns the command line: commands, flags, and how flags lie over a workload file. Never runs
//! anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::keys::KeyChoice;
use crate::schedule::Arrivals;
use crate::sink::store::Mutant;
use crate::slo::{Growth, Slo};
use crate::workload::{Acks, Codec, Rates, RecordSize, Size, Span, Workload};

/// Open-loop load generator, latency recorder and loss judge for any broker that speaks Kafka's
/// protocol.
#[derive(Debug, Parser)]
#[command(name = "ringlog-loadgen", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 the run is not valid, 4 SLO missed, \
                        5 data verification failed, 130 interrupted."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workload and report latencies (open loop with --rate, closed loop without)
    Run(Box<RunArgs>),
    /// 20 seconds against an address: the machine's floor, closed loop, open loop, a report
    Quick(Box<QuickArgs>),
    /// Find the highest rate at which an objective holds
    Search(Box<SearchArgs>),
    /// Run for long and see whether it gets slower
    Soak(Box<SoakArgs>),
    /// Judge: are acknowledged records there, once, in order and unchanged? Survives broker crashes
    Verify(Box<VerifyArgs>),
    /// Compare two runs (or sets of runs, comma separated)
    Compare(CompareArgs),
    /// One HTML page over one or several summaries
    Report(ReportArgs),
    /// Measure what this machine can do without a broker
    Floor(FloorArgs),
    /// Print what a workload would do
    Plan(Box<PlanArgs>),
    /// Serve as a tiny test broker: the null sink, the durable echo, or a mutant
    Sink(SinkArgs),
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Workload.
    #[command(flatten)]
    pub workload: WorkloadArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Objective(s), for example p99.9<2ms or e2e:p99<5ms; exit code 4 when missed
    #[arg(long)]
    pub slo: Option<Slo>,
    /// Measure the machine's floor first and print it beside the results
    #[arg(long)]
    pub floor: bool,
}

/// Flags of `quick`.
#[derive(Debug, Args)]
pub struct QuickArgs {
    /// Workload.
    #[command(flatten)]
    pub workload: WorkloadArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of `search`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Workload; --rate is where the search starts.
    #[command(flatten)]
    pub workload: WorkloadArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Objective(s), for example p99.9<2ms
    #[arg(long)]
    pub slo: Slo,
    /// How exactly the edge is wanted, as a share of the rate
    #[arg(long, default_value_t = 0.05)]
    pub precision: f64,
    /// How often the rate at the edge must hold
    #[arg(long, default_value_t = 3)]
    pub repeats: usize,
}

/// Flags of `soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// Workload.
    #[command(flatten)]
    pub workload: WorkloadArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How much the p99 of the last fifth may exceed that of the first, per cent; exit code 4
    #[arg(long, default_value_t = 10.0)]
    pub drift_max: f64,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Workload.
    #[command(flatten)]
    pub workload: WorkloadArgs,
    /// Output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How long the broker may take to come back before the log is read
    #[arg(long, default_value = "60s")]
    pub recovery_timeout: Span,
}

/// Flags of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// summary.json (or its folder) of A; several, comma separated, count together
    pub a: String,
    /// The same of B
    pub b: String,
    /// Fail (exit code 4) on growth, for example p99>+5% (repeatable)
    #[arg(long)]
    pub fail_if: Vec<Growth>,
    /// Start of the bootstrap's random draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Flags of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// summary.json files or their folders
    #[arg(required = true)]
    pub summaries: Vec<PathBuf>,
    /// The page to write
    #[arg(long, default_value = "report.html")]
    pub html: PathBuf,
}

/// Flags of `floor`.
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Folder whose disk is written (64 MiB, removed afterwards)
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Workload.
    #[command(flatten)]
    pub workload: WorkloadArgs,
}

/// Where results go.
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Folder for summary.json, .hlog, .hgrm, series.csv and report.html
    #[arg(long, short, default_value = "loadgen-results")]
    pub output: PathBuf,
    /// Live progress: a line on a terminal, JSON lines for pipes, or nothing
    #[arg(long, value_enum, default_value_t = TickerKind::Auto)]
    pub ticker: TickerKind,
    /// A word about this run, kept in the summary
    #[arg(long)]
    pub remark: Option<String>,
}

/// Kinds of live progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TickerKind {
    /// A line that is rewritten on a terminal, a line per interval elsewhere.
    Auto,
    /// One JSON object per interval on standard output.
    Json,
    /// Nothing.
    None,
}

/// Flags of `sink`.
#[derive(Debug, Args)]
pub struct SinkArgs {
    /// Address of the first broker
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub listen: String,
    /// Brokers, each on a port of its own
    #[arg(long, default_value_t = 1)]
    pub brokers: usize,
    /// Write every batch durably to a file in this folder before answering
    #[arg(long, value_name = "FOLDER", conflicts_with = "mutant")]
    pub durable: Option<PathBuf>,
    /// Keep batches in memory so that they can be consumed, with a fault
    #[arg(long, value_enum)]
    pub mutant: Option<Mutant>,
}

/// A workload by flags; each one stands over the same key of the file.
#[derive(Debug, Clone, Default, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WorkloadArgs {
    /// Workload file: TOML, or an OpenMessaging Benchmark workload (.yaml)
    #[arg(long, short = 'w')]
    #[serde(skip)]
    pub workload: Option<PathBuf>,
    /// Broker address(es), comma separated
    #[arg(long, short = 'b', visible_alias = "bootstrap-server", env = "RINGLOG_BOOTSTRAP")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<String>,
    /// Topic to use; created (and deleted afterwards) when it does not exist
    #[arg(long, short = 't')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Number of fresh topics to create
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<usize>,
    /// Partitions of created topics
    #[arg(long, short = 'p')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<usize>,
    /// Replication factor of created topics; -1 for the broker's default
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<i16>,
    /// Setting of created topics, for example flush.messages=1 (repeatable)
    #[arg(long = "topic-config", value_name = "KEY=VALUE", value_parser = key_value)]
    #[serde(skip)]
    pub topic_config: Vec<(String, String)>,
    /// Leave created topics in place
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_topics: Option<bool>,
    /// Producers, each with its own connections
    #[arg(long, visible_alias = "connections", short = 'c')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producers: Option<usize>,
    /// Consumers per group; they measure end-to-end latency
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumers: Option<usize>,
    /// Groups, each of which reads everything
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Records per second of all producers together; several, comma separated, run as steps.
    /// "closed" or nothing: closed loop
    #[arg(long, short = 'r')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rates>,
    /// Spacing of arrivals
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// Record size: 1KiB, 100-2000 (uniform), or @FILE (one record per line)
    #[arg(long, short = 's')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_size: Option<RecordSize>,
    /// Records per batch
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_records: Option<usize>,
    /// Longest wait for a batch to fill (open loop)
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linger: Option<Span>,
    /// Keys of records
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeyChoice>,
    /// Distinct keys
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_count: Option<usize>,
    /// Compression of batches
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Codec>,
    /// 0, 1 or all
    #[arg(long, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acks: Option<Acks>,
    /// Number batches so that the broker drops repeats
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotence: Option<bool>,
    /// Unanswered requests per connection (closed loop: per producer)
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
    /// Time before measuring starts
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Span>,
    /// Measured time of each step
    #[arg(long, short = 'd')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// Interval of the time series
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Span>,
    /// How long a request may take, retries included
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_timeout: Option<Span>,
    /// Producer threads
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// CPUs to pin threads to, comma separated, producers first
    #[arg(long, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Vec<usize>>,
    /// Spin instead of sleeping: more precise, takes a core per thread
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spin: Option<bool>,
    /// Least bytes a Fetch waits for
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_min_bytes: Option<Size>,
    /// Longest wait of a Fetch
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_max_wait: Option<Span>,
    /// Most bytes of a Fetch
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_max_bytes: Option<Size>,
    /// Start of all random choices; 0: from the clock
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
}

impl WorkloadArgs {
    /// The workload: defaults, then the file, then the flags; checked.
    pub fn resolve(&self, defaults: toml::Table) -> Result<Workload> {
        let mut flags = toml::Table::try_from(self).context("flags")?;
        if !self.topic_config.is_empty() {
            let config: BTreeMap<_, _> = self.topic_config.iter().cloned().collect();
            flags.insert("topic-config".to_owned(), toml::Value::try_from(config)?);
        }
        Workload::load(self.workload.as_deref(), defaults, flags)
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_a_key_of_the_file() {
        let cli = Cli::parse_from([
            "x",
            "run",
            "-b",
            "h:1",
            "-r",
            "1000,2k",
            "-s",
            "100-200",
            "--acks",
            "1",
            "--linger",
            "1ms",
            "--keys",
            "zipf",
            "--compression",
            "lz4",
            "--pin",
            "0,1",
            "--seed",
            "7",
            "--topic-config",
            "flush.messages=1",
            "--spin",
            "-d",
            "3s",
            "--topics",
            "2",
        ]);
        let Command::Run(args) = cli.command else { panic!("run") };
        let workload = args.workload.resolve(toml::Table::new()).unwrap();
        assert_eq!(workload.pin, [0, 1]);
        assert_eq!(workload.seed, 7);
        assert!(workload.spin);
        assert_eq!(workload.topic_config["flush.messages"], "1");
        assert_eq!(workload.rate.0, [1000.0, 2000.0]);
    }
}
