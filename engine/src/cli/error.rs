//! How a command ends: its exit code and what is said on stderr.

use crate::config::ConfigError;

/// All went well.
pub(super) const OK: u8 = 0;
/// It could not be done.
pub(super) const FAILED: u8 = 1;
/// The command or the configuration is wrong.
pub(super) const USAGE: u8 = 2;
/// A check found problems.
pub(super) const PROBLEMS: u8 = 3;

/// How a command that ran ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Exit code 0.
    Good,
    /// Exit code 3: the check worked, what it checked is bad.
    ProblemsFound,
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// Exit code 2.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => USAGE,
            Self::Failed(_) => FAILED,
        }
    }

    /// A failure that says on what it happened.
    pub(super) fn failed(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}
