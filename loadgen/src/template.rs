//! Owns pre-encoded produce requests: one complete frame per batch shape, copied and patched in
//! place for each send. Never touches a socket.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use bytes::{BufMut, Bytes};
use kafka_protocol::compression::{Compressor, Gzip, Lz4, Snappy, Zstd};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use crate::keys::{KEY_BYTES, KeyTable};
use crate::payload::{STAMP_BYTES, Stamp};
use crate::units::to_i32;
use crate::wire::batch;
use crate::wire::encode_request;
use crate::workload::{Acks, Codec};

/// Batches longer than this get their checksum by combining the patched head with a stored
/// checksum of the unchanged tail.
const COMBINE_FROM_BYTES: usize = 16 * 1024;
const CORRELATION_AT: usize = 8;

/// A produce request for one partition, complete but for the patched fields.
#[derive(Debug)]
pub struct Template {
    frame: Vec<u8>,
    /// Start of the record batch; the partition index stands 8 bytes before it.
    batch_at: usize,
    places: Vec<Place>,
    codec: Codec,
    /// `frame[tail_from..]` never changes between sends; its checksum is kept.
    tail_from: usize,
    tail_crc: u32,
}

/// Where a record's key and value stand in the frame.
#[derive(Debug, Clone)]
struct Place {
    key_at: Option<usize>,
    value: Range<usize>,
}

/// What a frame of this shape carries.
#[derive(Debug, Clone)]
pub struct Shape<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Version of Produce.
    pub version: i16,
    /// Acknowledgement.
    pub acks: Acks,
    /// How long the broker may take, milliseconds.
    pub timeout_ms: i32,
    /// Whether records carry a key.
    pub keyed: bool,
    /// Compression.
    pub codec: Codec,
}

/// The fields that differ from send to send.
#[derive(Debug)]
pub struct Patch<'a> {
    /// Correlation id of the request.
    pub correlation_id: i32,
    /// Partition index.
    pub partition: i32,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Producer id, epoch and base sequence; `None` without idempotence.
    pub producer: Option<(i64, i16, i32)>,
    /// Stamps to write.
    pub stamps: Stamps,
    /// Keys to draw for the records.
    pub keys: Option<(&'a KeyTable, usize)>,
}

/// Which records of a batch get a stamp.
#[derive(Debug, Clone, Copy)]
pub enum Stamps {
    /// None.
    None,
    /// The first record: enough to measure end-to-end latency.
    First(Stamp),
    /// Every record, sequence counting up, with a checksum over each value.
    Every(Stamp),
}

impl Template {
    /// Encodes a batch of `values`.
    pub fn new(shape: &Shape<'_>, values: &[Vec<u8>]) -> Result<Template> {
        let mut records = Vec::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let kafka_records: Vec<Record> =
            values.iter().enumerate().map(|(i, value)| record(i, value, shape.keyed)).collect();
        RecordBatchEncoder::encode(&mut records, &kafka_records, &options)
            .context("encode record batch")?;
        let batch_bytes = records.len();
        let request = ProduceRequest::default()
            .with_acks(shape.acks.code())
            .with_timeout_ms(shape.timeout_ms)
            .with_topic_data(vec![
                TopicProduceData::default()
                    .with_name(TopicName(StrBytes::from_string(shape.topic.to_owned())))
                    .with_partition_data(vec![
                        PartitionProduceData::default().with_records(Some(Bytes::from(records))),
                    ]),
            ]);
        let mut frame = Vec::new();
        encode_request(&mut frame, &request, shape.version, 0)?;
        // In the spoken versions the records are the last field of the request.
        let batch_at = frame.len() - batch_bytes;
        let places = locate(&frame, batch_at, values.len())?;
        let tail_from = places
            .first()
            .map_or(frame.len(), |place| (place.value.start + STAMP_BYTES).min(place.value.end));
        let tail_crc = crc32c::crc32c(&frame[tail_from..]);
        Ok(Template { frame, batch_at, places, codec: shape.codec, tail_from, tail_crc })
    }

    /// Records in the batch.
    pub fn records(&self) -> usize {
        self.places.len()
    }

    /// Bytes of values and keys: the user's data.
    pub fn payload_bytes(&self) -> usize {
        let keys: usize = self.places.iter().filter(|p| p.key_at.is_some()).count() * KEY_BYTES;
        keys + self.places.iter().map(|place| place.value.len()).sum::<usize>()
    }

    /// Bytes of an uncompressed request.
    pub fn frame_bytes(&self) -> usize {
        self.frame.len()
    }

