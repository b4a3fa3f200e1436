//! Items about the disks below the data folder.

use crate::host::Host;
use crate::host::disk::Disk;
use crate::item::{Change, Finding, Item, Remedy, Scope, Severity};
use crate::value::Form;

/// Least request queue depth that a shard's group commit, fill and cold reads can fill together.
const QUEUE_DEPTH_MIN: u32 = 64;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "disk-scheduler",
        title: "I/O scheduler",
        why: "Each broker write is already ordered and grouped; a scheduler only holds it, takes a lock and defers flushes. `none` hands requests straight to the device.",
        cost: "Background readers are no longer kept from delaying writes.",
        risk: "On rotating disks `mq-deadline` is better.",
        source: "https://docs.kernel.org/block/switching-sched.html; rpk and perftune.py set none",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, scheduler),
    },
    Item {
        id: "disk-nomerges",
        title: "request merging",
        why: "Looking for neighbours to merge with costs CPU on each request and finds none: appends are sent as whole groups.",
        cost: "Programs that write small neighbouring blocks send more requests.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/block/queue-sysfs.html (nomerges); rpk and perftune.py set 2",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, |host, disk| queue_value(host, disk, "nomerges", "2")),
    },
    Item {
        id: "disk-completion-cpu",
        title: "completion on the submitting CPU",
        why: "With rq_affinity 2 a completion is handed to the very CPU that submitted, where the shard's ring waits for it; 1 stops at the same cache group.",
        cost: "One more inter-processor interrupt when the disk's interrupt is elsewhere.",
        risk: "Peers disagree and no gain was measured here, so it is changed only on request.",
        source: "https://docs.kernel.org/block/queue-sysfs.html (rq_affinity)",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: true,
        look: |host| each(host, |host, disk| queue_value(host, disk, "rq_affinity", "2")),
    },
    Item {
        id: "disk-queue-depth",
        title: "requests a disk takes at once",
        why: "When the queue is full the submitting shard waits in the kernel.",
        cost: "None: report only.",
        risk: "Deeper is not faster; it only keeps the submitter from blocking.",
        source: "https://docs.kernel.org/block/queue-sysfs.html (nr_requests)",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, queue_depth),
    },
    Item {
        id: "disk-queues",
        title: "hardware queues of a disk",
        why: "With one queue per shard no lock is shared on submission, and the completion comes back to the same core.",
        cost: "None: report only.",
        risk: "Virtual disks often have a single queue; the host's operator can add more.",
        source: "https://docs.kernel.org/block/blk-mq.html",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| each(host, hardware_queues),
    },
    Item {
        id: "disk-durability",
        title: "durability class of the disk",
        why: "Decides what a durable write costs: `write through` needs no flush (a power-protected drive, or none at all: the kernel cannot tell), `write back` with FUA one command, without FUA a write and a flush.",
        cost: "None: report only. Never set the kernel's view to `write through` by hand: that drops the flushes and loses data at power loss.",
        risk: "A drive may lie about its cache, and a hypervisor may not pass a flush on; only pulling the plug shows it. `measure disk` shows the price paid.",
        source: "https://docs.kernel.org/block/writeback_cache_control.html; performance notes section 4.1",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: true,
        optional: false,
        look: |host| each(host, durability),
    },
    Item {
        id: "nvme-power",
        title: "NVMe power saving (APST)",
        why: "An idle drive falls into power states that take up to 100 ms to leave (the driver's default tolerance); the first durable write after a pause pays for it. 0 switches the transitions off.",
        cost: "A few watts a drive.",
        risk: "Laptops: heat and battery.",
        source: "kernel commit c5552fde102f (nvme: enable autonomous power state transitions): tolerance 0 disables APST",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: nvme_power,
    },
];

fn each(host: &Host<'_>, look: fn(&Host<'_>, &Disk) -> Finding) -> Vec<Finding> {
    if host.disks.is_empty() {
        let because = format!("no block device is visible below {}", host.wish.data_dir);
        return vec![Finding::not_applicable("", because)];
    }
    host.disks.iter().map(|disk| look(host, disk)).collect()
}

