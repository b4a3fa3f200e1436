//! Owns when requests are due: arrivals at a rate, and how records gather into a batch. Pure
//! arithmetic on nanoseconds; never reads a clock.

use serde::{Deserialize, Serialize};

use crate::units::{NS_PER_S, round_u64};

/// How records arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly spaced.
    Constant,
    /// Independent of each other, exponential gaps: what many separate clients look like.
    Poisson,
}

/// A batch that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When its first record arrived: latency counts from here.
    pub intended_ns: u64,
    /// When it is closed and should leave: `intended_ns` plus what linger waited.
    pub ready_ns: u64,
    /// Records in it.
    pub records: usize,
}

/// The endless list of due times of one producer.
#[derive(Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    /// Mean gap between arrivals; an arrival is a record with linger, else a whole batch.
    gap_ns: f64,
    batch_records: usize,
    linger_ns: u64,
    next_arrival_ns: f64,
    random: fastrand::Rng,
}

impl Schedule {
    /// `rate` is records per second of this producer. Without linger a batch's records arrive
    /// together; with it they arrive one by one and the batch leaves when full or `linger_ns` old.
    pub fn new(
        arrivals: Arrivals,
        rate: f64,
        batch_records: usize,
        linger_ns: u64,
        start_ns: u64,
        mut random: fastrand::Rng,
    ) -> Schedule {
        let per_arrival = if linger_ns > 0 { 1.0 } else { batch_records as f64 };
        let gap_ns = NS_PER_S as f64 * per_arrival / rate;
        // Producers start at a random phase, or all of them would send in the same instant.
        let next_arrival_ns = start_ns as f64 + gap_ns * random.f64();
        Schedule { arrivals, gap_ns, batch_records, linger_ns, next_arrival_ns, random }
    }

    /// The next batch.
    pub fn next_slot(&mut self) -> Slot {
        let intended_ns = self.arrival();
        if self.linger_ns == 0 {
            return Slot { intended_ns, ready_ns: intended_ns, records: self.batch_records };
        }
        let closes_ns = intended_ns + self.linger_ns;
        let mut slot = Slot { intended_ns, ready_ns: closes_ns, records: 1 };
        while slot.records < self.batch_records && self.next_arrival_ns <= closes_ns as f64 {
            let arrived_ns = self.arrival();
            slot.records += 1;
            if slot.records == self.batch_records {
                slot.ready_ns = arrived_ns;
            }
        }
        slot
    }

    fn arrival(&mut self) -> u64 {
        let now_ns = round_u64(self.next_arrival_ns);
        self.next_arrival_ns += match self.arrivals {
            Arrivals::Constant => self.gap_ns,
            // 1 - f64() lies in (0, 1], so the logarithm is finite.
            Arrivals::Poisson => -self.gap_ns * (1.0 - self.random.f64()).ln(),
        };
        now_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(arrivals: Arrivals, rate: f64, batch: usize, linger_ns: u64, n: usize) -> Vec<Slot> {
        let random = fastrand::Rng::with_seed(1);
        let mut schedule = Schedule::new(arrivals, rate, batch, linger_ns, 0, random);
        (0..n).map(|_| schedule.next_slot()).collect()
    }

    #[test]
    fn constant_arrivals_keep_the_gap_exactly() {
        let slots = slots(Arrivals::Constant, 1000.0, 1, 0, 100);
        assert!(slots.windows(2).all(|w| w[1].intended_ns - w[0].intended_ns == 1_000_000));
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_have_its_spread() {
        let slots = slots(Arrivals::Poisson, 10_000.0, 1, 0, 50_000);
        let gaps: Vec<f64> =
            slots.windows(2).map(|w| (w[1].intended_ns - w[0].intended_ns) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation =
            (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean / 100_000.0 - 1.0).abs() < 0.02, "mean gap {mean}");
        assert!((deviation / mean - 1.0).abs() < 0.03, "exponential gaps: deviation = mean");
    }

    #[test]
    fn without_linger_a_batch_is_one_arrival() {
        let slots = slots(Arrivals::Constant, 1000.0, 10, 0, 3);
        assert_eq!(slots[1].intended_ns - slots[0].intended_ns, 10_000_000);
        assert_eq!(slots[0].records, 10);
    }

    #[test]
    fn linger_closes_a_batch_by_age_or_by_count() {
        for slot in slots(Arrivals::Constant, 1000.0, 100, 5_000_000, 20) {
            assert_eq!((slot.records, slot.ready_ns - slot.intended_ns), (6, 5_000_000));
        }
        for slot in slots(Arrivals::Constant, 1000.0, 4, 5_000_000, 20) {
            assert_eq!((slot.records, slot.ready_ns - slot.intended_ns), (4, 3_000_000));
        }
    }
}
