//! The way of records through a partition, without faults.

use std::{cell::Cell, rc::Rc, time::Duration};

use futures_util::FutureExt;
use log_format::Compression;

use super::bench::{Bench, NOW, batch, read_values, sequenced};
use crate::{
    log::ReadError,
    partition::{
        AckError, Acks, AppendError, DeleteRecordsError, FetchWaiter, ProducerError, ReadWish,
    },
    types::{LeaderEpoch, Offset, TimestampMs},
};

fn wish(from: i64) -> ReadWish {
    ReadWish { from: Offset(from), bytes_max: 1 << 20, min_one: true }
}

#[test]
fn nothing_is_acked_nor_seen_before_it_is_on_disk() {
    let mut bench = Bench::new(1);
    let partition = bench.create();
    let waiter = FetchWaiter::new();
    let _watch = partition.watch(&waiter).unwrap();

    bench.settle();
    bench.disk.stall(true);
    let appended =
        partition.append(&batch(&["a", "b"], Compression::None), Acks::Leader, NOW).unwrap();
    bench.run_some();
    assert_eq!((appended.base_offset, appended.last_offset), (Offset(0), Offset(1)));
    assert_eq!(appended.ack.outcome(), None);
    assert_eq!(partition.offsets().log_end(), Offset(2));
    assert_eq!(partition.high_watermark(), Offset(0));
    assert_eq!(partition.try_read(wish(0)).unwrap().unwrap().bytes, 0);
    assert_eq!(partition.try_read(wish(1)).unwrap().unwrap().bytes, 0, "between is empty");
    assert!(waiter.woken().now_or_never().is_none());

    bench.disk.stall(false);
    bench.run(appended.ack.wait()).unwrap();
    assert!(waiter.woken().now_or_never().is_some(), "the reader is woken by the append");
    assert_eq!(partition.high_watermark(), Offset(2));
    assert_eq!(bench.run(read_values(&partition)), ["a", "b"]);
}

#[test]
fn acks_0_waits_for_nothing_and_a_slow_disk_times_out() {
    let mut bench = Bench::new(2);
    let partition = bench.create();
    bench.settle();
    bench.disk.stall(true);
    let records = batch(&["a"], Compression::None);
    let none = partition.append(&records, Acks::None, NOW).unwrap();
    assert_eq!(none.ack.outcome(), Some(Ok(())));
    let all = partition.append(&records, Acks::All, NOW).unwrap();
    let timeout = Duration::from_millis(100);
    let outcome = bench.run(partition.wait_acked(&all.ack, timeout));
    assert_eq!(outcome, Err(AckError::TimedOut));
    assert_eq!(partition.waiting_acks(), 1);
    bench.disk.stall(false);
    bench.run(all.ack.wait()).unwrap();
    assert_eq!(partition.waiting_acks(), 0);
}

#[test]
fn a_repeated_batch_gets_its_first_offsets_and_waits_for_the_same_disk() {
    let mut bench = Bench::new(3);
    let partition = bench.create();
    bench.settle();
    bench.disk.stall(true);
    let first = partition.append(&sequenced(7, 0, 2), Acks::Leader, NOW).unwrap();
    let again = partition.append(&sequenced(7, 0, 2), Acks::Leader, NOW).unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!((again.base_offset, again.last_offset), (first.base_offset, first.last_offset));
    assert_eq!(again.ack.outcome(), None, "what is not on disk is not acked, repeated or not");
    let gap = partition.append(&sequenced(7, 9, 1), Acks::Leader, NOW).unwrap_err();
    assert!(matches!(
        gap,
        AppendError::Producer(ProducerError::OutOfOrderSequence { expected: 2, .. })
    ));
    bench.disk.stall(false);
    bench.run(again.ack.wait()).unwrap();
    assert_eq!(bench.run(read_values(&partition)), ["7:0", "7:1"]);
}

#[test]
fn all_five_batches_of_a_producer_are_known_after_a_restart_and_after_a_crash() {
    for clean in [true, false] {
        let mut bench = Bench::new(4);
        let partition = bench.create();
        for sequence in 0..7 {
            let appended = partition.append(&sequenced(7, sequence, 1), Acks::All, NOW).unwrap();
            bench.run(appended.ack.wait()).unwrap();
        }
        let mut bench = if clean { bench.restart(partition) } else { bench.crash(40) };
        let partition = bench.open();
        assert_eq!(partition.offsets().log_end(), Offset(7));
        for sequence in 2..7 {
            let again = partition.append(&sequenced(7, sequence, 1), Acks::All, NOW).unwrap();
            assert!(again.duplicate, "clean={clean} sequence={sequence}");
            assert_eq!(again.base_offset, Offset(sequence.into()));
        }
        let old = partition.append(&sequenced(7, 1, 1), Acks::All, NOW);
        assert!(matches!(old, Err(AppendError::Producer(_))));
        let next = partition.append(&sequenced(7, 7, 1), Acks::All, NOW).unwrap();
        bench.run(next.ack.wait()).unwrap();
        assert_eq!(bench.run(read_values(&partition)).len(), 8);
    }
}

#[test]
fn a_relaxed_topic_acks_1_from_memory_and_all_from_disk() {
    let mut bench = Bench::new(5);
    bench.config.topic.flush_messages = 1000;
    let partition = bench.create();
    let records = batch(&["a"], Compression::None);
    let leader = partition.append(&records, Acks::Leader, NOW).unwrap();
    assert_eq!(leader.ack.outcome(), Some(Ok(())));
    let all = partition.append(&records, Acks::All, NOW).unwrap();
    bench.settle();
    assert_eq!(all.ack.outcome(), None);
    assert_eq!(partition.high_watermark(), Offset(0), "readers see only what is stable");
    partition.flush_turn(TimestampMs(NOW.0 + 1000));
    bench.run(all.ack.wait()).unwrap();
    assert_eq!(partition.high_watermark(), Offset(2));
}

