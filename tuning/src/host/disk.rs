//! Owns finding the physical disks below a folder: mount, partition, device-mapper or RAID layers,
//! disk.

use std::path::Path;

use procfs_core::process::MountInfo;

use super::irq::{self, Irq};
use crate::item::Identity;
use crate::tree::Tree;

/// How deep layers of device-mapper and RAID are followed.
const LAYERS_MAX: usize = 4;

/// One physical (or virtual) disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Kernel name, as `nvme0n1`.
    pub name: String,
    /// Its real place in sysfs.
    pub real: String,
    /// Its interrupts that carry data.
    pub irqs: Vec<Irq>,
    /// What proves after a reboot that the name still means the same disk.
    pub identity: Option<Identity>,
}

impl Disk {
    /// Path of a file in the disk's queue folder.
    pub fn queue(&self, file: &str) -> String {
        format!("/sys/block/{}/queue/{file}", self.name)
    }

    /// Whether it is an NVMe disk.
    pub fn is_nvme(&self) -> bool {
        self.name.starts_with("nvme")
    }

    /// `nvme0` of `nvme0n1`.
    pub fn controller(&self) -> Option<&str> {
        let rest = self.name.strip_prefix("nvme")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        Some(&self.name[.."nvme".len() + digits])
    }
}

/// The mount that holds `folder`, or where it would be created.
pub fn mount_of(tree: &dyn Tree, folder: &str, mounts: Vec<MountInfo>) -> Option<MountInfo> {
    let existing = Path::new(folder)
        .ancestors()
        .find_map(|ancestor| tree.real(&ancestor.to_string_lossy()).ok())
        .unwrap_or_else(|| folder.to_owned());
    mounts
        .into_iter()
        .filter(|mount| Path::new(&existing).starts_with(&mount.mount_point))
        // The last of equals: a later mount hides an earlier one at the same place.
        .max_by_key(|mount| (mount.mount_point.components().count(), mount.mnt_id))
}

/// The disks below the block device `major:minor`; empty for file systems without one.
pub fn below(tree: &dyn Tree, majmin: &str) -> Vec<Disk> {
    let Ok(real) = tree.real(&format!("/sys/dev/block/{majmin}")) else { return Vec::new() };
    let mut found = Vec::new();
    descend(tree, &real, LAYERS_MAX, &mut found);
    found.sort_by(|left: &Disk, right| left.name.cmp(&right.name));
    found.dedup_by(|left, right| left.name == right.name);
    found
}

fn descend(tree: &dyn Tree, real: &str, layers_left: usize, found: &mut Vec<Disk>) {
    let whole = if tree.exists(&format!("{real}/partition")) {
        real.rsplit_once('/').map_or(real, |(parent, _)| parent)
    } else {
        real
    };
    let slaves = tree.list(&format!("{whole}/slaves"));
    if slaves.is_empty() || layers_left == 0 {
        found.extend(disk(tree, whole));
        return;
    }
    for slave in slaves {
        if let Ok(real) = tree.real(&format!("{whole}/slaves/{slave}")) {
            descend(tree, &real, layers_left - 1, found);
        }
    }
}

fn disk(tree: &dyn Tree, real: &str) -> Option<Disk> {
    let name = real.rsplit_once('/')?.1.to_owned();
    tree.read(&format!("/sys/block/{name}/queue/scheduler")).ok()?;
    let mut disk = Disk { name, real: real.to_owned(), irqs: Vec::new(), identity: None };
    // With NVMe multipath the disk hangs below a virtual subsystem; the controller has the interrupts.
    let device = disk
        .controller()
        .and_then(|controller| tree.real(&format!("/sys/class/nvme/{controller}/device")).ok())
        .unwrap_or_else(|| real.to_owned());
    disk.irqs = irq::of_device(tree, &device);
    let candidates = ["wwid", "device/wwid", "device/serial", "serial", "size"];
    disk.identity = candidates.iter().find_map(|file| {
        let path = format!("/sys/block/{}/{file}", disk.name);
        let shows = tree.read(&path).ok().filter(|shows| !shows.is_empty())?;
        Some(Identity { path, shows })
    });
    Some(disk)
}
