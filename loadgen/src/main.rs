//! The binary `ringlog-loadgen`: arguments in, exit code out. Never does the work itself.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::Parser;
use loadgen::cli::Cli;
use loadgen::command::{self, Ending};
use loadgen::run::INTERRUPTED;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let handler = ctrlc::set_handler(|| {
        // The first one ends the run with its results; the second one ends the program.
        if INTERRUPTED.swap(true, Ordering::AcqRel) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handler {
        command::warn(&format!("Ctrl-C will lose results: {error}"));
    }
    match command::run(cli) {
        Ok(ending) => ExitCode::from(match ending {
            Ending::Ok => 0,
            Ending::Invalid => 3,
            Ending::SloMissed => 4,
            Ending::DataWrong => 5,
            Ending::Interrupted => 130,
        }),
        Err(error) => {
            // Without a backtrace, whatever the environment says: the chain of causes is the story.
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            command::warn(&format!("error: {}", causes.join(": ")));
            ExitCode::from(if INTERRUPTED.load(Ordering::Acquire) { 130 } else { 1 })
        }
    }
}
