//! A disk that is full or broken: what is acknowledged, what is not, and what goes on.

use log_format::Compression;

use super::bench::{Bench, NOW, batch, read_values, sequenced};
use crate::{
    partition::{AckError, Acks, AppendError},
    ring::sim_disk::{FaultAt, Operation},
    types::Offset,
};

const EIO: i32 = 5;

#[test]
fn a_full_disk_gives_up_what_waits_and_takes_it_again_when_there_is_space() {
    let mut bench = Bench::new(20);
    let partition = bench.create();
    let appended = partition.append(&sequenced(7, 0, 1), Acks::Leader, NOW).unwrap();
    bench.run(appended.ack.wait()).unwrap();
    bench.settle();
    bench.disk.set_capacity(Some(0));
    // More than any zeroed space ahead of the end holds.
    let value = "x".repeat(400_000);
    let mut lost = Vec::new();
    for _ in 0..8 {
        let records = batch(&[&value], Compression::None);
        lost.push(partition.append(&records, Acks::Leader, NOW).unwrap().ack);
    }
    let in_flight = partition.append(&sequenced(7, 1, 1), Acks::Leader, NOW).unwrap();
    assert_eq!(bench.run(in_flight.ack.wait()), Err(AckError::NoSpace));
    let end = partition.offsets().log_end();
    assert_eq!(bench.run(read_values(&partition)).len(), usize::try_from(end.0).unwrap());

    bench.disk.set_capacity(None);
    let again = partition.append(&sequenced(7, 1, 1), Acks::Leader, NOW).unwrap();
    assert!(!again.duplicate, "what was given up is appended anew");
    bench.run(again.ack.wait()).unwrap();
    assert_eq!(bench.run(read_values(&partition)).last().unwrap(), "7:1");
}

#[test]
fn a_failed_write_takes_the_partition_offline_and_is_never_acked() {
    let mut bench = Bench::new(21);
    let partition = bench.create();
    let records = batch(&["a"], Compression::None);
    let kept = partition.append(&records, Acks::Leader, NOW).unwrap();
    bench.run(kept.ack.wait()).unwrap();
    bench.settle();
    bench.disk.fail(FaultAt {
        operation: Operation::Write,
        path_part: ".log".to_owned(),
        after: 0,
        errno: EIO,
    });
    let lost = partition.append(&records, Acks::All, NOW).unwrap();
    assert_eq!(bench.run(lost.ack.wait()), Err(AckError::Offline));
    assert!(partition.is_offline());
    let refused = partition.append(&records, Acks::Leader, NOW);
    assert!(matches!(refused, Err(AppendError::Log(_))));
    assert_eq!(partition.high_watermark(), Offset(1));
    assert_eq!(bench.run(read_values(&partition)), ["a"], "reads go on");
}
