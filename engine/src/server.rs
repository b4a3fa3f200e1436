//! Runs the broker: checks the machine, opens the data folder, starts the shards, stops them.

use std::process::ExitCode;

use crate::config::BrokerConfig;

/// Runs the broker until it is told to stop.
pub fn start(config: BrokerConfig) -> ExitCode {
    tracing::error!(data = %config.data_dir.display(), "this build has no run loop yet");
    ExitCode::FAILURE
}
