//! Inputs that the benchmarks share. Measures nothing itself.
#![forbid(unsafe_code)]

use bytes::Bytes;
use kafka_wire::{
    ApiKey, FetchResponse, Message, ProduceRequest, Reader, Records, RequestHeader, decode_header,
    encode_request, encode_response,
    fetch::{FetchableTopicResponse, PartitionData},
    produce::{PartitionProduceData, TopicProduceData},
};
use log_format::{BatchBuilder, Batches, Compression, Headers};

/// A batch of `records` records with values of `record_bytes`.
pub fn batch(records: usize, record_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for _ in 0..records {
        builder.push(0, None, Some(&vec![b'r'; record_bytes]), Headers::default());
    }
    builder.build()
}

/// A Produce frame of one partition, without its size.
///
/// # Panics
/// Never: the request is valid.
pub fn produce_frame(records: Bytes) -> Bytes {
    let data = PartitionProduceData { index: 0, records: Some(Records::from(records)) };
    let topic = TopicProduceData {
        name: "orders".into(),
        partition_data: vec![data],
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let header = RequestHeader { api_version: 9, ..Default::default() };
    let frame = encode_request(&header, &request).expect("a valid request").concat();
    Bytes::from(frame).slice(4..)
}

/// What the broker does first with a Produce frame.
///
/// # Panics
/// If the frame is not from [`produce_frame`].
pub fn decode_produce(frame: &Bytes) -> ProduceRequest {
    let mut body = frame.clone();
    let header = decode_header(&mut body).expect("a valid header");
    ProduceRequest::decode(&mut Reader::new(body), header.api_version).expect("a valid body")
}

/// Walks a record set and checks each batch's CRC; returns the batches seen.
///
/// # Panics
/// If a batch is bad.
pub fn check(records: &Bytes) -> usize {
    Batches::new(records.clone()).fold(0, |seen, batch| {
        batch.expect("a valid batch");
        seen + 1
    })
}

/// The answer to a Fetch that found `records`.
///
/// # Panics
/// Never: the response is valid.
pub fn fetch_answer(records: &Bytes) -> Vec<Bytes> {
    let data = PartitionData { records: Records::from(records.clone()), ..Default::default() };
    let topic = FetchableTopicResponse {
        topic: "orders".into(),
        partitions: vec![data],
        ..Default::default()
    };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    encode_response(ApiKey::Fetch, 12, 1, &response).expect("a valid response")
}
