//! What the log needs from a disk, as a trait: the real one is the ring's files, the other one is
//! a seeded faulty disk for tests. Never retries, never caches.

use std::{io, path::Path};

use bytes::Bytes;

/// The unit of direct I/O: positions, lengths and memory of direct writes are multiples of it.
pub const BLOCK_BYTES: usize = 4096;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Existing file, direct I/O, reads only.
    Read,
    /// Existing file, direct I/O, reads and writes.
    ReadWrite,
    /// New file (fails with `AlreadyExists`), direct I/O, reads and writes.
    CreateNew,
    /// New or emptied file written through the page cache: small metadata files of any length.
    /// Not durable until `flush`.
    Replace,
}

/// When a write answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage (`RWF_DSYNC`).
    Stable,
    /// Accepted by the device; a later `flush` makes it stable.
    Volatile,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File name without its folder.
    pub name: String,
    /// True for a folder.
    pub is_dir: bool,
    /// Length in bytes; 0 for a folder.
    pub bytes: u64,
}

/// A disk as the log sees it. All methods may be called concurrently; two writes that overlap in
/// one file must not be. Errors are the operating system's own; after a failed write or flush the
/// caller takes the partition offline and never retries (fsync errors are reported only once).
#[expect(async_fn_in_trait, reason = "one thread per shard: no future is ever sent")]
pub trait Disk: Clone + 'static {
    /// A cheap handle to an open file; the file closes when the last clone drops.
    type File: Clone + 'static;

    /// Opens `path` as `access` says.
    async fn open(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// Writes all `buffers` one after the other at `position`, in one durable operation.
    /// For direct files position, lengths and addresses are multiples of [`BLOCK_BYTES`].
    /// The buffers are owned by the operation until the kernel is done with them, also when the
    /// future is dropped. The bytes behind a buffer may still change while the write runs (the
    /// tail block of a log); only what was there at submission is promised to be written.
    async fn write(
        &self,
        file: &Self::File,
        position: u64,
        buffers: Vec<Bytes>,
        durability: Durability,
    ) -> io::Result<()>;

    /// Reads up to `bytes` bytes at `position`, any alignment; shorter only at the end of file.
    async fn read(&self, file: &Self::File, position: u64, bytes: usize) -> io::Result<Bytes>;

    /// Reserves space (`fallocate`) and extends the length if need be; reads back as zeros.
    async fn allocate(&self, file: &Self::File, position: u64, bytes: u64) -> io::Result<()>;

    /// Cuts or extends the file.
    async fn set_bytes(&self, file: &Self::File, bytes: u64) -> io::Result<()>;

    /// The file's length.
    async fn file_bytes(&self, file: &Self::File) -> io::Result<u64>;

    /// Makes all finished writes and the length of the file stable (`fdatasync`).
    async fn flush(&self, file: &Self::File) -> io::Result<()>;

    /// Makes creations, renames and removals in the folder stable.
    async fn flush_dir(&self, dir: &Path) -> io::Result<()>;

    /// Renames a file or folder, replacing a file that has the new name.
    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    async fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder; the parent exists.
    async fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    async fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Entries of a folder, in name order.
    async fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Bytes that may still be written below `path`.
    async fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Sleeps; on the simulated disk time passes at once.
    async fn sleep(&self, duration: std::time::Duration);
}
