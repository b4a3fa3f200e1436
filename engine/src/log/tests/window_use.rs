//! The log's use of the window: bounded memory, eviction, slow readers, ranges for the replicator.

use super::bench::{Bench, append, batch, read_all, stored};
use crate::{log::LogConfig, ring::window::CHUNK_BYTES, types::Offset};

#[test]
fn more_than_the_window_holds_is_written_and_read_back() {
    let mut bench = Bench::new(21, 4 * CHUNK_BYTES);
    let log = bench.create(LogConfig::default());
    let mut expected = Vec::new();
    let mut tickets = Vec::new();
    // All at once: most of them wait for the window.
    for number in 0..60 {
        let batch = batch(number, 1, 20_000, 1);
        let base = log.log_end().0;
        tickets.push(append(&log, &batch));
        expected.push((base, stored(&batch, base)));
    }
    for ticket in tickets {
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    assert!(bench.run(read_all(&log, Offset(0))) == expected);
}

#[test]
fn slow_readers_cannot_stop_appends() {
    let mut bench = Bench::new(22, 8 * CHUNK_BYTES);
    let log = bench.create(LogConfig::default());
    let mut held = Vec::new();
    for number in 0..200 {
        let batch = batch(number, 1, 30_000, 1);
        let ticket = append(&log, &batch);
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
        // A reader that never lets go.
        let at = Offset(log.flushed().0 - 1);
        held.push(log.try_read_tail(at, log.flushed(), 1 << 20, true).unwrap());
    }
    assert_eq!(log.flushed(), Offset(200));
    let held: usize = held.iter().flatten().map(|found| found.bytes).sum();
    assert!(held > 100 * 30_000, "the reads were served: {held}");
}

#[test]
fn the_replicator_is_told_where_the_bytes_are() {
    let mut bench = Bench::new(23, 8 * CHUNK_BYTES);
    let log = bench.create(LogConfig::default());
    for number in 0..10 {
        let ticket = append(&log, &batch(number, 1, 20_000, 1));
        bench.run(async { log.wait_flushed(ticket).await.unwrap() });
    }
    let all = log.window_ranges(Offset(0)).unwrap();
    let bytes: usize = all.iter().map(|range| range.bytes).sum();
    assert_eq!(bytes as u64, log.size_bytes());
    let tail = log.window_ranges(Offset(9)).unwrap();
    assert!(tail.len() < all.len() && tail.last() == all.last());
}

#[test]
fn many_logs_share_a_small_window() {
    let mut bench = Bench::new(24, 8 * CHUNK_BYTES);
    let shared = bench.shared.clone();
    let logs: Vec<_> = (0..50)
        .map(|number| {
            let dir = format!("/data/many-{number}");
            let create = crate::log::Log::create(
                &shared,
                std::path::Path::new(&dir),
                LogConfig::default(),
                super::bench::NOW,
            );
            bench.run(create).unwrap()
        })
        .collect();
    for round in 0..5 {
        for (number, log) in logs.iter().enumerate() {
            let batch = batch(round * 100 + number as u64, 1, 500, 1);
            let ticket = append(log, &batch);
            bench.run(async { log.wait_flushed(ticket).await.unwrap() });
        }
    }
    for log in &logs {
        let found = bench.run(read_all(log, Offset(0)));
        assert_eq!(found.len(), 5, "partial blocks survive eviction");
    }
}
