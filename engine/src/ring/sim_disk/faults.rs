//! Faults to come. Owns the plan only: the disk asks before it answers a call.

use std::{io, path::Path};

/// Kinds of calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Opening or creating a file.
    Open,
    /// A write.
    Write,
    /// A read.
    Read,
    /// Reserving space.
    Allocate,
    /// Cutting or extending.
    SetBytes,
    /// Flushing a file.
    Flush,
    /// Flushing a folder.
    FlushDir,
    /// Renaming.
    Rename,
    /// Removing a file or folder.
    Remove,
    /// Creating a folder.
    CreateDir,
    /// Listing a folder.
    List,
}

/// One fault: the `after`-th further call of this kind on a path that contains `path_part` fails.
#[derive(Clone, Debug)]
pub struct FaultAt {
    /// Which calls.
    pub operation: Operation,
    /// Part of the path; empty matches all.
    pub path_part: String,
    /// Matching calls that still succeed.
    pub after: u64,
    /// The operating system's error number.
    pub errno: i32,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) planned: Vec<FaultAt>,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) flush_disabled: bool,
}

impl Faults {
    pub(super) fn check(&mut self, operation: Operation, path: Option<&Path>) -> io::Result<()> {
        let name = path.map(|path| path.to_string_lossy()).unwrap_or_default();
        for at in 0..self.planned.len() {
            let fault = &mut self.planned[at];
            if fault.operation != operation || !name.contains(&fault.path_part) {
                continue;
            }
            if fault.after == 0 {
                let fault = self.planned.remove(at);
                return Err(io::Error::from_raw_os_error(fault.errno));
            }
            fault.after -= 1;
        }
        Ok(())
    }
}
