//! A seeded faulty disk in memory, for tests: the same log code runs on it as on the real one.
//!
//! What it models:
//! - A finished write is visible at once, but durable only when it was `Stable` or after `flush`
//!   of its file. A crash keeps an arbitrary subset of the other writes, cut at 512 bytes or 4 KiB.
//! - File lengths and allocations are part of the same un-flushed list as the writes.
//! - Names (create, rename, remove) are a journal: `flush_dir` makes it durable up to the last
//!   change of that folder, a crash keeps a random prefix of the rest, as ext4 and XFS do.
//! - Every call takes a random number of turns, so that concurrent calls finish in any order.
//! - Errors, a full disk, a stall and a disk that ignores flushes, on demand.
//!
//! What it does not model: a disk that loses what it said was flushed, except when told to.

mod faults;
mod file;
mod names;

use std::{cell::RefCell, io, path::Path, rc::Rc, time::Duration};

use bytes::Bytes;

use self::{
    faults::Faults,
    file::SimContent,
    names::{Names, Node},
};
use super::disk::{Access, BLOCK_BYTES, Disk, Durability, Entry};

pub use self::faults::{FaultAt, Operation};

/// A small seeded generator (splitmix64): the same seed gives the same run.
#[derive(Clone, Debug)]
pub struct SimRandom(u64);

