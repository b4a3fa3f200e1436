//! Owns what all threads of one step share: the clock, the time window, the workload and its ids.
//! Never does I/O.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::keys::KeyTable;
use crate::units::duration_ns;
use crate::workload::Workload;

/// Nanoseconds since the run began, from the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    wall: SystemTime,
}

impl Clock {
    /// Starts at zero now.
    pub fn start() -> Clock {
        Clock { origin: Instant::now(), wall: SystemTime::now() }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        duration_ns(self.origin.elapsed())
    }

    /// Milliseconds since 1970 at `now_ns` on this clock, whatever the wall clock did since.
    pub fn wall_ms(&self, now_ns: u64) -> i64 {
        let start_ms = self.wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        i64::try_from(start_ms).unwrap_or(0) + i64::try_from(now_ns / 1_000_000).unwrap_or(0)
    }

    /// When the clock was started.
    pub fn started(&self) -> SystemTime {
        self.wall
    }

    /// How far the wall clock has moved against the monotonic clock since the start, nanoseconds.
    pub fn wall_drift_ns(&self) -> i64 {
        let wall = self.wall.elapsed().map_or_else(
            |back| -i128::try_from(back.duration().as_nanos()).unwrap_or(0),
            |on| i128::try_from(on.as_nanos()).unwrap_or(0),
        );
        i64::try_from(wall - i128::from(self.now_ns())).unwrap_or(i64::MAX)
    }
}

/// When a step runs and measures. Nanoseconds on the run's clock.
#[derive(Debug)]
pub struct Window {
    /// Start of the schedule; 0 until all connections stand.
    start_ns: AtomicU64,
    warm_up_ns: u64,
    duration_ns: u64,
    /// Length of an interval of the time series.
    pub interval_ns: u64,
    /// Set to end early: Ctrl-C, or a fatal error elsewhere.
    stop_ns: AtomicU64,
}

impl Window {
    /// A window of the workload's lengths that has not started.
    pub fn new(workload: &Workload) -> Window {
        Window {
            start_ns: AtomicU64::new(0),
            warm_up_ns: duration_ns(workload.warm_up.0),
            duration_ns: duration_ns(workload.duration.0),
            interval_ns: duration_ns(workload.interval.0),
            stop_ns: AtomicU64::new(u64::MAX),
        }
    }

    /// Starts the schedule.
    pub fn open(&self, now_ns: u64) {
        self.start_ns.store(now_ns.max(1), Ordering::Release);
    }

    /// Start of the schedule, once it is open.
    pub fn start_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Acquire)).filter(|start| *start > 0)
    }

    /// First intended time that is measured.
    pub fn measure_ns(&self) -> u64 {
        self.start_ns.load(Ordering::Acquire) + self.warm_up_ns
    }

    /// End: nothing with a later intended time is sent or measured.
    pub fn end_ns(&self) -> u64 {
        (self.measure_ns() + self.duration_ns).min(self.stop_ns.load(Ordering::Acquire))
    }

    /// Whether an intended time is measured.
    pub fn measures(&self, intended_ns: u64) -> bool {
        intended_ns >= self.measure_ns() && intended_ns < self.end_ns()
    }

    /// Index of the interval that `now_ns` falls into.
    pub fn interval_of(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.measure_ns()) / self.interval_ns
    }

    /// Ends the window now.
    pub fn stop(&self, now_ns: u64) {
        self.stop_ns.fetch_min(now_ns, Ordering::AcqRel);
    }

    /// Whether it was ended before it began.
    pub fn was_aborted(&self) -> bool {
        self.stop_ns.load(Ordering::Acquire) == 0
    }

    /// Whether it was ended early.
    pub fn was_stopped(&self) -> bool {
        self.stop_ns.load(Ordering::Acquire) != u64::MAX
    }
}

/// What is written into records, and what is done on errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Measure: no consumer looks into records.
    Load,
    /// Measure end to end: the first record of each batch carries its intended time.
    EndToEnd,
    /// Judge: every record is numbered and sealed, nothing is sent twice unless the broker can
    /// tell, and every acknowledgement is remembered.
    Judge,
}

/// Shared by the threads of one step.
#[derive(Debug)]
pub struct Session {
    /// The run's clock.
    pub clock: Clock,
    /// The step's window.
    pub window: Window,
    /// The workload.
    pub workload: Workload,
    /// Records per second of the whole step; `None` is closed loop.
    pub rate: Option<f64>,
    /// Why it runs.
    pub purpose: Purpose,
    /// Tells this run's records from others'.
    pub run_id: u32,
    /// Start of random choices.
    pub seed: u64,
    /// Version of Produce to speak.
    pub produce_version: i16,
    /// Version of Fetch to speak.
    pub fetch_version: i16,
    /// Keys, when records have them.
    pub keys: Option<Arc<KeyTable>>,
    /// Threads whose connections all stand.
    pub ready: AtomicUsize,
    /// Set when the producers have ended; consumers then read the tail and end too.
    pub producers_done: AtomicBool,
}

impl Session {
    /// Whether a request with an unknown outcome may be sent again.
    pub fn may_retry(&self) -> bool {
        self.workload.idempotence || self.purpose != Purpose::Judge
    }

    /// Whether requests follow a schedule.
    pub fn is_open_loop(&self) -> bool {
        self.rate.is_some()
    }

    /// Unanswered produce requests allowed per connection (closed loop: per producer).
    pub fn in_flight(&self) -> usize {
        self.workload.in_flight(self.is_open_loop())
    }

    /// A random source of its own for each `lane` of the run, reproducible from the seed.
    pub fn random(&self, lane: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ lane.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
