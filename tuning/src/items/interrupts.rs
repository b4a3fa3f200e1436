//! Items about where device interrupts land.

use super::scheduling::every_cpu_is_a_shard;
use crate::host::Host;
use crate::host::irq::Irq;
use crate::item::{Change, Finding, Identity, Item, Remedy, Scope, Severity, Status};
use crate::value::Form;

const BALANCER_CONFIG: &str = "/etc/default/irqbalance";
/// What is there while irqbalance runs: its pid file, its socket's folder, its control groups.
const BALANCER_SIGNS: [&str; 4] = [
    "/run/irqbalance.pid",
    "/run/irqbalance",
    "/sys/fs/cgroup/system.slice/irqbalance.service",
    "/sys/fs/cgroup/systemd/system.slice/irqbalance.service",
];

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "irq-disk",
        title: "disk interrupts off the shard cores",
        why: "A shard that spins without sched_yield on the core that owns the disk interrupt makes every flushed write take a whole scheduler tick: 4.0 ms instead of 0.09 ms at HZ=250. Ringlog yields in each turn; off the core it does not matter at all.",
        cost: "Completions cross cores. Two runs at depth 1 on the measured machine: 6 us less to 23 us more when spinning, 6 to 73 us more when blocking.",
        risk: "Drivers with managed interrupts (most NVMe) refuse; then isolcpus=managed_irq is the way.",
        source: "measured (feasibility section 7: 3998 us against 74 us p50); https://docs.kernel.org/core-api/irq/irq-affinity.html",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let devices = host.disks.iter().map(|disk| (disk.name.as_str(), disk.irqs.as_slice()));
            placement(host, devices.collect())
        },
    },
    Item {
        id: "irq-network",
        title: "network interrupts off the shard cores",
        why: "Receive processing in an interrupt delays the shard it lands on by tens of microseconds under load.",
        cost: "Packets cross cores once more; with one queue per shard and its interrupt on the shard's core the opposite is better (`nic-queues`).",
        risk: "Too few system cores drop packets under load: watch /proc/net/softnet_stat.",
        source: "https://docs.kernel.org/networking/scaling.html; perftune.py modes sq, sq_split, mq",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let devices = host.nics.iter().map(|nic| (nic.name.as_str(), nic.irqs.as_slice()));
            placement(host, devices.collect())
        },
    },
    Item {
        id: "irqbalance",
        title: "irqbalance keeps off the shard cores",
        why: "The irqbalance daemon moves interrupts every ten seconds and undoes any placement it was not told about.",
        cost: "None.",
        risk: "The file is read at its start: run `systemctl restart irqbalance` after apply and after undo.",
        source: "https://man7.org/linux/man-pages/man1/irqbalance.1.html (IRQBALANCE_BANNED_CPULIST)",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: balancer,
    },
];

fn placement(host: &Host<'_>, devices: Vec<(&str, &[Irq])>) -> Vec<Finding> {
    let with_irqs: Vec<_> = devices.into_iter().filter(|(_, irqs)| !irqs.is_empty()).collect();
    if with_irqs.is_empty() {
        return vec![Finding::not_applicable("", "no message-signalled interrupts to place")];
    }
    with_irqs.into_iter().map(|(name, irqs)| place(host, name, irqs)).collect()
}

fn place(host: &Host<'_>, name: &str, irqs: &[Irq]) -> Finding {
    let lands: crate::cpuset::CpuSet = irqs.iter().flat_map(|irq| irq.lands_on.iter()).collect();
    let now = format!("on {lands}");
    if host.housekeeping.is_empty() {
        let status = every_cpu_is_a_shard().status;
        return Finding { status, ..Finding::info(name, format!("{now}: shard cores"), "-") };
    }
    let wanted = format!("on {}", host.housekeeping);
    let astray = irqs.iter().filter(|irq| !irq.lands_on.is_within(&host.housekeeping));
    // An interrupt that was told to move does so the next time it fires.
    let (moving, unmoved): (Vec<&Irq>, Vec<&Irq>) =
        astray.partition(|irq| irq.allowed.is_within(&host.housekeeping));
    let now = if moving.is_empty() { now } else { format!("{now}, moving at the next interrupt") };
    let changes: Vec<Change> = unmoved.into_iter().map(|irq| move_irq(host, irq)).collect();
    let mut finding = Finding::new(name, now, wanted, changes.is_empty());
    if !changes.is_empty() {
        finding.remedy = Remedy::Write(changes);
    }
    finding
}

fn move_irq(host: &Host<'_>, irq: &Irq) -> Change {
    let path = format!("/proc/irq/{}/smp_affinity_list", irq.number);
    let identity = Identity {
        path: format!("/sys/kernel/irq/{}/actions", irq.number),
        shows: irq.name.clone(),
    };
    let wanted = host.housekeeping.to_string();
    host.change(&path, Form::CpuList, &irq.allowed.to_string(), &wanted, Some(identity))
}

fn balancer(host: &Host<'_>) -> Vec<Finding> {
    let running = BALANCER_SIGNS.iter().any(|sign| host.tree.exists(sign));
    if !running {
        return vec![Finding::new("", "not running", "not running, or told", true)];
    }
    if host.housekeeping.is_empty() {
        return vec![every_cpu_is_a_shard()];
    }
    let line = format!("IRQBALANCE_BANNED_CPULIST={}", host.shards);
    let wanted = format!("bans {}", host.shards);
    let Some(text) = host.read(BALANCER_CONFIG) else {
        let finding = Finding::new("", "running", wanted, false);
        return vec![finding.manual(format!("set {line} for irqbalance and restart it"))];
    };
    let kept = text.lines().filter(|old| !old.starts_with("IRQBALANCE_BANNED_CPULIST="));
    let fresh = kept.chain([line.as_str()]).collect::<Vec<_>>().join("\n");
    let told = text.lines().any(|old| old.trim() == line);
    let mut finding = Finding::new("", if told { "told" } else { "running" }, wanted, told);
    if finding.status == Status::Short {
        let change = host.change(BALANCER_CONFIG, Form::Text, &text, &fresh, None);
        finding.remedy = Remedy::Write(vec![change]);
    }
    vec![finding]
}
