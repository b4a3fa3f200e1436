//! Message sets of magic 0 and 1, which clients before 2017 (and kafka-node until today) speak:
//! to a record batch v2 and back. The broker stores neither.
//!
//! ```text
//! set:      message … (no count; ends with the bytes)
//! message:  | offset 8 | length 4 | crc 4 | magic 1 | attributes 1 | timestamp 8 (magic 1 only)
//!           | key_length 4 (-1: null) | key … | value_length 4 (-1: null) | value … |
//! ```
//! `length` counts what follows it; `crc` is the CRC-32 (that of gzip) of what follows it.
//! Attributes: bits 0-2 compression (none, gzip, snappy, lz4), bit 3 timestamp type.
//! A compressed message is a wrapper: its value is a message set. Inner offsets are absolute in
//! magic 0 and count from 0 in magic 1; some clients set them all to 0. None of that matters on
//! the way in, where the broker numbers the records anyway.

use bytes::{BufMut, Bytes};

use crate::{
    batch::{Compression, NO_TIMESTAMP},
    batches::Batch,
    builder::BatchBuilder,
    compress::decompress,
    error::FormatError,
    field::{get_i32, get_i64, get_u32},
    records::{Headers, Record, Records},
};

/// Bytes of `offset` and `length`.
const OVERHEAD_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// crc, magic, attributes, and two lengths.
const LENGTH_MIN_V0: usize = 14;
/// The same and a timestamp.
const LENGTH_MIN_V1: usize = 22;
const TIMESTAMP_TYPE_BIT: u8 = 0x08;
const COMPRESSION_MASK: u8 = 0x07;

