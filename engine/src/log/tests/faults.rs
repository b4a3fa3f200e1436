//! Full disk, failed writes, damaged files, quiet partitions.

use std::path::Path;

use super::bench::{Bench, DIR, NOW, append, batch, read_all, stored};
use crate::{
    log::{Hole, LogConfig, LogError, ReadError},
    ring::sim_disk::{FaultAt, Operation},
    types::{LeaderEpoch, Offset},
};

const WINDOW: usize = 4 << 20;
const EIO: i32 = 5;

fn fault(operation: Operation, path_part: &str) -> FaultAt {
    FaultAt { operation, path_part: path_part.to_owned(), after: 0, errno: EIO }
}

#[test]
fn a_full_disk_fails_the_batch_and_goes_on_when_space_is_free() {
    let mut bench = Bench::new(11, WINDOW);
    let log = bench.create(LogConfig::default());
    let first = batch(1, 1, 1000, 1);
    let ticket = append(&log, &first);
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    bench.settle();

    bench.disk.set_capacity(Some(bench.disk.used_bytes()));
    // Larger than all zeros and allocations ahead.
    let big = batch(2, 1, 2_000_000, 1);
    let ticket = append(&log, &big);
    let failed = bench.run(log.wait_flushed(ticket));
    assert!(matches!(failed, Err(LogError::NoSpace { .. })), "{failed:?}");
    assert_eq!((log.log_end(), log.is_offline()), (Offset(1), false));
    let found = bench.run(read_all(&log, Offset(0)));
    assert!(found == [(0, stored(&first, 0))], "reads go on");

    bench.disk.set_capacity(None);
    let second = batch(3, 2, 500, 1);
    let ticket = append(&log, &second);
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    let expected = [(0, stored(&first, 0)), (1, stored(&second, 1))];
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
    drop(log);
    let mut bench = bench.crash(1, WINDOW);
    let (log, report) = bench.open(LogConfig::default());
    assert_eq!((log.log_end(), report.cut_bytes), (Offset(3), 0), "nothing of the failed batch");
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
}

#[test]
fn a_failed_write_takes_the_log_offline_and_is_not_retried() {
    let mut bench = Bench::new(12, WINDOW);
    let log = bench.create(LogConfig::default());
    let first = batch(1, 1, 1000, 1);
    let ticket = append(&log, &first);
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    bench.settle();
    bench.disk.fail(fault(Operation::Write, "00000000000000000000.log"));
    let waiting = [append(&log, &first), append(&log, &first)];
    for ticket in waiting {
        let failed = bench.run(log.wait_flushed(ticket));
        assert!(matches!(failed, Err(LogError::Offline { .. })), "{failed:?}");
    }
    assert!(log.is_offline());
    let refused = log.append(log.log_end(), LeaderEpoch(0), first.clone(), NOW);
    assert!(matches!(refused, Err(LogError::Offline { .. })));
    let found = bench.run(log.read(Offset(0), log.flushed(), 10_000, true)).unwrap();
    assert_eq!(found.next_offset, Offset(1), "what was acknowledged can be read");
}

