//! `compare`: two sets of runs, point by point, with an interval that says how sure the difference
//! is. Intervals of the runs are drawn again with replacement (bootstrap over one-second blocks), so
//! that a single bad second does not pass for a difference.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{Ending, say};
use crate::cli::CompareArgs;
use crate::recorder::Metric;
use crate::slo::Point;
use crate::summary::Summary;
use crate::units::show_ns;

/// Draws of the bootstrap.
const DRAWS: usize = 400;
/// The interval covers the middle 95 % of the draws.
const TAIL: f64 = 0.025;
/// Fewer intervals than this on a side say nothing about spread.
const BLOCKS_MIN: usize = 5;
/// Points that are always shown.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// A difference of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Value in A and in B, nanoseconds.
    pub values_ns: (u64, u64),
    /// B / A - 1.
    pub change: f64,
    /// 95 % interval of it.
    pub interval: (f64, f64),
}

impl Difference {
    /// Whether the interval excludes "no difference".
    pub fn is_shown(&self) -> bool {
        self.interval.0 > 0.0 || self.interval.1 < 0.0
    }
}

/// Compares and prints.
pub fn compare(args: &CompareArgs) -> Result<Ending> {
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    note_differences(&a, &b);
    let steps = a[0].1.steps.len().min(b[0].1.steps.len());
    if steps == 0 {
        bail!("nothing was measured in one of the runs");
    }
    let mut worse = Vec::new();
    for step in 0..steps {
        let rate =
            a[0].1.steps[step].rate.map_or("closed loop".to_owned(), |r| format!("{r:.0}/s"));
        say(&format!("\nstep {} ({rate})", step + 1));
        for metric in [Metric::ScheduleToAck, Metric::EndToEnd] {
            let (from, to) = (blocks(&a, step, metric)?, blocks(&b, step, metric)?);
            if from.is_empty() || to.is_empty() {
                continue;
            }
            show_metric(metric, &from, &to, args.seed);
            for growth in args.fail_if.iter().filter(|growth| growth.point.metric == metric) {
                let found = difference(&from, &to, &growth.point, args.seed);
                if found.is_shown() && found.change > growth.share {
                    worse.push(format!(
                        "step {}: {} grew by {:+.1} %, allowed is {:+.1} %",
                        step + 1,
                        growth.point.name(),
                        found.change * 100.0,
                        growth.share * 100.0
                    ));
                }
            }
        }
        show_rate(&a, &b, step);
    }
    worse.iter().for_each(|line| say(&format!("WORSE: {line}")));
    Ok(if worse.is_empty() { Ending::Ok } else { Ending::SloMissed })
}

fn show_metric(metric: Metric, from: &[Histogram<u64>], to: &[Histogram<u64>], seed: u64) {
    for quantile in QUANTILES {
        let point = Point { metric, quantile };
        let found = difference(from, to, &point, seed);
        let few = from.len() < BLOCKS_MIN || to.len() < BLOCKS_MIN;
        let verdict = match (few, found.is_shown()) {
            (true, _) => "too few intervals to tell",
            (false, false) => "no difference shown",
            (false, true) if found.change < 0.0 => "better",
            (false, true) => "worse",
        };
        say(&format!(
            "  {:<24}{:>6}  {:>9} → {:>9}  {:+7.1} %  [{:+.1} % … {:+.1} %]  {verdict}",
            metric.title(),
            point.name(),
            show_ns(found.values_ns.0),
            show_ns(found.values_ns.1),
            found.change * 100.0,
            found.interval.0 * 100.0,
            found.interval.1 * 100.0,
        ));
    }
}

fn show_rate(a: &[(PathBuf, Summary)], b: &[(PathBuf, Summary)], step: usize) {
    let mean = |runs: &[(PathBuf, Summary)]| {
        let rates: Vec<f64> = runs
            .iter()
            .filter_map(|(_, run)| run.steps.get(step))
            .map(|s| s.achieved_rate)
            .collect();
        rates.iter().sum::<f64>() / rates.len().max(1) as f64
    };
    let (from, to) = (mean(a), mean(b));
    let change = (to / from - 1.0) * 100.0;
    say(&format!("  acknowledged records/s          {from:>9.0} → {to:>9.0}  {change:+7.1} %"));
}

