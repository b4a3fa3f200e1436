//! Owns one thread's recording: latencies and counts of the current interval, handed over when it
//! ends. Histograms travel in a circle so that recording never allocates. Never computes results.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};

use crate::recorder::{Counts, Interval, Latencies, Metric};
use crate::session::Session;

/// The recording side of a load thread.
#[derive(Debug)]
pub struct Book {
    latencies: Latencies,
    counts: Counts,
    index: u64,
    done: Sender<Interval>,
    spare: Receiver<Latencies>,
}

impl Book {
    /// Sends finished intervals to `done` and takes cleared histograms from `spare`.
    pub fn new(done: Sender<Interval>, spare: Receiver<Latencies>) -> Book {
        Book { latencies: Latencies::default(), counts: Counts::default(), index: 0, done, spare }
    }

    /// Records a latency.
    pub fn record(&mut self, metric: Metric, ns: u64) {
        self.latencies.record(metric, ns);
    }

    /// The counters of the current interval.
    pub fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Counts an event by name.
    pub fn count(of: &mut BTreeMap<String, u64>, name: &str) {
        match of.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                of.insert(name.to_owned(), 1);
            }
        }
    }

    /// Hands the interval over when `now_ns` lies beyond it.
    pub fn turn(&mut self, session: &Session, now_ns: u64) {
        let index = session.window.interval_of(now_ns);
        if index > self.index {
            self.hand_over();
            self.index = index;
        }
    }

    /// Hands over what is there.
    pub fn hand_over(&mut self) {
        let fresh = self.spare.try_recv().unwrap_or_default();
        let interval = Interval {
            index: self.index,
            latencies: std::mem::replace(&mut self.latencies, fresh),
            counts: std::mem::take(&mut self.counts),
        };
        // The collector outlives the threads; should it be gone, the run is over anyway.
        self.done.send(interval).ok();
    }
}
