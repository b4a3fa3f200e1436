//! Percentiles of one measurement.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies in nanoseconds.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("valid constants"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanoseconds);
    }

    /// The value at a percentile, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    pub(crate) fn us(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1000.0
    }

    /// `p50 / p99 / p99.9` as text.
    pub(crate) fn summary(&self) -> String {
        format!("{:8.1} {:8.1} {:8.1}", self.us(50.0), self.us(99.0), self.us(99.9))
    }
}
