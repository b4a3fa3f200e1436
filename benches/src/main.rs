//! `figures`: measures the real broker from outside and prints each figure beside the floor of the
//! same machine in the same run. Every number in `docs/performance.md` comes from here.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod broker;
mod client;
mod fetch;
mod floor;
mod idle;
mod ingest;
mod produce;
mod stats;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Figures of a Ringlog binary on this machine.
#[derive(Parser)]
struct Arguments {
    /// The binary to measure.
    #[arg(long, default_value = "target/release/ringlog")]
    binary: PathBuf,
    /// Where data folders are made; the disk to measure.
    #[arg(long, default_value = "target")]
    dir: PathBuf,
    /// Arguments added to `ringlog start`, for example `--set shard.spin.us=0`.
    #[arg(long, allow_hyphen_values = true, num_args = 0..)]
    start: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Durable produce round trip at 1, 16 and 64 connections, with the floor and the ratio.
    Produce {
        /// Requests per measurement.
        #[arg(long, default_value_t = 20_000)]
        requests: usize,
        /// Bytes of the one record in a request.
        #[arg(long, default_value_t = 1024)]
        record_bytes: usize,
        /// Connections of each measurement.
        #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
        connections: Vec<usize>,
    },
    /// Highest durable ingest with large batches, beside sequential direct writes.
    Ingest {
        /// Bytes written per measurement.
        #[arg(long, default_value_t = 2 << 30)]
        bytes: u64,
    },
    /// Bytes a second that consumers read from the tail of the log.
    Fetch {
        /// Bytes read per measurement.
        #[arg(long, default_value_t = 8 << 30)]
        bytes: u64,
    },
    /// Memory of an idle broker and of idle connections.
    Idle {
        /// Idle connections to open.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// Start time and disk use with many partitions.
    Partitions {
        /// Partitions to create.
        #[arg(long, default_value_t = 2000)]
        partitions: i32,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let setup =
        broker::Setup { binary: arguments.binary, dir: arguments.dir, start: arguments.start };
    match arguments.command {
        Command::Produce { requests, record_bytes, connections } => {
            produce::run(&setup, requests, record_bytes, &connections)
        }
        Command::Ingest { bytes } => ingest::run(&setup, bytes),
        Command::Fetch { bytes } => fetch::run(&setup, bytes),
        Command::Idle { connections } => idle::connections(&setup, connections),
        Command::Partitions { partitions } => idle::partitions(&setup, partitions),
    }
}
