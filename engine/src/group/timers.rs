//! The deadlines of one coordinator in one heap. Moving a deadline later, which every heartbeat
//! does, touches no heap: the entry is put right when it comes up. Never reads a clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::limits::TIMER_HEAP_SLACK;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// A member that is silent too long leaves the group.
    Session { group: Arc<str>, member: Arc<str> },
    /// The first rebalance of a group waits for more members: `delay_ms` was this step, and
    /// `remaining_ms` may still be added to it.
    InitialJoin { group: Arc<str>, delay_ms: i64, remaining_ms: i64 },
    /// Members that have not joined by now are left out.
    Join { group: Arc<str> },
    /// Members of `generation` that have not asked for their assignment by now are removed.
    Sync { group: Arc<str>, generation: i32 },
}

/// Names one armed timer. A fired or cancelled timer's name is never valid again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerId {
    index: u32,
    /// Counts the uses of the slot.
    reuse: u32,
}

#[derive(Debug)]
struct Slot {
    reuse: u32,
    deadline_ms: i64,
    /// The deadline of this slot's valid entry in the heap; never after `deadline_ms`.
    entry_ms: i64,
    timer: Option<Timer>,
}

/// All timers of a coordinator. The heap holds at most `2 * live + TIMER_HEAP_SLACK` entries.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, u32, u32)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

impl Timers {
    /// Arms a timer. O(log n).
    pub(super) fn arm(&mut self, timer: Timer, deadline_ms: i64) -> TimerId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { reuse: 0, deadline_ms: 0, entry_ms: 0, timer: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 4 billion timers")
        });
        let slot = &mut self.slots[index as usize];
        slot.reuse = slot.reuse.wrapping_add(1);
        slot.deadline_ms = deadline_ms;
        slot.entry_ms = deadline_ms;
        slot.timer = Some(timer);
        let id = TimerId { index, reuse: slot.reuse };
        self.push(deadline_ms, id);
        id
    }

    /// Moves a timer. O(1) when it moves later. False if the timer has fired or was cancelled.
    pub(super) fn move_to(&mut self, id: TimerId, deadline_ms: i64) -> bool {
        let Some(slot) = self.live_slot(id) else { return false };
        slot.deadline_ms = deadline_ms;
        if deadline_ms < slot.entry_ms {
            slot.entry_ms = deadline_ms;
            self.push(deadline_ms, id);
        }
        true
    }

    /// Forgets a timer; its heap entry dies in place.
    pub(super) fn cancel(&mut self, id: TimerId) {
        if let Some(slot) = self.live_slot(id) {
            slot.timer = None;
            self.free.push(id.index);
        }
    }

    /// The next timer whose deadline has come, in the order of the deadlines.
    pub(super) fn pop_due(&mut self, now_ms: i64) -> Option<Timer> {
        while let Some(&Reverse((entry_ms, index, reuse))) = self.heap.peek() {
            if entry_ms > now_ms {
                return None;
            }
            self.heap.pop();
            let id = TimerId { index, reuse };
            let Some(slot) = self.live_slot(id) else { continue };
            if slot.entry_ms != entry_ms {
                continue;
            }
            if slot.deadline_ms > now_ms {
                slot.entry_ms = slot.deadline_ms;
                let deadline_ms = slot.deadline_ms;
                self.push(deadline_ms, id);
                continue;
            }
            self.free.push(index);
            return self.slots[index as usize].timer.take();
        }
        None
    }

    /// When to call `pop_due` next. It may be early, never late.
    pub(super) fn next_deadline_ms(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((entry_ms, _, _))| *entry_ms)
    }

    fn live_slot(&mut self, id: TimerId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id.index as usize)?;
        (slot.reuse == id.reuse && slot.timer.is_some()).then_some(slot)
    }

    fn push(&mut self, entry_ms: i64, id: TimerId) {
        let live = self.slots.len() - self.free.len();
        if self.heap.len() >= 2 * live + TIMER_HEAP_SLACK {
            self.drop_dead_entries();
        }
        self.heap.push(Reverse((entry_ms, id.index, id.reuse)));
    }

    fn drop_dead_entries(&mut self) {
        let slots = &self.slots;
        self.heap.retain(|Reverse((entry_ms, index, reuse))| {
            let slot = &slots[*index as usize];
            slot.reuse == *reuse && slot.timer.is_some() && slot.entry_ms == *entry_ms
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(group: &str) -> Timer {
        Timer::Join { group: group.into() }
    }

    #[test]
    fn fires_in_order_and_once() {
        let mut timers = Timers::default();
        timers.arm(join("b"), 20);
        timers.arm(join("a"), 10);
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(25), Some(join("a")));
        assert_eq!(timers.pop_due(25), Some(join("b")));
        assert_eq!(timers.pop_due(i64::MAX), None);
    }

    #[test]
    fn a_moved_timer_fires_at_its_last_deadline_only() {
        let mut timers = Timers::default();
        let id = timers.arm(join("a"), 10);
        assert!(timers.move_to(id, 30));
        assert!(timers.move_to(id, 5));
        assert!(timers.move_to(id, 40));
        assert_eq!(timers.pop_due(39), None);
        assert_eq!(timers.pop_due(40), Some(join("a")));
        assert!(!timers.move_to(id, 50));
        assert_eq!(timers.pop_due(i64::MAX), None);
    }

    #[test]
    fn a_cancelled_timer_is_silent_and_its_slot_is_reused() {
        let mut timers = Timers::default();
        let old = timers.arm(join("a"), 10);
        timers.cancel(old);
        let new = timers.arm(join("b"), 10);
        assert_eq!(old.index, new.index);
        timers.cancel(old);
        assert_eq!(timers.pop_due(10), Some(join("b")));
        assert_eq!(timers.pop_due(10), None);
    }

    #[test]
    fn churn_keeps_the_heap_bounded() {
        let mut timers = Timers::default();
        for round in 0..100_000 {
            let id = timers.arm(join("a"), 1_000_000 + round);
            timers.move_to(id, 500_000 - round);
            timers.cancel(id);
        }
        assert!(timers.heap.len() <= TIMER_HEAP_SLACK + 2);
        assert_eq!(timers.slots.len(), 1);
    }
}
