//! `metadata.json`: the metadata on disk, replaced as a whole. Owns its bytes and the order of the
//! durable steps; decides nothing about topics.
//!
//! ```text
//! {"format":1,"checksum":"crc32c:1a2b3c4d","metadata":{"version":..,"topics":[..]}}
//! ```
//! The checksum covers the exact text of `metadata`.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use kafka_wire::{Str, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    config::{ConfigError, Settings, TopicOverrides, check_override},
    limits::METADATA_FILE_BYTES_MAX,
    ring::disk::{Access, Disk, Durability},
    types::LeaderEpoch,
};

use super::metadata::{Metadata, Placement, Topic, resolve};

const FILE: &str = "metadata.json";
const FILE_NEW: &str = "metadata.json.new";
/// Newest layout that this build reads and writes.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct FileText {
    format: u32,
    checksum: String,
    metadata: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
struct MetadataText {
    version: u64,
    next_producer_id: i64,
    deleted: Vec<String>,
    topics: Vec<TopicText>,
}

#[derive(Serialize, Deserialize)]
struct TopicText {
    name: String,
    id: String,
    configs: TopicOverrides,
    /// Shard and leader epoch of each partition.
    partitions: Vec<(u16, i32)>,
}

/// Reads the metadata of `dir`; None when there is none yet.
pub async fn load<D: Disk>(
    disk: &D,
    dir: &Path,
    settings: &Settings,
) -> Result<Option<Metadata>, ConfigError> {
    let path = dir.join(FILE);
    let bytes = match read_file(disk, &path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error.to_string())),
    };
    decode(&bytes, settings).map(Some).map_err(|reason| unreadable(&path, &reason))
}

/// Replaces the metadata of `dir` durably.
pub async fn save<D: Disk>(disk: &D, dir: &Path, metadata: &Metadata) -> io::Result<()> {
    let text = encode(metadata).map_err(io::Error::other)?;
    let (path, new): (PathBuf, PathBuf) = (dir.join(FILE), dir.join(FILE_NEW));
    // 1. write the new file  2. flush it
    let file = disk.open(&new, Access::Replace).await?;
    disk.write(&file, 0, vec![Bytes::from(text)], Durability::Volatile).await?;
    disk.flush(&file).await?;
    drop(file);
    // 3. rename it over the old one: readers find the one or the other, never a mixture
    disk.rename(&new, &path).await?;
    // 4. flush the folder: only now is the change durable
    disk.flush_dir(dir).await
}

fn encode(metadata: &Metadata) -> serde_json::Result<Vec<u8>> {
    let text = MetadataText {
        version: metadata.version(),
        next_producer_id: metadata.next_producer_id(),
        deleted: metadata.deleted().iter().map(Uuid::to_string).collect(),
        topics: metadata.topics().map(|topic| topic_text(topic)).collect(),
    };
    let metadata = serde_json::value::to_raw_value(&text)?;
    let checksum = checksum(metadata.get());
    serde_json::to_vec(&FileText { format: FORMAT, checksum, metadata })
}

fn topic_text(topic: &Topic) -> TopicText {
    let places = topic.partitions.iter().map(|place| (place.shard, place.leader_epoch.0));
    TopicText {
        name: topic.name.as_str().to_owned(),
        id: topic.id.to_string(),
        configs: topic.overrides.clone(),
        partitions: places.collect(),
    }
}

fn decode(bytes: &[u8], settings: &Settings) -> Result<Metadata, String> {
    let file: FileText = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.format > FORMAT {
        return Err(format!("format {} is newer than this build's {FORMAT}", file.format));
    }
    if checksum(file.metadata.get()) != file.checksum {
        return Err("its checksum does not fit: the file is damaged".to_owned());
    }
    let text: MetadataText =
        serde_json::from_str(file.metadata.get()).map_err(|error| error.to_string())?;
    let parse = |id: &String| id.parse::<Uuid>().map_err(|error| error.to_string());
    let deleted = text.deleted.iter().map(parse).collect::<Result<_, _>>()?;
    let topics = text.topics.into_iter().map(|topic| restore_topic(topic, settings));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    Ok(Metadata::restore(text.version, text.next_producer_id, deleted, topics.into_iter()))
}

fn restore_topic(text: TopicText, settings: &Settings) -> Result<Topic, String> {
    for (name, value) in &text.configs {
        check_override(name, value).map_err(|rule| format!("topic {}: {rule}", text.name))?;
    }
    let places = text.partitions.iter();
    Ok(Topic {
        id: text.id.parse().map_err(|_| format!("topic {}: bad id", text.name))?,
        name: Str::from(text.name),
        config: resolve(settings, &text.configs),
        overrides: text.configs,
        partitions: places
            .map(|&(shard, epoch)| Placement { shard, leader_epoch: LeaderEpoch(epoch) })
            .collect(),
    })
}

