//! Owns latency objectives: `p99.9<2ms`, `e2e:p99<5ms`, and limits of change: `p99>+5%`. Pure.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;

use crate::recorder::{Latencies, Metric};
use crate::units::{duration_ns, parse_duration, show_ns};

/// A point of a distribution: a quantile of a metric, or its maximum (quantile 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Which latency.
    pub metric: Metric,
    /// 0 to 1.
    pub quantile: f64,
}

/// Points that must stay below limits, all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo(pub Vec<(Point, Duration)>);

/// Largest allowed growth of a point, as a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Which point.
    pub point: Point,
    /// 0.05 is five per cent.
    pub share: f64,
}

impl Point {
    /// Its value in a histogram.
    pub fn of(&self, histogram: &Histogram<u64>) -> u64 {
        histogram.value_at_quantile(self.quantile)
    }

    /// `p99.9`, `max`.
    pub fn name(&self) -> String {
        if self.quantile >= 1.0 {
            return "max".to_owned();
        }
        // Binary fractions: 0.999 * 100 is 99.9 only after rounding.
        let percent = format!("{:.6}", self.quantile * 100.0);
        format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Point {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (metric, point) = match text.trim().split_once(':') {
            None => (Metric::ScheduleToAck, text.trim()),
            Some(("e2e" | "end_to_end", point)) => (Metric::EndToEnd, point),
            Some(("ack" | "schedule_to_ack", point)) => (Metric::ScheduleToAck, point),
            Some(("send" | "send_to_ack", point)) => (Metric::SendToAck, point),
            Some((other, _)) => bail!("unknown latency {other:?}; use ack, send or e2e"),
        };
        if point == "max" {
            return Ok(Point { metric, quantile: 1.0 });
        }
        let percent: f64 = point
            .strip_prefix('p')
            .and_then(|digits| digits.parse().ok())
            .with_context(|| format!("{point:?} is not a percentile such as p99.9"))?;
        if !(0.0..=100.0).contains(&percent) {
            bail!("{point} is outside p0 to p100");
        }
        Ok(Point { metric, quantile: percent / 100.0 })
    }
}

impl FromStr for Slo {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        text.split(',')
            .map(|part| {
                let (point, limit) = part.split_once('<').context("write for example p99.9<2ms")?;
                Ok((point.parse()?, parse_duration(limit.trim_start_matches('='))?))
            })
            .collect::<Result<Vec<_>>>()
            .map(Slo)
    }
}

impl FromStr for Growth {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Self> {
        let (point, limit) = text.split_once('>').context("write for example p99>+5%")?;
        let percent: f64 = limit
            .trim()
            .trim_start_matches('+')
            .strip_suffix('%')
            .and_then(|digits| digits.parse().ok())
            .with_context(|| format!("{limit:?} is not a percentage such as +5%"))?;
        Ok(Growth { point: point.parse()?, share: percent / 100.0 })
    }
}

impl Slo {
    /// What was missed, in words; empty when all held.
    pub fn missed(&self, latencies: &Latencies) -> Vec<String> {
        self.0
            .iter()
            .filter_map(|(point, limit)| {
                let histogram = latencies.of(point.metric);
                let value_ns = point.of(histogram);
                let limit_ns = duration_ns(*limit);
                if histogram.is_empty() {
                    return Some(format!(
                        "{} {}: nothing measured",
                        point.metric.title(),
                        point.name()
                    ));
                }
                (value_ns >= limit_ns).then(|| {
                    format!(
                        "{} {} is {}, the limit is {}",
                        point.metric.title(),
                        point.name(),
                        show_ns(value_ns),
                        show_ns(limit_ns)
                    )
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_applied() {
        let slo: Slo = "p99<2ms,e2e:p99.9<10ms,max<1s".parse().unwrap();
        assert_eq!(slo.0[1].0.metric, Metric::EndToEnd);
        assert_eq!(slo.0[1].0.name(), "p99.9");
        let mut latencies = Latencies::default();
        latencies.record(Metric::ScheduleToAck, 1_000_000);
        latencies.record(Metric::EndToEnd, 20_000_000);
        let missed = slo.missed(&latencies);
        assert_eq!(missed.len(), 1);
        assert!(missed[0].contains("20.0 ms"), "{missed:?}");
        for bad in ["p99", "99<2ms", "p101<2ms", "x:p99<1ms"] {
            assert!(bad.parse::<Slo>().is_err(), "{bad}");
        }
        let growth: Growth = "p99 > +5%".parse().unwrap();
        assert!((growth.share - 0.05).abs() < 1e-12);
    }
}
