//! Owns what a sink keeps: partition logs in memory, with the faults that a judge must notice, and
//! the file of the durable floor. Never answers requests.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::IoSlice;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::io::ReadWriteFlags;

use crate::wire::batch::{BASE_SEQUENCE_AT, CRC_AT, CRC_FROM, PRODUCER_ID_AT};

/// Memory of a partition log; the oldest batches go first.
const LOG_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A faulty log misbehaves once in this many batches.
const FAULT_EVERY: u64 = 40;
/// Batches of a producer that a repeat is recognised by, as in Kafka.
const REMEMBERED_MAX: usize = 5;

/// What a log does wrong, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mutant {
    /// Nothing.
    Clean,
    /// Nothing, but all connections are cut every half second.
    CleanCrash,
    /// Acknowledges and never stores.
    Drop,
    /// Stores twice.
    Duplicate,
    /// Stores two neighbours in the wrong order.
    Reorder,
    /// Flips a bit and leaves the checksum.
    Flip,
    /// Flips a bit and corrects the batch's checksum.
    FlipSealed,
    /// Acknowledges before storing; a crash every half second loses what was not stored.
    AckEarly,
    /// Stores a record that nobody sent.
    Phantom,
}

impl Mutant {
    /// How often connections are cut.
    pub const fn crash_every(self) -> Option<Duration> {
        match self {
            Mutant::CleanCrash | Mutant::AckEarly => Some(Duration::from_millis(500)),
            _ => None,
        }
    }
}

/// A partition.
#[derive(Debug)]
pub struct PartitionLog {
    state: Mutex<State>,
    grew: Condvar,
    mutant: Mutant,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Stored>,
    bytes: usize,
    start: i64,
    end: i64,
    appended: u64,
    /// Acknowledged and not stored (reorder: one; acknowledge early: some).
    held: VecDeque<Vec<u8>>,
    /// `(producer id, base sequence, base offset)` of recent batches.
    recent: VecDeque<(i64, i32, i64)>,
}

#[derive(Debug)]
struct Stored {
    base: i64,
    count: i64,
    bytes: Vec<u8>,
}

impl PartitionLog {
    /// An empty log with a fault.
    pub fn new(mutant: Mutant) -> PartitionLog {
        PartitionLog { state: Mutex::default(), grew: Condvar::new(), mutant }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// Appends a batch. Returns an error code and the base offset.
    pub fn append(&self, batch: &[u8]) -> (i16, i64) {
        let mut state = self.state();
        let producer = read_i64(batch, PRODUCER_ID_AT);
        let sequence = read_i32(batch, BASE_SEQUENCE_AT);
        if producer >= 0
            && let Some(known) = state.recent.iter().find(|r| (r.0, r.1) == (producer, sequence))
        {
            return (0, known.2);
        }
        state.appended += 1;
        let faulty = state.appended.is_multiple_of(FAULT_EVERY);
        let base = self.store(&mut state, batch.to_vec(), faulty);
        if producer >= 0 {
            state.recent.push_back((producer, sequence, base));
            let excess = state.recent.iter().filter(|r| r.0 == producer).count() > REMEMBERED_MAX;
            if excess && let Some(oldest) = state.recent.iter().position(|r| r.0 == producer) {
                state.recent.remove(oldest);
            }
        }
        self.grew.notify_all();
        (0, base)
    }

    fn store(&self, state: &mut State, mut batch: Vec<u8>, faulty: bool) -> i64 {
        let end = state.end;
        match self.mutant {
            Mutant::AckEarly => {
                let promised = end + state.held.iter().map(|held| count(held)).sum::<i64>();
                state.held.push_back(batch);
                // The log lags ten batches behind its answers.
                if state.held.len() > 10
                    && let Some(oldest) = state.held.pop_front()
                {
                    state.push(oldest);
                }
                promised
            }
            _ if !faulty => {
                let base = state.push(batch);
                if let Some(late) = state.held.pop_front() {
                    state.push(late);
                }
                base
            }
            Mutant::Clean | Mutant::CleanCrash => state.push(batch),
            Mutant::Drop => end,
            Mutant::Duplicate => {
                let base = state.push(batch.clone());
                state.push(batch);
                base
            }
            Mutant::Reorder => {
                state.held.push_back(batch);
                end
            }
            Mutant::Flip => {
                let last = batch.len() - 5;
                batch[last] ^= 4;
                state.push(batch)
            }
            Mutant::FlipSealed => {
                let last = batch.len() - 5;
                batch[last] ^= 4;
                reseal(&mut batch);
                state.push(batch)
            }
            Mutant::Phantom => {
                let base = state.push(batch.clone());
                // Same stamp, but numbered as something that was never sent.
                let stamp = batch.windows(4).position(|w| w == b"RLg1").unwrap_or(CRC_FROM);
                batch[stamp + 12] = 0x7f;
                reseal_value(&mut batch, stamp);
                reseal(&mut batch);
                state.push(batch);
                base
            }
        }
    }

    /// Loses what was acknowledged and not stored.
    pub fn crash(&self) {
        if self.mutant == Mutant::AckEarly {
            self.state().held.clear();
        }
    }

    /// First offset that is kept, and the end.
    pub fn bounds(&self) -> (i64, i64) {
        let state = self.state();
        (state.start, state.end)
    }

    /// Batches from `offset` on, at most `bytes_max` but at least one. Waits up to `wait` for one.
    /// `None` when the offset is out of range.
    pub fn read(&self, offset: i64, bytes_max: usize, wait: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + wait;
        let mut state = self.state();
        while offset == state.end {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(Vec::new());
            }
            state = self.grew.wait_timeout(state, left).expect("no holder panics").0;
        }
        if offset < state.start || offset > state.end {
            return None;
        }
        let first = state.batches.partition_point(|batch| batch.base + batch.count <= offset);
        let mut out = Vec::new();
        for batch in state.batches.iter().skip(first) {
            if !out.is_empty() && out.len() + batch.bytes.len() > bytes_max {
                break;
            }
            out.extend_from_slice(&batch.bytes);
        }
        Some(out)
    }
}

