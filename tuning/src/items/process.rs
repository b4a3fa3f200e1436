//! Items the broker cannot run without: io_uring and the limits of its process.

use procfs_core::process::LimitValue;

use crate::host::Host;
use crate::host::live::RingProbe;
use crate::item::{Finding, Item, Scope, Severity};
use crate::value::Form;

/// Below this the broker's executor refuses to start (measured).
const EXECUTOR_BYTES_MIN: u64 = 512 << 10;
/// Room for registered buffers beside the executor's own.
const MEMLOCK_BYTES_MIN: u64 = 64 << 20;
const NOFILE_MIN: u64 = 1 << 16;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "io-uring-allowed",
        title: "io_uring switched on",
        why: "All of the broker's disk and network traffic goes through io_uring; with the sysctl at 1 or 2 it cannot open a ring.",
        cost: "None for latency.",
        risk: "io_uring is a large kernel interface and some hardening guides switch it off; 1 with kernel.io_uring_group limits it to one group.",
        source: "https://docs.kernel.org/admin-guide/sysctl/kernel.html#io-uring-disabled",
        severity: Severity::Fatal,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: io_uring_allowed,
    },
    Item {
        id: "io-uring-works",
        title: "io_uring operations and flags",
        why: "The ring needs SINGLE_ISSUER, COOP_TASKRUN, TASKRUN_FLAG and DEFER_TASKRUN (Linux 6.1) and twelve operations. Asking the kernel is surer than its version: seccomp profiles of containers forbid what the kernel could do.",
        cost: "None.",
        risk: "In a container the fix is a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register.",
        source: "https://man7.org/linux/man-pages/man2/io_uring_setup.2.html; design section 4",
        severity: Severity::Fatal,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: io_uring_works,
    },
    Item {
        id: "memlock",
        title: "lockable memory of a process",
        why: "Ring buffers are pinned and count against RLIMIT_MEMLOCK; below 512 KiB the executor does not start at all, and large registered buffers need more.",
        cost: "None.",
        risk: "A process may then pin all memory; give the limit to the broker's unit only.",
        source: "measured: 512 KiB starts, 256 KiB does not; https://man7.org/linux/man-pages/man2/getrlimit.2.html",
        severity: Severity::Medium,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: memlock,
    },
    Item {
        id: "nofile",
        title: "open files of a process",
        why: "Every connection, segment and index is a file descriptor; at the limit new connections are refused while old ones work, which looks like a network fault.",
        cost: "None.",
        risk: "None worth naming.",
        source: "https://man7.org/linux/man-pages/man5/systemd.exec.5.html (LimitNOFILE)",
        severity: Severity::Medium,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: nofile,
    },
    Item {
        id: "core-dump",
        title: "core dumps",
        why: "After a crash the kernel writes the whole memory of the broker before it may start again: seconds for each GiB, while producers wait.",
        cost: "None: report only. Off means a crash leaves less to learn from.",
        risk: "None.",
        source: "https://man7.org/linux/man-pages/man5/core.5.html",
        severity: Severity::Low,
        scope: Scope::Process,
        dev: false,
        optional: false,
        look: core_dump,
    },
    Item {
        id: "aio-max-nr",
        title: "kernel AIO requests",
        why: "Only libaio programs need it; other brokers ask for 1048576. Ringlog uses io_uring and does not.",
        cost: "None.",
        risk: "None; shown so that nobody looks for it.",
        source: "https://docs.kernel.org/admin-guide/sysctl/fs.html#aio-nr-aio-max-nr",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| match host.read("/proc/sys/fs/aio-max-nr") {
            Some(now) => vec![Finding::info("", now, "any: not used by Ringlog")],
            None => vec![Finding::not_applicable("", "this kernel has no fs.aio-max-nr")],
        },
    },
];

fn io_uring_allowed(host: &Host<'_>) -> Vec<Finding> {
    let path = "/proc/sys/kernel/io_uring_disabled";
    if host.read(path).is_none() {
        return vec![Finding::not_applicable("", "kernels before 6.6 have no such switch")];
    }
    vec![host.value("", path, Form::Words, "0")]
}

fn io_uring_works(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "opens with all flags and operations";
    let found = match &host.live.io_uring {
        None => Finding::unknown("", wanted, "not asked on a recorded tree"),
        Some(RingProbe::Refused(error)) => {
            let filtered = host.read("/proc/self/status").is_some_and(|status| {
                status.lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('2'))
            });
            let blame = if filtered {
                "a seccomp filter is on: allow io_uring_setup, io_uring_enter and io_uring_register in it"
            } else {
                "see io-uring-allowed, the kernel's version and security modules"
            };
            Finding::new("", format!("refused: {error}"), wanted, false).manual(blame)
        }
        Some(RingProbe::Works { missing_operations, missing_flags }) => {
            let missing: Vec<&str> =
                missing_operations.iter().chain(missing_flags).map(String::as_str).collect();
            let now = if missing.is_empty() {
                "all there".to_owned()
            } else {
                format!("missing: {}", missing.join(", "))
            };
            Finding::new("", now, wanted, missing.is_empty())
                .manual("a kernel of 6.1 or newer has all of it")
        }
    };
    vec![found]
}

fn core_dump(host: &Host<'_>) -> Vec<Finding> {
    let pattern = host.read("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let limit = host.limits().map(|limits| limits.max_core_file_size.soft_limit);
    let now = match limit {
        _ if pattern.starts_with('|') => format!("to a program, any size: {pattern}"),
        Some(LimitValue::Value(0)) => "off (this shell)".to_owned(),
        Some(LimitValue::Value(bytes)) => format!("up to {bytes} bytes: {pattern}"),
        _ => format!("any size: {pattern}"),
    };
    vec![Finding::info("", now, "known: LimitCORE in the broker's unit decides")]
}

fn memlock(host: &Host<'_>) -> Vec<Finding> {
    let limit = host.limits().map(|limits| limits.max_locked_memory.soft_limit);
    let too_little = matches!(limit, Some(LimitValue::Value(bytes)) if bytes < EXECUTOR_BYTES_MIN);
    let found = limit_finding(limit, MEMLOCK_BYTES_MIN, " bytes", "LimitMEMLOCK=infinity");
    vec![if too_little { found.severity(Severity::Fatal) } else { found }]
}

fn nofile(host: &Host<'_>) -> Vec<Finding> {
    let limit = host.limits().map(|limits| limits.max_open_files.soft_limit);
    vec![limit_finding(limit, NOFILE_MIN, "", "LimitNOFILE=1048576")]
}

fn limit_finding(limit: Option<LimitValue>, least: u64, unit: &str, line: &str) -> Finding {
    let wanted = format!(">= {least}{unit}");
    match limit {
        None => Finding::unknown("", wanted, "/proc/self/limits cannot be read"),
        Some(LimitValue::Unlimited) => Finding::new("", "unlimited", wanted, true),
        Some(LimitValue::Value(now)) => {
            Finding::new("", format!("{now}{unit} (this shell)"), wanted, now >= least)
                .manual(format!("{line} in the broker's unit"))
        }
    }
}
