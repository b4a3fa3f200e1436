//! Criterion benchmarks of the path of old clients: message sets of magic 1 to a batch (Produce
//! version 2) and back (Fetch version 2). Times are per set of [`RECORDS`] records of
//! [`VALUE_BYTES`]; criterion shows records per second, and MB/s of the uncompressed set.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_format::{
    BatchBuilder, Compression, Headers, TimestampType,
    compress::compress,
    legacy::{DownConversion, LegacyMagic, Message, down_convert, up_convert},
};

const RECORDS: u64 = 1000;
const VALUE_BYTES: usize = 100;
const CAP: usize = 64 << 20;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Text that compresses about as logs do: words in an order that does not repeat.
fn value(number: u64) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["error ", "user ", "order ", "paid ", "GET ", "/api/v1/", "timeout ", "shipped "];
    let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = number.to_string();
    while value.len() < VALUE_BYTES {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        value.push_str(WORDS[usize::try_from(seed >> 61).expect("three bits")]);
    }
    value.truncate(VALUE_BYTES);
    value.into_bytes()
}

const PLAIN: Message<'static> = Message {
    offset: 0,
    magic: LegacyMagic::V1,
    compression: Compression::None,
    timestamp_type: TimestampType::CreateTime,
    timestamp_ms: 0,
    key: None,
    value: None,
};

fn plain_set() -> Bytes {
    let mut set = Vec::new();
    for number in 0..RECORDS {
        let value = value(number);
        let message = Message { timestamp_ms: 1_700_000_000_000, value: Some(&value), ..PLAIN };
        message.put(&mut set).expect("small");
    }
    set.into()
}

fn message_set(compression: Compression) -> Bytes {
    let plain = plain_set();
    if compression == Compression::None {
        return plain;
    }
    let inner = compress(compression, &plain);
    let mut set = Vec::new();
    Message { compression, value: Some(&inner), ..PLAIN }.put(&mut set).expect("small");
    set.into()
}

fn batch(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for number in 0..RECORDS {
        builder.push(1_700_000_000_000, None, Some(&value(number)), Headers::NONE);
    }
    builder.build()
}

fn throughputs() -> [(&'static str, Throughput); 2] {
    let set_bytes = plain_set().len() as u64;
    [("records", Throughput::Elements(RECORDS)), ("bytes", Throughput::Bytes(set_bytes))]
}

fn up(c: &mut Criterion) {
    for (unit, throughput) in throughputs() {
        let mut group = c.benchmark_group(format!("message set to batch, {unit}"));
        group.throughput(throughput);
        for compression in CODECS.into_iter().filter(|codec| *codec != Compression::Zstd) {
            let set = message_set(compression);
            group.bench_function(compression.name(), |b| {
                b.iter(|| up_convert(black_box(&set), CAP).expect("a good set"));
            });
        }
        group.finish();
    }
}

fn down(c: &mut Criterion) {
    let wish = DownConversion {
        magic: LegacyMagic::V1,
        from_offset: 0,
        bytes_max: CAP,
        decompressed_bytes_max: CAP,
    };
    for (unit, throughput) in throughputs() {
        let mut group = c.benchmark_group(format!("batch to message set, {unit}"));
        group.throughput(throughput);
        for compression in CODECS {
            let batch = batch(compression);
            group.bench_function(compression.name(), |b| {
                b.iter(|| down_convert(black_box(batch.clone()), &wish).expect("a good batch"));
            });
        }
        group.finish();
    }
}

criterion_group!(groups, up, down);
criterion_main!(groups);
