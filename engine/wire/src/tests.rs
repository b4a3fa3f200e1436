//! Tests that run over every message and version.
//! For a long run: `KAFKA_WIRE_EFFORT=50 cargo test -p kafka-wire` (default 1).

use proptest::test_runner::Config;

mod debug_tree;
mod differential;
mod encoding;
mod every_message;
mod golden;
mod hostile;
mod round_trip;
pub(crate) mod sample;

/// How many times the usual number of random inputs.
fn effort() -> u32 {
    std::env::var("KAFKA_WIRE_EFFORT").map_or(1, |effort| effort.parse().expect("a number"))
}

/// Proptest with `usual` random inputs. Failures print their seed, which is all there is to keep.
fn cases(usual: u32) -> Config {
    Config { cases: usual * effort(), failure_persistence: None, ..Config::default() }
}
