//! The data folder at start: exists, is writable, is ours alone, is of a format we know, and
//! belongs to this node. Blocking calls: runs once, before any shard.
//!
//! ```text
//! DIR/.lock             held (flock) while a process uses the folder
//! DIR/meta.properties   cluster id, node id, folder id (Kafka's file) and our format
//! DIR/metadata.json     topics: see shard/store.rs
//! DIR/data/             one folder per partition
//! ```

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use kafka_wire::Uuid;
use log_format::meta_properties::{META_PROPERTIES, MetaProperties};
use rustix::fs::FlockOperation;

use crate::config::ConfigError;

/// Folder of the partitions, in the data folder.
pub const PARTITIONS_DIR: &str = "data";
/// Newest layout of the folder that this build reads and writes.
const FORMAT: u32 = 1;
/// Our key in `meta.properties`.
const FORMAT_KEY: &str = "ringlog.format";
const LOCK_FILE: &str = ".lock";

/// Whose folder it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The folder.
    pub path: PathBuf,
    /// The id of the cluster, made at the first start.
    pub cluster_id: String,
    /// The id of this folder (KIP-858), made at the first start.
    pub directory_id: Uuid,
}

/// A data folder in use by this process; dropping it lets another process in.
#[derive(Debug)]
pub struct DataDir {
    /// Whose it is.
    pub identity: Identity,
    _lock: OwnedFd,
}

impl DataDir {
    /// Takes the folder into use, creating it (not its parents) and its identity if need be.
    /// `new_id` gives fresh random ids.
    pub fn open(
        path: &Path,
        node_id: i32,
        mut new_id: impl FnMut() -> Uuid,
    ) -> Result<Self, ConfigError> {
        create(path)?;
        let lock = lock(path)?;
        let meta = match read_meta(path)? {
            Some(meta) => meta,
            None => create_meta(path, node_id, &mut new_id)?,
        };
        if meta.node_id != node_id {
            return Err(ConfigError::new(
                format!(
                    "{} belongs to node {}, not to node {node_id}",
                    path.display(),
                    meta.node_id
                ),
                "a node that takes another one's data would answer with its records",
                format!("start with --node-id {}, or choose another --data-dir", meta.node_id),
            ));
        }
        let directory_id = meta.directory_id.and_then(|id| id.parse().ok());
        let directory_id = directory_id.ok_or_else(|| {
            ConfigError::new(
                format!("{META_PROPERTIES} in {} has no usable directory.id", path.display()),
                "the folder was not made by this broker",
                "choose another --data-dir",
            )
        })?;
        let identity =
            Identity { path: path.to_owned(), cluster_id: meta.cluster_id, directory_id };
        Ok(Self { identity, _lock: lock })
    }
}

fn create(path: &Path) -> Result<(), ConfigError> {
    for dir in [path, &path.join(PARTITIONS_DIR)] {
        match fs::create_dir(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(error) => return Err(unusable(dir, &error, "the broker creates its data folder")),
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<OwnedFd, ConfigError> {
    let file = path.join(LOCK_FILE);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file);
    let mut opened =
        opened.map_err(|error| unusable(&file, &error, "the broker writes to its data folder"))?;
    if rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        // The holder's number is only a help; an unreadable one changes nothing.
        let read = opened.read_to_string(&mut holder).is_ok();
        let holder = if read { holder.trim() } else { "" };
        return Err(ConfigError::new(
            format!("{} is in use by another process {holder}", path.display()),
            "two brokers on one folder would destroy each other's records",
            "stop the other broker, or choose another --data-dir",
        ));
    }
    let written = opened
        .set_len(0)
        .and_then(|()| writeln!(opened, "{}", std::process::id()))
        .map_err(|error| unusable(&file, &error, "the broker writes to its data folder"));
    written.map(|()| opened.into())
}

fn read_meta(path: &Path) -> Result<Option<MetaProperties>, ConfigError> {
    let file = path.join(META_PROPERTIES);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return no_meta(path).map(|()| None);
        }
        Err(error) => return Err(unusable(&file, &error, "the broker reads its identity there")),
    };
    let format = text.lines().find_map(|line| line.strip_prefix(FORMAT_KEY)?.strip_prefix('='));
    match format.and_then(|format| format.trim().parse::<u32>().ok()) {
        Some(format) if format <= FORMAT => {}
        Some(format) => {
            return Err(ConfigError::new(
                format!("{} has format {format}; this build knows up to {FORMAT}", path.display()),
                "a newer broker has written there, and reading it the old way could lose records",
                "start the newer build, or choose another --data-dir",
            ));
        }
        None => {
            return Err(ConfigError::new(
                format!("{} has no {FORMAT_KEY}", file.display()),
                "the folder was not made by this broker",
                "choose an empty --data-dir",
            ));
        }
    }
    MetaProperties::decode(&text).map(Some).map_err(|error| {
        ConfigError::new(
            format!("{} cannot be read: {error}", file.display()),
            "the broker's identity is in it",
            "restore it from a copy, or choose an empty --data-dir",
        )
    })
}

