//! Owns the judgement of a step's validity: was the generator the bottleneck, was the rate reached,
//! did requests fail, did the clock jump. Pure; never changes results.

use crate::recorder::Metric;
use crate::run::Step;
use crate::units::{show_count, show_ns};

/// A generator that is this late at the 99th percentile is looked at.
const LATE_NS: u64 = 1_000_000;
/// Its lateness may be at most this share of the measured p99.
const LATE_SHARE: f64 = 0.25;
/// A producer thread that used more of a CPU than this had no reserve.
const BUSY_SHARE: f64 = 0.95;
/// Share of the offered rate that must be acknowledged.
const REACHED_SHARE: f64 = 0.99;
/// A wall clock that moves further than this against the monotonic clock has jumped.
const JUMP_NS: u64 = 50_000_000;

/// What is wrong with a step. Empty: valid.
pub fn problems(step: &Step, spins: bool) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(generator(step, spins));
    problems.extend(rate(step));
    let counts = &step.series.counts;
    if counts.failed() > 0 {
        problems.push(format!(
            "{} of {} requests failed: {:?}",
            show_count(counts.failed()),
            show_count(counts.requests_sent),
            counts.failures
        ));
    }
    if step.series.total.of(Metric::ScheduleToAck).is_empty()
        && step.series.total.of(Metric::EndToEnd).is_empty()
    {
        problems.push("nothing was measured: no request was acknowledged".to_owned());
    }
    if step.wall_drift_ns.unsigned_abs() > JUMP_NS {
        problems.push(format!(
            "the wall clock jumped by {} during the run; latencies are from the monotonic clock \
             and stand, timestamps in records do not",
            show_ns(step.wall_drift_ns.unsigned_abs())
        ));
    }
    problems
}

fn generator(step: &Step, spins: bool) -> Option<String> {
    let busiest = step.cpu_shares.iter().copied().fold(0.0, f64::max);
    if busiest > BUSY_SHARE && !spins {
        return Some(format!(
            "the generator was the bottleneck: a producer thread used {:.0} % of a CPU; use \
             --threads or fewer producers",
            busiest * 100.0
        ));
    }
    step.rate?;
    let late_ns = step.series.total.of(Metric::OwnLateness).value_at_quantile(0.99);
    let measured_ns = step.series.total.of(Metric::ScheduleToAck).value_at_quantile(0.99);
    (late_ns > LATE_NS && late_ns as f64 > LATE_SHARE * measured_ns as f64).then(|| {
        format!(
            "the generator was the bottleneck: it was itself {} late at p99 (schedule → ack p99 is \
             {}); use --threads, --pin or a machine with free CPUs",
            show_ns(late_ns),
            show_ns(measured_ns)
        )
    })
}

fn rate(step: &Step) -> Option<String> {
    let rate = step.rate?;
    let achieved = step.series.counts.records_acked as f64 / step.measured_s.max(1e-9);
    (achieved < rate * REACHED_SHARE).then(|| {
        format!(
            "the rate was not reached: {achieved:.0} of {rate:.0} records/s were acknowledged, {} \
             requests never left; they count with the time they had waited",
            show_count(step.series.counts.requests_unsent)
        )
    })
}
