//! Owns the verdict on a log: reads a partition from start to end and holds it against what the
//! producers were told. Pure but for reading through a [`Client`]; never sends load.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::ledger::{Account, Ledger};
use crate::payload::{Reading, Stamp};
use crate::wire::batch::Batch;

/// Offsets kept per kind of finding and partition; the rest is counted.
const EXAMPLES_MAX: usize = 10;

/// What was found wrong, by kind. Counts are records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Acknowledged and not in the log: the promise was broken.
    pub lost: Finding,
    /// In the log more than once.
    pub duplicated: Finding,
    /// Behind a later record of the same producer, or at another offset than acknowledged.
    pub reordered: Finding,
    /// Bytes changed: checksum of the batch or of the value does not hold, or it cannot be read.
    pub corrupt: Finding,
    /// In the log and never sent.
    pub phantom: Finding,
}

/// A kind of finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Records.
    pub count: u64,
    /// Where: `topic-partition offset …: …`, the first few of each partition.
    pub examples: Vec<String>,
}

impl Finding {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example());
        }
    }

    fn merge(&mut self, other: Finding) {
        self.count += other.count;
        self.examples.extend(other.examples);
    }
}

/// The verdict on one partition or on all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Records sent at least once.
    pub sent: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records of this run found in the log.
    pub found: u64,
    /// Sent, never acknowledged, not in the log: nobody was promised anything.
    pub unacknowledged_missing: u64,
    /// Sent, never acknowledged, in the log: allowed.
    pub unacknowledged_present: u64,
    /// Records that other programs wrote; ignored.
    pub foreign: u64,
    /// What is wrong.
    pub findings: Findings,
}

impl Verdict {
    /// Whether the broker kept its promises.
    pub fn is_clean(&self) -> bool {
        let f = &self.findings;
        [&f.lost, &f.duplicated, &f.reordered, &f.corrupt, &f.phantom].iter().all(|f| f.count == 0)
    }

    /// Adds another partition.
    pub fn merge(&mut self, other: Verdict) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.found += other.found;
        self.unacknowledged_missing += other.unacknowledged_missing;
        self.unacknowledged_present += other.unacknowledged_present;
        self.foreign += other.foreign;
        let (mine, theirs) = (&mut self.findings, other.findings);
        mine.lost.merge(theirs.lost);
        mine.duplicated.merge(theirs.duplicated);
        mine.reordered.merge(theirs.reordered);
        mine.corrupt.merge(theirs.corrupt);
        mine.phantom.merge(theirs.phantom);
    }
}

/// Judges one partition: feed it all batches from the start offset on, then [`Judge::conclude`].
#[derive(Debug)]
pub struct Judge<'a> {
    name: String,
    run_id: u32,
    accounts: HashMap<u32, &'a Account>,
    /// Records seen of each producer: number → offset.
    seen: HashMap<u32, BTreeMap<u64, i64>>,
    highest: HashMap<u32, u64>,
    next_offset: i64,
    verdict: Verdict,
}

