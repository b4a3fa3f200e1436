//! Highest durable ingest with large batches, beside sequential direct writes of the same size.

use std::{io::IoSlice, os::unix::fs::OpenOptionsExt, path::Path, time::Instant};

use anyhow::Result;
use rustix::{fs::OFlags, io::ReadWriteFlags};

use crate::{
    broker::{Broker, Setup, TempDir},
    client::{Client, produce_frame, produced_offset},
    floor::Aligned,
};

const TOPIC: &str = "figures";
/// Connections, each with a partition of its own.
const CONNECTIONS: usize = 4;
/// Requests in flight on a connection.
const IN_FLIGHT: usize = 4;

pub(crate) fn run(setup: &Setup, bytes: u64) -> Result<()> {
    println!("{CONNECTIONS} connections, {IN_FLIGHT} requests in flight each; GB/s");
    for batch_bytes in [64 << 10, 256 << 10, 1 << 20] {
        let dir = TempDir::new(&setup.dir, "ingest")?;
        let raw = sequential_write(dir.path(), batch_bytes, bytes)?;
        let ours = measure(setup, dir.path(), batch_bytes, bytes)?;
        println!(
            "batches of {:5} KiB: direct write {raw:.2}, durable produce {ours:.2}, ratio {:.2}",
            batch_bytes >> 10,
            ours / raw,
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(crate) fn gigabytes_per_second(bytes: u64, begun: Instant) -> f64 {
    bytes as f64 / 1e9 / begun.elapsed().as_secs_f64()
}

/// Writes a preallocated file from front to back with direct I/O, flushed at the end: the pattern
/// of `fio --rw=write --direct=1 --end_fsync=1`, one write at a time.
fn sequential_write(dir: &Path, bytes_each: usize, bytes: u64) -> Result<f64> {
    let path = dir.join("sequential");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(i32::try_from(OFlags::DIRECT.bits())?)
        .open(&path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
    let block = Aligned::new(bytes_each);
    let begun = Instant::now();
    let mut position = 0;
    while position < bytes {
        let slice = [IoSlice::new(block.as_slice())];
        position += rustix::io::pwritev2(&file, &slice, position, ReadWriteFlags::empty())? as u64;
    }
    file.sync_data()?;
    let rate = gigabytes_per_second(bytes, begun);
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn measure(setup: &Setup, dir: &Path, batch_bytes: usize, bytes: u64) -> Result<f64> {
    let broker = Broker::start(setup, &dir.join("data"))?;
    let partitions = i32::try_from(CONNECTIONS)?;
    Client::connect(broker.address)?.create_topic(TOPIC, partitions)?;
    // The default message.max.bytes leaves a little less than 1 MiB for the record.
    let record_bytes = batch_bytes.min((1 << 20) - 1024);
    let requests = usize::try_from(bytes)? / record_bytes / CONNECTIONS;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..partitions)
            .map(|partition| {
                let address = broker.address;
                scope.spawn(move || -> Result<()> {
                    let frame = produce_frame(TOPIC, partition, record_bytes)?;
                    flood(&mut Client::connect(address)?, &frame, requests)
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    let sent = (record_bytes * requests * CONNECTIONS) as u64;
    Ok(gigabytes_per_second(sent, begun))
}

/// Sends `requests` frames with [`IN_FLIGHT`] of them unanswered.
pub(crate) fn flood(client: &mut Client, frame: &[u8], requests: usize) -> Result<()> {
    for sent in 0..requests + IN_FLIGHT {
        if sent < requests {
            client.send_frame(frame)?;
        }
        if sent >= IN_FLIGHT {
            produced_offset(client.read_frame()?)?;
        }
    }
    Ok(())
}
