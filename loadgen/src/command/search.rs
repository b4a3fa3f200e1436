//! `search`: the highest rate at which an objective holds, by doubling and bisection, confirmed by
//! repeats at the edge. All steps together are the knee curve.

use anyhow::Result;

use super::{Bench, Ending, purpose_of, say, show_step};
use crate::cli::SearchArgs;
use crate::units::round_u64;

/// Doublings from the first rate before the search gives up.
const DOUBLINGS_MAX: i32 = 24;
/// Rates of the whole search; each is a measured step.
const STEPS_MAX: usize = 60;

/// What is known of the edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Highest rate that held.
    pub held: Option<f64>,
    /// Lowest rate that did not.
    pub failed: Option<f64>,
}

impl Edge {
    /// The rate to try next; `None` when the edge is known to `precision` (a share of the rate).
    pub fn next(&self, from: f64, precision: f64) -> Option<f64> {
        match (self.held, self.failed) {
            (None, None) => Some(from),
            (Some(held), None) => Some(held * 2.0),
            (None, Some(failed)) if failed <= 1.0 => None,
            (None, Some(failed)) => Some(failed / 2.0),
            (Some(held), Some(failed)) if failed - held <= precision * failed => None,
            (Some(held), Some(failed)) => Some(f64::midpoint(held, failed).round()),
        }
    }

    /// Notes a result.
    pub fn note(&mut self, rate: f64, holds: bool) {
        if holds {
            self.held = Some(self.held.map_or(rate, |held| held.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |failed| failed.min(rate)));
        }
    }
}

/// Searches.
pub fn search(args: &SearchArgs) -> Result<Ending> {
    let defaults: toml::Table = "warm-up = \"2s\"\nduration = \"10s\"".parse()?;
    let workload = args.workload.resolve(defaults)?;
    super::run::check_slo(&args.slo, workload.consumers)?;
    let from = workload.rate.0.first().copied().unwrap_or(1000.0);
    let mut bench = Bench::prepare("search", workload, &args.output)?;
    let mut edge = Edge { held: None, failed: None };
    while let Some(rate) = edge.next(from, args.precision) {
        let too_far = edge.failed.is_none() && rate > from * 2_f64.powi(DOUBLINGS_MAX);
        if too_far || bench.summary.steps.len() >= STEPS_MAX || bench.summary.partial.is_some() {
            break;
        }
        let holds = try_rate(&mut bench, args, rate)?;
        edge.note(rate, holds);
        // At the edge a single good run proves little: it must hold again.
        if holds && edge.next(from, args.precision).is_none() && !confirmed(&mut bench, args, rate)?
        {
            edge = Edge { held: below(&bench, rate), failed: Some(rate) };
        }
    }
    bench.summary.highest_rate = edge.held;
    // A step beyond the edge is part of the answer, not a fault of the run.
    bench.summary.valid = bench.summary.partial.is_none();
    match edge.held {
        Some(rate) => say(&format!("\nhighest rate that held: {} records/s", round_u64(rate))),
        None => say("\nno rate held the objective"),
    }
    let ending = bench.finish()?;
    Ok(if edge.held.is_none() { ending.max(Ending::SloMissed) } else { ending })
}

fn confirmed(bench: &mut Bench, args: &SearchArgs, rate: f64) -> Result<bool> {
    for _ in 1..args.repeats {
        if !try_rate(bench, args, rate)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The highest rate below `rate` that held.
fn below(bench: &Bench, rate: f64) -> Option<f64> {
    bench
        .summary
        .steps
        .iter()
        .filter(|step| step.slo_held == Some(true))
        .filter_map(|step| step.rate)
        .filter(|held| *held < rate)
        .fold(None, |best: Option<f64>, held| Some(best.map_or(held, |best| best.max(held))))
}

fn try_rate(bench: &mut Bench, args: &SearchArgs, rate: f64) -> Result<bool> {
    let purpose = purpose_of(&bench.setup.workload);
    let (step, mut summary) = bench.step(Some(rate), purpose)?;
    let missed = args.slo.missed(&step.series.total);
    let holds = missed.is_empty() && summary.problems.is_empty();
    summary.slo_held = Some(holds);
    show_step(&summary, None);
    missed.iter().for_each(|line| say(&format!("missed: {line}")));
    say(&format!(
        "{} records/s: {}",
        round_u64(rate),
        if holds { "HOLDS" } else { "does not hold" }
    ));
    bench.keep(summary);
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_edge_from_below_and_from_above() {
        for from in [100.0, 1_000_000.0] {
            let mut edge = Edge { held: None, failed: None };
            let mut steps = 0;
            while let Some(rate) = edge.next(from, 0.02) {
                edge.note(rate, rate <= 23_456.0);
                steps += 1;
                assert!(steps < 40);
            }
            let held = edge.held.unwrap();
            assert!((22_900.0..=23_456.0).contains(&held), "{held} after {steps}");
        }
    }

    #[test]
    fn nothing_holds() {
        let mut edge = Edge { held: None, failed: None };
        while let Some(rate) = edge.next(1000.0, 0.05) {
            edge.note(rate, false);
        }
        assert_eq!(edge.held, None);
    }
}
