//! Collects an encoded frame as a list of buffers: small fields copied into one, large byte fields
//! and record sets kept by reference. Knows Kafka's primitive layouts, not its messages.

use bytes::Bytes;

use crate::{EncodeError, reader::STRING_BYTES_MAX};

/// From this size on, byte fields are kept by reference: below it, copying is cheaper than one more
/// element of the `sendmsg` list.
pub const BY_REFERENCE_BYTES_MIN: usize = 1024;

/// Room for the small fields of a usual answer, so that most frames allocate once.
const SMALL_FIELDS_BYTES: usize = 512;

/// Encoder output. Start with [`GatherBuf::framed`], finish with [`GatherBuf::finish`].
///
/// Writing never fails half-way: the first error is kept and returned at the end.
#[derive(Debug, Default)]
pub struct GatherBuf {
    small: Vec<u8>,
    /// Buffers kept by reference, each with its position in `small`. Positions never decrease.
    large: Vec<(usize, Bytes)>,
    large_bytes: usize,
    /// True if `small` starts with four bytes that `finish` fills with the frame's size.
    framed: bool,
    error: Option<EncodeError>,
    pub(crate) version: i16,
    pub(crate) flexible: bool,
}

impl GatherBuf {
    /// Output without a frame size in front.
    #[must_use]
    pub fn new() -> Self {
        Self { small: Vec::with_capacity(SMALL_FIELDS_BYTES), ..Self::default() }
    }

    /// Output that will start with the 4-byte size of everything after it.
    #[must_use]
    pub fn framed() -> Self {
        let mut out = Self { framed: true, ..Self::new() };
        out.small.extend_from_slice(&[0; 4]);
        out
    }

    /// Bytes written so far, those kept by reference included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.small.len() + self.large_bytes
    }

    /// True if nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffers, in the order in which they go out.
    ///
    /// # Errors
    /// The first error of any write, or a frame beyond 2 GiB.
    pub fn finish(mut self) -> Result<Vec<Bytes>, EncodeError> {
        self.check()?;
        if self.framed {
            let length = self.len() - 4;
            let size = i32::try_from(length).map_err(|_| EncodeError::TooLarge(length))?;
            self.small[..4].copy_from_slice(&size.to_be_bytes());
        }
        let small = Bytes::from(self.small);
        if self.large.is_empty() {
            return Ok(vec![small]);
        }
        let mut parts = Vec::with_capacity(2 * self.large.len() + 1);
        let mut from = 0;
        for (at, large) in self.large {
            if at > from {
                parts.push(small.slice(from..at));
            }
            parts.push(large);
            from = at;
        }
        if from < small.len() {
            parts.push(small.slice(from..));
        }
        Ok(parts)
    }

    pub(crate) fn check(&self) -> Result<(), EncodeError> {
        self.error.map_or(Ok(()), Err)
    }

    #[cold]
    pub(crate) fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
    }

    /// One part of a byte field or record set, by reference if that pays.
    pub(crate) fn put_part(&mut self, part: &Bytes) {
        if part.len() < BY_REFERENCE_BYTES_MIN {
            self.put(part);
        } else {
            self.large_bytes += part.len();
            self.large.push((self.small.len(), part.clone()));
        }
    }

    pub(crate) fn put_unsigned_varint(&mut self, value: u32) {
        let (bytes, length) = unsigned_varint(value);
        self.put(&bytes[..length]);
    }

    pub(crate) fn put_string_length(&mut self, length: usize) {
        if length > STRING_BYTES_MAX {
            self.fail(EncodeError::StringTooLong(length));
        } else if self.flexible {
            self.put_compact_length(length);
        } else {
            let length = i16::try_from(length).expect("at most 32767: checked above");
            self.put(&length.to_be_bytes());
        }
    }

    /// Length of a byte field or record set, or count of an array.
    pub(crate) fn put_length(&mut self, length: usize) {
        if self.flexible {
            self.put_compact_length(length);
        } else {
            match i32::try_from(length) {
                Ok(length) => self.put(&length.to_be_bytes()),
                Err(_) => self.fail(EncodeError::TooLarge(length)),
            }
        }
    }

    pub(crate) fn put_null_string(&mut self) {
        if self.flexible { self.put(&[0]) } else { self.put(&(-1_i16).to_be_bytes()) }
    }

    /// Null array, byte field or record set.
    pub(crate) fn put_null(&mut self) {
        if self.flexible { self.put(&[0]) } else { self.put(&(-1_i32).to_be_bytes()) }
    }

    /// One tagged field: number, size, and what `content` writes.
    pub(crate) fn put_tagged(&mut self, tag: u32, content: impl FnOnce(&mut Self)) {
        self.put_unsigned_varint(tag);
        let (start, large_start, length_before) = (self.small.len(), self.large.len(), self.len());
        content(self);
        // The size is known only now, and its own length depends on it: it is put in front.
        let length = self.len() - length_before;
        let Ok(length) = u32::try_from(length) else {
            return self.fail(EncodeError::TooLarge(length));
        };
        let (size, size_bytes) = unsigned_varint(length);
        self.small.splice(start..start, size[..size_bytes].iter().copied());
        for (at, _) in &mut self.large[large_start..] {
            *at += size_bytes;
        }
    }

    fn put_compact_length(&mut self, length: usize) {
        match u32::try_from(length) {
            Ok(length) if length < i32::MAX.unsigned_abs() => self.put_unsigned_varint(length + 1),
            _ => self.fail(EncodeError::TooLarge(length)),
        }
    }
}

fn unsigned_varint(mut value: u32) -> ([u8; 5], usize) {
    let mut bytes = [0; 5];
    let mut length = 0;
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        bytes[length] = if value == 0 { low } else { low | 0x80 };
        length += 1;
        if value == 0 {
            return (bytes, length);
        }
    }
}
