//! Leader epochs of a log: which epoch began at which offset (KIP-101). Pure; written to
//! `leader-epoch-checkpoint` by maintenance, because it can be rebuilt from the batches.

use log_format::checkpoint::EpochEntry;

use crate::types::{LeaderEpoch, Offset};

/// Epochs and start offsets, both growing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Epochs(Vec<EpochEntry>);

impl Epochs {
    pub(crate) fn new(entries: Vec<EpochEntry>) -> Self {
        Epochs(entries)
    }

    pub(crate) fn entries(&self) -> &[EpochEntry] {
        &self.0
    }

    /// Notes that a batch at `start` was written in `epoch`. True if the epoch is new.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.0 < 0 || self.0.last().is_some_and(|last| last.leader_epoch >= epoch.0) {
            return false;
        }
        self.0.push(EpochEntry { leader_epoch: epoch.0, start_offset: start.0 });
        true
    }

    /// Forgets epochs that begin at or behind `end`.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.0.retain(|entry| entry.start_offset < end.0);
    }

    /// Forgets epochs that ended before `start`, and lets the first one begin there.
    pub(crate) fn truncate_front(&mut self, start: Offset) {
        let first = self.0.partition_point(|entry| entry.start_offset <= start.0);
        self.0.drain(..first.saturating_sub(1));
        if let Some(first) = self.0.first_mut() {
            first.start_offset = first.start_offset.max(start.0);
        }
    }

    /// The newest epoch.
    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|entry| LeaderEpoch(entry.leader_epoch))
    }

    /// The largest known epoch that is not above `epoch`, and the offset where it ends.
    pub(crate) fn end_offset(
        &self,
        epoch: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let after = self.0.partition_point(|entry| entry.leader_epoch <= epoch.0);
        let found = self.0.get(after.checked_sub(1)?)?;
        let end = self.0.get(after).map_or(log_end, |next| Offset(next.start_offset));
        Some((LeaderEpoch(found.leader_epoch), end))
    }

    /// The epoch in which `offset` was written.
    pub(crate) fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.0.partition_point(|entry| entry.start_offset <= offset.0);
        self.0.get(after.checked_sub(1)?).map(|entry| LeaderEpoch(entry.leader_epoch))
    }
}
