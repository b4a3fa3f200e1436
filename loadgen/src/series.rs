//! Owns what the threads of a step hand over: merges their intervals into rows of a time series and
//! into totals. Rows keep their histograms packed, so that a day-long run fits in memory.

use std::collections::BTreeMap;

use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::recorder::{Counts, Interval, Latencies, Metric};

/// Intervals that wait for a late thread before they are closed.
const OPEN_MAX: u64 = 2;

/// A closed interval.
#[derive(Debug, Clone)]
pub struct Row {
    /// Index since measuring began.
    pub index: u64,
    /// Events.
    pub counts: Counts,
    /// Histograms in HdrHistogram's compressed form (V2 deflate), only those with values.
    pub packed: Vec<(Metric, Vec<u8>)>,
}

impl Row {
    /// Unpacks the histogram of a metric.
    pub fn histogram(&self, metric: Metric) -> Option<hdrhistogram::Histogram<u64>> {
        let (_, bytes) = self.packed.iter().find(|(of, _)| *of == metric)?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
    }
}

/// Totals and rows of a step.
#[derive(Debug, Default)]
pub struct Series {
    /// All latencies.
    pub total: Latencies,
    /// All events.
    pub counts: Counts,
    /// Closed intervals in order.
    pub rows: Vec<Row>,
    open: BTreeMap<u64, (Latencies, Counts)>,
    closed_below: u64,
}

impl Series {
    /// Takes an interval from a thread; the histograms go back through the return value.
    pub fn take(&mut self, interval: Interval) -> Latencies {
        let Interval { index, mut latencies, counts } = interval;
        // A thread that stalled for longer than the open intervals is counted in the next one.
        let index = index.max(self.closed_below);
        let open = self.open.entry(index).or_default();
        open.0.merge(&latencies);
        open.1.merge(&counts);
        latencies.clear();
        latencies
    }

    /// Closes the intervals that ended long enough before interval `now`. Returns how many.
    pub fn close_before(&mut self, now: u64) -> usize {
        let mut closed = 0;
        while let Some((index, _)) = self.open.first_key_value()
            && *index + OPEN_MAX <= now
        {
            if let Some((index, (latencies, counts))) = self.open.pop_first() {
                self.close(index, &latencies, counts);
                closed += 1;
            }
        }
        closed
    }

    fn close(&mut self, index: u64, latencies: &Latencies, counts: Counts) {
        self.closed_below = index + 1;
        self.total.merge(latencies);
        self.counts.merge(&counts);
        let packed = Metric::ALL
            .into_iter()
            .filter(|metric| !latencies.of(*metric).is_empty())
            .filter_map(|metric| {
                let mut bytes = Vec::new();
                let written =
                    V2DeflateSerializer::new().serialize(latencies.of(metric), &mut bytes);
                written.ok().map(|_| (metric, bytes))
            })
            .collect();
        self.rows.push(Row { index, counts, packed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(index: u64, ns: u64) -> Interval {
        let mut latencies = Latencies::default();
        latencies.record(Metric::SendToAck, ns);
        let counts = Counts { requests_acked: 1, ..Counts::default() };
        Interval { index, latencies, counts }
    }

    #[test]
    fn threads_are_merged_per_interval_and_packed_rows_give_the_values_back() {
        let mut series = Series::default();
        for (index, ns) in [(0, 1_000), (0, 3_000), (1, 9_000)] {
            let returned = series.take(interval(index, ns));
            assert!(returned.of(Metric::SendToAck).is_empty());
        }
        assert_eq!(series.close_before(2), 1);
        // Late: interval 0 is closed, so this goes into interval 1.
        series.take(interval(0, 9_000));
        series.close_before(u64::MAX);
        let counts: Vec<_> = series.rows.iter().map(|row| row.counts.requests_acked).collect();
        assert_eq!(counts, [2, 2]);
        let unpacked = series.rows[1].histogram(Metric::SendToAck).unwrap();
        assert_eq!(unpacked.len(), 2);
        assert!(series.rows[1].histogram(Metric::Delay).is_none());
        assert_eq!(series.total.of(Metric::SendToAck).len(), 4);
    }
}
