//! The real disk: files over the shard's ring, `O_DIRECT` with `RWF_DSYNC` writes.
//! Never retries a failed write or flush and never switches direct I/O off by itself.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use bytes::{Buf, Bytes};
use io_uring::{opcode, squeue, types};

use super::{
    buffers::AlignedBuf,
    disk::{Access, BLOCK_BYTES, Disk, Durability, Entry},
    driver::Ring,
    executor,
};

/// Buffers of one vectored write or send (`UIO_MAXIOV`).
pub(super) const BUFFERS_PER_CALL_MAX: usize = 1024;
/// Rights of created files and folders: the operator's group may read, nobody else.
const FILE_MODE: u32 = 0o640;
const DIR_MODE: u32 = 0o750;

/// Files over a shard's ring. Cheap to clone.
#[derive(Clone)]
pub struct UringDisk {
    ring: Ring,
    direct_io: bool,
}

/// An open file; closes when its last clone drops.
#[derive(Clone, Debug)]
pub struct UringFile {
    fd: Rc<OwnedFd>,
    direct: bool,
}

impl UringDisk {
    /// Files on `ring`; without `direct_io` (an explicit setting) they go through the page cache.
    pub fn new(ring: Ring, direct_io: bool) -> Self {
        Self { ring, direct_io }
    }

    fn open_flags(&self, access: Access) -> i32 {
        let direct = if self.direct_io { libc::O_DIRECT } else { 0 };
        libc::O_CLOEXEC
            | match access {
                Access::Read => libc::O_RDONLY | direct,
                Access::ReadWrite => libc::O_RDWR | direct,
                Access::CreateNew => libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | direct,
                Access::Replace => libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC,
            }
    }

    async fn open_with(&self, path: &Path, flags: i32) -> io::Result<OwnedFd> {
        let path = c_path(path)?;
        let entry = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr())
            .flags(flags)
            .mode(FILE_MODE)
            .build();
        // SAFETY: the path's heap memory does not move with the box that holds it.
        let op = unsafe { self.ring.start(entry, Box::new(path)) };
        let fd = op.await.0.into_result()?;
        let fd = i32::try_from(fd).expect("a descriptor fits i32");
        // SAFETY: the kernel has just opened this descriptor for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Runs an operation on one path.
    async fn path_op(
        &self,
        path: &Path,
        entry: impl FnOnce(*const libc::c_char) -> squeue::Entry,
    ) -> io::Result<()> {
        let path = c_path(path)?;
        let entry = entry(path.as_ptr());
        // SAFETY: the path's heap memory does not move with the box that holds it.
        let op = unsafe { self.ring.start(entry, Box::new(path)) };
        op.await.0.into_result().map(drop)
    }

    /// Runs an operation that points to no memory but keeps the file open.
    async fn file_op(&self, file: &UringFile, entry: squeue::Entry) -> io::Result<()> {
        // SAFETY: nothing is pointed to; the slot keeps the descriptor.
        let op = unsafe { self.ring.start(entry, Box::new(Rc::clone(&file.fd))) };
        op.await.0.into_result().map(drop)
    }

    async fn flush_fd(&self, fd: Rc<OwnedFd>) -> io::Result<()> {
        let entry = opcode::Fsync::new(types::Fd(fd.as_raw_fd()))
            .flags(types::FsyncFlags::DATASYNC)
            .build();
        self.file_op(&UringFile { fd, direct: false }, entry).await
    }

    async fn write_once(
        &self,
        file: &UringFile,
        position: u64,
        buffers: Vec<Bytes>,
        durability: Durability,
    ) -> io::Result<(usize, Vec<Bytes>)> {
        let count = buffers.len().min(BUFFERS_PER_CALL_MAX);
        let iovecs: Vec<libc::iovec> = buffers[..count].iter().map(iovec).collect();
        let flags = match durability {
            Durability::Stable => libc::RWF_DSYNC,
            Durability::Volatile => 0,
        };
        let count = u32::try_from(count).expect("at most BUFFERS_PER_CALL_MAX");
        let entry = opcode::Writev::new(types::Fd(file.fd.as_raw_fd()), iovecs.as_ptr(), count)
            .offset(position)
            .rw_flags(flags)
            .build();
        let hold = Box::new(WriteHold { buffers, _iovecs: iovecs, _fd: Rc::clone(&file.fd) });
        // SAFETY: the hold owns the vector of iovecs and, refcounted, the bytes they point to.
        let op = unsafe { self.ring.start(entry, hold) };
        let (completion, hold) = op.await;
        Ok((completion.into_result()?, hold.buffers))
    }
}

struct WriteHold {
    buffers: Vec<Bytes>,
    _iovecs: Vec<libc::iovec>,
    _fd: Rc<OwnedFd>,
}

/// The memory of `bytes` as the kernel wants it.
pub(super) fn iovec(bytes: &Bytes) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path holds a zero byte"))
}

/// Drops the first `written` bytes of `buffers`.
pub(super) fn advance(buffers: &mut Vec<Bytes>, mut written: usize) {
    let whole = buffers
        .iter()
        .take_while(|buffer| {
            let fits = buffer.len() <= written;
            if fits {
                written -= buffer.len();
            }
            fits
        })
        .count();
    buffers.drain(..whole);
    if let Some(first) = buffers.first_mut() {
        first.advance(written);
    }
}

