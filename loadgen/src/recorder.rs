//! Owns latency histograms: one set per thread and interval, merged (never averaged) into totals.
//! Values are nanoseconds with three significant digits up to one hour. Never writes files.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Largest recorded value; longer ones are counted as this.
pub const VALUE_NS_MAX: u64 = 3_600_000_000_000;

/// The latencies that are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Intended send time → acknowledgement: what a user of the broker waits.
    ScheduleToAck,
    /// Real send time → acknowledgement: what the broker took.
    SendToAck,
    /// Intended → real send time, for whatever reason.
    Delay,
    /// The part of the delay that is the generator's own: it could have sent and did not yet.
    OwnLateness,
    /// Intended send time → delivered to a consumer.
    EndToEnd,
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Metric; 5] = [
        Metric::ScheduleToAck,
        Metric::SendToAck,
        Metric::Delay,
        Metric::OwnLateness,
        Metric::EndToEnd,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::ScheduleToAck => "schedule_to_ack",
            Metric::SendToAck => "send_to_ack",
            Metric::Delay => "delay",
            Metric::OwnLateness => "own_lateness",
            Metric::EndToEnd => "end_to_end",
        }
    }

    /// The name in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Metric::ScheduleToAck => "schedule → ack",
            Metric::SendToAck => "send → ack",
            Metric::Delay => "delay (schedule → send)",
            Metric::OwnLateness => "generator's own lateness",
            Metric::EndToEnd => "end to end",
        }
    }
}

/// A histogram for each metric.
#[derive(Debug, Clone)]
pub struct Latencies(Vec<Histogram<u64>>);

impl Default for Latencies {
    fn default() -> Self {
        let empty = Histogram::new_with_bounds(100, VALUE_NS_MAX, 3)
            .expect("the bounds are valid constants");
        Latencies(vec![empty; Metric::ALL.len()])
    }
}

impl Latencies {
    /// Records one value.
    pub fn record(&mut self, metric: Metric, ns: u64) {
        self.0[index(metric)].saturating_record(ns);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Latencies) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.add(theirs).expect("all histograms share the same bounds");
        }
    }

    /// The histogram of a metric.
    pub fn of(&self, metric: Metric) -> &Histogram<u64> {
        &self.0[index(metric)]
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(Histogram::reset);
    }
}

const fn index(metric: Metric) -> usize {
    match metric {
        Metric::ScheduleToAck => 0,
        Metric::SendToAck => 1,
        Metric::Delay => 2,
        Metric::OwnLateness => 3,
        Metric::EndToEnd => 4,
    }
}

/// What was counted besides latency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Produce requests that were sent for the first time.
    pub requests_sent: u64,
    /// Produce requests that were acknowledged (or, with acks=0, written out).
    pub requests_acked: u64,
    /// Records in them.
    pub records_acked: u64,
    /// Bytes of their keys and values.
    pub bytes_acked: u64,
    /// Requests that were due before the end and never left: counted into the latencies with the
    /// time they had waited, so that overload cannot hide.
    pub requests_unsent: u64,
    /// Requests given up: by kind of error.
    pub failures: BTreeMap<String, u64>,
    /// Requests that were sent again: by kind of error.
    pub retries: BTreeMap<String, u64>,
    /// Connections lost.
    pub disconnects: u64,
    /// Records delivered to consumers.
    pub records_consumed: u64,
    /// Bytes of record batches delivered to consumers.
    pub bytes_consumed: u64,
    /// Fetch responses.
    pub fetches: u64,
}

impl Counts {
    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Counts) {
        self.requests_sent += other.requests_sent;
        self.requests_acked += other.requests_acked;
        self.records_acked += other.records_acked;
        self.bytes_acked += other.bytes_acked;
        self.requests_unsent += other.requests_unsent;
        self.disconnects += other.disconnects;
        self.records_consumed += other.records_consumed;
        self.bytes_consumed += other.bytes_consumed;
        self.fetches += other.fetches;
        for (mine, theirs) in
            [(&mut self.failures, &other.failures), (&mut self.retries, &other.retries)]
        {
            for (kind, count) in theirs {
                *mine.entry(kind.clone()).or_default() += count;
            }
        }
    }

    /// Requests given up.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// What a thread hands over at the end of each interval.
#[derive(Debug)]
pub struct Interval {
    /// Index of the interval since measuring began.
    pub index: u64,
    /// Latencies recorded in it.
    pub latencies: Latencies,
    /// Events counted in it.
    pub counts: Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_gives_the_percentile_of_all_values_not_an_average() {
        let (mut fast, mut slow) = (Latencies::default(), Latencies::default());
        for _ in 0..990 {
            fast.record(Metric::SendToAck, 100_000);
        }
        for _ in 0..10 {
            slow.record(Metric::SendToAck, 50_000_000);
        }
        fast.merge(&slow);
        let merged = fast.of(Metric::SendToAck);
        assert_eq!(merged.len(), 1000);
        assert!(merged.value_at_quantile(0.98) < 101_000);
        assert!(merged.value_at_quantile(0.995) > 49_900_000);
    }

    #[test]
    fn a_value_beyond_the_scale_is_kept_at_its_end() {
        let mut latencies = Latencies::default();
        latencies.record(Metric::Delay, u64::MAX);
        assert_eq!(latencies.of(Metric::Delay).len(), 1);
    }
}
