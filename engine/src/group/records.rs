//! Keys and values of `__consumer_offsets`, byte for byte as Kafka writes them.
//! Encode beside decode. Decode trusts nothing: a count or a length is checked before memory is
//! taken for it. Never decides what a record does: see `replay.rs`.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::fields::{Reader, put_bytes, put_nullable_str, put_str};

pub use super::fields::RecordError;

/// One record of `__consumer_offsets`. No value: a tombstone.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Starts with a big-endian i16 that says what kind of record this is.
    pub key: Bytes,
    /// Starts with a big-endian i16, the version of the value's layout.
    pub value: Option<Bytes>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value_bytes = self.value.as_ref().map(Bytes::len);
        f.debug_struct("Record")
            .field("key", &decode_key(&self.key))
            .field("value_bytes", &value_bytes)
            .finish()
    }
}

impl Record {
    /// Bytes of key and value together.
    pub fn size_bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// A decoded key; text borrows from the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// `| version 0 or 1 i16 | group string | topic string | partition i32 |`
    OffsetCommit {
        /// The group that committed.
        group: &'a str,
        /// The topic it reads.
        topic: &'a str,
        /// The partition of that topic.
        partition: i32,
    },
    /// `| version 2 i16 | group string |`
    GroupMetadata {
        /// The group described.
        group: &'a str,
    },
    /// A kind of a newer Kafka (KIP-848 and later start at 3): skipped, as Kafka itself does.
    Unknown(i16),
}

/// A committed offset as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetCommitValue<'a> {
    /// The next offset the group will read.
    pub offset: i64,
    /// Leader epoch of the last record read; -1: unknown.
    pub leader_epoch: i32,
    /// Whatever the client wants to keep with it.
    pub metadata: &'a str,
    /// Wall clock of the commit, milliseconds.
    pub commit_timestamp_ms: i64,
    /// When a client of OffsetCommit v2-v4 asked for the offset to be forgotten; -1: never asked.
    pub expire_timestamp_ms: i64,
}

/// A generation of a group as stored: written when it is settled, and when it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadataValue<'a> {
    /// `consumer`, `connect`, ...; empty: a group that only stores offsets.
    pub protocol_type: &'a str,
    /// Counts the rebalances.
    pub generation: i32,
    /// The protocol (assignor) chosen.
    pub protocol: Option<&'a str>,
    /// Member id of the leader.
    pub leader: Option<&'a str>,
    /// Wall clock of the last state change; -1: unknown.
    pub current_state_timestamp_ms: i64,
    /// All members with their assignments.
    pub members: Vec<MemberMetadata<'a>>,
}

/// One member inside a [`GroupMetadataValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberMetadata<'a> {
    /// Id given by the coordinator.
    pub member_id: &'a str,
    /// `group.instance.id` of a static member.
    pub group_instance_id: Option<&'a str>,
    /// The client's own name.
    pub client_id: &'a str,
    /// Where it connected from, as `/127.0.0.1`.
    pub client_host: &'a str,
    /// -1 in records older than version 1: use the session timeout.
    pub rebalance_timeout_ms: i32,
    /// Silence after which the member is gone.
    pub session_timeout_ms: i32,
    /// Metadata for the chosen protocol.
    pub subscription: &'a [u8],
    /// What the leader gave it.
    pub assignment: &'a [u8],
}

const OFFSET_COMMIT_KEY_VERSION: i16 = 1;
const GROUP_METADATA_KEY_VERSION: i16 = 2;
const VALUE_VERSION_FLEXIBLE: i16 = 4;
/// Layout 1 alone has room for an expiry; Kafka writes it when, and only when, there is one.
const OFFSET_VALUE_VERSION_WITH_EXPIRY: i16 = 1;
const OFFSET_VALUE_VERSION: i16 = 3;
const GROUP_VALUE_VERSION: i16 = 3;
/// A member without any text is at least four empty strings or byte fields and one number.
const MEMBER_BYTES_MIN: usize = 10;

/// Encodes records of one append back to back into one buffer.
#[derive(Debug, Default)]
pub struct RecordWriter {
    buffer: BytesMut,
}

impl RecordWriter {
    /// A writer for records of about `bytes` in all.
    pub fn with_capacity(bytes: usize) -> Self {
        RecordWriter { buffer: BytesMut::with_capacity(bytes) }
    }

    /// A commit. `Err(TooLong)` if a text does not fit Kafka's 16-bit length.
    pub fn offset_commit(
        &mut self,
        (group, topic, partition): (&str, &str, i32),
        value: &OffsetCommitValue<'_>,
    ) -> Result<Record, RecordError> {
        let key = self.offset_key(group, topic, partition)?;
        let out = &mut self.buffer;
        let with_expiry = value.expire_timestamp_ms >= 0;
        out.put_i16(if with_expiry {
            OFFSET_VALUE_VERSION_WITH_EXPIRY
        } else {
            OFFSET_VALUE_VERSION
        });
        out.put_i64(value.offset);
        if !with_expiry {
            out.put_i32(value.leader_epoch);
        }
        put_str(out, value.metadata)?;
        out.put_i64(value.commit_timestamp_ms);
        if with_expiry {
            out.put_i64(value.expire_timestamp_ms);
        }
        Ok(Record { key, value: Some(self.take()) })
    }

    /// Says that a committed offset is no more.
    pub fn offset_tombstone(
        &mut self,
        (group, topic, partition): (&str, &str, i32),
    ) -> Result<Record, RecordError> {
        Ok(Record { key: self.offset_key(group, topic, partition)?, value: None })
    }

