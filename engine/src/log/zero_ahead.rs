//! How far the active file is filled with zeros ahead of its end, and how far it should be.
//! Pure arithmetic and one claim; the writing is in `zeroer.rs`.

use std::{cell::Cell, ops::Range};

use super::notify::Bell;
use crate::{
    limits::{ZERO_AHEAD_BYTES_MAX, ZERO_AHEAD_BYTES_MIN, ZERO_AHEAD_SECONDS, ZERO_WRITE_BYTES},
    ring::disk::BLOCK_BYTES,
};

const ZERO_WRITE: u64 = ZERO_WRITE_BYTES as u64;

/// State of one file's zeros.
#[derive(Default)]
pub(crate) struct ZeroAhead {
    /// Below this position the file has initialised extents.
    pub(crate) zeroed: Cell<u64>,
    /// Below this position the file has extents.
    pub(crate) allocated: Cell<u64>,
    /// The range a zero write is filling now. Nothing else may be written there.
    busy: Cell<Option<(u64, u64)>>,
    /// Rings when the claim ends.
    pub(crate) released: Bell,
}

impl ZeroAhead {
    /// Everything below `bytes` is zeroed.
    pub(crate) fn set(&self, bytes: u64) {
        self.zeroed.set(bytes);
        self.allocated.set(self.allocated.get().max(bytes));
    }

    /// True while a zero write touches `range`.
    pub(crate) fn is_busy(&self, range: &Range<u64>) -> bool {
        self.busy.get().is_some_and(|(from, to)| from < range.end && range.start < to)
    }

    /// The zeroer starts to write here.
    pub(crate) fn claim(&self, range: &Range<u64>) {
        assert!(self.busy.get().is_none(), "one zero write per file at a time");
        self.busy.set(Some((range.start, range.end)));
    }

    pub(crate) fn release(&self) {
        self.busy.set(None);
        self.released.ring();
    }
}

/// Bytes to keep zeroed ahead of the end of a file that grows by `bytes_per_second`.
pub(crate) fn target_bytes(bytes_per_second: u64) -> u64 {
    let wanted = bytes_per_second.saturating_mul(ZERO_AHEAD_SECONDS);
    wanted.clamp(ZERO_AHEAD_BYTES_MIN, ZERO_AHEAD_BYTES_MAX)
}

/// The next range to zero: behind what is zeroed, but never closer to the writer (who is at
/// `submitted`) than one zero write, because the two must not touch the same block at once.
/// `None` when enough is zeroed. `goal` is the position up to which zeros are wanted.
pub(crate) fn next_range(zeroed: u64, submitted: u64, goal: u64) -> Option<Range<u64>> {
    let writer = submitted.next_multiple_of(BLOCK_BYTES as u64);
    // A writer at the zeros' heels has outrun them: jump ahead and leave it the gap.
    let from = if writer + ZERO_WRITE > zeroed {
        writer.next_multiple_of(ZERO_WRITE) + ZERO_WRITE
    } else {
        zeroed
    };
    let to = (from + ZERO_WRITE).min(goal / BLOCK_BYTES as u64 * BLOCK_BYTES as u64);
    (from < to).then_some(from..to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A zero write never touches a block the writer may touch, and is never behind the goal.
        #[test]
        fn zeros_keep_away_from_the_writer(
            zeroed in (0..3000_u64).prop_map(|blocks| blocks * 4096),
            placed in 0..10_000_000_u64,
            goal in 0..20_000_000_u64,
        ) {
            if let Some(range) = next_range(zeroed, placed, goal) {
                prop_assert!(range.start >= placed.next_multiple_of(4096) + ZERO_WRITE - 4096 || range.start == zeroed);
                prop_assert!(range.start >= placed.next_multiple_of(4096));
                prop_assert!(range.end <= goal && range.end - range.start <= ZERO_WRITE);
                prop_assert!(range.start.is_multiple_of(4096) && range.end.is_multiple_of(4096));
            }
        }

        #[test]
        fn the_target_is_bounded(rate in any::<u64>()) {
            let target = target_bytes(rate);
            prop_assert!((ZERO_AHEAD_BYTES_MIN..=ZERO_AHEAD_BYTES_MAX).contains(&target));
        }
    }
}
