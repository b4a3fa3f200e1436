//! Owns what can only be told by trying: the price of a durable write, of a wake-up, of a round trip.
//! Writes only files it made itself, for a bounded time.

pub mod cpu;
pub mod disk;
pub mod net;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest time that is told apart from "more", in nanoseconds.
const NANOS_MAX: u64 = 60_000_000_000;

/// A distribution of times.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// Half were at most this long, in microseconds.
    pub p50_us: f64,
    /// 99 of 100 were at most this long, in microseconds.
    pub p99_us: f64,
    /// The longest, in microseconds.
    pub max_us: f64,
}

/// Collects times and gives their distribution.
pub struct Timer {
    histogram: Histogram<u64>,
}

impl Timer {
    /// An empty collection.
    pub fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("three digits fit these bounds");
        Self { histogram }
    }

    /// Adds one time.
    pub fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(NANOS_MAX);
        self.histogram.saturating_record(nanos.clamp(1, NANOS_MAX));
    }

    /// Adds another collection.
    pub fn join(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both have the same bounds");
    }

    /// The distribution so far.
    pub fn spread(&self) -> Spread {
        Spread {
            count: self.histogram.len(),
            p50_us: micros(self.histogram.value_at_quantile(0.5)),
            p99_us: micros(self.histogram.value_at_quantile(0.99)),
            max_us: micros(self.histogram.max()),
        }
    }
}

impl Default for Timer {
    fn default() -> Self {
        Self::new()
    }
}

/// Nanoseconds as microseconds with one decimal.
fn micros(nanos: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a minute in nanoseconds is far below 2^53")]
    let exact = nanos as f64 / 1000.0;
    (exact * 10.0).round() / 10.0
}
