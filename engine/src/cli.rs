//! The command line: arguments, output, exit codes. The only part that prints.
//! Runs no shard itself: `start` is given to it.
#![expect(clippy::print_stderr, reason = "a command line talks to people")]

mod client;
mod config;
mod error;
mod output;
mod segment;
mod self_test;
mod start;
mod topic;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

pub use self::start::{init_logging, ready_line};
use self::{
    error::{CliError, Done},
    output::Format,
};
use crate::config::BrokerConfig;

/// A Kafka-compatible streaming log broker on io_uring.
#[derive(Parser, Debug)]
#[command(name = "ringlog", version, about, propagate_version = true)]
struct Arguments {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the broker.
    Start(start::StartArguments),
    /// Create, list, describe, change and delete topics.
    Topic(topic::TopicArguments),
    /// Look into segment files.
    #[command(subcommand)]
    Segment(segment::SegmentCommand),
    /// Show or check the broker's configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Measure what this machine can do.
    #[command(subcommand, name = "self-test")]
    SelfTest(SelfTestCommand),
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand, Debug)]
enum SelfTestCommand {
    /// The durable-write floor of the disk under DIR: no acknowledged produce can be faster.
    Disk {
        /// A folder on the disk.
        dir: PathBuf,
        /// Writes to measure.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
        writes: u32,
    },
}

/// Runs the command line. `start` runs the broker until it is told to stop.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    start: impl FnOnce(BrokerConfig) -> ExitCode,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { error::USAGE } else { error::OK };
            // Nothing is left to do when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let format = arguments.format;
    let done = match arguments.command {
        Command::Start(arguments) => match start::config(&arguments) {
            Ok(config) => return start(config),
            Err(error) => Err(error),
        },
        Command::Topic(arguments) => topic::run(arguments, format),
        Command::Segment(command) => segment::run(&command, format),
        Command::Config(command) => config::run(&command, format),
        Command::SelfTest(SelfTestCommand::Disk { dir, writes }) => {
            self_test::disk(&dir, writes, format)
        }
        Command::Completion { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "ringlog", &mut std::io::stdout());
            Ok(Done::Good)
        }
    };
    finish(done)
}

fn finish(done: Result<Done, CliError>) -> ExitCode {
    match done {
        Ok(Done::Good) => ExitCode::from(error::OK),
        Ok(Done::ProblemsFound) => ExitCode::from(error::PROBLEMS),
        Err(error) => {
            eprintln!("ringlog: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