async fn read_file<D: Disk>(disk: &D, path: &Path) -> io::Result<Bytes> {
    let file = disk.open(path, Access::Read).await?;
    let bytes = disk.file_bytes(&file).await?;
    if bytes > METADATA_FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{bytes} bytes are more than any broker writes")));
    }
    let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
    disk.read(&file, 0, bytes).await
}

fn checksum(text: &str) -> String {
    format!("crc32c:{:08x}", crc32c::crc32c(text.as_bytes()))
}

fn unreadable(path: &Path, reason: &str) -> ConfigError {
    ConfigError::new(
        format!("{} cannot be used: {reason}", path.display()),
        "it says which topics exist and which shard owns which partition",
        "restore it from a copy; the records in data/ are untouched",
    )
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;
    use crate::{
        ring::sim_disk::SimDisk,
        shard::change::{Change, NewTopic, Outcome, Rules},
    };

    fn apply(metadata: &Metadata, change: Change) -> Metadata {
        let mut ids = 0;
        let mut new_id = || {
            ids += 1;
            Uuid([ids; 16])
        };
        let settings = Settings::default();
        let mut rules = Rules { settings: &settings, shards: 2, node_id: 1, new_id: &mut new_id };
        rules.apply(metadata, change).0
    }

    fn sample() -> Metadata {
        let configs = vec![(Str::from("retention.ms"), Some(Str::from("5000")))];
        let topic =
            NewTopic { name: "t".into(), partitions: Some(3), configs, ..Default::default() };
        let metadata = apply(&Metadata::default(), Change::Create(vec![topic]));
        apply(&metadata, Change::ReserveProducerIds)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let disk = SimDisk::new(1);
        let settings = Settings::default();
        block_on(async {
            let dir = Path::new("/d");
            disk.create_dir(dir).await.unwrap();
            assert_eq!(load(&disk, dir, &settings).await.unwrap(), None);
            let metadata = sample();
            save(&disk, dir, &metadata).await.unwrap();
            assert_eq!(load(&disk, dir, &settings).await.unwrap(), Some(metadata));
        });
    }

    #[test]
    fn a_crash_leaves_the_old_or_the_new_metadata() {
        let settings = Settings::default();
        let old = sample();
        let new = apply(&old, Change::ReserveProducerIds);
        let dir = Path::new("/d");
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            block_on(async {
                disk.create_dir(dir).await.unwrap();
                disk.flush_dir(Path::new("/")).await.unwrap();
                save(&disk, dir, &old).await.unwrap();
                // Poll the second save a few times only, then lose power.
                let mut saving = std::pin::pin!(save(&disk, dir, &new));
                for _ in 0..seed % 16 {
                    if futures_lite::future::poll_once(&mut saving).await.is_some() {
                        break;
                    }
                }
            });
            let after = disk.crash(seed);
            let found = block_on(load(&after, dir, &settings)).unwrap().unwrap();
            assert!(found == old || found == new, "seed {seed}");
        }
        let disk = SimDisk::new(7);
        block_on(async {
            disk.create_dir(dir).await.unwrap();
            disk.flush_dir(Path::new("/")).await.unwrap();
            save(&disk, dir, &old).await.unwrap();
            save(&disk, dir, &new).await.unwrap();
        });
        assert_eq!(block_on(load(&disk.crash(9), dir, &settings)).unwrap(), Some(new));
    }

    #[test]
    fn damage_and_newer_formats_are_refused() {
        let settings = Settings::default();
        let text = String::from_utf8(encode(&sample()).unwrap()).unwrap();
        assert!(decode(text.as_bytes(), &settings).is_ok());
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert!(decode(newer.as_bytes(), &settings).unwrap_err().contains("newer"));
        let damaged = text.replace("5000", "5001");
        assert!(decode(damaged.as_bytes(), &settings).unwrap_err().contains("checksum"));
        assert!(decode(b"{", &settings).is_err());
    }

    #[test]
    fn outcomes_of_the_sample_are_successes() {
        let settings = Settings::default();
        let mut new_id = || Uuid([1; 16]);
        let mut rules = Rules { settings: &settings, shards: 1, node_id: 1, new_id: &mut new_id };
        let topic = NewTopic { name: "t".into(), ..Default::default() };
        let (_, outcome) = rules.apply(&Metadata::default(), Change::Create(vec![topic]));
        assert!(matches!(outcome, Outcome::Topics(topics) if topics[0].is_ok()));
    }
}
