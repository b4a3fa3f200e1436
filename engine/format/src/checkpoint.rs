//! Small text files that Kafka keeps beside the data, in its own form (`CheckpointFile`):
//!
//! ```text
//! 0                      version
//! 2                      number of entries
//! orders 0 1234          one entry a line, fields separated by one space
//! orders 1 99
//! ```
//! `leader-epoch-checkpoint` holds `epoch start_offset`; `recovery-point-offset-checkpoint`,
//! `log-start-offset-checkpoint` and `replication-offset-checkpoint` hold
//! `topic partition offset`.

use crate::error::FormatError;

/// File name, in a partition's folder.
pub const LEADER_EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// File name, in the data folder: flushed up to here.
pub const RECOVERY_POINT_CHECKPOINT: &str = "recovery-point-offset-checkpoint";
/// File name, in the data folder: first readable offsets.
pub const LOG_START_CHECKPOINT: &str = "log-start-offset-checkpoint";

const VERSION: &str = "0";

/// One line of `leader-epoch-checkpoint` (KIP-101): the epoch begins at this offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// Leader epoch.
    pub leader_epoch: i32,
    /// First offset written in it.
    pub start_offset: i64,
}

/// One line of an offset checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Text of a `leader-epoch-checkpoint`.
pub fn encode_epochs(entries: &[EpochEntry]) -> String {
    encode(entries.iter().map(|entry| format!("{} {}", entry.leader_epoch, entry.start_offset)))
}

/// Entries of a `leader-epoch-checkpoint`; epochs and offsets must grow.
pub fn decode_epochs(text: &str) -> Result<Vec<EpochEntry>, FormatError> {
    let mut entries: Vec<EpochEntry> = Vec::new();
    for line in lines(text)? {
        let entry = parse_epoch(line).ok_or(FormatError::Malformed("leader epoch line"))?;
        let grows = entries.last().is_none_or(|last| {
            last.leader_epoch < entry.leader_epoch && last.start_offset <= entry.start_offset
        });
        if !grows || entry.leader_epoch < 0 || entry.start_offset < 0 {
            return Err(FormatError::Malformed("leader epochs do not grow"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn parse_epoch(line: &str) -> Option<EpochEntry> {
    let (epoch, offset) = line.split_once(' ')?;
    Some(EpochEntry { leader_epoch: epoch.parse().ok()?, start_offset: offset.parse().ok()? })
}

/// Text of an offset checkpoint.
pub fn encode_offsets(entries: &[OffsetEntry]) -> String {
    let line =
        |entry: &OffsetEntry| format!("{} {} {}", entry.topic, entry.partition, entry.offset);
    encode(entries.iter().map(line))
}

/// Entries of an offset checkpoint.
pub fn decode_offsets(text: &str) -> Result<Vec<OffsetEntry>, FormatError> {
    let parse = |line| parse_offset(line).ok_or(FormatError::Malformed("offset line"));
    lines(text)?.map(parse).collect()
}

fn parse_offset(line: &str) -> Option<OffsetEntry> {
    let mut fields = line.split(' ');
    let entry = OffsetEntry {
        topic: fields.next().filter(|topic| !topic.is_empty())?.to_owned(),
        partition: fields.next()?.parse().ok().filter(|partition| *partition >= 0)?,
        offset: fields.next()?.parse().ok().filter(|offset| *offset >= 0)?,
    };
    fields.next().is_none().then_some(entry)
}

fn encode(entries: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("{VERSION}\n{}\n", entries.len());
    for entry in entries {
        text.push_str(&entry);
        text.push('\n');
    }
    text
}

/// The entry lines, after version and count were checked. An empty file has no entries, as Kafka
/// reads it: it creates the file before it writes it.
fn lines(text: &str) -> Result<impl Iterator<Item = &str>, FormatError> {
    let mut lines = text.lines();
    if lines.next().is_some_and(|version| version != VERSION) {
        return Err(FormatError::Malformed("checkpoint version is not 0"));
    }
    let claimed = match lines.next() {
        None => 0,
        Some(count) => count.parse().map_err(|_| FormatError::Malformed("checkpoint count"))?,
    };
    if lines.clone().count() != claimed {
        return Err(FormatError::Malformed("checkpoint has another number of lines than it says"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leader_epochs_as_kafka_writes_them() {
        let entries = [
            EpochEntry { leader_epoch: 0, start_offset: 0 },
            EpochEntry { leader_epoch: 3, start_offset: 1200 },
        ];
        let text = "0\n2\n0 0\n3 1200\n";
        assert_eq!(encode_epochs(&entries), text);
        assert_eq!(decode_epochs(text).unwrap(), entries);
        assert_eq!(decode_epochs("").unwrap(), []);
        assert_eq!(decode_epochs("0\n0\n").unwrap(), []);
    }

    #[test]
    fn offsets_as_kafka_writes_them() {
        let entries = [
            OffsetEntry { topic: "a.b_c-d".to_owned(), partition: 0, offset: 17 },
            OffsetEntry { topic: "x".to_owned(), partition: 12, offset: 0 },
        ];
        let text = "0\n2\na.b_c-d 0 17\nx 12 0\n";
        assert_eq!(encode_offsets(&entries), text);
        assert_eq!(decode_offsets(text).unwrap(), entries);
    }

    #[test]
    fn damaged_files_are_refused() {
        for text in [
            "1\n0\n",
            "0\n2\n0 0\n",
            "0\n1\n0 0\n1 1\n",
            "0\n-1\n",
            "0\n1\n0\n",
            "0\n1\n0 x\n",
            "0\n2\n1 5\n0 9\n",
            "0\n2\n0 5\n1 4\n",
            "0\n1\n-1 4\n",
            "0\n1\n0 0 0\n",
        ] {
            assert!(decode_epochs(text).is_err(), "{text:?}");
        }
        for text in ["0\n1\nt 0\n", "0\n1\nt 0 1 2\n", "0\n1\n 0 1\n", "0\n1\nt -1 1\n"] {
            assert!(decode_offsets(text).is_err(), "{text:?}");
        }
    }
}
