//! `soak`: a long run, and whether it got slower towards its end.

use anyhow::Result;

use super::{Bench, Ending, purpose_of, say, show_step};
use crate::cli::SoakArgs;
use crate::recorder::Metric;
use crate::run::Step;
use crate::series::Row;
use crate::units::show_ns;

/// The first and the last part that are compared: a fifth of the run each.
const PARTS: usize = 5;

/// Runs and compares.
pub fn soak(args: &SoakArgs) -> Result<Ending> {
    let defaults: toml::Table = "warm-up = \"30s\"\nduration = \"1h\"\nrate = 1000".parse()?;
    let workload = args.workload.resolve(defaults)?;
    let rate = workload.rate.0.first().copied();
    let mut bench = Bench::prepare("soak", workload, &args.output)?;
    let purpose = purpose_of(&bench.setup.workload);
    let (step, summary) = bench.step(rate, purpose)?;
    show_step(&summary, None);
    bench.keep(summary);
    let mut worse = false;
    if let Some((first_ns, last_ns)) = drift(&step) {
        let change = (last_ns as f64 / first_ns.max(1) as f64 - 1.0) * 100.0;
        worse = change > args.drift_max;
        say(&format!(
            "drift    p99 of the first fifth {}, of the last fifth {}: {change:+.1} % (allowed +{} %)",
            show_ns(first_ns),
            show_ns(last_ns),
            args.drift_max
        ));
    } else {
        say("drift    too few intervals to tell");
    }
    let ending = bench.finish()?;
    Ok(if worse { ending.max(Ending::SloMissed) } else { ending })
}

/// The p99 of the first and of the last fifth of the run.
fn drift(step: &Step) -> Option<(u64, u64)> {
    let rows = &step.series.rows;
    let part = rows.len() / PARTS;
    let first = p99(rows.get(..part)?)?;
    let last = p99(&rows[rows.len() - part..])?;
    Some((first, last))
}

fn p99(rows: &[Row]) -> Option<u64> {
    let mut merged: Option<hdrhistogram::Histogram<u64>> = None;
    for histogram in rows.iter().filter_map(|row| row.histogram(Metric::ScheduleToAck)) {
        match &mut merged {
            Some(merged) => merged.add(&histogram).ok()?,
            None => merged = Some(histogram),
        }
    }
    merged.map(|merged| merged.value_at_quantile(0.99))
}