    /// Appends the request, patched, to `out`.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        patch: &Patch<'_>,
        random: &mut fastrand::Rng,
    ) -> Result<()> {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        put(frame, CORRELATION_AT, &patch.correlation_id.to_be_bytes());
        put(frame, self.batch_at - 8, &patch.partition.to_be_bytes());
        let batch = self.batch_at;
        put(frame, batch + batch::BASE_TIMESTAMP_AT, &patch.timestamp_ms.to_be_bytes());
        put(frame, batch + batch::MAX_TIMESTAMP_AT, &patch.timestamp_ms.to_be_bytes());
        let (id, epoch, sequence) = patch.producer.unwrap_or((-1, -1, -1));
        put(frame, batch + batch::PRODUCER_ID_AT, &id.to_be_bytes());
        put(frame, batch + batch::PRODUCER_EPOCH_AT, &epoch.to_be_bytes());
        put(frame, batch + batch::BASE_SEQUENCE_AT, &sequence.to_be_bytes());
        let head_only = self.patch_records(frame, patch, random);
        if self.codec != Codec::None {
            return self.compress(out, start);
        }
        let covered = batch + batch::CRC_FROM;
        let crc = if head_only && self.frame.len() - self.tail_from > COMBINE_FROM_BYTES {
            let head = crc32c::crc32c(&frame[covered..self.tail_from]);
            crc32c::crc32c_combine(head, self.tail_crc, self.frame.len() - self.tail_from)
        } else {
            crc32c::crc32c(&frame[covered..])
        };
        put(frame, batch + batch::CRC_AT, &crc.to_be_bytes());
        Ok(())
    }

    /// Writes keys and stamps. True when nothing after `tail_from` was changed.
    fn patch_records(
        &self,
        frame: &mut [u8],
        patch: &Patch<'_>,
        random: &mut fastrand::Rng,
    ) -> bool {
        if let Some((table, partition)) = patch.keys {
            for at in self.places.iter().filter_map(|place| place.key_at) {
                if let Some(key) = table.draw_key(partition, random) {
                    put(frame, at, key);
                }
            }
        }
        match patch.stamps {
            Stamps::None => {}
            Stamps::First(stamp) => {
                if let Some(place) = self.places.first() {
                    stamp.write(&mut frame[place.value.clone()]);
                }
            }
            Stamps::Every(first) => {
                for (index, place) in (0..).zip(&self.places) {
                    let stamp = Stamp { sequence: first.sequence + index, ..first };
                    stamp.write_sealed(&mut frame[place.value.clone()]);
                }
            }
        }
        patch.keys.is_none() && !matches!(patch.stamps, Stamps::Every(_))
    }

    /// Replaces the records by their compressed form and corrects lengths and checksum.
    fn compress(&self, out: &mut Vec<u8>, start: usize) -> Result<()> {
        let records_at = start + self.batch_at + batch::HEADER_BYTES;
        let plain = out.split_off(records_at);
        let mut packed = bytes::BytesMut::new();
        let code = match self.codec {
            Codec::None => bail!("compress() is for compressed batches"),
            Codec::Gzip => Gzip::compress(&mut packed, |to| copy(&plain, to)).map(|()| 1),
            Codec::Snappy => Snappy::compress(&mut packed, |to| copy(&plain, to)).map(|()| 2),
            Codec::Lz4 => Lz4::compress(&mut packed, |to| copy(&plain, to)).map(|()| 3),
            Codec::Zstd => Zstd::compress(&mut packed, |to| copy(&plain, to)).map(|()| 4),
        }?;
        out.extend_from_slice(&packed);
        let frame = &mut out[start..];
        let batch_bytes = frame.len() - self.batch_at;
        put(frame, 0, &to_i32(self.batch_at + batch_bytes - 4).to_be_bytes());
        put(frame, self.batch_at - 4, &to_i32(batch_bytes).to_be_bytes());
        put(frame, self.batch_at + 8, &to_i32(batch_bytes - 12).to_be_bytes());
        put(frame, self.batch_at + batch::ATTRIBUTES_AT, &[0, code]);
        let crc = crc32c::crc32c(&frame[self.batch_at + batch::CRC_FROM..]);
        put(frame, self.batch_at + batch::CRC_AT, &crc.to_be_bytes());
        Ok(())
    }
}

fn copy(bytes: &[u8], to: &mut impl BufMut) -> Result<()> {
    to.put_slice(bytes);
    Ok(())
}

fn put(frame: &mut [u8], at: usize, bytes: &[u8]) {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
}

fn record(index: usize, value: &[u8], keyed: bool) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(to_i32(index)),
        sequence: to_i32(index),
        timestamp: 0,
        key: keyed.then(|| Bytes::from_static(&[b'0'; KEY_BYTES])),
        value: Some(Bytes::copy_from_slice(value)),
        headers: Default::default(),
    }
}