/// Thirty acknowledged batches of one record; the durable floor is stable.
fn thirty(bench: &mut Bench) -> Vec<u64> {
    let log = bench.create(LogConfig::default());
    let mut positions = Vec::new();
    for number in 0..30 {
        positions.push(log.size_bytes());
        let ticket = append(&log, &batch(number, 1, 700, 5));
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    bench.settle();
    let shared = bench.shared.clone();
    bench.run(async move { shared.write_checkpoint().await.unwrap() });
    positions
}

#[test]
fn damage_below_the_floor_is_a_hole_and_never_served() {
    let mut bench = Bench::new(13, WINDOW);
    let positions = thirty(&mut bench);
    let file = Path::new(DIR).join("00000000000000000000.log");
    bench.disk.corrupt(&file, positions[10] + 100);
    let mut bench = bench.crash(1, WINDOW);
    let (log, report) = bench.open(LogConfig::default());
    let hole = Hole {
        from: Offset(10),
        to: Offset(11),
        position: positions[10],
        end_position: positions[11],
    };
    assert_eq!(report.holes, [hole]);
    assert_eq!(log.log_end(), Offset(30), "nothing is cut");
    let before = bench.run(log.read(Offset(0), Offset(30), 1 << 20, true)).unwrap();
    assert_eq!(before.next_offset, Offset(10));
    let inside = bench.run(log.read(Offset(10), Offset(30), 1 << 20, true));
    assert!(matches!(inside, Err(ReadError::Corrupt { offset: Offset(10), .. })), "{inside:?}");
    let after = bench.run(log.read(Offset(11), Offset(30), 1 << 20, true)).unwrap();
    assert_eq!((after.first_offset, after.next_offset), (Offset(11), Offset(30)));
    // Appends go on in a fresh segment, and all that survives another start.
    let ticket = append(&log, &batch(99, 1, 10, 5));
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    assert_eq!(log.segments().last().unwrap().base, Offset(30));
    bench.settle();
    drop(log);
    let mut bench = bench.crash(2, WINDOW);
    let (log, report) = bench.open(LogConfig::default());
    assert!(report.holes.is_empty(), "reported once");
    assert_eq!(log.log_end(), Offset(31));
    let inside = bench.run(log.read(Offset(10), Offset(31), 1 << 20, true));
    assert!(matches!(inside, Err(ReadError::Corrupt { .. })));
    let after = bench.run(log.read(Offset(11), Offset(31), 1 << 20, true)).unwrap();
    assert_eq!(after.first_offset, Offset(11));
}

#[test]
fn a_lost_end_below_the_floor_keeps_its_offsets() {
    let mut bench = Bench::new(14, WINDOW);
    let positions = thirty(&mut bench);
    let file = Path::new(DIR).join("00000000000000000000.log");
    for position in &positions[25..] {
        bench.disk.corrupt(&file, position + 100);
    }
    let mut bench = bench.crash(1, WINDOW);
    let (log, report) = bench.open(LogConfig::default());
    assert_eq!((report.holes[0].from, report.holes[0].to), (Offset(25), Offset(30)));
    assert_eq!(log.log_end(), Offset(30), "offsets are not assigned twice");
    let inside = bench.run(log.read(Offset(27), Offset(30), 1 << 20, true));
    assert!(matches!(inside, Err(ReadError::Corrupt { .. })), "{inside:?}");
    let ticket = append(&log, &batch(99, 1, 10, 5));
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    let found = bench.run(log.read(Offset(30), Offset(31), 1 << 20, true)).unwrap();
    assert_eq!(found.next_offset, Offset(31));
}

#[test]
fn damage_found_while_running_is_not_served_either() {
    let mut bench = Bench::new(15, WINDOW);
    let config = LogConfig { segment_bytes: 20_000, ..LogConfig::default() };
    let log = bench.create(config);
    for number in 0..100 {
        let ticket = append(&log, &batch(number, 1, 700, 5));
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    bench.settle();
    let shared = bench.shared.clone();
    bench.run(async { log.close().await.unwrap() });
    bench.run(async move { shared.write_checkpoint().await.unwrap() });
    drop(log);
    bench.disk.corrupt(&Path::new(DIR).join("00000000000000000000.log"), 5000);
    let mut bench = bench.restart(WINDOW);
    let (log, _) = bench.open(LogConfig::default());
    let first = bench.run(log.read(Offset(0), Offset(100), 1 << 20, true)).unwrap();
    let bad = first.next_offset;
    let inside = bench.run(log.read(bad, Offset(100), 1 << 20, true));
    assert!(matches!(inside, Err(ReadError::Corrupt { .. })), "{inside:?}");
    let next = Offset(bad.0 + 1);
    let after = bench.run(log.read(next, Offset(100), 1 << 20, true)).unwrap();
    assert_eq!(after.first_offset, next, "later data is still served");
}

#[test]
fn missing_or_damaged_index_files_are_rebuilt() {
    let mut bench = Bench::new(16, WINDOW);
    let config = LogConfig { segment_bytes: 50_000, ..LogConfig::default() };
    let log = bench.create(config.clone());
    for number in 0..200 {
        let ticket = append(&log, &batch(number, 1, 700, number.cast_signed()));
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    bench.settle();
    let expected = bench.run(read_all(&log, Offset(0)));
    drop(log);
    let (index, times) = ("00000000000000000000.index", "00000000000000000000.timeindex");
    let before = bench.disk.content(&Path::new(DIR).join(index)).unwrap();
    let times_before = bench.disk.content(&Path::new(DIR).join(times)).unwrap();
    assert!(!before.is_empty() && !times_before.is_empty());
    let disk = bench.disk.clone();
    bench.run(async move {
        use crate::ring::disk::Disk;
        disk.remove(&Path::new(DIR).join(index)).await.unwrap();
    });
    let mut bench = bench.restart(WINDOW);
    let (log, report) = bench.open(config.clone());
    assert!(report.indexes_rebuilt >= 1);
    bench.settle();
    assert_eq!(bench.disk.content(&Path::new(DIR).join(index)).unwrap(), before);
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
    drop(log);
    bench.disk.corrupt(&Path::new(DIR).join(index), 0);
    bench.disk.corrupt(&Path::new(DIR).join(times), 7);
    let mut bench = bench.restart(WINDOW);
    let (log, _) = bench.open(config);
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
}

#[test]
fn a_quiet_partition_costs_less_than_a_mebibyte_of_disk() {
    let mut bench = Bench::new(17, WINDOW);
    let before = bench.disk.used_bytes();
    let log = bench.create(LogConfig::default());
    for number in 0..20 {
        let ticket = append(&log, &batch(number, 1, 1000, 5));
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    bench.settle();
    let cost = bench.disk.used_bytes() - before;
    assert!(cost <= 1 << 20, "{cost} bytes");
}