/// A value of the disk's queue folder, with the disk's identity on the change.
fn queue_value(host: &Host<'_>, disk: &Disk, file: &str, wanted: &str) -> Finding {
    let form = if file == "scheduler" { Form::Choice } else { Form::Words };
    let mut finding = host.value(&disk.name, &disk.queue(file), form, wanted);
    if let Remedy::Write(changes) = &mut finding.remedy {
        for change in changes {
            change.identity.clone_from(&disk.identity);
        }
    }
    finding
}

fn scheduler(host: &Host<'_>, disk: &Disk) -> Finding {
    let rotates = host.read(&disk.queue("rotational")).is_some_and(|text| text == "1");
    // Virtual disks say "rotational" whatever is behind them.
    let wanted = if rotates && !disk.name.starts_with("vd") && !disk.name.starts_with("xvd") {
        "mq-deadline"
    } else {
        "none"
    };
    let mut finding = queue_value(host, disk, "scheduler", wanted);
    if let Remedy::Write(changes) = &mut finding.remedy {
        let mut moved = dragged_by_scheduler(host, disk);
        moved.append(changes);
        *changes = moved;
    }
    finding
}

/// Values the kernel resets when the scheduler changes: the queue depth and the scheduler's own.
fn dragged_by_scheduler(host: &Host<'_>, disk: &Disk) -> Vec<Change> {
    let own = host.tree.list(&disk.queue("iosched"));
    let files = own.iter().map(|file| format!("iosched/{file}"));
    files
        .chain(["nr_requests".to_owned(), "wbt_lat_usec".to_owned()])
        .filter_map(|file| {
            let path = disk.queue(&file);
            let shown = host.read(&path)?;
            let mut change = host.change(&path, Form::Words, &shown, &shown, disk.identity.clone());
            change.follows = true;
            Some(change)
        })
        .collect()
}

fn queue_depth(host: &Host<'_>, disk: &Disk) -> Finding {
    let wanted = format!(">= {QUEUE_DEPTH_MIN}");
    match host.read(&disk.queue("nr_requests")).and_then(|text| text.parse::<u32>().ok()) {
        Some(depth) => {
            Finding::new(&disk.name, depth.to_string(), wanted, depth >= QUEUE_DEPTH_MIN)
                .manual(format!("raise {} if the device allows it", disk.queue("nr_requests")))
        }
        None => Finding::not_applicable(&disk.name, "this disk shows no queue depth"),
    }
}

fn hardware_queues(host: &Host<'_>, disk: &Disk) -> Finding {
    let queues = host.tree.list(&format!("/sys/block/{}/mq", disk.name)).len();
    if queues == 0 {
        return Finding::not_applicable(&disk.name, "not a multi-queue disk");
    }
    let wanted = format!("{} (one per shard)", host.shards.len());
    if queues >= host.shards.len() {
        return Finding::new(&disk.name, queues.to_string(), wanted, true);
    }
    Finding::info(&disk.name, queues.to_string(), wanted)
}

fn durability(host: &Host<'_>, disk: &Disk) -> Finding {
    let cache = host.read(&disk.queue("write_cache"));
    let fua = host.read(&disk.queue("fua")).is_some_and(|text| text == "1");
    let class = match (cache.as_deref(), fua) {
        (Some("write through"), _) => "write through: no flush needed, by the drive's word",
        (Some("write back"), true) => "write back, FUA: one command per durable write",
        (Some("write back"), false) => "write back, no FUA: write + flush per durable write",
        _ => "not told",
    };
    Finding::info(&disk.name, class, "power-loss protection (cannot be read here)")
}

fn nvme_power(host: &Host<'_>) -> Vec<Finding> {
    let nvme: Vec<&Disk> = host.disks.iter().filter(|disk| disk.is_nvme()).collect();
    if nvme.is_empty() {
        return vec![Finding::not_applicable("", "no NVMe disk below the data folder")];
    }
    nvme.into_iter()
        .map(|disk| {
            let Some(controller) = disk.controller() else {
                return Finding::not_applicable(&disk.name, "no controller found");
            };
            let path = format!("/sys/class/nvme/{controller}/power/pm_qos_latency_tolerance_us");
            let mut finding = host.value(controller, &path, Form::Words, "0");
            if let Remedy::Write(changes) = &mut finding.remedy {
                for change in changes {
                    change.identity.clone_from(&disk.identity);
                }
            }
            finding
        })
        .collect()
}
