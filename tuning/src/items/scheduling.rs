//! Items that keep other work off the shard cores: kernel command line, work queues, timers.

use crate::cpuset::CpuSet;
use crate::host::{Host, cpu};
use crate::item::{Finding, Item, Remedy, Scope, Severity};
use crate::kernel_line;
use crate::value::Form;

const SYSTEMD_CONFIG: &str = "/etc/systemd/system.conf";

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "cpu-isolation",
        title: "isolated shard cores",
        why: "isolcpus, nohz_full and rcu_nocbs keep other tasks, the scheduler tick and RCU callbacks off the shard cores. Without them a shard loses its core for up to a time slice.",
        cost: "The cores serve nothing else, also when the broker is idle. nohz_full makes each system call a little dearer.",
        risk: "A wrong list can leave no core for the system. This tool prints the parameters and checks them after the boot; it never edits the boot loader.",
        source: "https://docs.kernel.org/admin-guide/kernel-parameters.html; tuned cpu-partitioning profile",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: isolation,
    },
    Item {
        id: "systemd-affinity",
        title: "CPUs for services",
        why: "systemd starts every service on all CPUs unless told; CPUAffinity keeps them, and what they start, off the shard cores without a reboot parameter.",
        cost: "Services share the system cores.",
        risk: "The broker's own unit needs CPUAffinity= (empty) or its cores, or its shards cannot be pinned.",
        source: "https://man7.org/linux/man-pages/man5/systemd-system.conf.5.html (CPUAffinity); tuned cpu-partitioning",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: systemd_affinity,
    },
    Item {
        id: "workqueue-cpus",
        title: "CPUs for kernel work queues",
        why: "Unbound kernel work (write-back, encryption, statistics) otherwise also runs on shard cores.",
        cost: "Less parallel background work.",
        risk: "Too few cores for heavy background I/O.",
        source: "https://docs.kernel.org/core-api/workqueue.html#affinity-scopes; tuned cpu-partitioning",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            if host.housekeeping.is_empty() {
                return vec![every_cpu_is_a_shard()];
            }
            let path = "/sys/devices/virtual/workqueue/cpumask";
            vec![host.value("", path, Form::CpuMask, &host.housekeeping.mask())]
        },
    },
    Item {
        id: "timer-migration",
        title: "timer migration",
        why: "Idle CPUs hand their timers to busy ones; a busy shard core then runs timers of others.",
        cost: "Idle CPUs wake a little more often.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/sysctl/kernel.html#timer-migration; tuned network-latency",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| vec![host.value("", "/proc/sys/kernel/timer_migration", Form::Words, "0")],
    },
    Item {
        id: "numa-balancing",
        title: "automatic NUMA balancing",
        why: "It unmaps pages to see who touches them; each touch is then a fault of a microsecond or more in the middle of a request. Shards are pinned and gain nothing from it.",
        cost: "Programs that are not pinned place their memory worse.",
        risk: "Databases on the same host may like it on.",
        source: "https://docs.kernel.org/admin-guide/sysctl/kernel.html#numa-balancing; tuned network-latency",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            if cpu::nodes(host.tree).len() < 2 {
                return vec![Finding::not_applicable("", "one memory node")];
            }
            vec![host.value("", "/proc/sys/kernel/numa_balancing", Form::Words, "0")]
        },
    },
    Item {
        id: "numa-shards",
        title: "shards near the disk and network card",
        why: "A shard on the other socket reaches the disk's and network card's queues and memory over the interconnect: each cache miss takes longer.",
        cost: "The other socket's cores are left to other programs.",
        risk: "None: report only; choose `--cores` from the device's node.",
        source: "https://docs.kernel.org/admin-guide/mm/numaperf.html",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: numa_shards,
    },
];

pub(super) fn every_cpu_is_a_shard() -> Finding {
    Finding::not_applicable("", "every CPU is a shard: give --cores to keep some for the system")
}

fn isolation(host: &Host<'_>) -> Vec<Finding> {
    if host.wish.cores.is_empty() || host.housekeeping.is_empty() {
        return vec![every_cpu_is_a_shard()];
    }
    let missing = kernel_line::missing(host);
    let wanted = format!("CPUs {} isolated", host.shards);
    if missing.is_empty() {
        return vec![Finding::new("", wanted.clone(), wanted, true)];
    }
    let now = format!("missing: {}", missing.join(" "));
    let remedy =
        Remedy::KernelLine(kernel_line::wanted(&host.shards, &host.housekeeping).join(" "));
    vec![Finding { remedy, ..Finding::new("", now, wanted, false) }]
}

fn systemd_affinity(host: &Host<'_>) -> Vec<Finding> {
    if host.housekeeping.is_empty() {
        return vec![every_cpu_is_a_shard()];
    }
    let Some(text) = host.read(SYSTEMD_CONFIG) else {
        return vec![Finding::not_applicable("", format!("there is no {SYSTEMD_CONFIG}"))];
    };
    let told = text.lines().find_map(|line| line.strip_prefix("CPUAffinity="));
    let cpus: Option<CpuSet> = told.and_then(|list| list.replace(' ', ",").parse().ok());
    let kept_off =
        cpus.is_some_and(|cpus| !cpus.is_empty() && cpus.common(&host.shards).is_empty());
    let now = told.map_or("all CPUs".to_owned(), |list| format!("CPUAffinity={list}"));
    let line = format!("CPUAffinity={}", host.housekeeping);
    vec![
        Finding::new("", now, line.clone(), kept_off)
            .manual(format!("{line} in {SYSTEMD_CONFIG}, then systemctl daemon-reexec")),
    ]
}

fn numa_shards(host: &Host<'_>) -> Vec<Finding> {
    let nodes = cpu::nodes(host.tree);
    if nodes.len() < 2 {
        return vec![Finding::not_applicable("", "one memory node")];
    }
    let devices = host
        .disks
        .iter()
        .map(|disk| (disk.name.as_str(), format!("/sys/block/{}/device", disk.name)))
        .chain(
            host.nics
                .iter()
                .map(|nic| (nic.name.as_str(), format!("/sys/class/net/{}/device", nic.name))),
        );
    devices.filter_map(|(name, path)| near(host, &nodes, name, &path)).collect()
}

/// The device's node is in its PCI folder, which is the device itself or a parent of it.
fn near(host: &Host<'_>, nodes: &[(u32, CpuSet)], name: &str, path: &str) -> Option<Finding> {
    let mut folder = host.tree.real(path).ok()?;
    let node: u32 = loop {
        match host.read(&format!("{folder}/numa_node")).and_then(|text| text.parse().ok()) {
            Some(node) => break node,
            None => {
                folder = folder
                    .rsplit_once('/')
                    .filter(|(up, _)| up.len() > "/sys/devices".len())?
                    .0
                    .to_owned()
            }
        }
    };
    let (_, cpus) = nodes.iter().find(|(number, _)| *number == node)?;
    let far = host.shards.without(cpus);
    let now = if far.is_empty() { "all near".to_owned() } else { format!("far: {far}") };
    let found =
        Finding::new(name, now, format!("shards among {cpus} (node {node})"), far.is_empty());
    Some(found.manual(format!("choose --cores from {cpus}")))
}
