//! Memory the kernel reads and writes: aligned heap blocks for direct I/O and the ring of
//! receive buffers that all connections of a shard share.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    io,
    ptr::NonNull,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, types::BufRingEntry};

use super::disk::BLOCK_BYTES;

/// Receive buffers of a shard. All connections draw from them for the moment between the arrival
/// of bytes and their copy into the request; when none is left the kernel says ENOBUFS and the
/// connection asks again.
const RECV_BUFFERS: u16 = 64;
/// Bytes of one receive buffer.
pub const RECV_BUFFER_BYTES: usize = 64 << 10;
/// The buffer group of the receive buffers.
pub(super) const RECV_GROUP: u16 = 0;

const _: () = assert!(RECV_BUFFERS.is_power_of_two());

/// Zeroed heap memory, aligned for direct I/O.
#[derive(Debug)]
pub struct AlignedBuf {
    pointer: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the buffer owns its memory and has no interior mutability.
unsafe impl Send for AlignedBuf {}
// SAFETY: shared access is read-only.
unsafe impl Sync for AlignedBuf {}

impl AlignedBuf {
    /// Zeroed memory of at least `bytes` bytes, rounded up to whole blocks.
    pub fn zeroed(bytes: usize) -> Self {
        let rounded = bytes.max(1).next_multiple_of(BLOCK_BYTES);
        let layout = Layout::from_size_align(rounded, BLOCK_BYTES)
            .expect("the block size is a power of two and the length was bounded by the caller");
        // SAFETY: the layout's size is not zero.
        let pointer = unsafe { alloc_zeroed(layout) };
        let Some(pointer) = NonNull::new(pointer) else { handle_alloc_error(layout) };
        Self { pointer, layout }
    }

    /// The memory, for filling.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the pointer owns `layout.size()` initialised bytes and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.as_ptr(), self.layout.size()) }
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.pointer.as_ptr()
    }
}

impl AsRef<[u8]> for AlignedBuf {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the pointer owns `layout.size()` initialised bytes; no writer while borrowed.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), self.layout.size()) }
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout and not freed since.
        unsafe { dealloc(self.pointer.as_ptr(), self.layout) };
    }
}

/// The provided-buffer ring of a shard: the kernel picks a buffer per receive, we give it back
/// after the copy.
pub(super) struct RecvBuffers {
    memory: AlignedBuf,
    /// `RECV_BUFFERS` entries shared with the kernel; page-aligned as it demands.
    entries: AlignedBuf,
    tail: u16,
}

impl RecvBuffers {
    /// Registers the buffers with `uring`. They must be dropped after it; the ring's `Inner`
    /// declares its fields in that order.
    pub(super) fn register(uring: &IoUring) -> io::Result<Self> {
        let memory = AlignedBuf::zeroed(usize::from(RECV_BUFFERS) * RECV_BUFFER_BYTES);
        let entries = AlignedBuf::zeroed(usize::from(RECV_BUFFERS) * size_of::<BufRingEntry>());
        let mut buffers = Self { memory, entries, tail: 0 };
        let address = buffers.entries.as_mut_ptr() as u64;
        // SAFETY: the entries outlive the ring, see above.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(address, RECV_BUFFERS, RECV_GROUP, 0)?;
        };
        for id in 0..RECV_BUFFERS {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    /// Moves the memory out, for a ring that ends with receives still running.
    pub(super) fn take(&mut self) -> Self {
        let empty = || AlignedBuf::zeroed(0);
        Self {
            memory: std::mem::replace(&mut self.memory, empty()),
            entries: std::mem::replace(&mut self.entries, empty()),
            tail: self.tail,
        }
    }

    pub(super) fn total_bytes(&self) -> usize {
        self.memory.layout.size() + self.entries.layout.size()
    }

    /// The first `bytes` bytes of buffer `id`, which the kernel has just filled.
    pub(super) fn filled(&self, id: u16, bytes: usize) -> &[u8] {
        let start = usize::from(id) * RECV_BUFFER_BYTES;
        &self.memory.as_ref()[start..start + bytes]
    }

    /// Offers buffer `id` to the kernel again.
    pub(super) fn give_back(&mut self, id: u16) {
        let start = usize::from(id) * RECV_BUFFER_BYTES;
        let address = self.memory.as_mut_slice()[start..].as_mut_ptr() as u64;
        let base = self.entries.as_mut_ptr().cast::<BufRingEntry>();
        let slot = usize::from(self.tail & (RECV_BUFFERS - 1));
        // SAFETY: `slot` is below RECV_BUFFERS, the number of entries allocated.
        let entry = unsafe { base.add(slot) };
        // SAFETY: the entries are allocated, zeroed and never borrowed elsewhere.
        let entry = unsafe { &mut *entry };
        entry.set_addr(address);
        entry.set_len(u32::try_from(RECV_BUFFER_BYTES).expect("64 KiB fits"));
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `base` is the address of the first entry.
        let tail = unsafe { BufRingEntry::tail(base) }.cast_mut();
        // SAFETY: the tail field is 2-aligned memory shared with the kernel, which only reads it.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        tail.store(self.tail, Ordering::Release);
    }
}
