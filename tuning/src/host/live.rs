//! Owns the facts that no file of the host tells and that must be asked of the running kernel or of
//! a program: io_uring, free space, direct-I/O alignment, time synchronisation, NIC features.
//!
//! On a recorded tree they come from [`FILE`] in it, so that tests see the same facts every time.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};
use procfs_core::{ConfigSetting, FromBufRead, KernelConfig};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};
use serde::{Deserialize, Serialize};

use crate::tree::{READ_BYTES_MAX, Root, Tree};

/// Where a recorded tree keeps these facts.
pub const FILE: &str = "/ringlog-tune.live.json";
/// Kernel build options of interest, by their beginning.
const OPTIONS: [&str; 3] = ["CONFIG_HZ", "CONFIG_PREEMPT", "CONFIG_NO_HZ"];
const SCRATCH_NAME: &str = ".ringlog-tune-probe";

/// Facts asked of the running system. `None` means: could not be asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    /// What io_uring can do here.
    pub io_uring: Option<RingProbe>,
    /// Alignment that direct I/O needs in the data folder.
    pub direct_io: Option<DirectIo>,
    /// Space of the data folder's file system.
    pub space: Option<Space>,
    /// Who keeps the clock right.
    pub time_sync: Option<TimeSync>,
    /// Per network card, whether receive flow steering in hardware (ntuple) is on.
    pub ntuple: BTreeMap<String, bool>,
    /// Tick and preemption options the running kernel was built with, from `/proc/config.gz`.
    pub kernel_options: BTreeMap<String, String>,
}

/// The result of opening a ring as the broker does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingProbe {
    /// The kernel would not open a ring; the text is its error.
    Refused(String),
    /// A ring was opened.
    Works {
        /// Operations the broker uses and this kernel has not.
        missing_operations: Vec<String>,
        /// Setup flags it refuses.
        missing_flags: Vec<String>,
    },
}

/// Alignment for direct I/O, in bytes (statx `STATX_DIOALIGN`, Linux 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectIo {
    /// Of the buffer's address.
    pub memory_bytes: u32,
    /// Of the position in the file.
    pub offset_bytes: u32,
}

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Free for programs without root rights.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// Who keeps the clock right and how well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeSync {
    /// The program and its reference.
    pub source: String,
    /// Whether it says so.
    pub synchronised: bool,
    /// Difference to the reference, in microseconds, where told.
    pub offset_us: Option<f64>,
}

/// Gathers the facts: from the running system for a live root, else from the recorded file.
pub fn gather(root: &Root, data_dir: &str, nics: &[String]) -> Live {
    if !root.is_live() {
        let recorded = root.read(FILE).unwrap_or_default();
        return serde_json::from_str(&recorded).unwrap_or_default();
    }
    let folder =
        Path::new(data_dir).ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    Live {
        io_uring: Some(probe_ring()),
        direct_io: direct_io(folder),
        space: rustix::fs::statvfs(folder).ok().map(|stat| Space {
            free_bytes: stat.f_bavail * stat.f_frsize,
            total_bytes: stat.f_blocks * stat.f_frsize,
        }),
        time_sync: time_sync(),
        ntuple: nics.iter().filter_map(|nic| Some((nic.clone(), ntuple(nic)?))).collect(),
        kernel_options: kernel_options().unwrap_or_default(),
    }
}

/// Operations the broker's ring uses, from the design's I/O core.
const OPERATIONS: [(&str, u8); 12] = [
    ("accept", opcode::Accept::CODE),
    ("recv", opcode::Recv::CODE),
    ("sendmsg", opcode::SendMsg::CODE),
    ("sendmsg_zc", opcode::SendMsgZc::CODE),
    ("read", opcode::Read::CODE),
    ("write", opcode::Write::CODE),
    ("writev", opcode::Writev::CODE),
    ("fsync", opcode::Fsync::CODE),
    ("async_cancel", opcode::AsyncCancel::CODE),
    ("timeout", opcode::Timeout::CODE),
    ("msg_ring", opcode::MsgRingData::CODE),
    ("fallocate", opcode::Fallocate::CODE),
];