/// Says where the runs are not alike, because then the numbers compare something else.
fn note_differences(a: &[(PathBuf, Summary)], b: &[(PathBuf, Summary)]) {
    let (first, second) = (&a[0].1, &b[0].1);
    let pairs = [
        ("durability", first.provenance.durability(), second.provenance.durability()),
        (
            "cpu",
            format!("{:?}", first.provenance.cpu_model),
            format!("{:?}", second.provenance.cpu_model),
        ),
        (
            "kernel",
            format!("{:?}", first.provenance.kernel),
            format!("{:?}", second.provenance.kernel),
        ),
        (
            "file system",
            format!("{:?}", first.provenance.file_system),
            format!("{:?}", second.provenance.file_system),
        ),
        (
            "record size",
            first.workload.record_size.to_string(),
            second.workload.record_size.to_string(),
        ),
        ("acks", first.workload.acks.to_string(), second.workload.acks.to_string()),
        ("rate", first.workload.rate.to_string(), second.workload.rate.to_string()),
    ];
    for (what, a, b) in pairs.iter().filter(|(_, a, b)| a != b) {
        say(&format!("note: {what} differs: {a} / {b}"));
    }
    for (path, run) in a.iter().chain(b) {
        if !run.valid {
            say(&format!("note: {} is not a valid run", path.display()));
        }
    }
}

fn read(paths: &str) -> Result<Vec<(PathBuf, Summary)>> {
    paths
        .split(',')
        .map(|path| {
            let path = Path::new(path);
            let file = if path.is_dir() { path.join("summary.json") } else { path.to_owned() };
            let summary = Summary::read(&file)?;
            Ok((file, summary))
        })
        .collect()
}

/// The interval histograms of a step in all runs of one side.
fn blocks(runs: &[(PathBuf, Summary)], step: usize, metric: Metric) -> Result<Vec<Histogram<u64>>> {
    let mut blocks = Vec::new();
    for (path, run) in runs {
        let Some(step) = run.steps.get(step) else { continue };
        let log = path.with_file_name(&step.hlog);
        blocks.extend(read_hlog(&log, metric)?);
    }
    Ok(blocks)
}

/// The histograms of a metric in an interval log.
pub fn read_hlog(path: &Path, metric: Metric) -> Result<Vec<Histogram<u64>>> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let mut found = Vec::new();
    for entry in IntervalLogIterator::new(&bytes) {
        let entry = entry.map_err(|error| anyhow::anyhow!("{}: {error:?}", path.display()))?;
        if let LogEntry::Interval(interval) = entry
            && interval.tag().is_some_and(|tag| tag.as_str() == metric.name())
        {
            use base64::Engine;
            let packed = base64::engine::general_purpose::STANDARD
                .decode(interval.encoded_histogram())
                .with_context(|| format!("{}: histogram", path.display()))?;
            let histogram = Deserializer::new()
                .deserialize(&mut packed.as_slice())
                .map_err(|error| anyhow::anyhow!("{}: {error:?}", path.display()))?;
            found.push(histogram);
        }
    }
    Ok(found)
}

/// The difference of a point with its bootstrap interval.
pub fn difference(
    from: &[Histogram<u64>],
    to: &[Histogram<u64>],
    point: &Point,
    seed: u64,
) -> Difference {
    let mut random = fastrand::Rng::with_seed(seed);
    let value = |blocks: &[Histogram<u64>]| merged(blocks.iter()).map_or(0, |all| point.of(&all));
    let change = |from: u64, to: u64| to as f64 / from.max(1) as f64 - 1.0;
    let mut draw = |blocks: &[Histogram<u64>]| {
        let drawn = (0..blocks.len()).map(|_| &blocks[random.usize(..blocks.len())]);
        merged(drawn).map_or(0, |all| point.of(&all))
    };
    let mut changes: Vec<f64> = (0..DRAWS).map(|_| change(draw(from), draw(to))).collect();
    changes.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = crate::units::to_usize(crate::units::round_u64(share * (DRAWS - 1) as f64));
        changes[index]
    };
    let values_ns = (value(from), value(to));
    Difference {
        values_ns,
        change: change(values_ns.0, values_ns.1),
        interval: (at(TAIL), at(1.0 - TAIL)),
    }
}

fn merged<'a>(mut blocks: impl Iterator<Item = &'a Histogram<u64>>) -> Option<Histogram<u64>> {
    let mut all = blocks.next()?.clone();
    blocks.for_each(|block| all.add(block).expect("blocks of one run share their bounds"));
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(mean_ns: f64, count: usize, seed: u64) -> Vec<Histogram<u64>> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count)
            .map(|_| {
                let mut histogram = Histogram::new_with_bounds(100, 1_000_000_000, 3).unwrap();
                let level = mean_ns * (0.9 + 0.2 * random.f64());
                for _ in 0..500 {
                    let value = level * (0.5 + random.f64());
                    histogram.record(crate::units::round_u64(value)).unwrap();
                }
                histogram
            })
            .collect()
    }

    #[test]
    fn the_same_twice_shows_no_difference_and_a_slower_one_does() {
        let point = Point { metric: Metric::ScheduleToAck, quantile: 0.99 };
        let a = blocks(100_000.0, 30, 1);
        let same = difference(&a, &blocks(100_000.0, 30, 2), &point, 9);
        assert!(!same.is_shown(), "{same:?}");
        let slower = difference(&a, &blocks(120_000.0, 30, 3), &point, 9);
        assert!(slower.is_shown() && slower.change > 0.1, "{slower:?}");
    }
}
