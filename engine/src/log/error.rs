//! What can go wrong in the log, with the facts an operator needs. Logged once, by the caller.

use std::{io, path::PathBuf};

use log_format::FormatError;

use crate::types::Offset;

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A write or flush failed earlier; the log takes no more appends until it is opened anew.
    #[error("the log in {dir} is offline after a failed write or flush: {reason}")]
    Offline {
        /// The partition's folder.
        dir: PathBuf,
        /// The first error.
        reason: String,
    },
    /// The disk is full: the batches were given up, nothing of them stays. Appends may be tried
    /// again when space is free.
    #[error("no space left for the log in {dir}")]
    NoSpace {
        /// The partition's folder.
        dir: PathBuf,
    },
    /// The batch is larger than the log can hold in its window.
    #[error("a batch of {bytes} bytes is larger than the {bytes_max} bytes the window takes")]
    TooLarge {
        /// Size of the batch.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The batch is no record batch v2.
    #[error("not a record batch: {0}")]
    Malformed(#[from] FormatError),
    /// The operating system refused a call outside the data path.
    #[error("{operation} {path}: {error}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is not in the log.
    #[error("offset {} is outside {} to {}", from.0, log_start.0, log_end.0)]
    OutOfRange {
        /// The offset asked for.
        from: Offset,
        /// First offset of the log.
        log_start: Offset,
        /// Offset after the last one.
        log_end: Offset,
    },
    /// The bytes at this offset are damaged or missing; they are never served. Later offsets may
    /// be readable.
    #[error("{file} is damaged at offset {}, position {position}: {reason}", offset.0)]
    Corrupt {
        /// The segment file.
        file: PathBuf,
        /// The first offset that cannot be served.
        offset: Offset,
        /// Where in the file.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// The read itself failed.
    #[error("reading {file}: {error}")]
    Io {
        /// The segment file.
        file: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}
