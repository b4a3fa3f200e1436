//! Owns the shape of `summary.json`: what a run was, on what machine, against which broker, and what
//! came out. Readers check `schema_version`. Never computes latencies; see `recorder.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::judge::Verdict;
use crate::provenance::Provenance;
use crate::recorder::{Counts, Metric};
use crate::workload::Workload;

/// Name of the schema.
pub const SCHEMA: &str = "ringlog-loadgen/summary";
/// Version of the schema; raised when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Which command made it.
    pub command: String,
    /// The user's remark.
    pub remark: Option<String>,
    /// False when the generator was the bottleneck, the rate was not reached, or requests failed.
    pub valid: bool,
    /// Why the run ended early; its results are of a part.
    pub partial: Option<String>,
    /// Where, how and against what it ran.
    pub provenance: Provenance,
    /// What was run.
    pub workload: Workload,
    /// The machine's own floor, measured in the same sitting.
    pub floor: Option<Floor>,
    /// One for each rate.
    pub steps: Vec<StepSummary>,
    /// Of `search`: the highest rate that held, records per second.
    pub highest_rate: Option<f64>,
    /// Of `verify`.
    pub verdict: Option<Verdict>,
}

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepSummary {
    /// Offered records per second; `null` in closed loop.
    pub rate: Option<f64>,
    /// Acknowledged records per second.
    pub achieved_rate: f64,
    /// Acknowledged bytes of keys and values per second, in units of 1,000,000.
    pub mb_per_s: f64,
    /// Records delivered to consumers per second.
    pub consumed_rate: f64,
    /// Measured time.
    pub measured_s: f64,
    /// Seconds since 1970 when the schedule began.
    pub started_unix_s: f64,
    /// Events.
    pub counts: Counts,
    /// By metric name; nanoseconds.
    pub latencies: BTreeMap<String, Quantiles>,
    /// Share of a CPU that each producer thread used.
    pub cpu_shares: Vec<f64>,
    /// What makes the step invalid or doubtful, in words.
    pub problems: Vec<String>,
    /// Of `search`: whether the objective held.
    pub slo_held: Option<bool>,
    /// Interval log with all histograms, relative to this file.
    pub hlog: String,
}

/// Points of a distribution, nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Quantiles {
    pub count: u64,
    pub min: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub p99_99: u64,
    pub max: u64,
}

/// What the machine can do without a broker's work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Floor {
    /// A durable 4 KiB overwrite (`RWF_DSYNC`), no network.
    pub durable_write: Quantiles,
    /// A 1 KiB produce request over loopback, answered at once.
    pub echo: Quantiles,
    /// The same, answered after a durable write: the least any durable broker can take here.
    pub durable_echo: Quantiles,
    /// Folder whose disk was written.
    pub folder: String,
    /// Whether the writes bypassed the page cache.
    pub direct: bool,
}

impl Quantiles {
    /// Of a histogram with values; `None` when it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Option<Quantiles> {
        let at = |quantile| histogram.value_at_quantile(quantile);
        (!histogram.is_empty()).then(|| Quantiles {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: histogram.max(),
        })
    }
}

impl StepSummary {
    /// The distribution of a metric.
    pub fn of(&self, metric: Metric) -> Option<&Quantiles> {
        self.latencies.get(metric.name())
    }
}

impl Summary {
    /// Reads a file and checks its schema.
    pub fn read(path: &Path) -> Result<Summary> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        if value["schema"] != SCHEMA || value["schema_version"] != SCHEMA_VERSION {
            bail!(
                "{} is not a {SCHEMA} of version {SCHEMA_VERSION} (it says {} {})",
                path.display(),
                value["schema"],
                value["schema_version"]
            );
        }
        serde_json::from_value(value).with_context(|| format!("read {}", path.display()))
    }
}
