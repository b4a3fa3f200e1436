//! The one error of the configuration: says what is wrong, why, and the exact fix.

use std::fmt;

/// A setting that cannot be used. Its text has three lines: what, why, fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, naming the key, its value and where it was set.
    pub what: String,
    /// The rule that it breaks.
    pub why: String,
    /// What to type instead.
    pub fix: String,
}

impl ConfigError {
    /// Builds the error from its three parts.
    pub fn new(what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), fix: fix.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why: {}\n  fix: {}", self.what, self.why, self.fix)
    }
}

impl std::error::Error for ConfigError {}
