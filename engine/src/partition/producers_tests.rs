//! Transcripts of producers talking to one partition, and a property against a plain model.

use log_format::{BatchBuilder, Compression, Headers};
use proptest::prelude::*;

use super::*;

/// One partition that assigns offsets, so that a script reads like a transcript.
struct Script {
    producers: Producers,
    log_end: i64,
}

impl Script {
    fn new() -> Self {
        Self { producers: Producers::new(ProducerBudget::default()), log_end: 0 }
    }

    /// `"p<id> e<epoch> s<base sequence> n<records>"` at `now`, answered as a client would see it.
    fn send(&mut self, line: &str, now: i64) -> String {
        let number = |prefix: char| -> i64 {
            let word = line.split(' ').find(|word| word.starts_with(prefix)).unwrap();
            word[1..].parse().unwrap()
        };
        let mut header = header(number('p'), number('e'), number('s'), number('n'));
        match self.producers.check(&header, TimestampMs(now)) {
            Ok(Verdict::Append) => {
                header.base_offset = self.log_end;
                self.log_end = header.next_offset();
                self.producers.appended(&header, TimestampMs(now));
                format!("appended {}..{}", header.base_offset, header.last_offset())
            }
            Ok(Verdict::Duplicate { base_offset, last_offset, .. }) => {
                format!("duplicate {}..{}", base_offset.0, last_offset.0)
            }
            Err(ProducerError::OutOfOrderSequence { expected, .. }) => {
                format!("out of order, expected {expected}")
            }
            Err(ProducerError::InvalidEpoch { current, .. }) => format!("epoch is {current}"),
            Err(ProducerError::NoRoom) => "no room".to_owned(),
        }
    }

    fn run(&mut self, transcript: &str) {
        for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (request, answer) = line.split_once(" -> ").unwrap();
            assert_eq!(self.send(request, 1000), answer, "{line}");
        }
    }
}

fn header(producer_id: i64, epoch: i64, base_sequence: i64, records: i64) -> RecordBatchHeader {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.producer_id = producer_id;
    builder.producer_epoch = epoch.try_into().unwrap();
    builder.base_sequence = base_sequence.try_into().unwrap();
    for _ in 0..records {
        builder.push(500, None, None, Headers::NONE);
    }
    RecordBatchHeader::decode(&builder.build()).unwrap()
}

#[test]
fn the_next_batch_a_repeated_one_and_a_gap() {
    Script::new().run(
        "p7 e0 s0 n3 -> appended 0..2
         p7 e0 s3 n1 -> appended 3..3
         p7 e0 s0 n3 -> duplicate 0..2
         p7 e0 s5 n1 -> out of order, expected 4
         p7 e0 s3 n2 -> out of order, expected 4
         p7 e0 s4 n1 -> appended 4..4",
    );
}

#[test]
fn five_batches_are_remembered_and_the_sixth_is_not() {
    Script::new().run(
        "p7 e0 s0 n1 -> appended 0..0
         p7 e0 s1 n1 -> appended 1..1
         p7 e0 s2 n1 -> appended 2..2
         p7 e0 s3 n1 -> appended 3..3
         p7 e0 s4 n1 -> appended 4..4
         p7 e0 s0 n1 -> duplicate 0..0
         p7 e0 s5 n1 -> appended 5..5
         p7 e0 s1 n1 -> duplicate 1..1
         p7 e0 s0 n1 -> out of order, expected 6",
    );
}

#[test]
fn a_new_epoch_begins_at_zero_and_fences_the_old_one() {
    Script::new().run(
        "p7 e0 s0 n2 -> appended 0..1
         p7 e1 s2 n1 -> out of order, expected 0
         p7 e1 s0 n1 -> appended 2..2
         p7 e0 s2 n1 -> epoch is 1
         p7 e1 s0 n1 -> duplicate 2..2
         p7 e1 s1 n1 -> appended 3..3",
    );
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    Script::new().run(
        "p7 e3 s1000 n2 -> appended 0..1
         p7 e3 s1002 n1 -> appended 2..2
         p8 e0 s5 n1 -> appended 3..3",
    );
}

#[test]
fn sequences_wrap_at_the_largest_number() {
    Script::new().run(
        "p7 e0 s2147483646 n1 -> appended 0..0
         p7 e0 s2147483647 n3 -> appended 1..3
         p7 e0 s2147483647 n3 -> duplicate 1..3
         p7 e0 s2 n1 -> appended 4..4
         p7 e0 s2147483646 n1 -> duplicate 0..0
         p7 e0 s0 n1 -> out of order, expected 3",
    );
}

