//! Walks a message set and opens its wrappers, within a budget for what they decompress to.

use bytes::Bytes;

use crate::{
    batch::{Compression, TimestampType},
    compress::decompress,
    error::FormatError,
    field::get_i64,
};

use super::{
    lz4,
    message::{LegacyMagic, Message, split},
};

/// One entry of a set.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// A message by itself.
    Message(Message<'a>),
    /// Messages that were compressed together.
    Wrapper(Wrapper),
}

/// Iterator over the entries of a set. Ends after the first error, and before a message that is
/// cut off at the end.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    set: &'a Bytes,
    rest: &'a [u8],
    decompressed_bytes_left: usize,
    failed: bool,
}

impl<'a> Entries<'a> {
    /// Entries of `set`, whose wrappers may decompress to `decompressed_bytes_max` bytes together.
    pub fn new(set: &'a Bytes, decompressed_bytes_max: usize) -> Self {
        Self { set, rest: set, decompressed_bytes_left: decompressed_bytes_max, failed: false }
    }

    /// Bytes not yet handed out.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self) -> Result<Option<Entry<'a>>, FormatError> {
        let Some(message) = Message::take(&mut self.rest)? else { return Ok(None) };
        if message.compression == Compression::None {
            return Ok(Some(Entry::Message(message)));
        }
        let compressed = message.value.ok_or(FormatError::Malformed("wrapper without a value"))?;
        let compressed = self.set.slice_ref(compressed);
        let wrapper = Wrapper::open(&message, compressed, self.decompressed_bytes_left)?;
        self.decompressed_bytes_left -= wrapper.body.len();
        Ok(Some(Entry::Wrapper(wrapper)))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = self.take().transpose();
        self.failed = matches!(entry, Some(Err(_)));
        entry
    }
}

/// A wrapper, decompressed.
#[derive(Clone, Debug)]
pub struct Wrapper {
    magic: LegacyMagic,
    compression: Compression,
    timestamp_type: TimestampType,
    timestamp_ms: i64,
    numbering: Numbering,
    body: Bytes,
}

/// How absolute offsets follow from the inner messages.
#[derive(Clone, Copy, Debug)]
enum Numbering {
    /// Add this to what they carry.
    Shifted(i64),
    /// Count from here: they carry nothing of use.
    Counted(i64),
}

impl Wrapper {
    fn open(
        wrapper: &Message<'_>,
        compressed: Bytes,
        bytes_max: usize,
    ) -> Result<Self, FormatError> {
        let compressed = match (wrapper.magic, wrapper.compression) {
            (LegacyMagic::V0, Compression::Lz4) => lz4::with_right_checksum(compressed),
            _ => compressed,
        };
        let body = decompress(wrapper.compression, &compressed, bytes_max)?;
        Ok(Self {
            magic: wrapper.magic,
            compression: wrapper.compression,
            timestamp_type: wrapper.timestamp_type,
            timestamp_ms: wrapper.timestamp_ms,
            numbering: Numbering::of(wrapper, &body)?,
            body,
        })
    }

    /// How the messages were compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The inner messages, with absolute offsets, and with the wrapper's time where that is the
    /// append time. Ends after the first error.
    pub fn messages(&self) -> impl Iterator<Item = Result<Message<'_>, FormatError>> {
        let mut rest = &self.body[..];
        (0..).map_while(move |place| {
            if rest.is_empty() {
                return None;
            }
            let message = self.take(&mut rest, place);
            if message.is_err() {
                rest = &[];
            }
            Some(message)
        })
    }

    fn take<'a>(&'a self, rest: &mut &'a [u8], place: i64) -> Result<Message<'a>, FormatError> {
        let message = Message::take(rest)?.ok_or(CUT_OFF)?;
        if message.magic != self.magic {
            return Err(FormatError::Malformed("messages of a wrapper have its format"));
        }
        if message.compression != Compression::None {
            return Err(FormatError::Malformed("a wrapper inside a wrapper"));
        }
        let offset = match self.numbering {
            Numbering::Shifted(shift) => message.offset.wrapping_add(shift),
            Numbering::Counted(first) => first.wrapping_add(place),
        };
        let timestamp_ms = match self.timestamp_type {
            TimestampType::LogAppendTime => self.timestamp_ms,
            TimestampType::CreateTime => message.timestamp_ms,
        };
        Ok(Message { offset, timestamp_ms, timestamp_type: self.timestamp_type, ..message })
    }
}

const CUT_OFF: FormatError = FormatError::Malformed("a message of a wrapper is cut off");

impl Numbering {
    /// Looks at offsets and sizes only; the messages are checked when they are taken.
    fn of(wrapper: &Message<'_>, body: &[u8]) -> Result<Self, FormatError> {
        let mut rest = body;
        let mut last = None;
        let mut grows = true;
        let mut count = 0i64;
        while !rest.is_empty() {
            let (message, tail) = split(rest)?.ok_or(CUT_OFF)?;
            let offset = get_i64(message, 0);
            grows &= last.is_none_or(|last| last < offset);
            last = Some(offset);
            count += 1;
            rest = tail;
        }
        let last = last.ok_or(FormatError::Malformed("wrapper without messages"))?;
        Ok(match wrapper.magic {
            _ if !grows => Self::Counted(wrapper.offset.saturating_sub(count - 1).max(0)),
            LegacyMagic::V0 => Self::Shifted(0),
            LegacyMagic::V1 => Self::Shifted(wrapper.offset.wrapping_sub(last)),
        })
    }
}