/// One message, taken apart and checked.
struct Message {
    magic: u8,
    attributes: u8,
    timestamp_ms: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

/// Makes one batch v2 of the message set of a Produce request. Offsets start at 0; times are those
/// of the inner messages. The batch is compressed as the first wrapper was. What the wrappers
/// yield may be `bytes_max` bytes in all.
pub fn message_set_to_batch(set: &Bytes, bytes_max: usize) -> Result<Bytes, FormatError> {
    let mut messages = Vec::new();
    let mut compression = Compression::None;
    let mut left = bytes_max;
    let mut rest = set.clone();
    while !rest.is_empty() {
        let message = take_message(&mut rest)?;
        let codec = message.compression()?;
        if codec == Compression::None {
            messages.push(message);
            continue;
        }
        if compression == Compression::None {
            compression = codec;
        }
        let inner = unwrap(&message, codec, left)?;
        left -= inner.len();
        take_inner(inner, &message, &mut messages)?;
    }
    let Some(magic) = messages.first().map(|message| message.magic) else {
        return Err(FormatError::Malformed("empty message set"));
    };
    let mut builder = BatchBuilder::new(compression);
    for message in &messages {
        if message.magic != magic {
            return Err(FormatError::Malformed("message set of mixed formats"));
        }
        let (key, value) = (message.key.as_deref(), message.value.as_deref());
        builder.push(message.timestamp_ms, key, value, Headers::NONE);
    }
    Ok(builder.build())
}

/// The records of `batch` from `from_offset` on as a message set of `magic` 0 or 1: not
/// compressed, so that every client can read it; without headers, which it cannot carry. Control
/// batches become nothing. The records may have `bytes_max` bytes.
pub fn batch_to_message_set(
    batch: &Batch,
    magic: u8,
    from_offset: i64,
    bytes_max: usize,
) -> Result<Vec<u8>, FormatError> {
    assert!(magic <= 1, "a legacy format");
    let mut set = Vec::new();
    if batch.header.is_control() {
        return Ok(set);
    }
    let is_append_time =
        batch.header.timestamp_type() == crate::batch::TimestampType::LogAppendTime;
    let attributes = if is_append_time && magic == 1 { TIMESTAMP_TYPE_BIT } else { 0 };
    for record in Records::open(batch, bytes_max)?.iter() {
        let record = record?;
        if record.offset >= from_offset {
            put_message(&mut set, magic, attributes, &record);
        }
    }
    Ok(set)
}

fn put_message(set: &mut Vec<u8>, magic: u8, attributes: u8, record: &Record<'_>) {
    let length_min = if magic == 0 { LENGTH_MIN_V0 } else { LENGTH_MIN_V1 };
    let field_bytes = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let length = length_min + field_bytes(record.key) + field_bytes(record.value);
    set.put_i64(record.offset);
    set.put_i32(i32::try_from(length).expect("a batch is below 2 GiB"));
    let crc_at = set.len();
    set.put_u32(0);
    set.put_u8(magic);
    set.put_u8(attributes);
    if magic == 1 {
        set.put_i64(record.timestamp_ms);
    }
    put_field(set, record.key);
    put_field(set, record.value);
    let crc = crc32(&set[crc_at + CRC_BYTES..]);
    set[crc_at..crc_at + CRC_BYTES].copy_from_slice(&crc.to_be_bytes());
}

fn take_message(set: &mut Bytes) -> Result<Message, FormatError> {
    let have_bytes = set.len();
    let truncated = |needed_bytes| FormatError::Truncated { needed_bytes, have_bytes };
    if have_bytes < OVERHEAD_BYTES + LENGTH_MIN_V0 {
        return Err(truncated(OVERHEAD_BYTES + LENGTH_MIN_V0));
    }
    let claimed = get_i32(set, 8);
    let magic = set[OVERHEAD_BYTES + CRC_BYTES];
    if magic > 1 {
        return Err(FormatError::BadMagic { magic: magic.cast_signed() });
    }
    let length_min = if magic == 0 { LENGTH_MIN_V0 } else { LENGTH_MIN_V1 };
    let length = usize::try_from(claimed).ok().filter(|length| *length >= length_min);
    let length = length.ok_or(FormatError::BadLength {
        length: claimed.into(),
        min: if magic == 0 { 14 } else { 22 },
        max: i32::MAX.into(),
    })?;
    if have_bytes < OVERHEAD_BYTES + length {
        return Err(truncated(OVERHEAD_BYTES + length));
    }
    let mut body = set.split_to(OVERHEAD_BYTES + length).split_off(OVERHEAD_BYTES);
    let (stored, computed) = (get_u32(&body, 0), crc32(&body[CRC_BYTES..]));
    if stored != computed {
        return Err(FormatError::BadCrc { stored, computed });
    }
    let attributes = body[5];
    let timestamp_ms = if magic == 0 { NO_TIMESTAMP } else { get_i64(&body, 6) };
    let mut fields = body.split_off(if magic == 0 { 6 } else { 14 });
    let key = take_field(&mut fields)?;
    let value = take_field(&mut fields)?;
    if !fields.is_empty() {
        return Err(FormatError::Malformed("bytes after the value"));
    }
    Ok(Message { magic, attributes, timestamp_ms, key, value })
}

impl Message {
    fn compression(&self) -> Result<Compression, FormatError> {
        match Compression::from_attributes((self.attributes & COMPRESSION_MASK).into())? {
            Compression::Zstd => Err(FormatError::BadCompression { id: 4 }),
            compression => Ok(compression),
        }
    }
}

fn unwrap(message: &Message, codec: Compression, bytes_max: usize) -> Result<Bytes, FormatError> {
    let value = message.value.as_ref().ok_or(FormatError::Malformed("wrapper without a value"))?;
    if codec == Compression::Lz4 && message.magic == 0 {
        return decompress(codec, &with_right_lz4_checksum(value), bytes_max);
    }
    decompress(codec, value, bytes_max)
}

/// Appends the messages of a wrapper. Their times are their own, unless the wrapper says that the
/// broker's time holds for all.
fn take_inner(
    mut inner: Bytes,
    wrapper: &Message,
    messages: &mut Vec<Message>,
) -> Result<(), FormatError> {
    if inner.is_empty() {
        return Err(FormatError::Malformed("empty wrapper"));
    }
    while !inner.is_empty() {
        let mut message = take_message(&mut inner)?;
        if message.compression()? != Compression::None {
            return Err(FormatError::Malformed("wrapper in a wrapper"));
        }
        if message.magic != wrapper.magic {
            return Err(FormatError::Malformed("message of another format than its wrapper"));
        }
        if wrapper.magic == 1 && wrapper.attributes & TIMESTAMP_TYPE_BIT != 0 {
            message.timestamp_ms = wrapper.timestamp_ms;
        }
        messages.push(message);
    }
    Ok(())
}

/// Clients of magic 0 computed the checksum of the LZ4 frame header over its magic number as well
/// (KAFKA-3160). Puts the right one in its place.
///
/// ```text
/// | magic 4 | flags 1 | block size 1 | content size 8 (flags bit 3) | checksum 1 | blocks … |
/// ```
fn with_right_lz4_checksum(frame: &Bytes) -> Bytes {
    const FLAGS_AT: usize = 4;
    const CONTENT_SIZE_BIT: u8 = 0x08;
    let has_size = frame.get(FLAGS_AT).is_some_and(|flags| flags & CONTENT_SIZE_BIT != 0);
    let checksum_at = FLAGS_AT + 2 + if has_size { 8 } else { 0 };
    let Some(stored) = frame.get(checksum_at) else { return frame.clone() };
    let hash = twox_hash::XxHash32::oneshot(0, &frame[FLAGS_AT..checksum_at]);
    let [_, _, right, _] = hash.to_be_bytes();
    if *stored == right {
        return frame.clone();
    }
    let mut frame = frame.to_vec();
    frame[checksum_at] = right;
    frame.into()
}

fn take_field(bytes: &mut Bytes) -> Result<Option<Bytes>, FormatError> {
    if bytes.len() < 4 {
        return Err(FormatError::Malformed("field length"));
    }
    let length = get_i32(&bytes.split_to(4), 0);
    if length == -1 {
        return Ok(None);
    }
    match usize::try_from(length) {
        Ok(length) if length <= bytes.len() => Ok(Some(bytes.split_to(length))),
        _ => Err(FormatError::Malformed("field longer than its message")),
    }
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => out.put_i32(-1),
        Some(field) => {
            out.put_i32(i32::try_from(field.len()).expect("a batch is below 2 GiB"));
            out.put_slice(field);
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
