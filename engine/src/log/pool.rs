//! Files for reuse, per shard: what retention deletes becomes the next segment of a busy log.
//! A pooled file is not clean: it is filled with zeros before it is used, because its old batches
//! must never be taken for new ones.

use std::{
    cell::{Cell, RefCell},
    io,
    path::{Path, PathBuf},
};

use super::files;
use crate::{
    limits::{POOL_FILE_BYTES_MAX, POOL_FILES_MAX},
    ring::disk::{Access, Disk},
};

pub(crate) struct Pool {
    dir: PathBuf,
    /// Files in the folder that may be taken, oldest first.
    files: RefCell<Vec<PathBuf>>,
    next_number: Cell<u64>,
}

/// A file ready to be appended to.
pub(crate) struct NewFile<D: Disk> {
    pub(crate) file: D::File,
    /// Zeroed and stable up to here.
    pub(crate) zeroed_bytes: u64,
}

impl Pool {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Pool { dir, files: RefCell::default(), next_number: Cell::new(0) }
    }

    /// Takes over the files that an earlier run has left.
    pub(crate) async fn load<D: Disk>(&self, disk: &D) -> io::Result<()> {
        for entry in disk.list(&self.dir).await? {
            let path = self.dir.join(&entry.name);
            let number = entry.name.strip_suffix(".log").and_then(|n| n.parse::<u64>().ok());
            match number {
                Some(number) if self.files.borrow().len() < POOL_FILES_MAX => {
                    self.next_number.set(self.next_number.get().max(number + 1));
                    self.files.borrow_mut().push(path);
                }
                _ => files::remove_if_there(disk, &path).await?,
            }
        }
        Ok(())
    }

    /// Makes the file `path`, zeroed up to `bytes` (a multiple of the block), stable under its
    /// name. Takes a pooled file for it if `reuse` and there is one.
    pub(crate) async fn new_file<D: Disk>(
        &self,
        disk: &D,
        path: &Path,
        bytes: u64,
        reuse: bool,
    ) -> io::Result<NewFile<D>> {
        let dir = path.parent().expect("a segment is in a folder");
        let pooled = if reuse { self.files.borrow_mut().pop() } else { None };
        let (file, old_bytes) = match pooled {
            Some(pooled) => {
                let file = disk.open(&pooled, Access::ReadWrite).await?;
                let old_bytes = disk.file_bytes(&file).await?;
                (Some((pooled, file)), old_bytes)
            }
            None => (None, 0),
        };
        // All old content goes, not only what is needed at once.
        let zeroed_bytes =
            bytes.max(old_bytes).next_multiple_of(crate::ring::disk::BLOCK_BYTES as u64);
        let file = match file {
            Some((pooled, file)) => {
                files::write_zeros(disk, &file, 0, zeroed_bytes).await?;
                disk.flush(&file).await?;
                disk.rename(&pooled, path).await?;
                disk.flush_dir(&self.dir).await?;
                file
            }
            None => {
                files::remove_if_there(disk, path).await?;
                let file = disk.open(path, Access::CreateNew).await?;
                if let Err(error) = fill(disk, &file, zeroed_bytes).await {
                    // Give the space back at once: the disk may be full.
                    files::remove_if_there(disk, path).await?;
                    return Err(error);
                }
                file
            }
        };
        disk.flush_dir(dir).await?;
        Ok(NewFile { file, zeroed_bytes })
    }

    /// Takes the file of a deleted segment, or removes it when the pool is full or a reader still
    /// has it (`unread` is false). The caller flushes the folder it came from.
    pub(crate) async fn give<D: Disk>(
        &self,
        disk: &D,
        path: &Path,
        bytes: u64,
        unread: bool,
    ) -> io::Result<()> {
        let room = self.files.borrow().len() < POOL_FILES_MAX;
        if !room || !unread || bytes < crate::limits::POOL_FILE_BYTES_MIN {
            return files::remove_if_there(disk, path).await;
        }
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let pooled = self.dir.join(format!("{number}.log"));
        disk.rename(path, &pooled).await?;
        if bytes > POOL_FILE_BYTES_MAX {
            let file = disk.open(&pooled, Access::ReadWrite).await?;
            disk.set_bytes(&file, POOL_FILE_BYTES_MAX).await?;
        }
        self.files.borrow_mut().push(pooled);
        Ok(())
    }
}

async fn fill<D: Disk>(disk: &D, file: &D::File, bytes: u64) -> io::Result<()> {
    disk.allocate(file, 0, bytes).await?;
    files::write_zeros(disk, file, 0, bytes).await?;
    disk.flush(file).await
}