/// Finds the records of the batch that was just encoded.
fn locate(frame: &[u8], batch_at: usize, count: usize) -> Result<Vec<Place>> {
    let mut at = batch_at + batch::HEADER_BYTES;
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        let length = varint(frame, &mut at)?;
        let end = at + length.context("record without a length")?;
        at += 1;
        varint(frame, &mut at)?;
        varint(frame, &mut at)?;
        let key_at = varint(frame, &mut at)?.map(|_| at);
        at += if key_at.is_some() { KEY_BYTES } else { 0 };
        let value_bytes = varint(frame, &mut at)?.context("record without a value")?;
        places.push(Place { key_at, value: at..at + value_bytes });
        at = end;
    }
    if at != frame.len() {
        bail!("the encoded batch ends at {at}, the frame at {}", frame.len());
    }
    Ok(places)
}

/// A zigzag varint; `None` for a negative number, which stands for null.
fn varint(frame: &[u8], at: &mut usize) -> Result<Option<usize>> {
    let mut value: u64 = 0;
    for shift in (0..35).step_by(7) {
        let byte = *frame.get(*at).context("varint cut off")?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value & 1 == 0).then_some(crate::units::to_usize(value >> 1)));
        }
    }
    bail!("varint too long")
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::RequestHeader;
    use kafka_protocol::protocol::Decodable;
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;
    use crate::payload::Reading;

    fn sent(template: &Template, patch: &Patch<'_>) -> (RequestHeader, ProduceRequest) {
        let mut out = vec![0xEE; 3];
        template.write(&mut out, patch, &mut fastrand::Rng::with_seed(1)).unwrap();
        let mut frame = &out[3..];
        let length = i32::from_be_bytes(*frame.first_chunk().unwrap());
        assert_eq!(usize::try_from(length).unwrap() + 4, frame.len());
        frame = &frame[4..];
        let header = RequestHeader::decode(&mut frame, 1).unwrap();
        let request = ProduceRequest::decode(&mut frame, 7).unwrap();
        assert!(frame.is_empty());
        (header, request)
    }

    /// Every patched frame is decoded by `kafka-protocol`, which also checks the batch's CRC.
    #[test]
    fn patched_frames_are_valid_requests() {
        let stamp = Stamp { run_id: 1, producer: 2, sequence: 40, intended_ns: 5 };
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            for (count, size, keyed) in [(1, 1024, false), (5, 100, true), (3, 20_000, false)] {
                let shape = Shape {
                    topic: "orders",
                    version: 7,
                    acks: Acks::All,
                    timeout_ms: 1000,
                    keyed,
                    codec,
                };
                let values = vec![vec![7; size]; count];
                let template = Template::new(&shape, &values).unwrap();
                let keys = KeyTable::new(crate::keys::KeyChoice::Uniform, 10, 3);
                for stamps in [Stamps::None, Stamps::First(stamp), Stamps::Every(stamp)] {
                    let patch = Patch {
                        correlation_id: 77,
                        partition: 2,
                        timestamp_ms: 1_700_000_000_000,
                        producer: Some((9, 1, 500)),
                        stamps,
                        keys: keyed.then_some((&keys, 2)),
                    };
                    check_sent(sent(&template, &patch), count, stamps, stamp);
                }
            }
        }
    }

    fn check_sent(
        sent: (RequestHeader, ProduceRequest),
        count: usize,
        stamps: Stamps,
        stamp: Stamp,
    ) {
        let (header, request) = sent;
        assert_eq!(header.correlation_id, 77);
        let partition = &request.topic_data[0].partition_data[0];
        assert_eq!(partition.index, 2);
        let mut bytes = partition.records.clone().unwrap();
        let batch = batch::batches(&bytes).next().unwrap().unwrap();
        assert!(batch.crc_matches());
        let records = RecordBatchDecoder::decode(&mut bytes).unwrap().records;
        assert_eq!(records.len(), count);
        for (index, record) in records.iter().enumerate() {
            assert_eq!((record.producer_id, record.producer_epoch), (9, 1));
            assert_eq!(record.sequence, 500 + to_i32(index));
            assert_eq!(record.timestamp, 1_700_000_000_000);
            let value = record.value.as_ref().unwrap();
            match stamps {
                Stamps::Every(_) => {
                    let sequence = 40 + u64::try_from(index).unwrap();
                    let expected = Reading::Whole(Stamp { sequence, ..stamp });
                    assert_eq!(Stamp::read_sealed(value), expected);
                }
                Stamps::First(_) if index == 0 => assert_eq!(Stamp::read(value), Some(stamp)),
                _ => assert_eq!(Stamp::read(value), None),
            }
        }
    }
}
