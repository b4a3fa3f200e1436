//! The one place that reads clocks. Pure code takes `now` as an argument instead.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::types::TimestampMs;

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the home of this call")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock, as Kafka's timestamps count it.
pub fn now_ms() -> TimestampMs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