/// Without identity the folder must be new: partitions in it would be orphans.
fn no_meta(path: &Path) -> Result<(), ConfigError> {
    let dir = path.join(PARTITIONS_DIR);
    let mut entries =
        fs::read_dir(&dir).map_err(|error| unusable(&dir, &error, "the partitions are there"))?;
    if entries.next().is_none() {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("{} holds partitions but no {META_PROPERTIES}", path.display()),
        "without it nobody knows whose records these are",
        format!("restore {META_PROPERTIES}, or choose an empty --data-dir"),
    ))
}

fn create_meta(
    path: &Path,
    node_id: i32,
    new_id: &mut impl FnMut() -> Uuid,
) -> Result<MetaProperties, ConfigError> {
    let meta = MetaProperties {
        cluster_id: new_id().to_string(),
        node_id,
        directory_id: Some(new_id().to_string()),
    };
    let text = format!("{}{FORMAT_KEY}={FORMAT}\n", meta.encode());
    let file = path.join(META_PROPERTIES);
    write_durably(path, &file, text.as_bytes())
        .map_err(|error| unusable(&file, &error, "the broker keeps its identity there"))?;
    Ok(meta)
}

fn write_durably(dir: &Path, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let tmp = file.with_extension("tmp");
    // 1. write tmp
    let mut opened = OpenOptions::new().write(true).create(true).truncate(true).open(&tmp)?;
    opened.write_all(bytes)?;
    // 2. flush tmp
    opened.sync_all()?;
    // 3. rename
    fs::rename(&tmp, file)?;
    // 4. flush the folder, and the one that holds it
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    for dir in [Some(dir), parent].into_iter().flatten() {
        OpenOptions::new().read(true).open(dir)?.sync_all()?;
    }
    Ok(())
}

fn unusable(path: &Path, error: &std::io::Error, why: &str) -> ConfigError {
    let fix = match error.kind() {
        ErrorKind::NotFound => "create the parent folder, or choose another --data-dir",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give this user write access to it, or choose another --data-dir"
        }
        ErrorKind::StorageFull => "free space on that disk, or choose another --data-dir",
        _ => "choose another --data-dir",
    };
    ConfigError::new(format!("cannot use {}: {error}", path.display()), why, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> impl FnMut() -> Uuid {
        let mut next = 0;
        move || {
            next += 1;
            Uuid([next; 16])
        }
    }

    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ringlog-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn identity_is_made_once_and_kept() {
        let temp = TempDir::new("identity");
        let path = temp.0.join("new");
        let first = DataDir::open(&path, 7, ids()).unwrap();
        let cluster = first.identity.cluster_id.clone();
        drop(first);
        let again = DataDir::open(&path, 7, || unreachable!("no new ids")).unwrap();
        assert_eq!(again.identity.cluster_id, cluster);
        assert_eq!(again.identity.directory_id, Uuid([2; 16]));
        drop(again);
        let error = DataDir::open(&path, 8, ids()).unwrap_err();
        assert!(error.fix.contains("--node-id 7"), "{error}");
    }

    #[test]
    fn a_second_user_is_kept_out_and_told_who_is_in() {
        let temp = TempDir::new("lock");
        let held = DataDir::open(&temp.0, 1, ids()).unwrap();
        let error = DataDir::open(&temp.0, 1, ids()).unwrap_err();
        assert!(error.what.contains(&std::process::id().to_string()), "{error}");
        drop(held);
        DataDir::open(&temp.0, 1, ids()).unwrap();
    }

    #[test]
    fn newer_formats_orphans_and_missing_parents_are_refused() {
        let temp = TempDir::new("refused");
        drop(DataDir::open(&temp.0, 1, ids()).unwrap());
        let meta = temp.0.join(META_PROPERTIES);
        let text = fs::read_to_string(&meta).unwrap();
        fs::write(&meta, text.replace("ringlog.format=1", "ringlog.format=9")).unwrap();
        assert!(DataDir::open(&temp.0, 1, ids()).unwrap_err().what.contains("format 9"));
        fs::write(&meta, text.replace("ringlog.format=1", "")).unwrap();
        assert!(DataDir::open(&temp.0, 1, ids()).unwrap_err().why.contains("not made by this"));
        fs::remove_file(&meta).unwrap();
        fs::create_dir(temp.0.join("data/t-0")).unwrap();
        assert!(DataDir::open(&temp.0, 1, ids()).unwrap_err().what.contains("holds partitions"));
        let error = DataDir::open(&temp.0.join("no/such"), 1, ids()).unwrap_err();
        assert!(error.fix.contains("parent"), "{error}");
        fs::write(temp.0.join("file"), "x").unwrap();
        assert!(DataDir::open(&temp.0.join("file"), 1, ids()).is_err());
    }
}
