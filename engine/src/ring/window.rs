//! The tail window of a shard: one memfd whose chunks hold the newest bytes of its logs, so that
//! disk writes, tail fetches and the replicator all use the same copy. Owns the mapping and the
//! free list; never knows what the bytes mean.
//!
//! ```text
//! memfd:  | generation of chunk 0, 1, ...: u64 in native order | chunk 0 | chunk 1 | ...
//!           padded to a whole chunk                                  64 KiB each
//! ```
//! A chunk is filled from front to back and what was filled never changes until the chunk is free
//! again: that is why slices of it can be handed out while it is still being filled. Another
//! process may map the memfd read-only; it compares a chunk's generation before and after it
//! copied bytes, because a chunk is reused once this process is done with it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

use super::disk::BLOCK_BYTES;

/// Bytes of one chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;

const GENERATION_BYTES: usize = size_of::<u64>();
const WORD_BITS: usize = u64::BITS as usize;
const _: () = assert!(CHUNK_BYTES.is_multiple_of(BLOCK_BYTES));

/// The window. Cloning is cheap and gives the same window; the memory is unmapped when the last
/// clone, chunk and slice is gone.
#[derive(Clone)]
pub struct Window(Arc<Mapping>);

struct Mapping {
    memfd: OwnedFd,
    address: NonNull<u8>,
    mapped_bytes: usize,
    header_bytes: usize,
    chunks: usize,
    /// One bit per chunk, set while the chunk is free. A chunk belongs to whoever cleared its bit.
    free: Box<[AtomicU64]>,
    /// Chunks that slices point into.
    pinned_chunks: AtomicUsize,
}

// SAFETY: the mapping is plain memory that lives until drop. Bytes of a chunk are written only
// through the one `Chunk` that owns it and only beyond what slices cover, so no byte is ever read
// and written at the same time from two threads.
unsafe impl Send for Mapping {}
// SAFETY: as above; the free list and the generations are atomics.
unsafe impl Sync for Mapping {}

impl Window {
    /// Makes a window of `bytes` (rounded up to whole chunks) in a sealed memfd and touches every
    /// page of it, so that no append meets a page fault. Blocking: call it before serving.
    pub fn new(bytes: usize) -> io::Result<Window> {
        let chunks = bytes.div_ceil(CHUNK_BYTES);
        let header_bytes = (chunks * GENERATION_BYTES).next_multiple_of(CHUNK_BYTES);
        let mapped_bytes = header_bytes + chunks * CHUNK_BYTES;
        let memfd =
            memfd_create("ringlog-window", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memfd, mapped_bytes as u64)?;
        fcntl_add_seals(&memfd, SealFlags::SHRINK | SealFlags::GROW)?;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address the kernel chooses; it aliases nothing of ours.
        let address = unsafe { mmap(std::ptr::null_mut(), mapped_bytes, prot, flags, &memfd, 0) }?;
        let address = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let words = (0..chunks.div_ceil(WORD_BITS)).map(|word| {
            let bits = (chunks - word * WORD_BITS).min(WORD_BITS);
            AtomicU64::new(u64::MAX >> (WORD_BITS - bits))
        });
        let free = words.collect();
        Ok(Window(Arc::new(Mapping {
            memfd,
            address,
            mapped_bytes,
            header_bytes,
            chunks,
            free,
            pinned_chunks: AtomicUsize::new(0),
        })))
    }

    /// Takes a free, empty chunk; `None` when every chunk is in use.
    pub fn allocate(&self) -> Option<Chunk> {
        let index = self.0.take_free()?;
        self.0.generation(index).fetch_add(1, Ordering::AcqRel);
        let (mapping, slices) = (Arc::clone(&self.0), AtomicUsize::new(0));
        let slot = Arc::new(Slot { mapping, index, slices });
        Some(Chunk { slot, start: 0, filled: 0 })
    }

    /// Chunks in the window, free or not.
    pub fn chunks(&self) -> usize {
        self.0.chunks
    }

    /// Chunks that `allocate` could hand out now.
    pub fn free_chunks(&self) -> usize {
        self.0.free.iter().map(|word| word.load(Ordering::Relaxed).count_ones() as usize).sum()
    }

    /// Chunks that slices point into: they cannot be reused until the slices are gone.
    pub fn pinned_chunks(&self) -> usize {
        self.0.pinned_chunks.load(Ordering::Relaxed)
    }

    /// The memfd, to be passed to the replicator (SCM_RIGHTS). It cannot shrink or grow.
    pub fn memfd(&self) -> BorrowedFd<'_> {
        self.0.memfd.as_fd()
    }

    /// Bytes of the memfd: what another process maps.
    pub fn mapped_bytes(&self) -> usize {
        self.0.mapped_bytes
    }
}

