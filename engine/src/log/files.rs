//! File steps that several parts of the log need. No state.

use std::{io, path::Path};

use bytes::Bytes;

use crate::{
    limits::ZERO_WRITE_BYTES,
    ring::disk::{Access, Disk, Durability},
};

#[repr(align(4096))]
struct Zeros([u8; ZERO_WRITE_BYTES]);

static ZERO_BYTES: Zeros = Zeros([0; ZERO_WRITE_BYTES]);

/// `bytes` zeros in aligned memory; at most one zero write.
pub(crate) fn zeros(bytes: u64) -> Bytes {
    let bytes = usize::try_from(bytes).expect("at most one zero write");
    Bytes::from_static(&ZERO_BYTES.0[..bytes])
}

/// The disk, or this user's share of it, is full.
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes zeros to `from..to`, block aligned, in small writes; not stable until flushed.
pub(crate) async fn write_zeros<D: Disk>(
    disk: &D,
    file: &D::File,
    from: u64,
    to: u64,
) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let bytes = (to - at).min(ZERO_WRITE_BYTES as u64);
        disk.write(file, at, vec![zeros(bytes)], Durability::Volatile).await?;
        at += bytes;
    }
    Ok(())
}

/// Puts `content` into a small file so that a crash leaves the old or the new content, never a
/// mix. The name is stable only after `flush_dir`.
pub(crate) async fn replace<D: Disk>(disk: &D, path: &Path, content: Vec<u8>) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    // 1. write aside  2. flush  3. rename; 4. flushing the folder is the caller's.
    let file = disk.open(temporary, Access::Replace).await?;
    if !content.is_empty() {
        disk.write(&file, 0, vec![content.into()], Durability::Volatile).await?;
    }
    disk.flush(&file).await?;
    disk.rename(temporary, path).await
}

/// The whole content of a small file; `None` if there is none.
pub(crate) async fn read_all<D: Disk>(
    disk: &D,
    path: &Path,
    bytes_max: u64,
) -> io::Result<Option<Bytes>> {
    let file = match disk.open(path, Access::Read).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = disk.file_bytes(&file).await?;
    if bytes > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{bytes} bytes")));
    }
    let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
    disk.read(&file, 0, bytes).await.map(Some)
}

/// Removes a file that may not be there.
pub(crate) async fn remove_if_there<D: Disk>(disk: &D, path: &Path) -> io::Result<()> {
    match disk.remove(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
