//! The table of topic settings: Kafka's names, types, defaults and documentation, and the broker
//! setting each one falls back to. Only data; `config/topic.rs` gives it meaning.

use super::value::{Kind, Unit};

/// Kafka's type of a setting, as DescribeConfigs v3 and later reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32-bit number.
    Int,
    /// 64-bit number.
    Long,
    /// Fraction.
    Double,
    /// Comma-separated words.
    List,
}

/// One topic setting.
#[derive(Debug)]
pub struct TopicKey {
    /// Kafka's name of the setting on a topic.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Its type on the wire.
    pub wire_type: WireType,
    /// The value when neither topic nor broker say otherwise (canonical form).
    pub default: &'static str,
    /// Kafka's names of the broker-wide default, with the unit of a plain number; the first one is
    /// shown as the synonym.
    pub broker_names: &'static [(&'static str, Unit)],
    /// For people: what it does here, and what it does not.
    pub doc: &'static str,
}

const LONG_MAX: &str = "9223372036854775807";
const YEARS_MAX: i64 = i64::MAX;

macro_rules! topic_key {
    ($name:literal, $kind:expr, $wire:ident, $default:expr, [$($broker:literal $unit:ident),*], $doc:literal) => {
        TopicKey {
            name: $name,
            kind: $kind,
            wire_type: WireType::$wire,
            default: $default,
            broker_names: &[$(($broker, Unit::$unit)),*],
            doc: $doc,
        }
    };
}

/// Smallest `segment.bytes`.
pub const SEGMENT_BYTES_MIN: i64 = 16 * 1024;

/// Every topic setting, in name order.
pub const TOPIC_KEYS: &[TopicKey] = &[
    topic_key!("cleanup.policy", Kind::List(&["delete", "compact"]), List, "delete",
        ["log.cleanup.policy" Own],
        "How old records go away. `delete`: by retention.ms and retention.bytes. `compact` is not offered yet and is refused."),
    topic_key!("compression.type", Kind::Choice(&["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]), String, "producer",
        ["compression.type" Own],
        "`producer`: batches are stored as the producer compressed them. Recompression by the broker is not offered and is refused."),
    topic_key!("delete.retention.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, "86400000",
        ["log.cleaner.delete.retention.ms" Own],
        "How long tombstones of a compacted topic are kept."),
    topic_key!("file.delete.delay.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, "60000",
        ["log.segment.delete.delay.ms" Own],
        "Accepted for compatibility, without effect: files go back to the segment pool at once."),
    topic_key!("flush.messages", Kind::Int { min: 1, max: i64::MAX }, Long, "1",
        ["log.flush.interval.messages" Own],
        "1 (default here; Kafka never flushes by default): an acknowledged record is on stable storage. Larger values relax acks=1 to \"in memory\", flushed after that many records."),
    topic_key!("flush.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, LONG_MAX,
        ["log.flush.interval.ms" Own],
        "With flush.messages above 1: flush at least this often."),
    topic_key!("index.interval.bytes", Kind::Bytes { min: 0, max: i32::MAX as i64 }, Int, "4096",
        ["log.index.interval.bytes" Own],
        "Bytes of log between two entries of the offset index."),
    topic_key!("max.compaction.lag.ms", Kind::Ms { min: 1, max: YEARS_MAX }, Long, LONG_MAX,
        ["log.cleaner.max.compaction.lag.ms" Own],
        "Longest time a record may stay uncompacted; for compacted topics."),
    topic_key!("max.message.bytes", Kind::Bytes { min: 0, max: i32::MAX as i64 }, Int, "1048588",
        ["message.max.bytes" Own],
        "Largest record batch accepted, after compression, in bytes."),
    topic_key!("message.timestamp.after.max.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, "3600000",
        ["log.message.timestamp.after.max.ms" Own],
        "With CreateTime: a record's timestamp may be at most this far in the future."),
    topic_key!("message.timestamp.before.max.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, LONG_MAX,
        ["log.message.timestamp.before.max.ms" Own],
        "With CreateTime: a record's timestamp may be at most this far in the past."),
    topic_key!("message.timestamp.type", Kind::Choice(&["CreateTime", "LogAppendTime"]), String, "CreateTime",
        ["log.message.timestamp.type" Own],
        "Whether a record carries the producer's time or the broker's time of append."),
    topic_key!("min.cleanable.dirty.ratio", Kind::Ratio, Double, "0.5",
        ["log.cleaner.min.cleanable.ratio" Own],
        "Share of uncompacted bytes at which compaction starts; for compacted topics."),
    topic_key!("min.compaction.lag.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, "0",
        ["log.cleaner.min.compaction.lag.ms" Own],
        "Shortest time a record stays uncompacted; for compacted topics."),
    topic_key!("min.insync.replicas", Kind::Int { min: 1, max: i32::MAX as i64 }, Int, "1",
        ["min.insync.replicas" Own],
        "With acks=all: fewer in-sync replicas than this refuse the produce."),
    topic_key!("preallocate", Kind::Bool, Boolean, "false",
        ["log.preallocate" Own],
        "Accepted for compatibility, without effect: files are always prepared ahead of the writes."),
    topic_key!("retention.bytes", Kind::Bytes { min: -1, max: i64::MAX }, Long, "-1",
        ["log.retention.bytes" Own],
        "Per partition: when it is larger, the oldest segments go. -1: no limit."),
    topic_key!("retention.ms", Kind::Ms { min: -1, max: YEARS_MAX }, Long, "604800000",
        ["log.retention.ms" Own, "log.retention.minutes" Minutes, "log.retention.hours" Hours],
        "Segments whose newest record is older go, whether consumed or not. -1: no limit."),
    topic_key!("segment.bytes", Kind::Bytes { min: SEGMENT_BYTES_MIN, max: i32::MAX as i64 }, Int, "1073741824",
        ["log.segment.bytes" Own],
        "A segment file is closed at this size."),
    topic_key!("segment.index.bytes", Kind::Bytes { min: 4, max: i32::MAX as i64 }, Int, "10485760",
        ["log.index.size.max.bytes" Own],
        "Accepted for compatibility, without effect: indexes are sized by their segment."),
    topic_key!("segment.jitter.ms", Kind::Ms { min: 0, max: YEARS_MAX }, Long, "0",
        ["log.roll.jitter.ms" Own, "log.roll.jitter.hours" Hours],
        "Accepted for compatibility, without effect: rolling a segment costs no spike to spread."),
    topic_key!("segment.ms", Kind::Ms { min: 1, max: YEARS_MAX }, Long, "604800000",
        ["log.roll.ms" Own, "log.roll.hours" Hours],
        "A segment file is closed at this age."),
    topic_key!("unclean.leader.election.enable", Kind::Bool, Boolean, "false",
        ["unclean.leader.election.enable" Own],
        "Only false: a replica that is not in sync is never elected, acknowledged records would be lost."),
];

/// Finds a topic setting by its name.
pub fn topic_key(name: &str) -> Option<&'static TopicKey> {
    TOPIC_KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_defaults_are_canonical() {
        assert!(TOPIC_KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for key in TOPIC_KEYS {
            assert_eq!(key.kind.canonical(key.default, Unit::Own).as_deref(), Ok(key.default));
            assert_eq!(key.broker_names[0].1, Unit::Own, "{}: the synonym has no unit", key.name);
        }
    }
}
