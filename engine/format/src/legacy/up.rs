//! Message sets to record batches: what Produce versions 0 to 2 carry.

use bytes::Bytes;

use crate::{
    batch::{Compression, TIMESTAMP_TYPE_BIT, TimestampType},
    builder::BatchBuilder,
    error::FormatError,
    records::Headers,
};

use super::{
    message::{MESSAGE_OVERHEAD_BYTES, Message},
    set::{Entries, Entry},
};

/// A converted batch is smaller than this before its compression, so that no length in it, with
/// all a codec may add, leaves 31 bits.
const CONVERTED_BYTES_MAX: usize = 1 << 30;

/// More than a record's lengths, deltas and counts take, whatever their values.
const RECORD_OVERHEAD_BYTES_MAX: usize = 64;

/// One batch with all messages of `set`, so that they are appended together or not at all. Offsets
/// are 0, 1, 2 and so on, whatever the messages carry: the log assigns them. The compression is
/// that of the last wrapper. A message cut off at the end is left out, as Kafka does, unless it is
/// the only one. `decompressed_bytes_max` holds for all wrappers of the set together.
///
/// A set with append times gives a batch with one (the latest), for the log to refuse or replace.
pub fn up_convert(set: &Bytes, decompressed_bytes_max: usize) -> Result<Bytes, FormatError> {
    let mut builder = BatchBuilder::new(Compression::None);
    let mut entries = Entries::new(set, decompressed_bytes_max);
    for entry in entries.by_ref() {
        match entry? {
            Entry::Message(message) => push(&mut builder, &message)?,
            Entry::Wrapper(wrapper) => {
                builder.compression = wrapper.compression();
                for message in wrapper.messages() {
                    push(&mut builder, &message?)?;
                }
            }
        }
    }
    if builder.records_count() == 0 {
        let have_bytes = entries.rest().len();
        return Err(FormatError::Truncated { needed_bytes: MESSAGE_OVERHEAD_BYTES, have_bytes });
    }
    Ok(builder.build())
}

fn push(builder: &mut BatchBuilder, message: &Message<'_>) -> Result<(), FormatError> {
    if builder.bytes() + message.bytes() + RECORD_OVERHEAD_BYTES_MAX > CONVERTED_BYTES_MAX {
        return Err(FormatError::TooLarge { max_bytes: CONVERTED_BYTES_MAX });
    }
    let flags = match message.timestamp_type {
        TimestampType::CreateTime => 0,
        TimestampType::LogAppendTime => TIMESTAMP_TYPE_BIT,
    };
    if builder.records_count() > 0 && builder.flags != flags {
        return Err(FormatError::Malformed("two timestamp types in one message set"));
    }
    builder.flags = flags;
    builder.push(message.timestamp_ms, message.key, message.value, Headers::NONE);
    Ok(())
}
