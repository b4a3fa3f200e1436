//! What standing still costs: memory of the broker and of its connections, many partitions.

use std::{path::Path, time::Instant};

use anyhow::Result;

use crate::{
    broker::{Broker, Setup, TempDir},
    client::Client,
};

pub(crate) fn connections(setup: &Setup, count: usize) -> Result<()> {
    let dir = TempDir::new(&setup.dir, "idle")?;
    let broker = Broker::start(setup, dir.path())?;
    let before = broker.resident_bytes()?;
    println!("idle broker: {} MiB resident", before >> 20);
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        open.push(Client::connect(broker.address)?);
    }
    // Each has been accepted when the last one is served.
    if let Some(last) = open.last_mut() {
        last.create_topic("figures", 1)?;
    }
    let after = broker.resident_bytes()?;
    let each = after.saturating_sub(before) / count.max(1) as u64;
    println!("{count} idle connections: {} MiB more, {each} B each", (after - before) >> 20);
    Ok(())
}

pub(crate) fn partitions(setup: &Setup, count: i32) -> Result<()> {
    let dir = TempDir::new(&setup.dir, "partitions")?;
    let data = dir.path().join("data");
    let begun = Instant::now();
    let broker = Broker::start(setup, &data)?;
    println!("start, empty: {:.2} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    Client::connect(broker.address)?.create_topic("figures", count)?;
    println!("create {count} partitions: {:.2} s", begun.elapsed().as_secs_f64());
    println!(
        "disk: {} MiB, memory: {} MiB",
        disk_bytes(&data)? >> 20,
        broker.resident_bytes()? >> 20
    );
    drop(broker);
    let begun = Instant::now();
    let broker = Broker::start(setup, &data)?;
    println!("start after a clean stop: {:.2} s", begun.elapsed().as_secs_f64());
    broker.crash()?;
    let begun = Instant::now();
    let broker = Broker::start(setup, &data)?;
    println!("start after a crash: {:.2} s", begun.elapsed().as_secs_f64());
    drop(broker);
    Ok(())
}

/// Bytes that the files below `dir` take on disk.
fn disk_bytes(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes +=
            if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
