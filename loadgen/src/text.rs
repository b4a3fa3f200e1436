//! Owns results as plain text for a terminal. Never prints.

use hdrhistogram::Histogram;

use crate::recorder::Metric;
use crate::summary::{Floor, Quantiles, StepSummary};
use crate::units::{round_u64, show_count, show_ns, to_usize};

/// Rows of the terminal histogram.
const BARS: usize = 16;
const BAR_WIDTH: f64 = 44.0;

/// The latencies of a step, and the floor below them.
pub fn latency_table(step: &StepSummary, floor: Option<&Floor>) -> String {
    let mut out = format!(
        "  {:<36}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>13}",
        "", "p50", "p90", "p99", "p99.9", "p99.99", "max", "samples"
    );
    let mut line = |title: &str, of: &Quantiles| {
        // A percentile needs ten times the inverse of its tail in samples to mean anything.
        let tail = |needed: u64, ns: u64| match of.count >= needed {
            true => show_ns(ns),
            false => "-".to_owned(),
        };
        out.push_str(&format!(
            "\n  {title:<36}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>13}",
            show_ns(of.p50),
            show_ns(of.p90),
            show_ns(of.p99),
            tail(1_000, of.p99_9),
            tail(10_000, of.p99_99),
            show_ns(of.max),
            show_count(of.count)
        ));
    };
    for metric in Metric::ALL {
        if let Some(of) = step.of(metric) {
            line(metric.title(), of);
        }
    }
    if let Some(floor) = floor {
        line("floor: loopback echo", &floor.echo);
        line("floor: durable 4 KiB write", &floor.durable_write);
        line("floor: durable echo", &floor.durable_echo);
    }
    out
}

/// The distribution as bars on a logarithmic scale.
pub fn bars(histogram: &Histogram<u64>) -> String {
    let least = histogram.min().max(1) as f64;
    let ratio = ((histogram.max() as f64 * 1.001 / least).max(1.001)).powf(1.0 / BARS as f64);
    let mut counts = [0_u64; BARS];
    for value in histogram.iter_recorded() {
        let place = ((value.value_iterated_to() as f64 / least).ln() / ratio.ln()).max(0.0).floor();
        counts[to_usize(round_u64(place)).min(BARS - 1)] += value.count_at_value();
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let mut below = 0;
    let mut out = "  up to        share of requests".to_owned();
    for (index, count) in counts.into_iter().enumerate() {
        below += count;
        let exponent = i32::try_from(index).unwrap_or(0) + 1;
        let limit = round_u64(least * ratio.powi(exponent));
        let width = to_usize(round_u64(count as f64 / most * BAR_WIDTH));
        let share = below as f64 / histogram.len() as f64 * 100.0;
        let bar = if count > 0 { "#".repeat(width.max(1)) } else { String::new() };
        out.push_str(&format!("\n  {:>9}  {share:8.3} %  {bar}", show_ns(limit)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_at_all_of_it() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in 1..10_000_u64 {
            histogram.record(value * 1000).unwrap();
        }
        let text = bars(&histogram);
        assert_eq!(text.lines().count(), BARS + 1);
        assert!(text.lines().last().unwrap().contains("100.000 %"), "{text}");
    }
}
