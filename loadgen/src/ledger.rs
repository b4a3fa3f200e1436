//! Owns what producers remember for the judge: which numbers were sent and which acknowledged, per
//! producer and partition. Never reads the log; see `judge.rs`.

use std::collections::BTreeMap;

/// One acknowledged batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Number of the first record.
    pub first: u64,
    /// Records.
    pub count: u64,
    /// Offset the broker gave to the first record; `None` when it did not say.
    pub base_offset: Option<i64>,
}

/// One producer's history on one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Numbers below this were sent at least once.
    pub next: u64,
    /// Acknowledged batches.
    pub acked: Vec<Acked>,
}

/// The accounts of all producers, by `(producer, target)`.
#[derive(Debug, Clone, Default)]
pub struct Ledger(pub BTreeMap<(u32, usize), Account>);

impl Ledger {
    /// Hands out numbers for a batch.
    pub fn number(&mut self, producer: u32, target: usize, count: u64) -> u64 {
        let account = self.0.entry((producer, target)).or_default();
        let first = account.next;
        account.next += count;
        first
    }

    /// Notes an acknowledgement.
    pub fn acknowledge(&mut self, producer: u32, target: usize, acked: Acked) {
        self.0.entry((producer, target)).or_default().acked.push(acked);
    }

    /// Adds another thread's accounts.
    pub fn merge(&mut self, other: Ledger) {
        self.0.extend(other.0);
    }
}
