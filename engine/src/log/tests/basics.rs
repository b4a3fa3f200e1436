//! Append, read, roll, close and open again.

use super::bench::{Bench, append, batch, read_all, stored};
use crate::{
    log::LogConfig,
    types::{LeaderEpoch, Offset, TimestampMs},
};

const WINDOW: usize = 4 << 20;

fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 200_000, ..LogConfig::default() }
}

#[test]
fn appended_batches_are_read_back_from_window_and_disk() {
    let mut bench = Bench::new(1, 256 << 10);
    let log = bench.create(LogConfig::default());
    let mut expected = Vec::new();
    for number in 0..200 {
        let batch =
            batch(number, 3, 100 + usize::try_from(number).unwrap() * 50, number.cast_signed());
        let base = log.log_end().0;
        let ticket = append(&log, &batch);
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
        expected.push((base, stored(&batch, base)));
    }
    assert_eq!(log.flushed(), Offset(600));
    let found = bench.run(read_all(&log, Offset(0)));
    assert!(found == expected, "every batch is read back byte for byte");
    // From the middle of a batch the whole batch is returned.
    let found = bench.run(log.read(Offset(301), log.flushed(), 1, true)).unwrap();
    assert_eq!((found.first_offset, found.next_offset), (Offset(300), Offset(303)));
}

#[test]
fn a_rolled_log_is_read_across_segments_and_opened_again() {
    let mut bench = Bench::new(2, WINDOW);
    let log = bench.create(small_segments());
    let mut expected = Vec::new();
    for number in 0..300 {
        let batch = batch(number, 1, 5000, number.cast_signed());
        let base = log.log_end().0;
        let ticket = append(&log, &batch);
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
        expected.push((base, stored(&batch, base)));
    }
    bench.settle();
    let segments = log.segments();
    assert!(segments.len() >= 6, "{segments:?}");
    assert!(segments.iter().all(|segment| segment.bytes <= 300_000), "{segments:?}");
    assert!(bench.run(read_all(&log, Offset(0))) == expected);

    bench.run(async { log.close().await.unwrap() });
    let shared = bench.shared.clone();
    bench.run(async move { shared.write_checkpoint().await.unwrap() });
    drop(log);
    let mut bench = bench.restart(WINDOW);
    let (log, report) = bench.open(small_segments());
    assert_eq!(report, Default::default(), "nothing to recover after a clean shutdown");
    assert_eq!((log.log_end(), log.flushed()), (Offset(300), Offset(300)));
    assert!(bench.run(read_all(&log, Offset(0))) == expected);

    let found = bench.run(log.offset_for_timestamp(TimestampMs(123), log.flushed())).unwrap();
    assert_eq!(found.unwrap().offset, Offset(123));
    assert_eq!(
        log.end_offset_for_epoch(LeaderEpoch(0)),
        Some((LeaderEpoch(0), Offset(300))),
        "epochs survive"
    );
}

#[test]
fn an_unclean_log_is_scanned_and_continued() {
    let mut bench = Bench::new(3, WINDOW);
    let log = bench.create(small_segments());
    let mut expected = Vec::new();
    for number in 0..100 {
        let batch = batch(number, 2, 3000, number.cast_signed());
        let base = log.log_end().0;
        let ticket = append(&log, &batch);
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
        expected.push((base, stored(&batch, base)));
    }
    drop(log);
    let mut bench = bench.crash(7, WINDOW);
    let (log, report) = bench.open(small_segments());
    assert!(report.scanned_bytes > 0 && report.holes.is_empty(), "{report:?}");
    assert_eq!(log.log_end(), Offset(200));
    let last = batch(1000, 1, 10, 5);
    let ticket = append(&log, &last);
    bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    expected.push((200, stored(&last, 200)));
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
}
