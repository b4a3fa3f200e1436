//! Looks at start whether this kernel and this disk can do what the ring needs, and says in one
//! line what is missing and how to fix it. Changes nothing.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path};

use io_uring::{IoUring, Probe, opcode};

use super::buffers::AlignedBuf;

/// Locked memory that the executor asks for at start.
const MEMLOCK_BYTES_MIN: u64 = 512 << 10;
/// The sysctl that forbids `io_uring`.
const DISABLED_SYSCTL: &str = "/proc/sys/kernel/io_uring_disabled";
/// The operations the broker uses, with the kernel that brought each.
const OPERATIONS: [(u8, &str); 9] = [
    (opcode::Writev::CODE, "WRITEV (5.1)"),
    (opcode::SendMsg::CODE, "SENDMSG (5.3)"),
    (opcode::Timeout::CODE, "TIMEOUT (5.4)"),
    (opcode::AsyncCancel::CODE, "ASYNC_CANCEL (5.5)"),
    (opcode::OpenAt::CODE, "OPENAT (5.6)"),
    (opcode::Fallocate::CODE, "FALLOCATE (5.6)"),
    (opcode::RenameAt::CODE, "RENAMEAT (5.11)"),
    (opcode::UnlinkAt::CODE, "UNLINKAT (5.11)"),
    (opcode::MkDirAt::CODE, "MKDIRAT (5.15)"),
];

/// What this host lacks, with the remedy in the same sentence.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// `kernel.io_uring_disabled` is 1 or 2.
    #[error(
        "io_uring is switched off on this host (kernel.io_uring_disabled={0}): run `sysctl -w kernel.io_uring_disabled=0`"
    )]
    Disabled(String),
    /// The system call is refused although the sysctl allows it.
    #[error(
        "io_uring is refused ({0}), as container profiles do: start the container with a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register"
    )]
    Refused(io::Error),
    /// The kernel is too old.
    #[error("this kernel cannot make the ring we need ({0}): Linux 6.1 or newer is required")]
    TooOld(io::Error),
    /// Operations are missing.
    #[error("this kernel lacks io_uring operations: {0}; Linux 6.1 or newer is required")]
    MissingOperations(String),
    /// `RLIMIT_MEMLOCK` is too low.
    #[error(
        "the limit of locked memory is {have_bytes} bytes, {MEMLOCK_BYTES_MIN} are needed: run `ulimit -l unlimited`, or set LimitMEMLOCK=infinity in the service unit"
    )]
    LockedMemory {
        /// The soft limit of this process.
        have_bytes: u64,
    },
    /// The file system refuses direct I/O.
    #[error(
        "the file system of {path} refuses direct I/O ({error}): choose a data folder on ext4 or XFS, or accept the page cache with --set storage.direct.io=false (durable all the same, slower)"
    )]
    NoDirectIo {
        /// The data folder.
        path: String,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The data folder cannot be written.
    #[error("cannot write to {path}: {error}")]
    NotWritable {
        /// The data folder.
        path: String,
        /// The kernel's answer.
        error: io::Error,
    },
}

/// Checks the kernel and the limits of this process.
///
/// # Errors
/// The first thing missing.
pub fn kernel() -> Result<(), ProbeError> {
    memlock()?;
    let uring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_defer_taskrun()
        .build(8)
        .map_err(explain)?;
    let mut probe = Probe::new();
    uring.submitter().register_probe(&mut probe).map_err(explain)?;
    let missing: Vec<&str> = OPERATIONS
        .iter()
        .filter(|(code, _)| !probe.is_supported(*code))
        .map(|(_, name)| *name)
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(ProbeError::MissingOperations(missing.join(", "))) }
}

fn memlock() -> Result<(), ProbeError> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
    match limit {
        Some(have_bytes) if have_bytes < MEMLOCK_BYTES_MIN => {
            Err(ProbeError::LockedMemory { have_bytes })
        }
        _ => Ok(()),
    }
}

/// Turns a refusal of `io_uring_setup` into its cause.
pub fn explain(error: io::Error) -> ProbeError {
    let disabled = std::fs::read_to_string(DISABLED_SYSCTL).unwrap_or_default();
    let disabled = disabled.trim();
    if matches!(disabled, "1" | "2") && error.raw_os_error() == Some(libc::EPERM) {
        return ProbeError::Disabled(disabled.to_owned());
    }
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => ProbeError::Refused(error),
        _ => ProbeError::TooOld(error),
    }
}

/// Checks that files in `dir` take direct I/O: writes one block to a file of its own and removes
/// it. Blocking: call it before the shards start.
///
/// # Errors
/// The file system's refusal.
pub fn direct_io(dir: &Path) -> Result<(), ProbeError> {
    let path = dir.join(".direct-io-probe");
    let refused = |error| ProbeError::NoDirectIo { path: dir.display().to_string(), error };
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path);
    let outcome = match opened {
        Ok(file) => rustix::io::pwrite(&file, AlignedBuf::zeroed(1).as_ref(), 0)
            .map(drop)
            .map_err(|error| refused(error.into())),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Err(refused(error)),
        Err(error) => Err(ProbeError::NotWritable { path: dir.display().to_string(), error }),
    };
    // tmpfs creates the file before it refuses the flag.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
        && outcome.is_ok()
    {
        return Err(ProbeError::NotWritable { path: dir.display().to_string(), error });
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_and_a_temporary_folder_pass_or_say_why() {
        kernel().expect("the tests need io_uring");
    }

    #[test]
    fn a_refusal_names_seccomp_and_an_old_kernel_names_its_version() {
        let refused = explain(io::Error::from_raw_os_error(libc::ENOSYS)).to_string();
        assert!(refused.contains("seccomp"), "{refused}");
        let old = explain(io::Error::from_raw_os_error(libc::EINVAL)).to_string();
        assert!(old.contains("6.1"), "{old}");
    }

    #[test]
    fn tmpfs_or_a_missing_folder_is_named_with_its_remedy() {
        let missing = direct_io(Path::new("/nonexistent-folder")).expect_err("no such folder");
        assert!(missing.to_string().contains("/nonexistent-folder"), "{missing}");
    }
}
