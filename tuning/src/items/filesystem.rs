//! Items about the file system that holds the data folder.

use crate::host::Host;
use crate::item::{Finding, Item, Scope, Severity};

const FREE_BYTES_MIN: u64 = 10 << 30;
/// Direct-I/O unit of the broker; a device or file system that needs more does not fit.
const DIRECT_BYTES_MAX: u32 = 4096;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "fs-type",
        title: "file system",
        why: "XFS and ext4 write pre-written extents directly, without journal or copy. Copy-on-write file systems (btrfs, ZFS, overlayfs) allocate on each write; others have no direct I/O.",
        cost: "A file system is chosen when the disk is set up.",
        risk: "On ext4 an fdatasync of one file also commits other files' journal entries; XFS does not (pebble#5121).",
        source: "performance notes section 5; https://docs.kernel.org/filesystems/xfs/index.html",
        severity: Severity::High,
        scope: Scope::Process,
        dev: false,
        optional: false,
        look: file_system,
    },
    Item {
        id: "fs-mount",
        title: "mount options",
        why: "`relatime` still writes inode times on the first read of a day; `data=journal` writes everything twice; `sync` makes every program's writes wait.",
        cost: "None: nothing the broker uses needs access times.",
        risk: "Mail readers and tmpwatch on the same mount may want access times.",
        source: "https://man7.org/linux/man-pages/man8/mount.8.html (noatime)",
        severity: Severity::Low,
        scope: Scope::Process,
        dev: false,
        optional: false,
        look: mount_options,
    },
    Item {
        id: "fs-discard",
        title: "discard",
        why: "`discard` as a mount option sends trims in line with journal commits; a weekly fstrim does the same work when nobody waits.",
        cost: "Freed space is trimmed later.",
        risk: "Thin-provisioned disks shrink later.",
        source: "https://man7.org/linux/man-pages/man8/fstrim.8.html",
        severity: Severity::Low,
        scope: Scope::Process,
        dev: false,
        optional: false,
        look: discard,
    },
    Item {
        id: "fs-space",
        title: "free space",
        why: "Segments are filled ahead and recycled; a full disk stops writes, and nearly full file systems allocate slowly (0.8 s for one fallocate was seen on fragmented XFS).",
        cost: "Disk.",
        risk: "None.",
        source: "performance notes section 6 (redpanda#31630)",
        severity: Severity::High,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: space,
    },
    Item {
        id: "fs-direct-io",
        title: "direct-I/O alignment",
        why: "The log writes 4 KiB units with O_DIRECT; the file system must take them. It is asked (statx), not guessed.",
        cost: "None.",
        risk: "tmpfs and some network file systems have no direct I/O: not for production data.",
        source: "https://man7.org/linux/man-pages/man2/statx.2.html (STATX_DIOALIGN, Linux 6.1)",
        severity: Severity::Fatal,
        scope: Scope::Process,
        dev: true,
        optional: false,
        look: direct_io,
    },
];

fn file_system(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "xfs or ext4";
    let Some(mount) = &host.mount else {
        return vec![Finding::unknown("", wanted, "no mount found for the data folder")];
    };
    let fine = matches!(mount.fs_type.as_str(), "xfs" | "ext4");
    let at = mount.mount_point.display().to_string();
    vec![
        Finding::new(&at, mount.fs_type.clone(), wanted, fine)
            .manual("put the data folder on an XFS or ext4 file system of its own"),
    ]
}

fn mount_options(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "noatime, no sync, no data=journal";
    let Some(mount) = &host.mount else {
        return vec![Finding::unknown("", wanted, "no mount found for the data folder")];
    };
    let at = mount.mount_point.display().to_string();
    let has = |name: &str| {
        mount.mount_options.contains_key(name) || mount.super_options.contains_key(name)
    };
    let journals_data =
        mount.super_options.get("data").is_some_and(|mode| mode.as_deref() == Some("journal"));
    let mut bad = Vec::new();
    if !has("noatime") {
        bad.push(if has("relatime") { "relatime" } else { "atime" });
    }
    if has("sync") {
        bad.push("sync");
    }
    if journals_data {
        bad.push("data=journal");
    }
    let now = if bad.is_empty() { "noatime".to_owned() } else { bad.join(", ") };
    vec![
        Finding::new(&at, now, wanted, bad.is_empty())
            .manual(format!("mount -o remount,noatime {at}; and in /etc/fstab to keep it")),
    ]
}

fn discard(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "no discard option; fstrim.timer on";
    let Some(mount) = &host.mount else {
        return vec![Finding::unknown("", wanted, "no mount found for the data folder")];
    };
    if host.disks.is_empty() {
        return vec![Finding::not_applicable("", "no block device is visible here")];
    }
    let at = mount.mount_point.display().to_string();
    let timer = host.tree.link("/etc/systemd/system/timers.target.wants/fstrim.timer").is_ok();
    if mount.super_options.contains_key("discard") {
        return vec![Finding::new(&at, "mounted with discard", wanted, false).manual(format!(
            "mount -o remount,nodiscard {at}; systemctl enable --now fstrim.timer"
        ))];
    }
    let now = if timer { "fstrim.timer on" } else { "neither" };
    vec![Finding::new(&at, now, wanted, timer).manual("systemctl enable --now fstrim.timer")]
}

fn space(host: &Host<'_>) -> Vec<Finding> {
    let wanted = format!(">= {} GiB free", FREE_BYTES_MIN >> 30);
    let Some(space) = host.live.space else {
        return vec![Finding::unknown("", wanted, "not asked on a recorded tree")];
    };
    let now = format!("{} GiB of {} GiB free", space.free_bytes >> 30, space.total_bytes >> 30);
    vec![
        Finding::new("", now, wanted, space.free_bytes >= FREE_BYTES_MIN)
            .manual("free space or choose another data folder"),
    ]
}

fn direct_io(host: &Host<'_>) -> Vec<Finding> {
    let wanted = format!("<= {DIRECT_BYTES_MAX} bytes");
    let Some(align) = host.live.direct_io else {
        return vec![Finding::unknown("", wanted, "the kernel or the file system does not tell")];
    };
    let needed = align.memory_bytes.max(align.offset_bytes);
    let now = if needed == 0 {
        "no direct I/O".to_owned()
    } else {
        format!("memory {}, offset {}", align.memory_bytes, align.offset_bytes)
    };
    vec![
        Finding::new("", now, wanted, (1..=DIRECT_BYTES_MAX).contains(&needed))
            .manual("put the data folder on XFS or ext4 on a local disk"),
    ]
}
