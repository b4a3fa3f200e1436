//! What leaves the log at its start: by time, by size, by DeleteRecords. The decision is pure; the
//! log start moves first, then the checkpoint is made stable, and only then files go.

use std::rc::Rc;

use super::{Log, LogConfig, LogError, ReadError, Status, segment::Segment};
use crate::{
    ring::disk::Disk,
    types::{Offset, TimestampMs},
};

/// What retention looks at in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) next_offset: Offset,
    pub(crate) bytes: u64,
    /// Time of its newest record.
    pub(crate) newest: TimestampMs,
}

/// How many of the oldest segments go. `candidates` are all segments, the active one last; only
/// what lies below `high_watermark` may go.
pub(crate) fn expired(
    candidates: &[Candidate],
    config: &LogConfig,
    now: TimestampMs,
    log_start: Offset,
    high_watermark: Offset,
) -> usize {
    let mut rest_bytes: u64 = candidates.iter().map(|segment| segment.bytes).sum();
    let mut count = 0;
    for segment in candidates {
        let too_old =
            config.retention_ms.is_some_and(|ms| now.0.saturating_sub(segment.newest.0) > ms);
        // Kafka deletes a segment only if what is left still reaches `retention.bytes`.
        let too_much = config.retention_bytes.is_some_and(|max| rest_bytes - segment.bytes >= max);
        let deleted = segment.next_offset <= log_start;
        if segment.next_offset > high_watermark || !(too_old || too_much || deleted) {
            break;
        }
        rest_bytes -= segment.bytes;
        count += 1;
    }
    count
}

impl<D: Disk> Log<D> {
    /// Removes what retention no longer keeps from the start of the log; says whether the log
    /// start or the segments changed. The files go after the next `LogShared::write_checkpoint`.
    ///
    /// # Errors
    /// The time index of a segment could not be read.
    pub async fn retention_turn(
        &self,
        now: TimestampMs,
        high_watermark: Offset,
    ) -> Result<bool, ReadError> {
        let segments: Vec<_> = self.0.state.borrow().segments.iter().cloned().collect();
        let mut candidates = Vec::with_capacity(segments.len());
        for segment in &segments {
            self.load_times(segment).await?;
            candidates.push(candidate(segment));
        }
        let config = self.config();
        let count = expired(&candidates, &config, now, self.log_start(), high_watermark);
        let active_expired =
            count == segments.len() && candidates.last().is_some_and(|c| c.bytes > 0);
        if active_expired {
            self.roll_when_idle(now);
        }
        Ok(self.drop_oldest(&segments[..count.min(segments.len() - 1)]))
    }

    /// Moves the log start to `before` (at most `flushed`), stable when this returns; says where
    /// it is now. Records below are gone for readers at once.
    ///
    /// # Errors
    /// [`LogError::Io`] when the checkpoint could not be written.
    pub async fn delete_records(&self, before: Offset) -> Result<Offset, LogError> {
        let log_start = {
            let state = &mut *self.0.state.borrow_mut();
            state.log_start = state.log_start.max(before.min(state.flushed));
            state.epochs.truncate_front(state.log_start);
            state.log_start
        };
        let result = self.0.shared.write_checkpoint().await;
        result.map_err(|error| self.io_error("write the checkpoint for", error))?;
        Ok(log_start)
    }

    /// Rolls an active segment of which nothing is to be kept, if nothing is being appended.
    fn roll_when_idle(&self, now: TimestampMs) {
        {
            let state = &mut *self.0.state.borrow_mut();
            let idle = state.queue.is_empty()
                && state.flushed == state.log_end
                && matches!(state.status, Status::Online);
            if idle && state.maintenance.next_is_ready() {
                let base = state.log_end;
                state.maintenance.roll(&mut state.segments, base, now);
            } else if idle {
                state.maintenance.want_next();
            }
        }
        self.start_maintenance();
    }

