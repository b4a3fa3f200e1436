//! Reads from the tail of the log, with one and eight consumers.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    broker::{Broker, Setup, TempDir},
    client::{Client, fetch_frame, fetched, produce_frame},
    ingest::{flood, gigabytes_per_second},
};

const TOPIC: &str = "figures";
/// Batches in the log, small enough to stay in the tail window.
const BATCHES: usize = 16;
const RECORD_BYTES: usize = (1 << 20) - 1024;
const FETCH_BYTES: i32 = 8 << 20;

pub(crate) fn run(setup: &Setup, bytes: u64) -> Result<()> {
    let dir = TempDir::new(&setup.dir, "fetch")?;
    let broker = Broker::start(setup, dir.path())?;
    let mut producer = Client::connect(broker.address)?;
    producer.create_topic(TOPIC, 1)?;
    flood(&mut producer, &produce_frame(TOPIC, 0, RECORD_BYTES)?, BATCHES)?;
    let frame = fetch_frame(TOPIC, 0, FETCH_BYTES)?;
    producer.send_frame(&frame)?;
    let records = fetched(producer.read_frame()?)?;
    ensure!(records.len() > 4 << 20, "one fetch holds only {} bytes", records.len());
    for consumers in [1, 8] {
        let rounds = bytes / records.len() as u64 / consumers;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..consumers)
                .map(|_| {
                    let (address, frame, expected) = (broker.address, &frame, records.len());
                    scope.spawn(move || {
                        consume(&mut Client::connect(address)?, frame, rounds, expected)
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        })?;
        let read = rounds * consumers * records.len() as u64;
        println!(
            "{consumers} consumers, {} MiB a fetch: {:.2} GB/s",
            records.len() >> 20,
            gigabytes_per_second(read, begun)
        );
    }
    Ok(())
}

/// Fetches the same range again and again, looking only at the length of each answer: decoding
/// and checking would measure this client.
fn consume(client: &mut Client, frame: &[u8], rounds: u64, records_bytes: usize) -> Result<()> {
    for _ in 0..rounds {
        client.send_frame(frame)?;
        let answer_bytes = client.read_frame_in_place()?;
        ensure!(answer_bytes > records_bytes, "a short answer of {answer_bytes} bytes");
    }
    Ok(())
}
