//! Takes fields out of one received frame. Checks every length against the bytes that are left
//! before it allocates or slices. Knows Kafka's primitive layouts, not its messages.

use bytes::{Buf, Bytes};

use crate::DecodeError;

/// Longest string of the protocol, in bytes: Kafka refuses longer ones in every version.
pub const STRING_BYTES_MAX: usize = 32_767;

/// Memory that the elements of one frame may take, as a multiple of the frame's length. The
/// smallest honest element (an empty tagged string, 2 bytes) takes 32 bytes of memory.
pub const ELEMENT_MEMORY_FACTOR: usize = 32;

/// Memory that the elements of one frame may take, whatever its length.
pub const ELEMENT_MEMORY_BYTES_MAX: usize = 64 << 20;

/// A frame being decoded: position, version, and the memory its elements may still take.
///
/// Strings, byte fields and record sets come out as slices of the frame (no copy), so a decoded
/// message keeps the frame alive. Trailing bytes are tolerated, as in Kafka: see
/// [`Reader::remaining`].
#[derive(Debug)]
pub struct Reader {
    frame: Bytes,
    /// Never beyond `frame.len()`.
    at: usize,
    memory_left_bytes: usize,
    pub(crate) version: i16,
    pub(crate) flexible: bool,
}

impl Reader {
    /// Reads `frame` (without its 4-byte size) from its start.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        let by_length = frame.len().saturating_mul(ELEMENT_MEMORY_FACTOR);
        Self::with_memory(frame, by_length.min(ELEMENT_MEMORY_BYTES_MAX))
    }

    /// As [`Reader::new`], with a budget in bytes for the memory of array elements.
    #[must_use]
    pub fn with_memory(frame: Bytes, element_memory_bytes: usize) -> Self {
        Self { frame, at: 0, memory_left_bytes: element_memory_bytes, version: 0, flexible: false }
    }

    /// Bytes not yet taken. After a whole message: bytes the sender added, which Kafka ignores.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.at
    }

    /// Everything that is left.
    #[must_use]
    pub fn into_rest(mut self) -> Bytes {
        self.frame.advance(self.at);
        self.frame
    }

    /// The frame as it was.
    pub(crate) fn into_frame(self) -> Bytes {
        self.frame
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let left = &self.frame[self.at..];
        let Some(taken) = left.first_chunk::<N>() else {
            return Err(DecodeError::Truncated { needed: N, remaining: left.len() });
        };
        self.at += N;
        Ok(*taken)
    }

    pub(crate) fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.check_left(length)?;
        let taken = self.frame.slice(self.at..self.at + length);
        self.at += length;
        Ok(taken)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Seven bits a byte, lowest first, at most 32 bits. Longer than needed is fine, as in Kafka.
    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::VarintTooLong);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// Length of a string, `None` for null: 16 bits, or a varint of length + 1.
    pub(crate) fn string_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible {
            self.compact_length()?
        } else {
            let length = self.i16()?;
            length_or_null(i32::from(length))?
        };
        match length {
            Some(length) if length > STRING_BYTES_MAX => Err(DecodeError::StringTooLong(length)),
            length => Ok(length),
        }
    }

    /// Length of a byte field or record set, `None` for null: 32 bits, or a varint of length + 1.
    pub(crate) fn bytes_length(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.flexible { self.compact_length() } else { length_or_null(self.i32()?) }
    }

    /// Number of elements, `None` for null, after both checks that come before an allocation:
    /// as many elements as bytes at most, and `element_bytes` of memory each within the budget.
    pub(crate) fn count(&mut self, element_bytes: usize) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.bytes_length()? else { return Ok(None) };
        let remaining = self.remaining();
        if count > remaining {
            return Err(DecodeError::CountTooLarge { count, remaining });
        }
        let needed_bytes = count.saturating_mul(element_bytes);
        let Some(left_bytes) = self.memory_left_bytes.checked_sub(needed_bytes) else {
            let left_bytes = self.memory_left_bytes;
            return Err(DecodeError::ElementMemory { needed_bytes, left_bytes });
        };
        self.memory_left_bytes = left_bytes;
        Ok(Some(count))
    }

    /// The tagged fields at the end of a structure. `known` reads the field of a tag it knows and
    /// answers true; the others are skipped.
    pub(crate) fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            self.check_left(length)?;
            let end = self.at + length;
            if known(tag, self)? && self.at != end {
                return Err(DecodeError::TagSize { tag });
            }
            self.at = end;
        }
        Ok(())
    }

    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|length| length as usize))
    }

    fn check_left(&self, needed: usize) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if needed > remaining {
            return Err(DecodeError::Truncated { needed, remaining });
        }
        Ok(())
    }
}

fn length_or_null(length: i32) -> Result<Option<usize>, DecodeError> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(DecodeError::NegativeLength(length)),
    }
}