fn probe_ring() -> RingProbe {
    let ring = match IoUring::new(8) {
        Ok(ring) => ring,
        Err(error) => return RingProbe::Refused(error.to_string()),
    };
    let mut probe = Probe::new();
    let missing_operations = match ring.submitter().register_probe(&mut probe) {
        Ok(()) => OPERATIONS
            .iter()
            .filter(|(_, code)| !probe.is_supported(*code))
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        Err(error) => vec![format!("probe refused: {error}")],
    };
    let flagged = IoUring::<squeue::Entry, cqueue::Entry>::builder()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .setup_defer_taskrun()
        .build(8);
    let missing_flags = match flagged {
        Ok(_) => Vec::new(),
        Err(error) => {
            vec![format!("SINGLE_ISSUER|COOP_TASKRUN|TASKRUN_FLAG|DEFER_TASKRUN: {error}")]
        }
    };
    RingProbe::Works { missing_operations, missing_flags }
}

/// The configuration the running kernel carries, as far as items ask for it.
fn kernel_options() -> Option<BTreeMap<String, String>> {
    let file = std::fs::File::open("/proc/config.gz").ok()?;
    let mut text = String::new();
    GzDecoder::new(file).take(READ_BYTES_MAX).read_to_string(&mut text).ok()?;
    let config = KernelConfig::from_buf_read(text.as_bytes()).ok()?;
    let asked = |name: &str| OPTIONS.iter().any(|prefix| name.starts_with(prefix));
    Some(
        config
            .0
            .into_iter()
            .filter(|(name, _)| asked(name))
            .map(|(n, v)| (n, setting(v)))
            .collect(),
    )
}

/// A build option as it is written in the configuration: `y`, `m` or its value.
pub fn setting(value: ConfigSetting) -> String {
    match value {
        ConfigSetting::Yes => "y".to_owned(),
        ConfigSetting::Module => "m".to_owned(),
        ConfigSetting::Value(value) => value,
    }
}

/// Asks a scratch file, since alignment is told for regular files only; leaves nothing behind.
fn direct_io(folder: &Path) -> Option<DirectIo> {
    let path = folder.join(format!("{SCRATCH_NAME}-{}", std::process::id()));
    // A folder that may not be written is asked through any file in it instead.
    let created =
        rustix::fs::open(&path, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, Mode::RUSR);
    let asked = match &created {
        Ok(_) => path.clone(),
        Err(_) => {
            std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).find(|p| p.is_file())?
        }
    };
    let stat = rustix::fs::statx(CWD, &asked, AtFlags::empty(), StatxFlags::DIOALIGN);
    if created.is_ok() && std::fs::remove_file(&path).is_err() {
        return None;
    }
    let stat = stat.ok().filter(|stat| stat.stx_mask & StatxFlags::DIOALIGN.bits() != 0)?;
    Some(DirectIo { memory_bytes: stat.stx_dio_mem_align, offset_bytes: stat.stx_dio_offset_align })
}

fn time_sync() -> Option<TimeSync> {
    chrony().or_else(|| {
        let text = output("timedatectl", &["show", "--property=NTPSynchronized"])?;
        Some(TimeSync {
            source: "timedatectl".to_owned(),
            synchronised: text.trim() == "NTPSynchronized=yes",
            offset_us: None,
        })
    })
}

/// `chronyc -c tracking`: fields by comma, the second is the reference's name, the fifth the offset
/// in seconds, the last the leap status.
fn chrony() -> Option<TimeSync> {
    let text = output("chronyc", &["-c", "tracking"])?;
    let fields: Vec<&str> = text.trim().split(',').collect();
    let offset_s: f64 = fields.get(4)?.parse().ok()?;
    Some(TimeSync {
        source: format!("chrony ({})", fields.get(1)?),
        synchronised: *fields.last()? != "Not synchronised",
        offset_us: Some(offset_s * 1e6),
    })
}

fn ntuple(nic: &str) -> Option<bool> {
    let text = output("ethtool", &["-k", nic])?;
    let line = text.lines().find(|line| line.starts_with("ntuple-filters:"))?;
    Some(line.contains(": on"))
}

/// Output of a program that is installed and succeeds, else `None`.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}
