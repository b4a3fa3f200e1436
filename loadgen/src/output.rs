//! Owns the files of a run: `summary.json`, an interval log (`.hlog`) and percentile tables
//! (`.hgrm`) per step, `series.csv`. Each is written beside its name and renamed, so that a full
//! disk never leaves half a file under a good name. Never prints.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::recorder::Metric;
use crate::run::Step;
use crate::summary::{Quantiles, StepSummary, Summary};

/// A folder that results go to.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    series: String,
}

impl Output {
    /// Creates the folder, and finds out now rather than at the end whether it can be written.
    pub fn create(folder: &Path) -> Result<Output> {
        let about = || format!("the output folder {} cannot be written", folder.display());
        fs::create_dir_all(folder).with_context(about)?;
        let probe = folder.join(".probe");
        fs::write(&probe, b"ringlog-loadgen").with_context(about)?;
        fs::remove_file(&probe).with_context(about)?;
        let mut series = "step,rate,interval,start_s,requests_acked,records_acked,bytes_acked,\
                          failures,retries,records_consumed"
            .to_owned();
        for metric in Metric::ALL {
            for point in ["p50", "p99", "p99_9", "max"] {
                series.push_str(&format!(",{}_{point}_ns", metric.name()));
            }
        }
        series.push('\n');
        Ok(Output { folder: folder.to_owned(), series })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a step's files.
    pub fn step(&mut self, number: usize, step: &Step, interval: Duration) -> Result<()> {
        self.file(&hlog_name(number), |to| write_hlog(to, step, interval))?;
        for metric in Metric::ALL {
            let histogram = step.series.total.of(metric);
            if !histogram.is_empty() {
                let name = format!("step-{number}.{}.hgrm", metric.name());
                self.file(&name, |to| write_hgrm(to, histogram))?;
            }
        }
        self.add_rows(number, step, interval);
        self.file("series.csv", |to| Ok(to.write_all(self.series.as_bytes())?))?;
        Ok(())
    }

    fn add_rows(&mut self, number: usize, step: &Step, interval: Duration) {
        for row in &step.series.rows {
            let counts = &row.counts;
            let retries: u64 = counts.retries.values().sum();
            self.series.push_str(&format!(
                "{number},{},{},{:.3},{},{},{},{},{retries},{}",
                step.rate.map_or_else(String::new, |rate| rate.to_string()),
                row.index,
                row.index as f64 * interval.as_secs_f64(),
                counts.requests_acked,
                counts.records_acked,
                counts.bytes_acked,
                counts.failed(),
                counts.records_consumed,
            ));
            for metric in Metric::ALL {
                let points = row.histogram(metric).filter(|histogram| !histogram.is_empty());
                match points {
                    Some(h) => {
                        let at = |quantile| h.value_at_quantile(quantile);
                        let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
                        self.series.push_str(&format!(",{p50},{p99},{p999},{}", h.max()));
                    }
                    None => self.series.push_str(",,,,"),
                }
            }
            self.series.push('\n');
        }
    }

    /// Writes `summary.json` and returns its path.
    pub fn summary(&self, summary: &Summary) -> Result<PathBuf> {
        let text = serde_json::to_string_pretty(summary)?;
        self.file("summary.json", |to| Ok(to.write_all(text.as_bytes())?))
    }

    /// Writes a file by way of a temporary name.
    pub fn file(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let temporary = self.folder.join(format!(".{name}.tmp"));
        let attempt = || -> Result<()> {
            let mut to = BufWriter::new(File::create(&temporary)?);
            write(&mut to)?;
            to.flush()?;
            fs::rename(&temporary, &path)?;
            Ok(())
        };
        attempt().map_err(|error| {
            // Half a file is of no use to anyone; what was written before stays.
            fs::remove_file(&temporary).ok();
            error.context(format!("write {} (is the disk full?)", path.display()))
        })?;
        Ok(path)
    }
}

fn hlog_name(number: usize) -> String {
    format!("step-{number}.hlog")
}

/// The summary of a step; needs no file.
pub fn summarize(number: usize, step: &Step) -> StepSummary {
    let counts = step.series.counts.clone();
    let seconds = step.measured_s.max(1e-9);
    let latencies = Metric::ALL
        .into_iter()
        .filter_map(|metric| {
            let quantiles = Quantiles::of(step.series.total.of(metric))?;
            Some((metric.name().to_owned(), quantiles))
        })
        .collect();
    StepSummary {
        rate: step.rate,
        achieved_rate: counts.records_acked as f64 / seconds,
        mb_per_s: counts.bytes_acked as f64 / seconds / 1e6,
        consumed_rate: counts.records_consumed as f64 / seconds,
        measured_s: step.measured_s,
        started_unix_s: step
            .started
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |since| since.as_secs_f64()),
        counts,
        latencies,
        cpu_shares: step.cpu_shares.clone(),
        problems: Vec::new(),
        slo_held: None,
        hlog: hlog_name(number),
    }
}

fn write_hlog(to: &mut BufWriter<File>, step: &Step, interval: Duration) -> Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("ringlog-loadgen; values in nanoseconds")
        .with_start_time(step.started)
        .with_base_time(step.started)
        .with_max_value_divisor(1e6)
        .begin_log_with(to, &mut serializer)
        .context("interval log")?;
    for row in &step.series.rows {
        let start = interval.saturating_mul(u32::try_from(row.index)?);
        for metric in Metric::ALL {
            if let Some(histogram) = row.histogram(metric) {
                log.write_histogram(&histogram, start, interval, Tag::new(metric.name()))
                    .map_err(|error| anyhow::anyhow!("interval log: {error:?}"))?;
            }
        }
    }
    Ok(())
}

/// The text table that HdrHistogram's plotters read, in microseconds.
fn write_hgrm(to: &mut BufWriter<File>, histogram: &Histogram<u64>) -> Result<()> {
    const NS_PER_US: f64 = 1000.0;
    writeln!(
        to,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut total = 0;
    for step in histogram.iter_quantiles(5) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_US, step.quantile());
        if quantile < 1.0 {
            writeln!(
                to,
                "{value:12.3} {quantile:1.12} {total:10} {:14.2}",
                1.0 / (1.0 - quantile)
            )?;
        } else {
            writeln!(to, "{value:12.3} {quantile:1.12} {total:10}")?;
        }
    }
    let (mean, deviation) = (histogram.mean() / NS_PER_US, histogram.stdev() / NS_PER_US);
    writeln!(to, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    let max = histogram.max() as f64 / NS_PER_US;
    writeln!(to, "#[Max     = {max:12.3}, Total count    = {:12}]", histogram.len())?;
    Ok(())
}
