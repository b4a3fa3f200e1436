//! Owns the reasons a command ends early, each with the operator's facts and its exit code.

use std::io;

use thiserror::Error;

/// Exit code: everything asked for was done and is as wanted.
pub const EXIT_OK: u8 = 0;
/// Exit code: the command could not do (all of) what was asked.
pub const EXIT_FAILED: u8 = 1;
/// Exit code: the command line was wrong.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: the host was read, and something falls short or has drifted.
pub const EXIT_SHORT: u8 = 3;

/// Why a command ended early. Nothing was changed unless the text says so. The fields are what the
/// text names: paths of the host, item names, CPU lists, machine ids.
#[derive(Debug, Error)]
pub enum TuneError {
    /// A changing command without root rights.
    #[error(
        "`{command}` changes the host and needs root; nothing was changed.\n  \
         Run: sudo ringlog-tune {command}\n  `check`, `plan`, `explain` and `measure` work without root."
    )]
    NotRoot { command: &'static str },
    /// `--root` names no folder.
    #[error("the recorded tree {path} cannot be opened: {source}")]
    NoTree { path: String, source: io::Error },
    /// Another run is changing the host.
    #[error("another ringlog-tune is changing this host (lock {path}): {source}")]
    Locked { path: String, source: io::Error },
    /// No such item.
    #[error("there is no item `{id}`; `ringlog-tune explain` lists them all")]
    UnknownItem { id: String },
    /// `--cores` names CPUs that are not online.
    #[error("CPUs {cores} are not all online here (online: {online})")]
    UnknownCores { cores: String, online: String },
    /// The journal does not check out from this line on.
    #[error(
        "the journal {path} is damaged at line {line}: {reason}.\n  Nothing was changed. Lines before \
         it are whole: `ringlog-tune undo --force` restores those and keeps the damaged file as {path}.damaged"
    )]
    DamagedJournal { path: String, line: usize, reason: String },
    /// The journal belongs to another machine.
    #[error(
        "the journal {path} was written on another machine ({theirs}, this one is {ours}).\n  Its values \
         mean nothing here and nothing was changed. Move the file away if it was copied by mistake."
    )]
    ForeignJournal { path: String, theirs: String, ours: String },
    /// The journal is of another format version.
    #[error("{path} is no journal of this tool's version {expected}: it says version {found}")]
    JournalVersion { path: String, found: u32, expected: u32 },
    /// There is no journal.
    #[error("nothing has been applied here: there is no journal at {path}")]
    NothingApplied { path: String },
    /// The journal could not be made durable.
    #[error("the journal {path} could not be written, so nothing was changed: {source}")]
    JournalWrite { path: String, source: io::Error },
    /// A file could not be read, written or removed.
    #[error("{what} {path}: {source}")]
    File { what: &'static str, path: String, source: io::Error },
    /// A unit file is somebody else's.
    #[error("{path} is not one of ours (its first line does not say so); it was left alone")]
    NotOurs { path: String },
    /// A measurement could not be made; the text says why.
    #[error("{what}")]
    Measure { what: String },
}

/// Turns an error of the system into one that names the file and what was tried.
pub fn file(what: &'static str, path: &str) -> impl FnOnce(io::Error) -> TuneError {
    let path = path.to_owned();
    move |source| TuneError::File { what, path, source }
}

/// Says in the operator's words why a write to a kernel file was refused.
pub fn refusal(error: &io::Error) -> String {
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::ROFS) => {
            "the file system is mounted read-only here (a container?); set it on the host"
                .to_owned()
        }
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
            format!("not permitted ({error}); needs root and no lockdown")
        }
        Some(rustix::io::Errno::NOENT) => "the file is gone".to_owned(),
        Some(rustix::io::Errno::IO) => {
            "the kernel refused (EIO); interrupts managed by the driver cannot be moved".to_owned()
        }
        Some(rustix::io::Errno::INVAL) => "the kernel does not accept this value here".to_owned(),
        Some(rustix::io::Errno::BUSY) => "the driver holds this setting (EBUSY)".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_sysfs_is_named() {
        let refused = io::Error::from(rustix::io::Errno::ROFS);
        assert!(refusal(&refused).contains("mounted read-only"));
        let managed = io::Error::from(rustix::io::Errno::IO);
        assert!(refusal(&managed).contains("managed by the driver"));
    }
}
