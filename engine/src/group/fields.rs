//! The field types of Kafka's messages that group records and consumer subscriptions are made
//! of. Reads borrow and are bounds-checked; nothing is allocated here.

use bytes::{BufMut, BytesMut};
use thiserror::Error;

/// Why bytes are not a record of `__consumer_offsets`, or cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A field reaches past the end.
    #[error("the record ends inside a field")]
    Truncated,
    /// A length or count is negative where none may be, or larger than what follows.
    #[error("a length or count does not fit the record")]
    BadLength,
    /// Text that is not UTF-8.
    #[error("a text field is not UTF-8")]
    NotUtf8,
    /// Written by something newer than we know.
    #[error("layout {0} of this record is not known")]
    UnknownVersion(i16),
    /// Members without the protocol they agreed on.
    #[error("a group has members and no protocol")]
    Inconsistent,
    /// A text or byte field is too long for Kafka's length field.
    #[error("a field is too long to be written")]
    TooLong,
}

/// `| length i16 | UTF-8 |`
pub(super) fn put_str(out: &mut BytesMut, text: &str) -> Result<(), RecordError> {
    out.put_i16(i16::try_from(text.len()).map_err(|_| RecordError::TooLong)?);
    out.put_slice(text.as_bytes());
    Ok(())
}

/// Length -1 for none.
pub(super) fn put_nullable_str(out: &mut BytesMut, text: Option<&str>) -> Result<(), RecordError> {
    match text {
        Some(text) => put_str(out, text),
        None => {
            out.put_i16(-1);
            Ok(())
        }
    }
}

/// `| length i32 | bytes |`
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) -> Result<(), RecordError> {
    out.put_i32(i32::try_from(bytes.len()).map_err(|_| RecordError::TooLong)?);
    out.put_slice(bytes);
    Ok(())
}

/// A cursor over bytes that came from a disk or a client.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub(super) fn str(&mut self) -> Result<&'a str, RecordError> {
        let length = self.i16()?;
        self.text(usize::try_from(length).map_err(|_| RecordError::BadLength)?)
    }

    pub(super) fn compact_str(&mut self) -> Result<&'a str, RecordError> {
        let length = self.compact_length()?.ok_or(RecordError::BadLength)?;
        self.text(length)
    }

    /// A string in the classic or the compact layout.
    pub(super) fn str_of(&mut self, flexible: bool) -> Result<&'a str, RecordError> {
        if flexible { self.compact_str() } else { self.str() }
    }

    /// A string or null in the classic or the compact layout.
    pub(super) fn nullable_str_of(
        &mut self,
        flexible: bool,
    ) -> Result<Option<&'a str>, RecordError> {
        let length = if flexible {
            self.compact_length()?
        } else {
            let length = self.i16()?;
            if length < -1 {
                return Err(RecordError::BadLength);
            }
            usize::try_from(length).ok()
        };
        length.map(|length| self.text(length)).transpose()
    }

    /// Bytes in the classic or the compact layout.
    pub(super) fn bytes_of(&mut self, flexible: bool) -> Result<&'a [u8], RecordError> {
        let length = if flexible {
            self.compact_length()?.ok_or(RecordError::BadLength)?
        } else {
            usize::try_from(self.i32()?).map_err(|_| RecordError::BadLength)?
        };
        self.take(length)
    }

    /// The count of an array whose items take at least `item_bytes_min` each.
    pub(super) fn count_of(
        &mut self,
        flexible: bool,
        item_bytes_min: usize,
    ) -> Result<usize, RecordError> {
        let count = if flexible {
            self.compact_length()?.ok_or(RecordError::BadLength)?
        } else {
            usize::try_from(self.i32()?).map_err(|_| RecordError::BadLength)?
        };
        if count > self.rest.len() / item_bytes_min {
            return Err(RecordError::BadLength);
        }
        Ok(count)
    }

    /// Steps over the tagged fields that end a flexible structure (KIP-482).
    pub(super) fn skip_tagged_fields(&mut self) -> Result<(), RecordError> {
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            self.unsigned_varint()?;
            let length = self.unsigned_varint()?;
            self.take(length as usize)?;
        }
        Ok(())
    }

    fn compact_length(&mut self) -> Result<Option<usize>, RecordError> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }

    fn unsigned_varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let [byte] = self.array::<1>()?;
            if shift == 28 && byte > 0x0f {
                return Err(RecordError::BadLength);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::BadLength)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.take(length)?).map_err(|_| RecordError::NotUtf8)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(RecordError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}
