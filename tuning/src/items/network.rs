//! Items about network cards and TCP.

use crate::host::Host;
use crate::host::nic::Nic;
use crate::item::{Change, Finding, Identity, Item, Remedy, Scope, Severity};
use crate::value::Form;

const FLOW_ENTRIES: u64 = 32768;
const BACKLOG_MIN: u64 = 4096;
/// Share of memory TCP may hold before it drops data, as perftune.py sets it.
const TCP_MEMORY_PERCENT: u64 = 3;
const PAGE_BYTES: u64 = 4096;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "nic-queues",
        title: "receive queues of a network card",
        why: "With a queue per shard the card spreads connections in hardware, and each shard's packets are handled on its own core.",
        cost: "None: report only (`ethtool -L`).",
        risk: "Changing the number of queues resets the link for a moment.",
        source: "https://docs.kernel.org/networking/scaling.html#rss-receive-side-scaling",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, queues),
    },
    Item {
        id: "nic-rps",
        title: "receive packet steering",
        why: "A card with fewer queues than shards does all receive work on the cores of its interrupts; RPS spreads it in software. A card with enough queues must not do it twice.",
        cost: "One inter-processor interrupt per batch of packets.",
        risk: "With few connections the hop costs more than it brings: measure.",
        source: "https://docs.kernel.org/networking/scaling.html#rps-receive-packet-steering; perftune.py",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, rps),
    },
    Item {
        id: "nic-rfs",
        title: "receive flow steering",
        why: "RFS sends a packet to the core where its shard runs, so that the data is in the right cache.",
        cost: "256 KiB of table; one look-up per packet.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/networking/scaling.html#rfs-receive-flow-steering; perftune.py",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: rfs,
    },
    Item {
        id: "nic-xps",
        title: "transmit packet steering",
        why: "A transmit queue of its own per core takes no lock that another shard holds.",
        cost: "None.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/networking/scaling.html#xps-transmit-packet-steering; perftune.py",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, xps),
    },
    Item {
        id: "nic-ntuple",
        title: "flow steering in hardware",
        why: "With ntuple filters the card itself does what RFS does (accelerated RFS).",
        cost: "Filter slots of the card.",
        risk: "Some drivers reorder packets while a filter moves.",
        source: "https://docs.kernel.org/networking/scaling.html#accelerated-rfs",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, ntuple),
    },
    Item {
        id: "busy-poll",
        title: "busy polling of sockets",
        why: "A blocking reader spins on the card's queue instead of waiting for its interrupt: 42.0 to 31.8 us for a UDP round trip with io_uring.",
        cost: "A core spins for up to 50 us per wait.",
        risk: "Only pays on real cards with few connections; optional, so only changed with --only busy-poll.",
        source: "https://docs.kernel.org/networking/napi.html#busy-polling; tuned network-latency (50/50); performance notes section 4.2",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: true,
        look: |host| {
            ["busy_poll", "busy_read"]
                .map(|name| {
                    let path = format!("/proc/sys/net/core/{name}");
                    Finding { subject: name.to_owned(), ..host.value("", &path, Form::Words, "50") }
                })
                .into()
        },
    },
    Item {
        id: "tcp-backlog",
        title: "connection backlogs",
        why: "When clients reconnect all at once, a full backlog drops SYNs and the client waits a second or three.",
        cost: "A few hundred KiB under attack.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/networking/ip-sysctl.html (tcp_max_syn_backlog, somaxconn); perftune.py",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            ["net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog"]
                .map(|name| {
                    let path = format!("/proc/sys/{name}");
                    let found = host.number(&path, BACKLOG_MIN, |now, least| now >= least);
                    Finding { subject: name.rsplit('/').next().unwrap_or(name).to_owned(), ..found }
                })
                .into()
        },
    },
    Item {
        id: "tcp-memory",
        title: "memory for TCP",
        why: "Above the third value the kernel drops data of every connection; large fetches to slow consumers get there.",
        cost: "Up to 3 % of memory under load.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/networking/ip-sysctl.html (tcp_mem); perftune.py (3 %)",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: tcp_memory,
    },
    Item {
        id: "tcp-idle-restart",
        title: "slow start after idle",
        why: "After a pause TCP starts again with ten segments; a burst of records then takes several round trips.",
        cost: "A burst may meet a path that has become narrow.",
        risk: "On shared wide-area links; inside a data centre none.",
        source: "https://docs.kernel.org/networking/ip-sysctl.html (tcp_slow_start_after_idle)",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let path = "/proc/sys/net/ipv4/tcp_slow_start_after_idle";
            vec![host.value("", path, Form::Words, "0")]
        },
    },
];

fn each(host: &Host<'_>, look: fn(&Host<'_>, &Nic) -> Finding) -> Vec<Finding> {
    if host.nics.is_empty() {
        return vec![no_card()];
    }
    host.nics.iter().map(|nic| look(host, nic)).collect()
}