#[test]
fn offsets_outside_the_log_are_refused() {
    let mut bench = Bench::new(6);
    let partition = bench.create();
    let appended =
        partition.append(&batch(&["a", "b", "c"], Compression::Zstd), Acks::All, NOW).unwrap();
    bench.run(appended.ack.wait()).unwrap();
    for (from, fits) in [(-1, false), (0, true), (2, true), (3, true), (4, false)] {
        let found = bench.run(partition.read(wish(from)));
        assert_eq!(found.is_ok(), fits, "{from}");
        if let Err(error) = found {
            assert!(matches!(error, ReadError::OutOfRange { .. }));
        }
    }
    let small = ReadWish { from: Offset(0), bytes_max: 1, min_one: false };
    assert_eq!(bench.run(partition.read(small)).unwrap().bytes, 0);
}

#[test]
fn deleted_records_stay_deleted() {
    let mut bench = Bench::new(7);
    let partition = bench.create();
    for values in [["a", "b"], ["c", "d"]] {
        let records = batch(&values, Compression::None);
        let appended = partition.append(&records, Acks::All, NOW).unwrap();
        bench.run(appended.ack.wait()).unwrap();
    }
    let beyond = bench.run(partition.delete_records(Some(Offset(5)))).unwrap_err();
    assert!(matches!(beyond, DeleteRecordsError::OutOfRange { high_watermark: Offset(4), .. }));
    assert_eq!(bench.run(partition.delete_records(Some(Offset(3)))).unwrap(), Offset(3));
    assert_eq!(bench.run(partition.delete_records(Some(Offset(1)))).unwrap(), Offset(3));
    assert!(bench.run(partition.read(wish(2))).is_err());
    let mut bench = bench.restart(partition);
    let partition = bench.open();
    assert_eq!(partition.offsets().log_start(), Offset(3));
    assert_eq!(bench.run(partition.delete_records(None)).unwrap(), Offset(4));
    assert_eq!(bench.run(read_values(&partition)), Vec::<String>::new());
}

#[test]
fn times_and_epochs_are_found_to_the_record() {
    let mut bench = Bench::new(8);
    let partition = bench.create();
    for compression in [Compression::Gzip, Compression::None, Compression::Lz4] {
        let records = batch(&["a", "b", "c"], compression);
        let appended = partition.append(&records, Acks::All, NOW).unwrap();
        bench.run(appended.ack.wait()).unwrap();
        partition.set_leader_epoch(LeaderEpoch(partition.leader_epoch().0 + 2));
    }
    for (time, expected) in [(0, Some(0)), (1000, Some(1)), (1001, Some(2)), (2001, None)] {
        let found = partition.offset_for_timestamp(TimestampMs(NOW.0 + time));
        let found = bench.run(found).unwrap().map(|found| found.offset.0);
        assert_eq!(found, expected, "{time}");
    }
    let newest = bench.run(partition.max_timestamp()).unwrap().unwrap();
    assert_eq!((newest.offset, newest.timestamp), (Offset(2), TimestampMs(NOW.0 + 2000)));
    let end = |epoch| partition.end_offset_for_epoch(LeaderEpoch(epoch));
    assert_eq!(end(0), Some((LeaderEpoch(0), Offset(3))));
    assert_eq!(end(1), Some((LeaderEpoch(0), Offset(3))));
    assert_eq!(end(4), Some((LeaderEpoch(4), Offset(9))));
    assert_eq!(end(6), Some((LeaderEpoch(6), Offset(9))));
    assert_eq!(end(7), None);
    assert_eq!(partition.epoch_of(Offset(3)), LeaderEpoch(2));
}

#[test]
fn one_reader_waits_for_two_partitions_worth_of_moves() {
    let mut bench = Bench::new(9);
    let partition = bench.create();
    let waiter = FetchWaiter::new();
    let watch = partition.watch(&waiter).unwrap();
    let seen = Rc::new(Cell::new(0));
    for round in 1..=3 {
        let records = batch(&["a"], Compression::None);
        partition.append(&records, Acks::None, NOW).unwrap();
        let (reader, counted) = (partition.clone(), Rc::clone(&seen));
        let waiter = waiter.clone();
        bench.run(async move {
            while reader.high_watermark() < Offset(round) {
                waiter.woken().await;
            }
            counted.set(reader.high_watermark().0);
        });
        assert_eq!(seen.get(), round);
    }
    drop(watch);
}

#[test]
fn the_brokers_time_replaces_the_producers_where_the_topic_says_so() {
    let mut bench = Bench::new(10);
    bench.config.topic.timestamp_type = crate::config::TimestampType::LogAppendTime;
    let partition = bench.create();
    let later = TimestampMs(NOW.0 + 5_000_000);
    let records = batch(&["a", "b"], Compression::Snappy);
    let appended = partition.append(&records, Acks::All, later).unwrap();
    assert_eq!(appended.log_append_time, Some(later));
    bench.run(appended.ack.wait()).unwrap();
    let found = bench.run(partition.offset_for_timestamp(later)).unwrap().unwrap();
    assert_eq!((found.offset, found.timestamp), (Offset(0), later));
}
