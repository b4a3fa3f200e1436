//! `sink`: the built-in test broker in the foreground.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::{Ending, say};
use crate::cli::SinkArgs;
use crate::run::INTERRUPTED;
use crate::sink::{Keep, Sink, SinkConfig};

/// Serves until Ctrl-C.
pub fn sink(args: SinkArgs) -> Result<Ending> {
    let keep = match (args.durable, args.mutant) {
        (Some(folder), _) => Keep::Durable(folder),
        (None, Some(mutant)) => Keep::Memory(mutant),
        (None, None) => Keep::Nothing,
    };
    let sink = Sink::start(SinkConfig {
        listen: args.listen,
        brokers: args.brokers,
        keep,
        ..SinkConfig::default()
    })?;
    say(&format!("listening on {}", sink.address()));
    while !INTERRUPTED.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(Ending::Ok)
}