#[test]
fn silence_is_forgotten_after_the_expiration() {
    let mut script = Script::new();
    assert_eq!(script.send("p7 e0 s0 n1", 1000), "appended 0..0");
    assert_eq!(script.send("p8 e0 s0 n1", 1500), "appended 1..1");
    assert_eq!(script.producers.expire(TimestampMs(1999), 1000), 0);
    assert_eq!(script.producers.expire(TimestampMs(2000), 1000), 1);
    assert_eq!(script.send("p7 e0 s9 n1", 2000), "appended 2..2");
    assert_eq!(script.send("p8 e0 s9 n1", 2000), "out of order, expected 1");
}

#[test]
fn batches_given_up_are_expected_again() {
    let mut script = Script::new();
    script.run(
        "p7 e0 s0 n2 -> appended 0..1
         p7 e0 s2 n2 -> appended 2..3
         p7 e0 s4 n1 -> appended 4..4
         p8 e0 s9 n1 -> appended 5..5",
    );
    script.producers.truncate(Offset(2));
    script.log_end = 2;
    script.run(
        "p7 e0 s4 n1 -> out of order, expected 2
         p7 e0 s0 n2 -> duplicate 0..1
         p7 e0 s2 n2 -> appended 2..3
         p7 e0 s4 n1 -> appended 4..4
         p8 e0 s10 n1 -> out of order, expected 9
         p8 e0 s9 n1 -> appended 5..5",
    );
}

#[test]
fn when_full_stale_producers_go_first_and_active_ones_stay() {
    let mut script = Script::new();
    for producer_id in 0..PRODUCERS_PER_PARTITION_MAX {
        let answer = script.send(&format!("p{producer_id} e0 s0 n1"), 1000);
        assert!(answer.starts_with("appended"));
    }
    assert_eq!(script.send("p999999 e0 s0 n1", 1000), "no room");
    assert!(script.send("p0 e0 s1 n1", 2000).starts_with("appended"));
    let later = 1000 + PRODUCER_KEPT_MS_MIN;
    assert!(script.send("p999999 e0 s0 n1", later).starts_with("appended"));
    assert_eq!(script.producers.len(), 2, "the one that was active, and the new one");
}

#[test]
fn the_shards_budget_is_shared_and_given_back() {
    let budget = ProducerBudget::default();
    let mut one = Producers::new(budget.clone());
    let mut two = Producers::new(budget.clone());
    one.appended(&header(1, 0, 0, 1), TimestampMs(0));
    two.appended(&header(1, 0, 0, 1), TimestampMs(0));
    assert_eq!(budget.used(), 2);
    drop(one);
    assert_eq!(budget.used(), 1);
    two.expire(TimestampMs(10), 5);
    assert_eq!(budget.used(), 0);
}

proptest! {
    /// Whatever a producer repeats or drops, the log holds each sequence number once and in order,
    /// and every duplicate gets the offsets of its first answer; also over a restart at any point
    /// that keeps the snapshot and replays the rest.
    #[test]
    fn each_sequence_is_appended_once(
        steps in proptest::collection::vec((0..8u8, 1..4i64, any::<bool>()), 1..60),
    ) {
        let mut script = Script::new();
        let mut sent: Vec<(i64, i64, String)> = Vec::new();
        let mut next = 0;
        for (back, records, restart) in steps {
            let at = sent.len().checked_sub(usize::from(back));
            match at.and_then(|at| sent.get(at).cloned()) {
                // Repeats one of the last five: the same offsets again.
                Some((sequence, records, first)) if back <= 5 => {
                    let again = script.send(&format!("p1 e0 s{sequence} n{records}"), 1000);
                    prop_assert_eq!(again, first.replace("appended", "duplicate"));
                }
                // Skips one: refused.
                _ if back >= 6 && next > 0 => {
                    let answer = script.send(&format!("p1 e0 s{} n1", next + 1), 1000);
                    prop_assert_eq!(answer, format!("out of order, expected {next}"));
                }
                _ => {
                    let answer = script.send(&format!("p1 e0 s{next} n{records}"), 1000);
                    let last = next + records - 1;
                    prop_assert_eq!(&answer, &format!("appended {next}..{last}"));
                    sent.push((next, records, answer));
                    next += records;
                }
            }
            if restart {
                let snapshot = script.producers.snapshot(Offset(i64::MAX));
                script.producers = Producers::new(ProducerBudget::default());
                script.producers.restore(snapshot, TimestampMs(1000));
            }
        }
        prop_assert_eq!(script.log_end, next);
    }
}
