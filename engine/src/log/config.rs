//! Settings of one log, with Kafka's names and meanings. Never reads a file: the shard fills it.

use std::time::Duration;

/// Settings that may change while the log is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is rolled before it would grow beyond this.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment is rolled when it is this old.
    pub segment_ms: i64,
    /// `index.interval.bytes`: one index entry for about this many bytes.
    pub index_interval_bytes: u64,
    /// `retention.ms`: records older than this are deleted; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: the oldest segments are deleted while the log is larger; `None` keeps.
    pub retention_bytes: Option<u64>,
    /// `flush.messages` and `flush.ms`.
    pub flush: FlushPolicy,
}

/// When appended bytes are forced to stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushPolicy {
    /// `flush.messages=1`: every write is stable before it counts.
    EveryBatch,
    /// Writes count once the device has them; they become stable after this many records or this
    /// long, whichever comes first.
    Relaxed {
        /// `flush.messages`.
        messages: u64,
        /// `flush.ms`.
        ms: i64,
    },
}

impl Default for LogConfig {
    fn default() -> Self {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        let week_ms = i64::try_from(WEEK.as_millis()).expect("a week fits");
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: week_ms,
            index_interval_bytes: 4096,
            retention_ms: Some(week_ms),
            retention_bytes: None,
            flush: FlushPolicy::EveryBatch,
        }
    }
}
