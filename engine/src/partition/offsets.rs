//! The four offsets of a partition and the order that always holds between them:
//! `log_start <= high_watermark <= flushed <= log_end`. Decides nothing; it only refuses disorder.

use crate::types::Offset;

/// Offsets of one partition. Each setter checks the order; a wrong one is our bug and panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// First readable offset. Never moves back.
    log_start: Offset,
    /// Readers see what is below. Moves back only when a new leader says so.
    high_watermark: Offset,
    /// Everything below is on this node's stable storage. Moves back only by truncation.
    flushed: Offset,
    /// The offset the next record gets. Moves back only by truncation.
    log_end: Offset,
}

impl Offsets {
    /// Offsets of a log that was just opened: all that is in it is on stable storage.
    pub fn new(log_start: Offset, log_end: Offset) -> Self {
        let offsets = Self { log_start, high_watermark: log_end, flushed: log_end, log_end };
        offsets.check();
        offsets
    }

    /// First readable offset.
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// Readers see what is below.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Everything below is on this node's stable storage.
    pub fn flushed(&self) -> Offset {
        self.flushed
    }

    /// The offset the next record gets.
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// Records were queued up to `log_end`.
    pub fn set_log_end(&mut self, log_end: Offset) {
        assert!(log_end >= self.log_end, "log end moves back: {self:?} to {log_end:?}");
        self.log_end = log_end;
        self.check();
    }

    /// Records below `flushed` are on stable storage.
    pub fn set_flushed(&mut self, flushed: Offset) {
        assert!(flushed >= self.flushed, "flushed moves back: {self:?} to {flushed:?}");
        self.flushed = flushed;
        self.check();
    }

    /// Records below `high_watermark` are on stable storage of every in-sync replica.
    /// Returns whether it moved.
    pub fn set_high_watermark(&mut self, high_watermark: Offset) -> bool {
        assert!(
            high_watermark >= self.high_watermark,
            "high watermark moves back: {self:?} to {high_watermark:?}"
        );
        let moved = high_watermark > self.high_watermark;
        self.high_watermark = high_watermark;
        self.check();
        moved
    }

    /// Records below `log_start` are gone: retention, or DeleteRecords.
    pub fn set_log_start(&mut self, log_start: Offset) {
        assert!(log_start >= self.log_start, "log start moves back: {self:?} to {log_start:?}");
        self.log_start = log_start;
        self.check();
    }

    /// The records from `log_end` on were given up before they were flushed (disk full).
    pub fn truncate(&mut self, log_end: Offset) {
        assert!(log_end <= self.log_end, "truncation moves forward: {self:?} to {log_end:?}");
        self.log_end = log_end;
        self.check();
    }

    fn check(&self) {
        assert!(
            self.log_start <= self.high_watermark
                && self.high_watermark <= self.flushed
                && self.flushed <= self.log_end,
            "offsets out of order: {self:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[should_panic(expected = "out of order")]
    fn readers_never_see_what_is_not_flushed() {
        let mut offsets = Offsets::new(Offset(0), Offset(0));
        offsets.set_log_end(Offset(5));
        offsets.set_high_watermark(Offset(1));
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn nothing_above_the_high_watermark_is_deleted() {
        let mut offsets = Offsets::new(Offset(0), Offset(5));
        offsets.set_log_start(Offset(6));
    }

    #[test]
    #[should_panic(expected = "moves back")]
    fn flushed_never_moves_back() {
        let mut offsets = Offsets::new(Offset(0), Offset(5));
        offsets.set_flushed(Offset(4));
    }

    proptest! {
        #[test]
        fn legal_moves_keep_the_order(
            moves in proptest::collection::vec((0..4u8, 0..10i64), 0..100),
        ) {
            let mut offsets = Offsets::new(Offset(0), Offset(0));
            for (what, step) in moves {
                let toward = |from: Offset, limit: Offset| Offset((from.0 + step).min(limit.0));
                match what {
                    0 => offsets.set_log_end(Offset(offsets.log_end().0 + step)),
                    1 => offsets.set_flushed(toward(offsets.flushed(), offsets.log_end())),
                    2 => {
                        let to = toward(offsets.high_watermark(), offsets.flushed());
                        let moves = to > offsets.high_watermark();
                        prop_assert_eq!(offsets.set_high_watermark(to), moves);
                    }
                    _ => offsets
                        .set_log_start(toward(offsets.log_start(), offsets.high_watermark())),
                }
            }
        }
    }
}
