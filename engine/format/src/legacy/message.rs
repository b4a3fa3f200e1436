//! One message of magic 0 or 1: decoding and encoding. The layout is drawn in `legacy.rs`.

use crate::{
    batch::{Compression, MAGIC_AT, NO_TIMESTAMP, TimestampType},
    error::FormatError,
    field::{get_i32, get_i64, get_u32},
};

/// Bytes of offset and size, which the size does not count.
pub(super) const MESSAGE_OVERHEAD_BYTES: usize = 12;
const CRC_AT: usize = 12;
const ATTRIBUTES_AT: usize = 17;
const TIMESTAMP_AT: usize = 18;
const TIMESTAMP_BYTES: usize = 8;
const LENGTH_BYTES: usize = 4;
/// Bytes of a magic 0 message whose key and value are empty or null.
const MESSAGE_BYTES_MIN: usize = TIMESTAMP_AT + 2 * LENGTH_BYTES;
/// Smallest legal size field.
const SIZE_MIN: i32 = 14;
const _: () = assert!(SIZE_MIN as usize == MESSAGE_BYTES_MIN - MESSAGE_OVERHEAD_BYTES);
const TIMESTAMP_TYPE_BIT: u8 = 0x08;
const COMPRESSION_MASK: u8 = 0x07;

/// The two formats before record batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacyMagic {
    /// Without timestamps: Produce and Fetch versions 0 and 1.
    V0 = 0,
    /// With timestamps: Produce version 2, Fetch versions 2 and 3.
    V1 = 1,
}

/// One message, borrowed from its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// As written, or resolved to the absolute offset by [`super::Wrapper::messages`].
    pub offset: i64,
    /// The format.
    pub magic: LegacyMagic,
    /// Not [`Compression::None`]: a wrapper, whose value is a compressed set.
    pub compression: Compression,
    /// Always [`TimestampType::CreateTime`] in magic 0.
    pub timestamp_type: TimestampType,
    /// Milliseconds since the epoch; -1: none, always so in magic 0.
    pub timestamp_ms: i64,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null.
    pub value: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Takes one message off the front of `bytes` and checks its CRC; `None`, and nothing taken,
    /// when the bytes end before the message does.
    pub fn take(bytes: &mut &'a [u8]) -> Result<Option<Self>, FormatError> {
        let Some((message, rest)) = split(bytes)? else { return Ok(None) };
        let decoded = Self::decode(message)?;
        *bytes = rest;
        Ok(Some(decoded))
    }

    fn decode(message: &'a [u8]) -> Result<Self, FormatError> {
        let stored = get_u32(message, CRC_AT);
        let computed = crc32fast::hash(&message[MAGIC_AT..]);
        if stored != computed {
            return Err(FormatError::BadCrc { stored, computed });
        }
        let magic = match message[MAGIC_AT] {
            0 => LegacyMagic::V0,
            1 => LegacyMagic::V1,
            other => return Err(FormatError::BadMagic { magic: other.cast_signed() }),
        };
        let attributes = message[ATTRIBUTES_AT];
        let compression = match Compression::from_attributes(attributes.into())? {
            Compression::Zstd => return Err(FormatError::BadCompression { id: 4 }),
            compression => compression,
        };
        let mut timestamp_ms = NO_TIMESTAMP;
        let mut timestamp_type = TimestampType::CreateTime;
        let mut rest = &message[TIMESTAMP_AT..];
        if magic == LegacyMagic::V1 {
            let Some((timestamp, tail)) = rest.split_at_checked(TIMESTAMP_BYTES) else {
                return Err(FormatError::Malformed("message too small for its timestamp"));
            };
            timestamp_ms = get_i64(timestamp, 0);
            if attributes & TIMESTAMP_TYPE_BIT != 0 {
                timestamp_type = TimestampType::LogAppendTime;
            }
            rest = tail;
        }
        let key = take_field(&mut rest)?;
        let value = take_field(&mut rest)?;
        if !rest.is_empty() {
            return Err(FormatError::Malformed("bytes after a message's value"));
        }
        let offset = get_i64(message, 0);
        Ok(Self { offset, magic, compression, timestamp_type, timestamp_ms, key, value })
    }

    /// Bytes of the encoded message.
    pub fn bytes(&self) -> usize {
        let timestamp_bytes = if self.magic == LegacyMagic::V1 { TIMESTAMP_BYTES } else { 0 };
        let fields_bytes = [self.key, self.value].into_iter().flatten().map(|field| field.len());
        MESSAGE_BYTES_MIN + timestamp_bytes + fields_bytes.sum::<usize>()
    }

    /// Appends the encoded message. Magic 0 drops the timestamp.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] when its size does not fit the size field; nothing is appended.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let size = i32::try_from(self.bytes() - MESSAGE_OVERHEAD_BYTES)
            .map_err(|_| FormatError::TooLarge { max_bytes: i32::MAX as usize })?;
        let start = out.len();
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        let type_bit = match self.timestamp_type {
            TimestampType::LogAppendTime if self.magic == LegacyMagic::V1 => TIMESTAMP_TYPE_BIT,
            _ => 0,
        };
        out.extend_from_slice(&[
            self.magic as u8,
            self.compression as u8 & COMPRESSION_MASK | type_bit,
        ]);
        if self.magic == LegacyMagic::V1 {
            out.extend_from_slice(&self.timestamp_ms.to_be_bytes());
        }
        put_field(out, self.key);
        put_field(out, self.value);
        let crc = crc32fast::hash(&out[start + MAGIC_AT..]);
        out[start + CRC_AT..start + MAGIC_AT].copy_from_slice(&crc.to_be_bytes());
        Ok(())
    }
}

/// The bytes of a message, and those after it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first message's bytes and the rest; `None` when the bytes end before the message does.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, FormatError> {
    if bytes.len() < MESSAGE_OVERHEAD_BYTES {
        return Ok(None);
    }
    let size = get_i32(bytes, MESSAGE_OVERHEAD_BYTES - LENGTH_BYTES);
    let (min, max) = (SIZE_MIN.into(), i32::MAX.into());
    let bad = FormatError::BadLength { length: size.into(), min, max };
    let size = usize::try_from(size).ok().filter(|_| size >= SIZE_MIN).ok_or(bad)?;
    Ok(bytes.split_at_checked(MESSAGE_OVERHEAD_BYTES + size))
}

fn take_field<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, FormatError> {
    let (have_bytes, needed_bytes) = (bytes.len(), LENGTH_BYTES);
    let Some((length, rest)) = bytes.split_at_checked(LENGTH_BYTES) else {
        return Err(FormatError::Truncated { needed_bytes, have_bytes });
    };
    let length = get_i32(length, 0);
    *bytes = rest;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length)
        .map_err(|_| FormatError::Malformed("negative field length in a message"))?;
    let Some((field, rest)) = rest.split_at_checked(length) else {
        return Err(FormatError::Truncated { needed_bytes: length, have_bytes: rest.len() });
    };
    *bytes = rest;
    Ok(Some(field))
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    let Some(field) = field else {
        return out.extend_from_slice(&(-1i32).to_be_bytes());
    };
    let length = i32::try_from(field.len()).expect("the whole message fits its size field");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(field);
}
