//! Criterion benchmarks of what every request passes: decode, batch validation with its CRC,
//! encode of a fetch answer.

use std::hint::black_box;

use benches::{batch, check, decode_produce, fetch_answer, produce_frame};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn codec(c: &mut Criterion) {
    let frame = produce_frame(batch(1, 1024));
    c.bench_function("decode a produce of 1 KiB", |b| b.iter(|| decode_produce(black_box(&frame))));
    let records = batch(1, 1 << 20);
    c.bench_function("encode a fetch answer of 1 MiB by reference", |b| {
        b.iter(|| fetch_answer(black_box(&records)));
    });
}

fn validation(c: &mut Criterion) {
    let mut group = c.benchmark_group("walk and check a batch");
    for (name, records, record_bytes) in
        [("1 KiB", 1, 1024), ("64 KiB of 100 B", 640, 100), ("1 MiB", 1, 1 << 20)]
    {
        let set = batch(records, record_bytes);
        group.throughput(Throughput::Bytes(set.len() as u64));
        group.bench_function(name, |b| b.iter(|| check(black_box(&set))));
    }
    group.finish();
}

criterion_group!(groups, codec, validation);
criterion_main!(groups);