impl Disk for UringDisk {
    type File = UringFile;

    async fn open(&self, path: &Path, access: Access) -> io::Result<UringFile> {
        let fd = self.open_with(path, self.open_flags(access)).await?;
        let direct = self.direct_io && access != Access::Replace;
        Ok(UringFile { fd: Rc::new(fd), direct })
    }

    async fn write(
        &self,
        file: &UringFile,
        mut position: u64,
        mut buffers: Vec<Bytes>,
        durability: Durability,
    ) -> io::Result<()> {
        buffers.retain(|buffer| !buffer.is_empty());
        while !buffers.is_empty() {
            let (written, rest) = self.write_once(file, position, buffers, durability).await?;
            buffers = rest;
            // A direct write that ends inside a block cannot be continued at an aligned place: the
            // disk has no room for the rest.
            if written == 0 || (file.direct && !written.is_multiple_of(BLOCK_BYTES)) {
                return Err(io::Error::from_raw_os_error(libc::ENOSPC));
            }
            advance(&mut buffers, written);
            position += written as u64;
        }
        Ok(())
    }

    async fn read(&self, file: &UringFile, position: u64, bytes: usize) -> io::Result<Bytes> {
        let block = BLOCK_BYTES as u64;
        let start = if file.direct { position / block * block } else { position };
        let skip = usize::try_from(position - start).expect("less than a block");
        let mut buffer = Box::new(AlignedBuf::zeroed(skip + bytes));
        let length = if file.direct { (skip + bytes).next_multiple_of(BLOCK_BYTES) } else { bytes };
        let length = u32::try_from(length)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "read of 4 GiB or more"))?;
        let entry = opcode::Read::new(types::Fd(file.fd.as_raw_fd()), buffer.as_mut_ptr(), length)
            .offset(start)
            .build();
        let hold = Box::new((buffer, Rc::clone(&file.fd)));
        // SAFETY: the hold owns the buffer, whose heap memory does not move.
        let op = unsafe { self.ring.start(entry, hold) };
        let (completion, hold) = op.await;
        let read = completion.into_result()?;
        let (buffer, _fd) = *hold;
        let end = read.min(skip + bytes);
        Ok(Bytes::from_owner(*buffer).slice(skip.min(end)..end))
    }

    async fn allocate(&self, file: &UringFile, position: u64, bytes: u64) -> io::Result<()> {
        let entry =
            opcode::Fallocate::new(types::Fd(file.fd.as_raw_fd()), bytes).offset(position).build();
        self.file_op(file, entry).await
    }

    async fn set_bytes(&self, file: &UringFile, bytes: u64) -> io::Result<()> {
        let entry = opcode::Ftruncate::new(types::Fd(file.fd.as_raw_fd()), bytes).build();
        match self.file_op(file, entry).await {
            // Kernels before 6.9 lack the ring operation.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                let fd = file.fd.try_clone()?;
                executor::blocking(move || rustix::fs::ftruncate(&fd, bytes)).await?;
                Ok(())
            }
            other => other,
        }
    }

    async fn file_bytes(&self, file: &UringFile) -> io::Result<u64> {
        // The inode of an open file is in memory: this call does no I/O.
        let stat = rustix::fs::fstat(&file.fd)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    async fn flush(&self, file: &UringFile) -> io::Result<()> {
        self.flush_fd(Rc::clone(&file.fd)).await
    }

    async fn flush_dir(&self, dir: &Path) -> io::Result<()> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let fd = self.open_with(dir, flags).await?;
        self.flush_fd(Rc::new(fd)).await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let paths = Box::new((c_path(from)?, c_path(to)?));
        let cwd = types::Fd(libc::AT_FDCWD);
        let entry = opcode::RenameAt::new(cwd, paths.0.as_ptr(), cwd, paths.1.as_ptr()).build();
        // SAFETY: the paths' heap memory does not move with the box that holds them.
        let op = unsafe { self.ring.start(entry, paths) };
        op.await.0.into_result().map(drop)
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let cwd = types::Fd(libc::AT_FDCWD);
        self.path_op(path, |path| opcode::UnlinkAt::new(cwd, path).build()).await
    }

    async fn create_dir(&self, path: &Path) -> io::Result<()> {
        let cwd = types::Fd(libc::AT_FDCWD);
        self.path_op(path, |path| opcode::MkDirAt::new(cwd, path).mode(DIR_MODE).build()).await
    }

    async fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let cwd = types::Fd(libc::AT_FDCWD);
        let flags = libc::AT_REMOVEDIR;
        self.path_op(path, |path| opcode::UnlinkAt::new(cwd, path).flags(flags).build()).await
    }

    async fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let dir = dir.to_path_buf();
        executor::blocking(move || list(&dir)).await
    }

    async fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let path = path.to_path_buf();
        let stat = executor::blocking(move || rustix::fs::statvfs(&path)).await?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    async fn sleep(&self, duration: Duration) {
        self.ring.sleep(duration).await;
    }
}

fn list(dir: &PathBuf) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let is_dir = metadata.is_dir();
        let bytes = if is_dir { 0 } else { metadata.len() };
        // Names that are not UTF-8 are not ours.
        if let Ok(name) = entry.file_name().into_string() {
            entries.push(Entry { name, is_dir, bytes });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
