//! `run` and `quick`: a workload, step by step, into a report.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Bench, Ending, purpose_of, say, show_histogram, show_step};
use crate::cli::{QuickArgs, RunArgs};
use crate::floor;
use crate::provenance::Provenance;
use crate::slo::Slo;

/// Share of the closed-loop rate that `quick` then offers in open loop: a load a broker should hold.
const QUICK_SHARE: f64 = 0.5;

/// Runs the workload at each of its rates.
pub fn run(args: &RunArgs) -> Result<Ending> {
    let workload = args.workload.resolve(toml::Table::new())?;
    if let Some(slo) = &args.slo {
        check_slo(slo, workload.consumers)?;
    }
    let rates = steps_of(&workload.rate.0);
    let mut bench = Bench::prepare("run", workload, &args.output)?;
    if args.floor {
        bench.summary.floor = Some(floor::measure(&args.output.output)?);
    }
    let mut missed = Vec::new();
    for rate in rates {
        let purpose = purpose_of(&bench.setup.workload);
        let (step, mut summary) = bench.step(rate, purpose)?;
        if let Some(slo) = &args.slo {
            let here = slo.missed(&step.series.total);
            summary.slo_held = Some(here.is_empty());
            missed.extend(here);
        }
        show_step(&summary, bench.summary.floor.as_ref());
        bench.keep(summary);
        if bench.summary.partial.is_some() {
            break;
        }
    }
    let ending = bench.finish()?;
    missed.iter().for_each(|line| say(&format!("SLO MISSED: {line}")));
    Ok(if missed.is_empty() { ending } else { ending.max(Ending::SloMissed) })
}

fn steps_of(rates: &[f64]) -> Vec<Option<f64>> {
    if rates.is_empty() { vec![None] } else { rates.iter().copied().map(Some).collect() }
}

/// Twenty seconds: the floor, a closed loop of one connection, and an open loop at half its rate.
pub fn quick(args: &QuickArgs) -> Result<Ending> {
    let defaults: toml::Table = "warm-up = \"1s\"\nduration = \"6s\"\npartitions = 1"
        .parse()
        .context("built-in defaults of quick")?;
    let mut workload = args.workload.resolve(defaults)?;
    workload.rate.0.clear();
    let mut bench = Bench::prepare("quick", workload, &args.output)?;
    say(&about(&bench.summary.provenance));
    say("measuring this machine's floor ...");
    bench.summary.floor = Some(floor::measure(&args.output.output)?);
    let purpose = purpose_of(&bench.setup.workload);
    let (_, closed) = bench.step(None, purpose)?;
    let offered = (closed.achieved_rate * QUICK_SHARE).max(1.0).round();
    show_step(&closed, bench.summary.floor.as_ref());
    bench.keep(closed);
    if bench.summary.partial.is_none() {
        let (step, open) = bench.step(Some(offered), purpose)?;
        show_step(&open, None);
        show_histogram(&step);
        bench.keep(open);
    }
    bench.finish()
}

fn about(provenance: &Provenance) -> String {
    let apis = &provenance.broker_apis;
    format!(
        "broker   {} ({} APIs, Produce {}, Fetch {})\npromise  {}\nhost     {} CPUs, {}, kernel {}",
        provenance.brokers.join(", "),
        apis.len(),
        apis.get("Produce").map_or("?", String::as_str),
        apis.get("Fetch").map_or("?", String::as_str),
        provenance.durability(),
        provenance.cpus,
        provenance.cpu_model.as_deref().unwrap_or("unknown CPU"),
        provenance.kernel.as_deref().unwrap_or("unknown"),
    )
}

/// The time that a workload of `steps` steps takes.
pub fn time_of(workload: &crate::workload::Workload) -> Duration {
    let steps = u32::try_from(workload.rate.0.len().max(1)).unwrap_or(u32::MAX);
    (workload.warm_up.0 + workload.duration.0) * steps
}

/// Used by the commands that take an objective.
pub fn check_slo(slo: &Slo, consumers: usize) -> Result<()> {
    let wants_e2e = slo.0.iter().any(|(p, _)| p.metric == crate::recorder::Metric::EndToEnd);
    if wants_e2e && consumers == 0 {
        anyhow::bail!("an e2e objective needs --consumers");
    }
    Ok(())
}
