//! Record batches to message sets: what Fetch versions 0 to 3 are answered with. Messages are
//! never compressed: such clients know neither zstd nor, mostly, lz4, and offsets stay exact over
//! the gaps that compaction leaves.

use bytes::Bytes;

use crate::{
    batch::Compression,
    batches::{Batch, Batches},
    error::FormatError,
    records::{Record, Records},
};

use super::message::{LegacyMagic, Message};

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub struct DownConversion {
    /// The format: magic 0 for Fetch 0 and 1, magic 1 for Fetch 2 and 3.
    pub magic: LegacyMagic,
    /// First offset wanted; it may lie inside a batch.
    pub from_offset: i64,
    /// Most bytes of the messages, but one message is returned however large it is.
    pub bytes_max: usize,
    /// Most bytes one batch may decompress to.
    pub decompressed_bytes_max: usize,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownConverted {
    /// Whole messages. Empty when no batch held a record for the client: read on.
    pub messages: Bytes,
    /// The offset after the last one looked at; never below the first one wanted.
    pub next_offset: i64,
}

/// Converts the batches of `record_set`. Headers and control batches are left out, as old clients
/// know neither.
///
/// # Errors
/// That of a bad batch, if no message lies before it; else the messages before it are returned.
pub fn down_convert(
    record_set: Bytes,
    wish: &DownConversion,
) -> Result<DownConverted, FormatError> {
    let capacity = record_set.len().min(wish.bytes_max);
    let mut out =
        Out { wish, messages: Vec::with_capacity(capacity), next_offset: wish.from_offset };
    for batch in Batches::new(record_set) {
        match batch.and_then(|batch| out.put_batch(&batch)) {
            Ok(Room::Left) => {}
            Err(error) if out.messages.is_empty() => return Err(error),
            Ok(Room::Spent) | Err(_) => break,
        }
    }
    Ok(DownConverted { messages: out.messages.into(), next_offset: out.next_offset })
}

enum Room {
    Left,
    Spent,
}

struct Out<'a> {
    wish: &'a DownConversion,
    messages: Vec<u8>,
    next_offset: i64,
}

impl Out<'_> {
    fn put_batch(&mut self, batch: &Batch) -> Result<Room, FormatError> {
        let header = &batch.header;
        if header.next_offset() <= self.next_offset {
            return Ok(Room::Left);
        }
        if !header.is_control() {
            let records = Records::open(batch, self.wish.decompressed_bytes_max)?;
            for record in records.iter() {
                let record = record?;
                if record.offset < self.next_offset {
                    continue;
                }
                if let Room::Spent = self.put_record(batch, &record)? {
                    return Ok(Room::Spent);
                }
            }
        }
        self.next_offset = header.next_offset();
        Ok(Room::Left)
    }

    fn put_record(&mut self, batch: &Batch, record: &Record<'_>) -> Result<Room, FormatError> {
        let message = Message {
            offset: record.offset,
            magic: self.wish.magic,
            compression: Compression::None,
            timestamp_type: batch.header.timestamp_type(),
            timestamp_ms: record.timestamp_ms,
            key: record.key,
            value: record.value,
        };
        let bytes_left = self.wish.bytes_max.saturating_sub(self.messages.len());
        if !self.messages.is_empty() && message.bytes() > bytes_left {
            return Ok(Room::Spent);
        }
        message.put(&mut self.messages)?;
        self.next_offset = record.offset + 1;
        Ok(Room::Left)
    }
}
