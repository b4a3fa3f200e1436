//! Criterion benchmarks of what every request passes: decode, batch validation with its CRC,
//! encode of a fetch answer.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kafka_wire::{
    ApiKey, FetchResponse, Message, ProduceRequest, Reader, Records, RequestHeader, decode_header,
    encode_request, encode_response,
    fetch::{FetchableTopicResponse, PartitionData},
    produce::{PartitionProduceData, TopicProduceData},
};
use log_format::{BatchBuilder, Compression, Headers};

fn batch(records: usize, record_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for _ in 0..records {
        builder.push(0, None, Some(&vec![b'r'; record_bytes]), Headers::default());
    }
    builder.build()
}

fn produce_frame(records: Bytes) -> Bytes {
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

fn codec(c: &mut Criterion) {
    let frame = produce_frame(batch(1, 1024));
    c.bench_function("decode a produce of 1 KiB", |b| {
        b.iter(|| {
            let mut body = frame.clone();
            let header = decode_header(&mut body).expect("a valid header");
            let mut reader = Reader::new(body);
            black_box(ProduceRequest::decode(&mut reader, header.api_version).expect("valid"))
        });
    });
    let records = batch(1, 1 << 20);
    c.bench_function("encode a fetch answer of 1 MiB by reference", |b| {
        b.iter(|| {
            let data =
                PartitionData { records: Records::from(records.clone()), ..Default::default() };
            let topic = FetchableTopicResponse {
                topic: "orders".into(),
                partitions: vec![data],
                ..Default::default()
            };
            let response = FetchResponse { responses: vec![topic], ..Default::default() };
            black_box(encode_response(ApiKey::Fetch, 12, 1, &response).expect("valid"))
        });
    });
}

fn validation(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk and check a batch");
    for (name, records, record_bytes) in
        [("1 KiB", 1, 1024), ("64 KiB of 100 B", 640, 100), ("1 MiB", 1, 1 << 20)]
    {
        let set = batch(records, record_bytes);
        group.throughput(Throughput::Bytes(set.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                for batch in log_format::Batches::new(set.clone()) {
                    black_box(batch.expect("a valid batch"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, codec, validation);
criterion_main!(benches);
