//! Records inside a batch v2: decoding. The other way is `builder.rs`.
//!
//! ```text
//! record:  | length varint | attributes 1 | timestamp_delta varlong | offset_delta varint
//!          | key_length varint (-1: null) | key … | value_length varint (-1: null) | value …
//!          | headers_count varint | headers … |
//! header:  | key_length varint | key … | value_length varint (-1: null) | value … |
//! ```
//! `length` counts what follows it. Varints are zig-zag, see `varint.rs`.

use bytes::Bytes;

use crate::{
    batch::{BATCH_HEADER_BYTES, RecordBatchHeader, TimestampType},
    batches::Batch,
    compress::decompress,
    error::FormatError,
    varint::{put_varint, take_varint, take_varlong},
};

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Absolute offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch; -1: none. The append time, if the batch says so.
    pub timestamp_ms: i64,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null: a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The record's headers.
    pub headers: Headers<'a>,
}

/// The headers of one record, in their encoded form; checked when the record was decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Headers<'static> = Headers { count: 0, encoded: &[] };

    /// Takes a record's tail apart: the count and the headers, with nothing after them.
    fn decode(mut tail: &'a [u8]) -> Result<Self, FormatError> {
        let count = usize::try_from(take_varint(&mut tail)?)
            .map_err(|_| FormatError::Malformed("negative header count"))?;
        let encoded = tail;
        for _ in 0..count {
            take_header(&mut tail)?;
        }
        if !tail.is_empty() {
            return Err(FormatError::Malformed("bytes after the last header"));
        }
        Ok(Self { count, encoded })
    }

    /// Encodes `headers` into `scratch` (emptied first), which the result borrows.
    pub fn encode(headers: &[(&[u8], Option<&[u8]>)], scratch: &'a mut Vec<u8>) -> Self {
        scratch.clear();
        for (key, value) in headers {
            put_field(scratch, Some(key));
            put_field(scratch, *value);
        }
        Self { count: headers.len(), encoded: scratch }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Key and value of each, in order. Keys may repeat.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.encoded;
        (0..self.count).map(move |_| take_header(&mut rest).expect("checked by decode"))
    }

    /// Appends the count and the headers to a record.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, i32::try_from(self.count).expect("a batch is below 2 GiB"));
        out.extend_from_slice(self.encoded);
    }

    /// Bytes of the headers without their count.
    pub(crate) fn encoded_bytes(&self) -> usize {
        self.encoded.len()
    }
}

/// Header keys are strings, so never null.
fn take_header<'a>(bytes: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), FormatError> {
    let key = take_field(bytes)?.ok_or(FormatError::Malformed("null header key"))?;
    Ok((key, take_field(bytes)?))
}

fn take_field<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, FormatError> {
    let length = take_varint(bytes)?;
    let Ok(length) = usize::try_from(length) else {
        return if length == -1 {
            Ok(None)
        } else {
            Err(FormatError::Malformed("negative field length"))
        };
    };
    let Some((field, rest)) = bytes.split_at_checked(length) else {
        return Err(FormatError::Truncated { needed_bytes: length, have_bytes: bytes.len() });
    };
    *bytes = rest;
    Ok(Some(field))
}

/// Appends a length and the field, or -1 for null.
pub(crate) fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => put_varint(out, -1),
        Some(field) => {
            put_varint(out, i32::try_from(field.len()).expect("a batch is below 2 GiB"));
            out.extend_from_slice(field);
        }
    }
}

/// The decompressed records of one batch.
#[derive(Clone, Debug)]
pub struct Records {
    header: RecordBatchHeader,
    body: Bytes,
}

impl Records {
    /// Decompresses the records of `batch`, into at most `bytes_max` bytes.
    pub fn open(batch: &Batch, bytes_max: usize) -> Result<Self, FormatError> {
        let body = batch.bytes.slice(BATCH_HEADER_BYTES..);
        let body = decompress(batch.header.compression(), &body, bytes_max)?;
        Ok(Self { header: batch.header, body })
    }

    /// The batch's header.
    pub fn header(&self) -> &RecordBatchHeader {
        &self.header
    }

    /// The records in order. An error ends the iteration; so does the count of the header, after
    /// which no byte may be left.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter {
            header: &self.header,
            rest: &self.body,
            left: self.header.records_count,
            delta_min: 0,
        }
    }
}

/// Iterator over decoded records: offsets grow, and stay inside the batch's range.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: &'a RecordBatchHeader,
    rest: &'a [u8],
    left: i32,
    delta_min: i32,
}