fn no_card() -> Finding {
    Finding::not_applicable("", "no network card with a device behind it is up here")
}

fn queues(host: &Host<'_>, nic: &Nic) -> Finding {
    let wanted = format!("{} (one per shard)", host.shards.len());
    let now = nic.rx.len().to_string();
    if nic.rx.len() >= host.shards.len() {
        return Finding::new(&nic.name, now, wanted, true);
    }
    Finding::info(&nic.name, now, wanted)
}

/// Whether the card has too few queues to give each shard one.
fn needs_software_steering(host: &Host<'_>, nic: &Nic) -> bool {
    nic.rx.len() < host.shards.len()
}

fn rps(host: &Host<'_>, nic: &Nic) -> Finding {
    let mask = if needs_software_steering(host, nic) { host.shards.mask() } else { "0".to_owned() };
    per_queue(host, nic, &nic.rx, "rps_cpus", Form::CpuMask, |_| mask.clone())
}

fn xps(host: &Host<'_>, nic: &Nic) -> Finding {
    let online: Vec<u32> = host.online.iter().collect();
    if nic.tx.len() < 2 {
        return Finding::not_applicable(&nic.name, "one transmit queue");
    }
    let queues = nic.tx.len();
    per_queue(host, nic, &nic.tx, "xps_cpus", Form::CpuMask, |index| {
        let mine = online.iter().skip(index).step_by(queues).copied();
        mine.collect::<crate::cpuset::CpuSet>().mask()
    })
}

/// One finding for the same file of several queues.
fn per_queue(
    host: &Host<'_>,
    nic: &Nic,
    queues: &[String],
    file: &str,
    form: Form,
    wanted: impl Fn(usize) -> String,
) -> Finding {
    let each: Vec<Finding> = queues
        .iter()
        .enumerate()
        .map(|(index, queue)| host.value(&nic.name, &nic.queue(queue, file), form, &wanted(index)))
        .collect();
    let Some(first) = each.iter().find(|found| !found.wanted.eq("-")) else {
        return Finding::not_applicable(&nic.name, format!("the driver shows no {file}"));
    };
    let changes: Vec<Change> = each
        .iter()
        .flat_map(Finding::changes)
        .cloned()
        .map(|change| known_as(change, nic.identity.as_ref()))
        .collect();
    let more = if each.len() > 1 { format!(" (first of {})", each.len()) } else { String::new() };
    let mut merged = Finding::new(
        &nic.name,
        format!("{}{more}", first.now),
        format!("{}{more}", first.wanted),
        changes.is_empty(),
    );
    if !changes.is_empty() {
        merged.remedy = Remedy::Write(changes);
    }
    merged
}

fn known_as(mut change: Change, identity: Option<&Identity>) -> Change {
    change.identity = identity.cloned();
    change
}

fn rfs(host: &Host<'_>) -> Vec<Finding> {
    let steered: Vec<&Nic> =
        host.nics.iter().filter(|nic| needs_software_steering(host, nic)).collect();
    if host.nics.is_empty() {
        return vec![no_card()];
    }
    if steered.is_empty() {
        return vec![Finding::not_applicable("", "every shard has a receive queue")];
    }
    let entries = "/proc/sys/net/core/rps_sock_flow_entries";
    let table = host.number(entries, FLOW_ENTRIES, |now, least| now >= least);
    let mut findings = vec![Finding { subject: "table".to_owned(), ..table }];
    for nic in steered {
        let share = (FLOW_ENTRIES / (nic.rx.len().max(1) as u64)).to_string();
        findings
            .push(per_queue(host, nic, &nic.rx, "rps_flow_cnt", Form::Words, |_| share.clone()));
    }
    findings
}

fn ntuple(host: &Host<'_>, nic: &Nic) -> Finding {
    match host.live.ntuple.get(&nic.name) {
        None => Finding::unknown(
            &nic.name,
            "on, where the card can",
            "ethtool is not installed or does not tell",
        ),
        Some(true) => Finding::new(&nic.name, "on", "on", true),
        Some(false) => Finding::info(
            &nic.name,
            "off",
            format!("ethtool -K {} ntuple on, where the card can", nic.name),
        ),
    }
}

fn tcp_memory(host: &Host<'_>) -> Vec<Finding> {
    let path = "/proc/sys/net/ipv4/tcp_mem";
    let (Some(shown), Some(memory)) = (host.read(path), host.memory()) else {
        return vec![Finding::not_applicable("", format!("this kernel has no {path}"))];
    };
    let least = memory.mem_total * TCP_MEMORY_PERCENT / 100 / PAGE_BYTES;
    let now: Vec<u64> = shown.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let wanted = format!("third >= {least} pages");
    if now.get(2).is_some_and(|most| *most >= least) {
        return vec![Finding::new("", Form::Words.value(&shown), wanted, true)];
    }
    let value = format!("{} {} {least}", least / 2, least * 3 / 4);
    vec![host.value("", path, Form::Words, &value)]
}
