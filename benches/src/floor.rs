//! What this machine can do at best: a durable overwrite of the same size, and a loopback round
//! trip of the same size. Their sum is the floor of a durable produce.

use std::{
    fs::OpenOptions,
    io::{IoSlice, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Instant,
};

use anyhow::Result;
use rustix::{fs::OFlags, io::ReadWriteFlags};

use crate::stats::Latencies;

const BLOCK_BYTES: usize = 4096;
/// Blocks of the file that is overwritten.
const FILE_BLOCKS: usize = 4096;

/// Memory whose `len` bytes from `start` are block-aligned.
pub(crate) struct Aligned {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn new(len: usize) -> Self {
        let memory = vec![b'f'; len + BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES);
        Self { memory, start, len }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

/// Durable overwrites (`O_DIRECT`, `RWF_DSYNC`) of whole blocks that hold `bytes`, one at a time.
pub(crate) fn durable_write(dir: &Path, bytes: usize, count: usize) -> Result<Latencies> {
    let path = dir.join("floor");
    let direct = i32::try_from(OFlags::DIRECT.bits())?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(direct)
        .open(&path)?;
    let block = Aligned::new(bytes.next_multiple_of(BLOCK_BYTES));
    let step = block.as_slice().len();
    for index in 0..FILE_BLOCKS {
        rustix::io::pwrite(&file, block.as_slice(), (index * step) as u64)?;
    }
    file.sync_all()?;
    let mut latencies = Latencies::new();
    for index in 0..count {
        let position = ((index % FILE_BLOCKS) * step) as u64;
        let begun = Instant::now();
        let slice = [IoSlice::new(block.as_slice())];
        rustix::io::pwritev2(&file, &slice, position, ReadWriteFlags::DSYNC)?;
        latencies.record(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(latencies)
}

/// Round trips of `bytes` out and a short answer back over loopback, both sides blocking.
pub(crate) fn echo(bytes: usize, count: usize) -> Result<Latencies> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let mut request = vec![0; bytes];
        for _ in 0..count {
            server.read_exact(&mut request)?;
            server.write_all(&request[..1])?;
        }
        Ok(())
    });
    let mut latencies = Latencies::new();
    let request = vec![1; bytes];
    for _ in 0..count {
        let begun = Instant::now();
        client.write_all(&request)?;
        client.read_exact(&mut [0; 1])?;
        latencies.record(begun.elapsed());
    }
    echo.join().expect("the echo thread does not panic")?;
    Ok(latencies)
}
