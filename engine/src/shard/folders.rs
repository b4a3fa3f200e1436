//! Folders of partitions: their names, whose they are (`partition.metadata`, Kafka's file), and
//! what to do with those that nobody owns. Never looks into a segment.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use kafka_wire::Uuid;

use super::metadata::{Metadata, Topic};
use crate::{
    ring::disk::{Access, Disk, Durability},
    types::TimestampMs,
};

const FILE: &str = "partition.metadata";
/// More than the file can hold honestly.
const FILE_BYTES_MAX: usize = 256;

/// The folder's name of a partition.
pub(super) fn name(topic: &Topic, index: i32) -> String {
    format!("{}-{index}", topic.name)
}

/// Writes whose folder it is, durably.
pub(super) async fn label<D: Disk>(disk: &D, dir: &Path, topic_id: Uuid) -> io::Result<()> {
    let text = format!("version: 0\ntopic_id: {topic_id}\n");
    let file = disk.open(&dir.join(FILE), Access::Replace).await?;
    disk.write(&file, 0, vec![Bytes::from(text)], Durability::Volatile).await?;
    disk.flush(&file).await?;
    disk.flush_dir(dir).await
}

/// Whose folder it is; None when it was not labelled (a crash right after it was made).
pub(super) async fn owner<D: Disk>(disk: &D, dir: &Path) -> io::Result<Option<Uuid>> {
    let file = match disk.open(&dir.join(FILE), Access::Read).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = disk.read(&file, 0, FILE_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let id = text.lines().find_map(|line| line.strip_prefix("topic_id: "));
    Ok(id.and_then(|id| id.parse().ok()))
}

/// Puts aside, before any partition is opened, the folders in `data_dir` that no partition of
/// `metadata` owns: those of deleted topics are marked for deletion, others are kept under a name
/// that nobody uses and reported, so that no record is ever lost by a lost metadata file.
pub(super) async fn put_strays_aside<D: Disk>(
    disk: &D,
    data_dir: &Path,
    metadata: &Metadata,
    now: TimestampMs,
) -> io::Result<()> {
    let mut moved = false;
    for entry in disk.list(data_dir).await? {
        let Some((topic, index)) = parse(&entry.name) else { continue };
        if !entry.is_dir {
            continue;
        }
        let dir = data_dir.join(&entry.name);
        let owner = owner(disk, &dir).await?;
        let owning = metadata.topic(topic).filter(|topic| index < topic.partitions.len());
        if owning.is_some_and(|topic| owner.is_none_or(|owner| owner == topic.id)) {
            continue;
        }
        let deleted = owner.is_some_and(|owner| metadata.deleted().contains(&owner));
        let suffix = if deleted { "delete" } else { "stray" };
        let aside = with_suffix(&dir, now, suffix);
        if !deleted {
            tracing::warn!(folder = %dir.display(), moved_to = %aside.display(),
                "folder of an unknown partition put aside");
        }
        disk.rename(&dir, &aside).await?;
        moved = true;
    }
    if moved { disk.flush_dir(data_dir).await } else { Ok(()) }
}

/// Topic name and partition index of a folder in use.
fn parse(folder: &str) -> Option<(&str, usize)> {
    let (topic, index) = folder.rsplit_once('-')?;
    Some((topic, index.parse().ok()?))
}

fn with_suffix(dir: &Path, now: TimestampMs, suffix: &str) -> PathBuf {
    dir.with_added_extension(format!("{}-{suffix}", now.0))
}
