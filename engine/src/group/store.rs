//! The pure half of the store: what a coordinator hands out becomes record batches of
//! `__consumer_offsets`, and batches read back become its records again.
//! Never writes or reads the log: the shard does.

use bytes::Bytes;
use log_format::{Batch, BatchBuilder, Compression, FormatError, Headers, Records};

use super::Coordinator;
use super::limits::{REPLAY_BATCH_BYTES_MAX, STORE_BATCH_BYTES_MAX};
use super::records::Record;

/// Encodes records as batches, in order, with base offset 0 and no leader epoch, which the append
/// sets. A batch is closed before it would pass [`STORE_BATCH_BYTES_MAX`]; only a record that is
/// larger by itself makes a larger one.
pub fn encode_batches(records: &[Record], wall_ms: i64) -> Vec<Bytes> {
    let mut batches = Vec::new();
    let mut open = BatchBuilder::new(Compression::None);
    for record in records {
        let bytes = open.bytes() + record.size_bytes();
        if open.records_count() > 0 && bytes > STORE_BATCH_BYTES_MAX {
            let full = std::mem::replace(&mut open, BatchBuilder::new(Compression::None));
            batches.push(full.build());
        }
        open.push(wall_ms, Some(&record.key), record.value.as_deref(), Headers::NONE);
    }
    if open.records_count() > 0 {
        batches.push(open.build());
    }
    batches
}

/// What became of the records of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were applied.
    pub applied: usize,
    /// Records without a key or that no known layout fits: nothing of them was applied.
    pub unreadable: usize,
    /// Records of transactions, which need their markers; and the markers. Not served yet.
    pub transactional: usize,
}

/// Applies a batch of the log to a coordinator that is loading. An error: the batch itself cannot
/// be read, and the records before the damage have been applied.
pub fn replay_batch(coordinator: &mut Coordinator, batch: &Batch) -> Result<Replayed, FormatError> {
    let mut replayed = Replayed::default();
    let is_transactional = batch.header.is_transactional() || batch.header.is_control();
    for record in Records::open(batch, REPLAY_BATCH_BYTES_MAX)?.iter() {
        let record = record?;
        let applied = !is_transactional
            && record.key.is_some_and(|key| coordinator.replay(key, record.value).is_ok());
        if is_transactional {
            replayed.transactional += 1;
        } else if applied {
            replayed.applied += 1;
        } else {
            replayed.unreadable += 1;
        }
    }
    Ok(replayed)
}

#[cfg(test)]
mod tests {
    use log_format::Batches;

    use super::super::GroupConfig;
    use super::super::records::{OffsetCommitValue, RecordWriter};
    use super::*;

    fn commit(partition: i32, metadata: &str) -> Record {
        let value = OffsetCommitValue {
            offset: 5,
            leader_epoch: -1,
            metadata,
            commit_timestamp_ms: 1,
            expire_timestamp_ms: -1,
        };
        RecordWriter::default().offset_commit(("g", "t", partition), &value).unwrap()
    }

    #[test]
    fn records_survive_the_batches() {
        let mut records: Vec<_> = (0..100).map(|p| commit(p, &"x".repeat(30_000))).collect();
        records.push(RecordWriter::default().offset_tombstone(("g", "t", 7)).unwrap());
        let batches = encode_batches(&records, 1_000);
        assert!(batches.len() > 1);
        let mut coordinator = Coordinator::new(GroupConfig::default());
        let mut applied = 0;
        for bytes in &batches {
            assert!(bytes.len() <= STORE_BATCH_BYTES_MAX + 1_000);
            let batch = Batches::new(bytes.clone()).next().unwrap().unwrap();
            applied += replay_batch(&mut coordinator, &batch).unwrap().applied;
        }
        assert_eq!(applied, 101);
        assert_eq!(coordinator.offset_count(), 99);
    }

    #[test]
    fn nothing_is_no_batch() {
        assert!(encode_batches(&[], 1_000).is_empty());
    }

    #[test]
    fn what_cannot_be_read_or_served_is_counted() {
        let good = commit(0, "");
        let mut builder = BatchBuilder::new(Compression::None);
        builder.push(1, None, Some(b"v"), Headers::NONE);
        builder.push(1, Some(b"?"), Some(b"v"), Headers::NONE);
        builder.push(1, Some(&good.key), Some(b"\x00\x09"), Headers::NONE);
        builder.push(1, Some(&good.key), good.value.as_deref(), Headers::NONE);
        let mut coordinator = Coordinator::new(GroupConfig::default());
        let batch = Batch::decode(&builder.build()).unwrap();
        let replayed = replay_batch(&mut coordinator, &batch).unwrap();
        assert_eq!(replayed, Replayed { applied: 1, unreadable: 3, transactional: 0 });

        let mut builder = BatchBuilder::new(Compression::None);
        builder.flags = 0x10;
        let other = commit(1, "");
        builder.push(1, Some(&other.key), other.value.as_deref(), Headers::NONE);
        let batch = Batch::decode(&builder.build()).unwrap();
        let replayed = replay_batch(&mut coordinator, &batch).unwrap();
        assert_eq!(replayed, Replayed { applied: 0, unreadable: 0, transactional: 1 });
        assert_eq!(coordinator.offset_count(), 1);
    }
}