    /// A generation of a group.
    pub fn group_metadata(
        &mut self,
        group: &str,
        value: &GroupMetadataValue<'_>,
    ) -> Result<Record, RecordError> {
        let key = self.group_key(group)?;
        let out = &mut self.buffer;
        out.put_i16(GROUP_VALUE_VERSION);
        put_str(out, value.protocol_type)?;
        out.put_i32(value.generation);
        put_nullable_str(out, value.protocol)?;
        put_nullable_str(out, value.leader)?;
        out.put_i64(value.current_state_timestamp_ms);
        out.put_i32(i32::try_from(value.members.len()).map_err(|_| RecordError::TooLong)?);
        for member in &value.members {
            put_str(out, member.member_id)?;
            put_nullable_str(out, member.group_instance_id)?;
            put_str(out, member.client_id)?;
            put_str(out, member.client_host)?;
            out.put_i32(member.rebalance_timeout_ms);
            out.put_i32(member.session_timeout_ms);
            put_bytes(out, member.subscription)?;
            put_bytes(out, member.assignment)?;
        }
        Ok(Record { key, value: Some(self.take()) })
    }

    /// Says that a group is no more.
    pub fn group_tombstone(&mut self, group: &str) -> Result<Record, RecordError> {
        Ok(Record { key: self.group_key(group)?, value: None })
    }

    fn offset_key(&mut self, group: &str, topic: &str, part: i32) -> Result<Bytes, RecordError> {
        // A record that failed half-way must not leak into the next one.
        self.buffer.clear();
        self.buffer.put_i16(OFFSET_COMMIT_KEY_VERSION);
        put_str(&mut self.buffer, group)?;
        put_str(&mut self.buffer, topic)?;
        self.buffer.put_i32(part);
        Ok(self.take())
    }

    fn group_key(&mut self, group: &str) -> Result<Bytes, RecordError> {
        self.buffer.clear();
        self.buffer.put_i16(GROUP_METADATA_KEY_VERSION);
        put_str(&mut self.buffer, group)?;
        Ok(self.take())
    }

    fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }
}

/// Decodes a record's key.
pub fn decode_key(key: &[u8]) -> Result<Key<'_>, RecordError> {
    let mut reader = Reader::new(key);
    match reader.i16()? {
        0 | OFFSET_COMMIT_KEY_VERSION => Ok(Key::OffsetCommit {
            group: reader.str()?,
            topic: reader.str()?,
            partition: reader.i32()?,
        }),
        GROUP_METADATA_KEY_VERSION => Ok(Key::GroupMetadata { group: reader.str()? }),
        other => Ok(Key::Unknown(other)),
    }
}

/// Decodes the value of an offset commit, layouts 0 to 4.
pub fn decode_offset_commit(value: &[u8]) -> Result<OffsetCommitValue<'_>, RecordError> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if !(0..=VALUE_VERSION_FLEXIBLE).contains(&version) {
        return Err(RecordError::UnknownVersion(version));
    }
    let offset = reader.i64()?;
    let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
    let metadata =
        if version >= VALUE_VERSION_FLEXIBLE { reader.compact_str()? } else { reader.str()? };
    let commit_timestamp_ms = reader.i64()?;
    let expire_timestamp_ms =
        if version == OFFSET_VALUE_VERSION_WITH_EXPIRY { reader.i64()? } else { -1 };
    Ok(OffsetCommitValue {
        offset,
        leader_epoch,
        metadata,
        commit_timestamp_ms,
        expire_timestamp_ms,
    })
}

/// Decodes the value of a group's metadata, layouts 0 to 4.
pub fn decode_group_metadata(value: &[u8]) -> Result<GroupMetadataValue<'_>, RecordError> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if !(0..=VALUE_VERSION_FLEXIBLE).contains(&version) {
        return Err(RecordError::UnknownVersion(version));
    }
    let flexible = version >= VALUE_VERSION_FLEXIBLE;
    let protocol_type = reader.str_of(flexible)?;
    let generation = reader.i32()?;
    let protocol = reader.nullable_str_of(flexible)?;
    let leader = reader.nullable_str_of(flexible)?;
    let current_state_timestamp_ms = if version >= 2 { reader.i64()? } else { -1 };
    let count = reader.count_of(flexible, MEMBER_BYTES_MIN)?;
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        members.push(decode_member(&mut reader, version)?);
    }
    Ok(GroupMetadataValue {
        protocol_type,
        generation,
        protocol,
        leader,
        current_state_timestamp_ms,
        members,
    })
}

fn decode_member<'a>(
    reader: &mut Reader<'a>,
    version: i16,
) -> Result<MemberMetadata<'a>, RecordError> {
    let flexible = version >= VALUE_VERSION_FLEXIBLE;
    let member = MemberMetadata {
        member_id: reader.str_of(flexible)?,
        group_instance_id: if version >= 3 { reader.nullable_str_of(flexible)? } else { None },
        client_id: reader.str_of(flexible)?,
        client_host: reader.str_of(flexible)?,
        rebalance_timeout_ms: if version >= 1 { reader.i32()? } else { -1 },
        session_timeout_ms: reader.i32()?,
        subscription: reader.bytes_of(flexible)?,
        assignment: reader.bytes_of(flexible)?,
    };
    if flexible {
        reader.skip_tagged_fields()?;
    }
    Ok(member)
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
