//! Builds a record batch v2 from records: for tools, the broker's own topics, compaction and
//! converted legacy messages. Decoding is `records.rs`, where the layout is drawn.

use bytes::Bytes;

use crate::{
    batch::{
        BATCH_HEADER_BYTES, BATCH_OVERHEAD_BYTES, Compression, MAGIC_V2, NO_PRODUCER_EPOCH,
        NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, RecordBatchHeader, set_crc,
    },
    compress::compress,
    records::{Headers, put_field},
    varint::{put_varint, put_varlong, varlong_bytes},
};

/// Collects records and encodes them as one batch. Without records `build` makes the empty batch
/// that compaction keeps to remember a producer.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    /// Offset of the first record; 0 at first.
    pub base_offset: i64,
    /// -1 at first, as producers send it.
    pub partition_leader_epoch: i32,
    /// Bits above the compression: timestamp type, transactional, control. 0 at first.
    pub flags: i16,
    /// -1 at first: not idempotent.
    pub producer_id: i64,
    /// -1 at first.
    pub producer_epoch: i16,
    /// -1 at first.
    pub base_sequence: i32,
    /// As given to [`BatchBuilder::new`]; counts when the batch is built.
    pub compression: Compression,
    body: Vec<u8>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    last_offset_delta: i32,
    records_count: i32,
}

impl BatchBuilder {
    /// An empty batch whose records will be compressed with `compression`.
    pub fn new(compression: Compression) -> Self {
        Self {
            base_offset: 0,
            partition_leader_epoch: -1,
            flags: 0,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            compression,
            body: Vec::new(),
            base_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            last_offset_delta: -1,
            records_count: 0,
        }
    }

    /// Records so far.
    pub fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Bytes of the batch so far, before compression.
    pub fn bytes(&self) -> usize {
        BATCH_HEADER_BYTES + self.body.len()
    }

    /// Appends a record at the next offset.
    pub fn push(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) {
        self.push_at(self.last_offset_delta + 1, timestamp_ms, key, value, headers);
    }

    /// Appends a record `offset_delta` after the base offset, beyond the last record.
    pub fn push_at(
        &mut self,
        offset_delta: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) {
        assert!(offset_delta > self.last_offset_delta, "offsets of a batch grow");
        let base_timestamp = *self.base_timestamp.get_or_insert(timestamp_ms);
        // Wraps only for times that are nonsense, and wraps back when read.
        let timestamp_delta = timestamp_ms.wrapping_sub(base_timestamp);
        let length = 1
            + varlong_bytes(timestamp_delta)
            + varlong_bytes(offset_delta.into())
            + field_bytes(key)
            + field_bytes(value)
            + length_bytes(headers.len())
            + headers.encoded_bytes();
        put_varint(&mut self.body, i32::try_from(length).expect("a record is below 2 GiB"));
        self.body.push(0);
        put_varlong(&mut self.body, timestamp_delta);
        put_varint(&mut self.body, offset_delta);
        put_field(&mut self.body, key);
        put_field(&mut self.body, value);
        headers.put(&mut self.body);
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        self.last_offset_delta = offset_delta;
        self.records_count += 1;
    }

    /// Keeps the offset range of a batch whose last records were compacted away.
    pub fn cover_offsets(&mut self, last_offset_delta: i32) {
        self.last_offset_delta = self.last_offset_delta.max(last_offset_delta);
    }

    /// The encoded batch, CRC included.
    pub fn build(self) -> Bytes {
        let body = match self.compression {
            Compression::None => self.body,
            compression => compress(compression, &self.body),
        };
        let batch_length = BATCH_HEADER_BYTES - BATCH_OVERHEAD_BYTES + body.len();
        let header = RecordBatchHeader {
            base_offset: self.base_offset,
            batch_length: i32::try_from(batch_length).expect("a batch is below 2 GiB"),
            partition_leader_epoch: self.partition_leader_epoch,
            magic: MAGIC_V2,
            crc: 0,
            attributes: self.flags | self.compression as i16,
            last_offset_delta: self.last_offset_delta.max(0),
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            records_count: self.records_count,
        };
        let mut batch = Vec::with_capacity(BATCH_HEADER_BYTES + body.len());
        batch.extend_from_slice(&header.encode());
        batch.extend_from_slice(&body);
        set_crc(&mut batch);
        batch.into()
    }
}

fn field_bytes(field: Option<&[u8]>) -> usize {
    match field {
        None => varlong_bytes(-1),
        Some(field) => length_bytes(field.len()) + field.len(),
    }
}

fn length_bytes(length: usize) -> usize {
    varlong_bytes(i64::try_from(length).expect("memory is smaller than 2^63 bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::{batches::Batch, records::Records};

    type Field = Option<Vec<u8>>;

    prop_compose! {
        fn record()(
            timestamp_ms in -1..2_000_000_000_000i64,
            key in option::of(vec(any::<u8>(), 0..20)),
            value in option::of(vec(any::<u8>(), 0..200)),
            headers in vec((vec(any::<u8>(), 0..8), option::of(vec(any::<u8>(), 0..8))), 0..4),
            gap in 0..3i32,
        ) -> (i64, Field, Field, Vec<(Vec<u8>, Field)>, i32) {
            (timestamp_ms, key, value, headers, gap)
        }
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_went_in(
            records in vec(record(), 1..20),
            codec in 0..5i16,
            base_offset in 0..1_000_000i64,
        ) {
            let compression = Compression::from_attributes(codec).unwrap();
            let mut builder = BatchBuilder::new(compression);
            builder.base_offset = base_offset;
            let mut delta = -1;
            let mut offsets = Vec::new();
            let mut scratch = Vec::new();
            for (time, key, value, headers, gap) in &records {
                delta += 1 + gap;
                offsets.push(base_offset + i64::from(delta));
                let headers: Vec<_> =
                    headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
                let headers = Headers::encode(&headers, &mut scratch);
                builder.push_at(delta, *time, key.as_deref(), value.as_deref(), headers);
            }
            let batch = Batch::decode(&builder.build()).unwrap();
            prop_assert_eq!(batch.header.max_timestamp, records.iter().map(|r| r.0).max().unwrap());
            let opened = Records::open(&batch, 1 << 20).unwrap();
            let mut count = 0;
            for (at, got) in opened.iter().enumerate() {
                let got = got.unwrap();
                let (time, key, value, headers, _) = &records[at];
                prop_assert_eq!(got.offset, offsets[at]);
                prop_assert_eq!(got.timestamp_ms, *time);
                prop_assert_eq!(got.key, key.as_deref());
                prop_assert_eq!(got.value, value.as_deref());
                let got_headers: Vec<_> =
                    got.headers.iter().map(|(k, v)| (k.to_vec(), v.map(<[u8]>::to_vec))).collect();
                prop_assert_eq!(&got_headers, headers);
                count += 1;
            }
            prop_assert_eq!(count, records.len());
        }
    }
}