impl Mapping {
    fn take_free(&self) -> Option<usize> {
        for (at, word) in self.free.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                let before = word.fetch_and(!(1 << bit), Ordering::Acquire);
                if before & (1 << bit) != 0 {
                    return Some(at * WORD_BITS + bit);
                }
                bits = before & !(1 << bit);
            }
        }
        None
    }

    fn give_back(&self, index: usize) {
        let bit = 1u64 << (index % WORD_BITS);
        let before = self.free[index / WORD_BITS].fetch_or(bit, Ordering::Release);
        assert_eq!(before & bit, 0, "a chunk is given back once");
    }

    fn generation(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.chunks);
        // SAFETY: the table has one u64 per chunk and `index` is below their count, checked above.
        let at = unsafe { self.address.add(index * GENERATION_BYTES) };
        // SAFETY: the mapping is page aligned, so the entry is aligned; it lives as long as `self`
        // and is only ever accessed as an atomic.
        unsafe { AtomicU64::from_ptr(at.as_ptr().cast()) }
    }

    /// Address of byte `at` of a chunk.
    fn byte(&self, index: usize, at: usize) -> NonNull<u8> {
        assert!(index < self.chunks && at <= CHUNK_BYTES);
        // SAFETY: index and position are inside the mapping (or one past its end), checked above.
        unsafe { self.address.add(self.header_bytes + index * CHUNK_BYTES + at) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no chunk or slice can be alive: each holds this Arc.
        let unmapped = unsafe { munmap(self.address.as_ptr().cast(), self.mapped_bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping cannot fail");
    }
}

/// Shared by a chunk and its slices; the last one frees the chunk.
struct Slot {
    mapping: Arc<Mapping>,
    index: usize,
    /// Slices that point into the chunk.
    slices: AtomicUsize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.mapping.give_back(self.index);
    }
}

/// One chunk in use: the only writer of its bytes. Dropping it does not disturb slices.
pub struct Chunk {
    slot: Arc<Slot>,
    start: usize,
    /// Bytes below are content and never change; bytes from here on are not yet visible to anyone.
    filled: usize,
}

impl Chunk {
    /// Leaves the first `start` bytes unused: the content of this empty chunk begins there.
    pub fn begin_at(&mut self, start: usize) {
        assert!(self.start == self.filled && start < CHUNK_BYTES, "only while it is empty");
        (self.start, self.filled) = (start, start);
    }

    /// Copies as much of `bytes` as fits behind the content and says how much that was.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(CHUNK_BYTES - self.filled);
        let to = self.slot.mapping.byte(self.slot.index, self.filled);
        // SAFETY: `count` bytes from `filled` on lie inside the chunk; slices end at `filled` and
        // this is the only `Chunk` of the slot, so nobody reads them; `bytes` cannot overlap what
        // no safe reference covers.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), count) };
        self.filled += count;
        count
    }

    /// Where the content begins in the chunk.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Where the content ends in the chunk.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Content from `from` to `to` without copying; it keeps the chunk from being reused.
    pub fn slice(&self, from: usize, to: usize) -> Bytes {
        assert!(self.start <= from && from <= to && to <= self.filled, "only content is readable");
        if from == to {
            return Bytes::new();
        }
        Bytes::from_owner(Pinned::new(&self.slot, from, to - from))
    }

    /// Content from `from` to `to` to look at.
    pub fn content(&self, from: usize, to: usize) -> &[u8] {
        assert!(self.start <= from && from <= to && to <= self.filled, "only content is readable");
        let at = self.slot.mapping.byte(self.slot.index, from);
        // SAFETY: the range is content, which never changes while this chunk is borrowed.
        unsafe { std::slice::from_raw_parts(at.as_ptr(), to - from) }
    }

    /// Where the chunk begins in the memfd.
    pub fn window_offset(&self) -> u64 {
        (self.slot.mapping.header_bytes + self.slot.index * CHUNK_BYTES) as u64
    }

    /// How often this chunk has been handed out; a reader in another process compares it with the
    /// table at the head of the memfd, entry `chunk_index`.
    pub fn generation(&self) -> u64 {
        self.slot.mapping.generation(self.slot.index).load(Ordering::Relaxed)
    }

    /// The chunk's number in the window.
    pub fn chunk_index(&self) -> usize {
        self.slot.index
    }
}

/// What a slice owns.
struct Pinned {
    slot: Arc<Slot>,
    from: usize,
    bytes: usize,
}

impl Pinned {
    fn new(slot: &Arc<Slot>, from: usize, bytes: usize) -> Pinned {
        if slot.slices.fetch_add(1, Ordering::AcqRel) == 0 {
            slot.mapping.pinned_chunks.fetch_add(1, Ordering::AcqRel);
        }
        Pinned { slot: Arc::clone(slot), from, bytes }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.slot.slices.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.slot.mapping.pinned_chunks.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        let at = self.slot.mapping.byte(self.slot.index, self.from);
        // SAFETY: made from a range that was content; content never changes until the slot drops,
        // and this value keeps it.
        unsafe { std::slice::from_raw_parts(at.as_ptr(), self.bytes) }
    }
}