impl<'a> RecordIter<'a> {
    fn take(&mut self) -> Result<Record<'a>, FormatError> {
        let length = usize::try_from(take_varint(&mut self.rest)?)
            .map_err(|_| FormatError::Malformed("negative record length"))?;
        let Some((mut body, rest)) = self.rest.split_at_checked(length) else {
            return Err(FormatError::Truncated {
                needed_bytes: length,
                have_bytes: self.rest.len(),
            });
        };
        self.rest = rest;
        let Some((_attributes, tail)) = body.split_first() else {
            return Err(FormatError::Malformed("empty record"));
        };
        body = tail;
        let timestamp_delta = take_varlong(&mut body)?;
        let offset_delta = take_varint(&mut body)?;
        if offset_delta < self.delta_min || offset_delta > self.header.last_offset_delta {
            return Err(FormatError::Malformed("record offsets do not grow inside the batch"));
        }
        self.delta_min = offset_delta.saturating_add(1);
        let timestamp_ms = match self.header.timestamp_type() {
            TimestampType::LogAppendTime => self.header.max_timestamp,
            // Wrapping as in Java: a nonsense time is the producer's own, and stays what it was.
            TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(timestamp_delta),
        };
        Ok(Record {
            offset: self.header.base_offset + i64::from(offset_delta),
            timestamp_ms,
            key: take_field(&mut body)?,
            value: take_field(&mut body)?,
            headers: Headers::decode(body)?,
        })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let surplus = !std::mem::take(&mut self.rest).is_empty();
            return surplus.then_some(Err(FormatError::Malformed("bytes after the last record")));
        }
        let record = self.take();
        self.left = if record.is_ok() { self.left - 1 } else { 0 };
        if record.is_err() {
            self.rest = &[];
        }
        Some(record)
    }
}

/// First record of `batch` whose timestamp is at least `timestamp_ms`: its offset and timestamp.
/// Exact to the record, also in compressed batches, whatever the header's `max_timestamp` claims.
pub fn find_record_by_timestamp(
    batch: &Batch,
    timestamp_ms: i64,
    bytes_max: usize,
) -> Result<Option<(i64, i64)>, FormatError> {
    for record in Records::open(batch, bytes_max)?.iter() {
        let record = record?;
        if record.timestamp_ms >= timestamp_ms {
            return Ok(Some((record.offset, record.timestamp_ms)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        batch::{Compression, set_crc, set_log_append_time},
        builder::BatchBuilder,
    };

    const MAX: usize = 1 << 20;

    fn three(compression: Compression) -> Batch {
        let mut builder = BatchBuilder::new(compression);
        builder.base_offset = 100;
        for (time, value) in [(50, "a"), (70, "b"), (60, "c")] {
            builder.push(time, Some(b"k"), Some(value.as_bytes()), Headers::NONE);
        }
        Batch::decode(&builder.build()).unwrap()
    }

    #[test]
    fn time_is_found_to_the_record_in_every_compression() {
        use Compression::{Gzip, Lz4, None as Plain, Snappy, Zstd};
        for compression in [Plain, Gzip, Snappy, Lz4, Zstd] {
            let batch = three(compression);
            assert_eq!(batch.header.max_timestamp, 70);
            let find = |time| find_record_by_timestamp(&batch, time, MAX).unwrap();
            assert_eq!(find(0), Some((100, 50)));
            assert_eq!(find(51), Some((101, 70)));
            assert_eq!(find(70), Some((101, 70)));
            assert_eq!(find(71), None);
        }
    }

    #[test]
    fn append_time_is_every_records_time() {
        let mut bytes = three(Compression::Zstd).bytes.to_vec();
        set_log_append_time(&mut bytes, 9_000);
        let batch = Batch::decode(&bytes.into()).unwrap();
        assert_eq!(find_record_by_timestamp(&batch, 71, MAX), Ok(Some((100, 9_000))));
    }

    #[test]
    fn surplus_bytes_and_repeated_offsets_are_refused() {
        let mut bytes = three(Compression::None).bytes.to_vec();
        bytes.push(0);
        let length = i32::from_be_bytes(bytes[8..12].try_into().unwrap()) + 1;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        set_crc(&mut bytes);
        let batch = Batch::decode(&bytes.into()).unwrap();
        let records = Records::open(&batch, MAX).unwrap();
        let last = records.iter().last().unwrap();
        assert_eq!(last, Err(FormatError::Malformed("bytes after the last record")));

        let mut bytes = three(Compression::None).bytes.to_vec();
        let record_bytes = usize::from(bytes[BATCH_HEADER_BYTES] / 2) + 1;
        let second_delta = BATCH_HEADER_BYTES + record_bytes + 3;
        assert_eq!(bytes[second_delta], 2, "offset delta 1, zig-zag");
        bytes[second_delta] = 0;
        set_crc(&mut bytes);
        let batch = Batch::decode(&bytes.into()).unwrap();
        let records = Records::open(&batch, MAX).unwrap();
        let second = records.iter().nth(1).unwrap();
        assert!(matches!(second, Err(FormatError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn hostile_records_never_panic(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            records_count in 1..1000i32,
        ) {
            let mut header = three(Compression::None).header;
            header.records_count = records_count;
            header.last_offset_delta = records_count - 1;
            let records = Records { header, body: body.into() };
            prop_assert!(records.iter().count() <= 201);
        }
    }
}