impl SimRandom {
    /// A generator that depends only on `seed`.
    pub fn new(seed: u64) -> SimRandom {
        SimRandom(seed)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end` (0 when `end` is 0).
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.bits() % end }
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Rc<RefCell<State>>);

struct State {
    random: SimRandom,
    names: Names,
    faults: Faults,
    /// Longest wait of a call, in turns of the executor.
    turns_max: u64,
    stalled: bool,
    /// Calls answered so far; a crash point is one value of it.
    operations: u64,
    power_off_at: u64,
}

/// An open file of the simulated disk.
#[derive(Clone)]
pub struct SimFile(Rc<RefCell<SimContent>>);

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> SimDisk {
        SimDisk(Rc::new(RefCell::new(State {
            random: SimRandom::new(seed),
            names: Names::default(),
            faults: Faults::default(),
            turns_max: 3,
            stalled: false,
            operations: 0,
            power_off_at: u64::MAX,
        })))
    }

    /// What a machine finds after losing power now: a new disk. Drop the executor that used the
    /// old one first; the old disk must not be used again.
    pub fn crash(&self, seed: u64) -> SimDisk {
        let mut random = SimRandom::new(seed);
        let names = self.0.borrow().names.crash(&mut random);
        let after = SimDisk::new(random.bits());
        after.0.borrow_mut().names = names;
        after
    }

    /// Stable writes and flushes answer without making anything durable: the control experiment
    /// that must lose data.
    pub fn disable_flush(&self) {
        self.0.borrow_mut().faults.flush_disabled = true;
    }

    /// Bytes that may be in use before calls fail with "no space left".
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.borrow_mut().faults.capacity_bytes = bytes;
    }

    /// Bytes in use by all files: allocated blocks, as `du` counts.
    pub fn used_bytes(&self) -> u64 {
        self.0.borrow().names.used_bytes()
    }

    /// Makes a later call fail.
    pub fn fail(&self, fault: FaultAt) {
        self.0.borrow_mut().faults.planned.push(fault);
    }

    /// While stalled, writes and flushes do not answer.
    pub fn stall(&self, stalled: bool) {
        self.0.borrow_mut().stalled = stalled;
    }

    /// Longest wait of a call, in turns of the executor; 0 answers at once.
    pub fn set_turns_max(&self, turns: u64) {
        self.0.borrow_mut().turns_max = turns;
    }

    /// The power fails after this many answered calls: later ones never answer.
    pub fn power_off_at(&self, operations: u64) {
        self.0.borrow_mut().power_off_at = operations;
    }

    /// Calls answered so far.
    pub fn operations(&self) -> u64 {
        self.0.borrow().operations
    }

    /// Flips one bit of a file, on the device and in what is read: silent corruption.
    pub fn corrupt(&self, path: &Path, position: u64) {
        let file = self.0.borrow().names.file(path).expect("the file to corrupt exists");
        file.0.borrow_mut().flip(position);
    }

    /// The whole content of a file as a reader sees it now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let file = self.0.borrow().names.file(path).ok()?;
        let bytes = file.0.borrow().len();
        Some(file.0.borrow().read(0, bytes))
    }

    /// Waits a random number of turns, then answers with the planned error if there is one.
    async fn turn(&self, operation: Operation, path: Option<&Path>) -> io::Result<()> {
        let turns = {
            let state = &mut *self.0.borrow_mut();
            state.random.below(state.turns_max + 1)
        };
        for _ in 0..turns {
            yield_once().await;
        }
        while matches!(operation, Operation::Write | Operation::Flush) && self.0.borrow().stalled {
            yield_once().await;
        }
        self.powered().await;
        let state = &mut *self.0.borrow_mut();
        state.operations += 1;
        state.faults.check(operation, path)
    }

    /// Never returns once the power is off.
    async fn powered(&self) {
        let off = {
            let state = self.0.borrow();
            state.operations >= state.power_off_at
        };
        if off {
            std::future::pending::<()>().await;
        }
    }

    /// Bytes that may still be allocated.
    fn room(&self) -> u64 {
        let state = self.0.borrow();
        let capacity = state.faults.capacity_bytes.unwrap_or(u64::MAX);
        capacity.saturating_sub(state.names.used_bytes())
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    async fn open(&self, path: &Path, access: Access) -> io::Result<SimFile> {
        self.turn(Operation::Open, Some(path)).await?;
        let names = &mut self.0.borrow_mut().names;
        match access {
            Access::Read | Access::ReadWrite => names.file(path),
            Access::CreateNew => names.create(path, true),
            Access::Replace => {
                if let Ok(file) = names.file(path) {
                    file.0.borrow_mut().set_len(0);
                    return Ok(file);
                }
                names.create(path, false)
            }
        }
    }

    async fn write(
        &self,
        file: &SimFile,
        position: u64,
        buffers: Vec<Bytes>,
        durability: Durability,
    ) -> io::Result<()> {
        // The device gets the bytes of the moment of submission, and may have them before it answers.
        let bytes = buffers.concat();
        let room = self.room();
        let path = file.0.borrow().path.clone();
        if file.0.borrow().new_blocks(position, bytes.len()) * BLOCK_BYTES as u64 > room {
            let part = self.0.borrow_mut().random.below(bytes.len() as u64);
            let part = usize::try_from(part.min(room)).expect("below the buffer's length");
            let part = part / BLOCK_BYTES * BLOCK_BYTES;
            file.0.borrow_mut().write(position, &bytes[..part]);
            self.turn(Operation::Write, Some(&path)).await?;
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
        }
        let direct = file.0.borrow().direct;
        let aligned = position.is_multiple_of(BLOCK_BYTES as u64)
            && bytes.len().is_multiple_of(BLOCK_BYTES)
            && buffers.iter().all(|b| b.as_ptr().addr().is_multiple_of(BLOCK_BYTES));
        assert!(!direct || aligned, "direct writes are aligned");
        let write = file.0.borrow_mut().begin_write(position, &bytes);
        self.turn(Operation::Write, Some(&path)).await?;
        file.0.borrow_mut().finish_write(write);
        if durability == Durability::Stable && !self.0.borrow().faults.flush_disabled {
            file.0.borrow_mut().make_stable(write, position, &bytes);
        }
        Ok(())
    }

    async fn read(&self, file: &SimFile, position: u64, bytes: usize) -> io::Result<Bytes> {
        let path = file.0.borrow().path.clone();
        self.turn(Operation::Read, Some(&path)).await?;
        Ok(file.0.borrow().read(position, bytes as u64).into())
    }

    async fn allocate(&self, file: &SimFile, position: u64, bytes: u64) -> io::Result<()> {
        let path = file.0.borrow().path.clone();
        self.turn(Operation::Allocate, Some(&path)).await?;
        let bytes_needed = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if file.0.borrow().new_blocks(position, bytes_needed) * BLOCK_BYTES as u64 > self.room() {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
        }
        file.0.borrow_mut().allocate(position, bytes);
        Ok(())
    }

    async fn set_bytes(&self, file: &SimFile, bytes: u64) -> io::Result<()> {
        let path = file.0.borrow().path.clone();
        self.turn(Operation::SetBytes, Some(&path)).await?;
        file.0.borrow_mut().set_len(bytes);
        Ok(())
    }

    async fn file_bytes(&self, file: &SimFile) -> io::Result<u64> {
        Ok(file.0.borrow().len())
    }

    async fn flush(&self, file: &SimFile) -> io::Result<()> {
        let upto = file.0.borrow().finished();
        let path = file.0.borrow().path.clone();
        self.turn(Operation::Flush, Some(&path)).await?;
        if !self.0.borrow().faults.flush_disabled {
            file.0.borrow_mut().flush(&upto);
        }
        Ok(())
    }

    async fn flush_dir(&self, dir: &Path) -> io::Result<()> {
        self.turn(Operation::FlushDir, Some(dir)).await?;
        let state = &mut *self.0.borrow_mut();
        if !state.faults.flush_disabled {
            state.names.flush_dir(dir);
        }
        Ok(())
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.turn(Operation::Rename, Some(from)).await?;
        self.0.borrow_mut().names.rename(from, to)
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.turn(Operation::Remove, Some(path)).await?;
        self.0.borrow_mut().names.remove(path)
    }

    async fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.turn(Operation::CreateDir, Some(path)).await?;
        self.0.borrow_mut().names.create_dir(path)
    }

    async fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.turn(Operation::Remove, Some(path)).await?;
        self.0.borrow_mut().names.remove_dir(path)
    }

    async fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.turn(Operation::List, Some(dir)).await?;
        self.0.borrow().names.list(dir).map(|nodes| {
            let entry = |(name, node): (String, &Node)| match node {
                Node::Dir => Entry { name, is_dir: true, bytes: 0 },
                Node::File(file) => Entry { name, is_dir: false, bytes: file.0.borrow().len() },
            };
            nodes.into_iter().map(entry).collect()
        })
    }

    async fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.room())
    }

    async fn sleep(&self, _duration: Duration) {
        self.powered().await;
        yield_once().await;
    }
}

/// Lets every other task run once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