impl<'a> Judge<'a> {
    /// A judge for the target `index`, called `name` in findings, whose records start at `from`.
    pub fn new(
        name: String,
        run_id: u32,
        ledger: &'a Ledger,
        index: usize,
        from: i64,
    ) -> Judge<'a> {
        let accounts = ledger
            .0
            .iter()
            .filter(|((_, target), _)| *target == index)
            .map(|((producer, _), account)| (*producer, account))
            .collect();
        Judge {
            name,
            run_id,
            accounts,
            seen: HashMap::new(),
            highest: HashMap::new(),
            next_offset: from,
            verdict: Verdict::default(),
        }
    }

    /// Offset to read next.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Takes the next batch of the log.
    pub fn take(&mut self, batch: &Batch<'_>) {
        let (name, base) = (&self.name, batch.base_offset);
        if base < self.next_offset {
            let expected = self.next_offset;
            self.verdict
                .findings
                .reordered
                .add(|| format!("{name} offset {base}: comes after offset {}", expected - 1));
        }
        self.next_offset = self.next_offset.max(batch.next_offset());
        if batch.is_control() {
            return;
        }
        let records = if batch.crc_matches() {
            batch.records()
        } else {
            Err(anyhow::anyhow!("the batch's checksum does not match"))
        };
        match records {
            Ok(records) => {
                for record in records {
                    let value = record.value.as_deref().unwrap_or_default();
                    self.take_value(base.saturating_add(record.offset_delta), value);
                }
            }
            Err(why) => {
                self.verdict.findings.corrupt.add(|| format!("{name} offset {base}: {why:#}"));
            }
        }
    }

    fn take_value(&mut self, offset: i64, value: &[u8]) {
        let name = &self.name;
        let stamp = match Stamp::read_sealed(value) {
            Reading::Foreign => {
                self.verdict.foreign += 1;
                return;
            }
            Reading::Damaged => {
                let finding = &mut self.verdict.findings.corrupt;
                finding
                    .add(|| format!("{name} offset {offset}: the value's checksum does not match"));
                return;
            }
            Reading::Whole(stamp) if stamp.run_id != self.run_id => {
                self.verdict.foreign += 1;
                return;
            }
            Reading::Whole(stamp) => stamp,
        };
        let Stamp { producer, sequence, .. } = stamp;
        let findings = &mut self.verdict.findings;
        let what = || format!("{name} offset {offset}: producer {producer} record {sequence}");
        if self.accounts.get(&producer).is_none_or(|account| sequence >= account.next) {
            findings.phantom.add(|| format!("{} was never sent here", what()));
            return;
        }
        self.verdict.found += 1;
        if let Some(first) = self.seen.entry(producer).or_default().get(&sequence) {
            findings.duplicated.add(|| format!("{} is also at offset {first}", what()));
            return;
        }
        self.seen.entry(producer).or_default().insert(sequence, offset);
        let highest = self.highest.entry(producer).or_insert(sequence);
        if sequence < *highest {
            findings.reordered.add(|| format!("{} comes after record {highest}", what()));
        }
        *highest = sequence.max(*highest);
    }

    /// Compares what was seen with what was acknowledged.
    pub fn conclude(mut self) -> Verdict {
        let empty = BTreeMap::new();
        let seen_by = std::mem::take(&mut self.seen);
        for (producer, account) in std::mem::take(&mut self.accounts) {
            let seen = seen_by.get(&producer).unwrap_or(&empty);
            let mut acknowledged = 0;
            let mut acknowledged_seen = 0;
            for acked in &account.acked {
                acknowledged += acked.count;
                for (index, sequence) in (0_i64..).zip(acked.first..acked.first + acked.count) {
                    let promised = acked.base_offset.map(|base| base + index);
                    let found = seen.get(&sequence).copied();
                    acknowledged_seen += u64::from(found.is_some());
                    self.compare(producer, sequence, promised, found);
                }
            }
            self.verdict.sent += account.next;
            self.verdict.acknowledged += acknowledged;
            let present = seen.len() as u64 - acknowledged_seen;
            self.verdict.unacknowledged_present += present;
            self.verdict.unacknowledged_missing += account.next - acknowledged - present;
        }
        self.verdict
    }

    fn compare(&mut self, producer: u32, sequence: u64, promised: Option<i64>, found: Option<i64>) {
        let name = &self.name;
        let findings = &mut self.verdict.findings;
        match (promised, found) {
            (promised, None) => findings.lost.add(|| {
                let at = promised.map_or_else(String::new, |offset| format!(" offset {offset}"));
                format!("{name}{at}: producer {producer} record {sequence} was acknowledged")
            }),
            (Some(promised), Some(found)) if promised != found => findings.reordered.add(|| {
                format!(
                    "{name} offset {found}: producer {producer} record {sequence} was \
                     acknowledged at offset {promised}"
                )
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Acked;
    use crate::template::{Patch, Shape, Stamps, Template};
    use crate::wire::batch::{CRC_AT, CRC_FROM, batches};
    use crate::workload::{Acks, Codec};

    /// The batch of records `first..first + count` at `offset`, as a log would hold it.
    fn batch(first: u64, count: usize, offset: i64) -> Vec<u8> {
        batch_of(1, first, count, offset)
    }

    fn batch_of(run_id: u32, first: u64, count: usize, offset: i64) -> Vec<u8> {
        let shape = Shape {
            topic: "t",
            version: 7,
            acks: Acks::All,
            timeout_ms: 1,
            keyed: false,
            codec: Codec::None,
        };
        let template = Template::new(&shape, &vec![vec![1; 64]; count]).unwrap();
        let stamp = Stamp { run_id, producer: 0, sequence: first, intended_ns: 0 };
        let patch = Patch {
            correlation_id: 1,
            partition: 0,
            timestamp_ms: 0,
            producer: None,
            stamps: Stamps::Every(stamp),
            keys: None,
        };
        let mut frame = Vec::new();
        template.write(&mut frame, &patch, &mut fastrand::Rng::with_seed(1)).unwrap();
        let at = frame.windows(5).position(|w| w == [0xff, 0xff, 0xff, 0xff, 2]).unwrap() - 12;
        let mut bytes = frame.split_off(at);
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        bytes
    }

    fn judge(log: &[Vec<u8>], acked: &[(u64, u64, i64)], sent: u64) -> Verdict {
        let mut ledger = Ledger::default();
        ledger.number(0, 0, sent);
        for (first, count, base) in acked {
            let acked = Acked { first: *first, count: *count, base_offset: Some(*base) };
            ledger.acknowledge(0, 0, acked);
        }
        let mut judge = Judge::new("t-0".to_owned(), 1, &ledger, 0, 0);
        let bytes = log.concat();
        batches(&bytes).for_each(|batch| judge.take(&batch.unwrap()));
        judge.conclude()
    }

    #[test]
    fn a_clean_log_is_acquitted_with_unacknowledged_records_in_it() {
        let log = [batch(0, 2, 0), batch(2, 3, 2), batch(5, 1, 5)];
        let verdict = judge(&log, &[(0, 2, 0), (2, 3, 2)], 8);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.sent, verdict.acknowledged, verdict.found), (8, 5, 6));
        assert_eq!((verdict.unacknowledged_present, verdict.unacknowledged_missing), (1, 2));
    }

    #[test]
    fn each_crime_is_named() {
        let lost = judge(&[batch(0, 2, 0)], &[(0, 2, 0), (2, 3, 2)], 5);
        assert_eq!(lost.findings.lost.count, 3);
        assert!(lost.findings.lost.examples[0].contains("t-0 offset 2"), "{lost:?}");
        let twice = judge(&[batch(0, 2, 0), batch(0, 2, 2)], &[(0, 2, 0)], 2);
        assert_eq!(twice.findings.duplicated.count, 2);
        let swapped = judge(&[batch(1, 1, 0), batch(0, 1, 1)], &[(0, 1, 0), (1, 1, 1)], 2);
        assert_eq!(swapped.findings.reordered.count, 3);
        let phantom = judge(&[batch(0, 1, 0), batch(1, 1, 1)], &[(0, 1, 0)], 1);
        assert_eq!(phantom.findings.phantom.count, 1);
        let mut flipped = batch(0, 1, 0);
        let last = flipped.len() - 4;
        flipped[last] ^= 1;
        let corrupt = judge(&[flipped.clone()], &[(0, 1, 0)], 1);
        assert_eq!((corrupt.findings.corrupt.count, corrupt.findings.lost.count), (1, 1));
        let crc = crc32c::crc32c(&flipped[CRC_FROM..]);
        flipped[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(judge(&[flipped], &[(0, 1, 0)], 1).findings.corrupt.count, 1);
    }

    #[test]
    fn records_of_other_programs_and_runs_are_left_alone() {
        let verdict = judge(&[batch_of(77, 0, 2, 0), batch(0, 1, 2)], &[(0, 1, 2)], 1);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.foreign, verdict.found), (2, 1));
    }
}
