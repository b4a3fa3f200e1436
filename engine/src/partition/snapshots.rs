//! Producer snapshot files of a partition: written now and then and at the close, read when the
//! partition is opened, so that only the batches after the newest one are walked again.
//!
//! A snapshot is derived data with a checksum: it is written without a flush, because a torn one is
//! noticed and the one before it (or the whole log) takes its place.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use log_format::producer_snapshot::{ProducerEntry, decode_producers, encode_producers};

use super::producers::Producers;
use crate::{
    limits::PRODUCERS_PER_PARTITION_MAX,
    log::{Log, ReadError},
    ring::disk::{Access, Disk, Durability},
    types::{Offset, TimestampMs},
};

const EXTENSION: &str = "snapshot";
/// The newest, and one before it in case the newest is torn.
const SNAPSHOTS_KEPT: usize = 2;
/// Largest file that is read: Kafka's part and four older batches of each producer.
const SNAPSHOT_BYTES_MAX: u64 = 64 + PRODUCERS_PER_PARTITION_MAX as u64 * (46 + 4 * 32);

/// Writes the state as of `at`, and removes all but the newest snapshots. Stable if `stable`.
///
/// # Errors
/// The disk's. The partition works without a snapshot; opening it takes longer.
pub(super) async fn write<D: Disk>(
    disk: &D,
    dir: &Path,
    (at, entries): (Offset, Vec<ProducerEntry>),
    stable: bool,
) -> std::io::Result<()> {
    let file = disk.open(&path_of(dir, at), Access::Replace).await?;
    let bytes = Bytes::from(encode_producers(&entries));
    disk.write(&file, 0, vec![bytes], Durability::Volatile).await?;
    if stable {
        disk.flush(&file).await?;
        disk.flush_dir(dir).await?;
    }
    let mut kept = list(disk, dir).await?;
    kept.truncate(kept.len().saturating_sub(SNAPSHOTS_KEPT));
    for old in kept {
        disk.remove(&path_of(dir, old)).await?;
    }
    Ok(())
}

/// Rebuilds what is known of the producers: from the newest good snapshot that does not lie above
/// the log's end, and the batches after it.
///
/// # Errors
/// The log could not be read.
pub(super) async fn rebuild<D: Disk>(
    disk: &D,
    log: &Log<D>,
    producers: &mut Producers,
    now: TimestampMs,
) -> Result<(), ReadError> {
    let io = |error| ReadError::Io { file: log.dir().to_owned(), error };
    let mut from = log.log_start();
    for at in list(disk, log.dir()).await.map_err(io)?.into_iter().rev() {
        let path = path_of(log.dir(), at);
        let entries = if at <= log.log_end() { read(disk, &path).await } else { None };
        if let Some(entries) = entries {
            producers.restore(entries, now);
            from = from.max(at);
            break;
        }
        // Torn, or of a log that was cut: it would only be in the way.
        disk.remove(&path).await.map_err(io)?;
    }
    log.scan_headers(from, |header| {
        if header.has_producer_id() && !header.is_control() {
            producers.appended(header, now);
        }
    })
    .await
}

async fn read<D: Disk>(disk: &D, path: &Path) -> Option<Vec<ProducerEntry>> {
    let file = disk.open(path, Access::Read).await.ok()?;
    let bytes = disk.file_bytes(&file).await.ok().filter(|bytes| *bytes <= SNAPSHOT_BYTES_MAX)?;
    let bytes = disk.read(&file, 0, usize::try_from(bytes).ok()?).await.ok()?;
    decode_producers(&bytes, PRODUCERS_PER_PARTITION_MAX).ok()
}

/// Offsets of the snapshots, lowest first.
async fn list<D: Disk>(disk: &D, dir: &Path) -> std::io::Result<Vec<Offset>> {
    let offset_of = |name: &str| -> Option<Offset> {
        let digits = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
        let is_offset = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_offset.then(|| digits.parse().ok().map(Offset))?
    };
    let entries = disk.list(dir).await?;
    Ok(entries.iter().filter_map(|entry| offset_of(&entry.name)).collect())
}

fn path_of(dir: &Path, at: Offset) -> PathBuf {
    dir.join(format!("{:020}.{EXTENSION}", at.0))
}