impl State {
    fn push(&mut self, mut bytes: Vec<u8>) -> i64 {
        let base = self.end;
        let count = count(&bytes);
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        self.bytes += bytes.len();
        self.end += count;
        self.batches.push_back(Stored { base, count, bytes });
        while self.bytes > LOG_BYTES_MAX
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= oldest.bytes.len();
            self.start = oldest.base + oldest.count;
        }
        base
    }
}

/// Records announced by a batch's header.
pub fn count(batch: &[u8]) -> i64 {
    i64::from(read_i32(batch, BASE_SEQUENCE_AT + 4)).max(1)
}

fn read_i64(bytes: &[u8], at: usize) -> i64 {
    bytes[at..].first_chunk().map_or(-1, |chunk| i64::from_be_bytes(*chunk))
}

fn read_i32(bytes: &[u8], at: usize) -> i32 {
    bytes[at..].first_chunk().map_or(-1, |chunk| i32::from_be_bytes(*chunk))
}

fn reseal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}

/// Corrects the checksum inside the stamped value that starts at `stamp`: the value is the record's
/// last field but one (an empty header list follows), and the record is the batch's first.
fn reseal_value(batch: &mut [u8], stamp: usize) {
    let end = batch.len() - 1;
    batch[stamp + 28..stamp + 32].fill(0);
    let crc = crc32c::crc32c(&batch[stamp..end]);
    batch[stamp + 28..stamp + 32].copy_from_slice(&crc.to_be_bytes());
}

/// Length of the durable floor's file, overwritten in a circle.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Direct I/O works in blocks of this size.
const BLOCK_BYTES: usize = 4096;

/// A file of written zeros that takes durable overwrites: the least a broker must do for an
/// acknowledgement that survives a power cut.
#[derive(Debug)]
pub struct DurableFile {
    file: File,
    at: u64,
    buffer: Vec<u8>,
    /// Whether the page cache is bypassed; not every file system can.
    pub direct: bool,
}

impl DurableFile {
    /// Creates a nameless file beside `path` (`path` names the folder) and fills it.
    pub fn open(folder: &Path) -> Result<DurableFile> {
        let unnamed = rustix::fs::OFlags::TMPFILE.bits();
        let direct_flag = rustix::fs::OFlags::DIRECT.bits();
        let open = |flags: u32| {
            OpenOptions::new().read(true).write(true).custom_flags(flags.cast_signed()).open(folder)
        };
        let with_direct = open(unnamed | direct_flag);
        let direct = with_direct.is_ok();
        let file = with_direct
            .or_else(|_| open(unnamed))
            .with_context(|| format!("a temporary file in {}", folder.display()))?;
        let mut durable = DurableFile { file, at: 0, buffer: vec![0; BLOCK_BYTES], direct };
        let zeros = vec![0; 1 << 20];
        for _ in 0..FILE_BYTES >> 20 {
            durable.put(&zeros, ReadWriteFlags::empty())?;
        }
        durable.file.sync_all().context("sync the floor's file")?;
        Ok(durable)
    }

    /// Writes `bytes`, rounded up to whole blocks, and returns when they are on stable storage.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.put(bytes, ReadWriteFlags::DSYNC)
    }

    fn put(&mut self, bytes: &[u8], flags: ReadWriteFlags) -> Result<()> {
        let blocks = bytes.len().div_ceil(BLOCK_BYTES).max(1) * BLOCK_BYTES;
        if self.buffer.len() < blocks + BLOCK_BYTES {
            self.buffer.resize(blocks + BLOCK_BYTES, 0);
        }
        // Direct I/O wants an aligned address; a block of slack makes room for one.
        let shift = self.buffer.as_ptr().align_offset(BLOCK_BYTES);
        let aligned = &mut self.buffer[shift..shift + blocks];
        aligned[..bytes.len()].copy_from_slice(bytes);
        if self.at + blocks as u64 > FILE_BYTES {
            self.at = 0;
        }
        let mut done = 0;
        while done < blocks {
            let part = [IoSlice::new(&aligned[done..])];
            done += rustix::io::pwritev2(&self.file, &part, self.at + done as u64, flags)
                .context("durable write")?;
        }
        self.at += blocks as u64;
        Ok(())
    }
}
