//! Owns what is known about a host before any item looks at it: what kind of machine it is, its
//! CPUs, the disks under the data folder and its network cards. Reads once, never writes.

pub mod cpu;
pub mod disk;
pub mod irq;
pub mod kind;
pub mod live;
pub mod nic;

use std::collections::HashMap;

use procfs_core::process::{Limits, MountInfo, MountInfos};
use procfs_core::{CpuInfo, FromRead, KernelCmdline, KernelConfig, Meminfo};

use crate::cpuset::CpuSet;
use crate::item::{Change, Finding, Identity, Profile, Remedy};
use crate::tree::Tree;
use crate::value::Form;

/// What the user chose for a run.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What the host is prepared for.
    pub profile: Profile,
    /// The shard cores; empty means every online CPU, the broker's default.
    pub cores: CpuSet,
    /// The broker's data folder.
    pub data_dir: String,
}

/// A host as the items see it.
pub struct Host<'a> {
    /// Its files.
    pub tree: &'a dyn Tree,
    /// Profile, cores and data folder.
    pub wish: Wish,
    /// Bare metal, virtual machine or container.
    pub kind: kind::Kind,
    /// CPUs online.
    pub online: CpuSet,
    /// Cores the broker's shards run on: those asked for, else all online.
    pub shards: CpuSet,
    /// Online CPUs that are not shards; empty when every CPU is a shard.
    pub housekeeping: CpuSet,
    /// First CPU's fields of `/proc/cpuinfo`.
    pub cpu: HashMap<String, String>,
    /// The mount that holds the data folder.
    pub mount: Option<MountInfo>,
    /// Physical disks below it.
    pub disks: Vec<disk::Disk>,
    /// Physical network cards that are up.
    pub nics: Vec<nic::Nic>,
    /// The kernel's build configuration, where it is to be had.
    pub config: Option<KernelConfig>,
    /// Kernel command line words, name to value.
    pub cmdline: HashMap<String, Option<String>>,
    /// Facts no file tells.
    pub live: live::Live,
}

impl<'a> Host<'a> {
    /// Reads the host in `tree`.
    pub fn load(tree: &'a dyn Tree, wish: Wish, live: live::Live) -> Self {
        let online: CpuSet = tree
            .read("/sys/devices/system/cpu/online")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        let shards = if wish.cores.is_empty() { online.clone() } else { wish.cores.clone() };
        let cpu = parse::<CpuInfo>(tree, "/proc/cpuinfo")
            .map(|info| {
                info.fields.into_iter().chain(info.cpus.into_iter().next().unwrap_or_default())
            })
            .map(Iterator::collect)
            .unwrap_or_default();
        let mounts = parse::<MountInfos>(tree, "/proc/self/mountinfo").map(|all| all.0);
        let mount = mounts.and_then(|all| disk::mount_of(tree, &wish.data_dir, all));
        Self {
            kind: kind::detect(tree, &cpu),
            housekeeping: online.without(&shards),
            disks: mount.as_ref().map(|mount| disk::below(tree, &mount.majmin)).unwrap_or_default(),
            nics: nic::all(tree),
            config: kernel_config(tree),
            cmdline: parse::<KernelCmdline>(tree, "/proc/cmdline").map(words).unwrap_or_default(),
            tree,
            wish,
            online,
            shards,
            cpu,
            mount,
            live,
        }
    }

    /// The shown text of a file, `None` when it cannot be read.
    pub fn read(&self, path: &str) -> Option<String> {
        self.tree.read(path).ok()
    }

    /// Whether the CPU has a flag, as `constant_tsc`.
    pub fn cpu_flag(&self, flag: &str) -> bool {
        let flags = self.cpu.get("flags").or_else(|| self.cpu.get("Features"));
        flags.is_some_and(|flags| flags.split_whitespace().any(|word| word == flag))
    }

    /// A kernel build option as `CONFIG_HZ`: `y`, `m` or its value.
    pub fn built_with(&self, option: &str) -> Option<String> {
        let installed = self.config.as_ref().and_then(|config| config.0.get(option).cloned());
        installed.map(live::setting).or_else(|| self.live.kernel_options.get(option).cloned())
    }

    /// Memory of the machine.
    pub fn memory(&self) -> Option<Meminfo> {
        parse(self.tree, "/proc/meminfo")
    }

    /// Limits of the running process.
    pub fn limits(&self) -> Option<Limits> {
        parse(self.tree, "/proc/self/limits")
    }

    /// Compares one file with a wanted value and, when it differs, plans the change.
    pub fn value(&self, subject: &str, path: &str, form: Form, wanted: &str) -> Finding {
        let Some(shown) = self.read(path) else {
            return Finding::not_applicable(subject, format!("this kernel has no {path}"));
        };
        let now = form.value(&shown);
        if form.same(&shown, wanted) {
            return Finding::new(subject, now, wanted, true);
        }
        if !form.offers(&shown, wanted) {
            let because = format!("`{wanted}` is not offered here ({shown})");
            return Finding { now, ..Finding::not_applicable(subject, because) };
        }
        let mut finding = Finding::new(subject, now, wanted, false);
        finding.remedy = Remedy::Write(vec![self.change(path, form, &shown, wanted, None)]);
        finding
    }

    /// As [`Host::value`] for a number that is also fine when `fine` says so.
    pub fn number(&self, path: &str, wanted: u64, fine: fn(u64, u64) -> bool) -> Finding {
        let finding = self.value("", path, Form::Words, &wanted.to_string());
        match finding.now.parse() {
            Ok(now) if fine(now, wanted) => Finding::new("", finding.now, wanted.to_string(), true),
            _ => finding,
        }
    }

    /// A change of one file.
    pub fn change(
        &self,
        path: &str,
        form: Form,
        shown: &str,
        wanted: &str,
        identity: Option<Identity>,
    ) -> Change {
        Change {
            item: String::new(),
            path: path.to_owned(),
            old: shown.to_owned(),
            new: wanted.to_owned(),
            form,
            identity,
            follows: false,
        }
    }

    /// The identity a file gives: the first of `paths` that shows something.
    pub fn identity(&self, paths: &[String]) -> Option<Identity> {
        paths.iter().find_map(|path| {
            let shows = self.read(path).filter(|shows| !shows.is_empty())?;
            Some(Identity { path: path.clone(), shows })
        })
    }
}

/// Reads a file through the parser of the `procfs` crates.
fn parse<T: FromRead>(tree: &dyn Tree, path: &str) -> Option<T> {
    // `read` trims the end; the parsers expect whole lines.
    let text = tree.read(path).ok()? + "\n";
    T::from_read(text.as_bytes()).ok()
}

fn words(line: KernelCmdline) -> HashMap<String, Option<String>> {
    line.0
        .iter()
        .map(|word| match word.trim().split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.trim().to_owned(), None),
        })
        .collect()
}

fn kernel_config(tree: &dyn Tree) -> Option<KernelConfig> {
    let release = tree.read("/proc/sys/kernel/osrelease").ok()?;
    parse(tree, &format!("/boot/config-{release}"))
}
