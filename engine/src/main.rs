//! The command line of the broker.

use std::process::ExitCode;

fn main() -> ExitCode {
    engine::cli::run(std::env::args_os(), engine::server::start)
}
