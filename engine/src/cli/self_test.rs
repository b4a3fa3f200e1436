//! `ringlog self-test disk`: how long one durable 4 KiB write takes here. An acknowledged produce
//! cannot be faster than that.

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use rustix::{fs::OFlags, io::ReadWriteFlags};
use serde_json::json;

use super::{
    error::{CliError, Done},
    output::{Format, print_json, say},
};
use crate::{clock, ring::disk::BLOCK_BYTES};

/// The file that is written over and over, as the log overwrites prepared space.
const FILE_BYTES: u64 = 16 << 20;
const FILE: &str = "ringlog-self-test.tmp";

pub(super) fn disk(dir: &Path, writes: u32, format: Format) -> Result<Done, CliError> {
    let path = dir.join(FILE);
    let measured = measure(&path, writes);
    // The result counts, also when the file cannot be removed.
    drop(std::fs::remove_file(&path));
    let (direct, mut times) =
        measured.map_err(|error| CliError::failed(path.display(), explain(&error)))?;
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000];
    let (p50, p99, max) = (at(500), at(990), at(1000));
    match format {
        Format::Text => {
            let us = |time: Duration| time.as_secs_f64() * 1e6;
            let how =
                if direct { "O_DIRECT and RWF_DSYNC" } else { "RWF_DSYNC through the page cache" };
            say!("durable 4 KiB writes in {}: {writes} with {how}", dir.display());
            say!("  p50 {:.1} us   p99 {:.1} us   max {:.1} us", us(p50), us(p99), us(max));
            say!(
                "  An acknowledged produce takes at least this long here, plus the network: one \
                 producer\n  that waits for each answer reaches at most {:.0} requests a second.",
                1.0 / p50.as_secs_f64()
            );
            if !direct {
                say!("  This file system refuses O_DIRECT: set storage.direct.io=false to use it.");
            }
        }
        Format::Json => print_json(
            "self-test-disk",
            &json!({
                "direct_io": direct,
                "writes": writes,
                "bytes": BLOCK_BYTES,
                "p50_ns": nanos(p50),
                "p99_ns": nanos(p99),
                "max_ns": nanos(max),
            }),
        ),
    }
    Ok(Done::Good)
}

fn measure(path: &Path, writes: u32) -> io::Result<(bool, Vec<Duration>)> {
    let (direct, file) = open(path)?;
    let block = aligned_block();
    let block = &block.0;
    // The log overwrites space that was written before, so this does too.
    let blocks = FILE_BYTES / BLOCK_BYTES as u64;
    for number in 0..blocks {
        write(&file, block, number, ReadWriteFlags::empty())?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    for number in 0..u64::from(writes) {
        let began = clock::now();
        write(&file, block, number % blocks, ReadWriteFlags::DSYNC)?;
        times.push(began.elapsed());
    }
    Ok((direct, times))
}

fn open(path: &Path) -> io::Result<(bool, File)> {
    let options = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        options
    };
    let direct = i32::try_from(OFlags::DIRECT.bits()).expect("open flags fit");
    match options().custom_flags(direct).open(path) {
        Ok(file) => Ok((true, file)),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            options().open(path).map(|file| (false, file))
        }
        Err(error) => Err(error),
    }
}

/// A block at an address that direct I/O takes.
#[repr(align(4096))]
struct Block([u8; BLOCK_BYTES]);

fn aligned_block() -> Box<Block> {
    Box::new(Block([0x5a; BLOCK_BYTES]))
}

fn write(file: &File, block: &[u8], number: u64, flags: ReadWriteFlags) -> io::Result<()> {
    let position = number * BLOCK_BYTES as u64;
    let written = rustix::io::pwritev2(file, &[IoSlice::new(block)], position, flags)?;
    if written == block.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{error}\n  fix: give an existing folder"),
        io::ErrorKind::PermissionDenied => {
            format!("{error}\n  fix: give a folder this user may write to")
        }
        io::ErrorKind::StorageFull => {
            format!("{error}\n  fix: the test needs {FILE_BYTES} bytes of space")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_and_leaves_nothing_behind() {
        let dir = std::env::temp_dir().join(format!("ringlog-self-test-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let (_, times) = measure(&dir.join(FILE), 20).unwrap();
        assert!(times.len() == 20 && times.iter().all(|time| !time.is_zero()));
        assert_eq!(disk(&dir, 10, Format::Json).unwrap(), Done::Good);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
        std::fs::remove_dir(&dir).unwrap();
        assert!(disk(&dir, 10, Format::Text).unwrap_err().to_string().contains("existing folder"));
    }
}
