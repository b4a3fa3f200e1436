//! The same parts as `hot`, counted in instructions: the figures do not depend on what else the
//! machine does. Needs valgrind and `cargo install gungraun-runner`.
#![expect(unused_qualifications, reason = "what the benchmark macros expand to")]

use std::hint::black_box;

use benches::{batch, check, decode_produce, fetch_answer, produce_frame};
use bytes::Bytes;
use gungraun::{library_benchmark, library_benchmark_group, main};

fn frame() -> Bytes {
    produce_frame(batch(1, 1024))
}

#[library_benchmark]
#[bench::one_kib(setup = frame)]
fn decode(frame: Bytes) -> kafka_wire::ProduceRequest {
    decode_produce(black_box(&frame))
}

#[library_benchmark]
#[bench::one_kib(args = (1, 1024), setup = batch)]
#[bench::small_records(args = (640, 100), setup = batch)]
#[bench::one_mib(args = (1, 1 << 20), setup = batch)]
fn walk_and_check(records: Bytes) -> usize {
    check(black_box(&records))
}

#[library_benchmark]
#[bench::one_mib(args = (1, 1 << 20), setup = batch)]
fn encode_fetch(records: Bytes) -> Vec<Bytes> {
    fetch_answer(black_box(&records))
}

library_benchmark_group!(name = hot; benchmarks = decode, walk_and_check, encode_fetch);
main!(library_benchmark_groups = hot);