    fn drop_oldest(&self, oldest: &[Rc<Segment<D>>]) -> bool {
        let state = &mut *self.0.state.borrow_mut();
        let mut changed = false;
        for segment in oldest {
            // Meanwhile it may have gone by another way.
            if state.segments.len() > 1
                && state.segments.front().is_some_and(|first| Rc::ptr_eq(first, segment))
                && segment.named.get()
            {
                state.segments.pop_front();
                segment.removed.set(true);
                state.retired.push(Rc::clone(segment));
                changed = true;
            }
        }
        if changed {
            let first = state.segments.front().expect("the active one stays").base;
            state.log_start = state.log_start.max(first);
            state.epochs.truncate_front(state.log_start);
            state.maintenance.want_epochs();
        }
        changed
    }

    /// The checkpoint that allows to delete `segments` is stable, or was not written.
    pub(crate) fn retire(&self, segments: Vec<Rc<Segment<D>>>, stable: bool) {
        {
            let state = &mut *self.0.state.borrow_mut();
            if stable {
                segments.into_iter().for_each(|segment| state.maintenance.want_delete(segment));
            } else {
                state.retired.splice(0..0, segments);
            }
        }
        self.start_maintenance();
    }
}

fn candidate<D: Disk>(segment: &Rc<Segment<D>>) -> Candidate {
    let newest = segment.max_timestamp.get().map(|max| max.timestamp);
    Candidate {
        next_offset: segment.next_offset.get(),
        bytes: segment.placed.get(),
        // Records without a time count from when the segment was made or opened.
        newest: newest.filter(|newest| newest.0 >= 0).unwrap_or(segment.created),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: TimestampMs = TimestampMs(10_000);

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        prop::collection::vec((1..50_i64, 0..1000_u64, 0..10_000_i64), 1..20).prop_map(|segments| {
            let mut next = 0;
            let candidate = |(records, bytes, newest)| {
                next += records;
                Candidate { next_offset: Offset(next), bytes, newest: TimestampMs(newest) }
            };
            segments.into_iter().map(candidate).collect()
        })
    }

    fn limits(ms: Option<i64>, bytes: Option<u64>) -> LogConfig {
        LogConfig { retention_ms: ms, retention_bytes: bytes, ..LogConfig::default() }
    }

    proptest! {
        /// Exactly the longest run of oldest segments that are too old goes.
        #[test]
        fn time(all in candidates(), ms in 0..10_000_i64) {
            let count = expired(&all, &limits(Some(ms), None), NOW, Offset(0), Offset(i64::MAX));
            prop_assert!(all[..count].iter().all(|segment| NOW.0 - segment.newest.0 > ms));
            prop_assert!(all.get(count).is_none_or(|kept| NOW.0 - kept.newest.0 <= ms));
        }

        /// What stays reaches the limit, and would not without its oldest segment.
        #[test]
        fn size(all in candidates(), max in 1..5000_u64) {
            let count = expired(&all, &limits(None, Some(max)), NOW, Offset(0), Offset(i64::MAX));
            let bytes = |segments: &[Candidate]| segments.iter().map(|s| s.bytes).sum::<u64>();
            let kept = &all[count..];
            prop_assert!(count == 0 || bytes(kept) >= max);
            prop_assert!(kept.is_empty() || bytes(&kept[1..]) < max);
        }

        /// Nothing that is not replicated goes, whatever the limits; without limits nothing goes.
        #[test]
        fn high_watermark(all in candidates(), high_watermark in 0..500_i64) {
            let everything = limits(Some(0), Some(0));
            let count = expired(&all, &everything, NOW, Offset(0), Offset(high_watermark));
            prop_assert!(all[..count].iter().all(|s| s.next_offset.0 <= high_watermark));
            prop_assert_eq!(expired(&all, &limits(None, None), NOW, Offset(0), Offset(500)), 0);
        }

        /// Whole segments below a moved log start go.
        #[test]
        fn log_start(all in candidates(), start in 0..500_i64) {
            let nothing = limits(None, None);
            let count = expired(&all, &nothing, NOW, Offset(start), Offset(i64::MAX));
            prop_assert_eq!(count, all.partition_point(|segment| segment.next_offset.0 <= start));
        }
    }
}
