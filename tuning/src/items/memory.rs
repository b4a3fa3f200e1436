//! Items about memory management.

use crate::host::Host;
use crate::item::{Finding, Item, Scope, Severity};
use crate::value::Form;

const MEMORY_PER_SHARD_BYTES_MIN: u64 = 2 << 30;
const SWAPPINESS_MAX: u64 = 1;
const STAT_INTERVAL_S_MIN: u64 = 10;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "thp",
        title: "transparent huge pages",
        why: "`always` lets a page fault stop to clear or compact 2 MiB, and khugepaged takes the memory lock of a running process; `madvise` leaves it to programs that ask.",
        cost: "Programs that never ask have more TLB misses.",
        risk: "Peers disagree: rpk sets always, tuned's network-latency never. Measure with your load.",
        source: "https://docs.kernel.org/admin-guide/mm/transhuge.html; rpk; tuned network-latency",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: huge_pages,
    },
    Item {
        id: "thp-defrag",
        title: "compaction at a page fault",
        why: "`always` compacts memory inside the fault; `madvise` only for memory that asked for huge pages.",
        cost: "Fewer huge pages on a fragmented machine.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/mm/transhuge.html",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let path = "/sys/kernel/mm/transparent_hugepage/defrag";
            let finding = host.value("", path, Form::Choice, "madvise");
            let fine = ["never", "defer", "defer+madvise"].contains(&finding.now.as_str());
            vec![if fine { Finding::new("", finding.now, "not always", true) } else { finding }]
        },
    },
    Item {
        id: "swappiness",
        title: "swappiness",
        why: "A page of the broker that was swapped out comes back in milliseconds, in the middle of a request. 1 swaps only to avoid killing a process.",
        cost: "Cold memory of other programs stays in memory.",
        risk: "Less page cache when memory is short.",
        source: "https://docs.kernel.org/admin-guide/sysctl/vm.html#swappiness; rpk (1)",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            vec![host.number("/proc/sys/vm/swappiness", SWAPPINESS_MAX, |now, most| now <= most)]
        },
    },
    Item {
        id: "swap",
        title: "swap space",
        why: "Tells whether swapping can happen at all; the broker locks its ring memory, not all of it.",
        cost: "None: report only.",
        risk: "Without swap a memory shortage kills a process instead. Peers disagree (rpk wants swap present).",
        source: "https://docs.kernel.org/admin-guide/mm/concepts.html#reclaim",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| match host.memory() {
            Some(memory) => {
                let total_mib = memory.swap_total >> 20;
                vec![Finding::info("", format!("{total_mib} MiB"), "any, with swappiness <= 1")]
            }
            None => vec![Finding::unknown("", "any", "/proc/meminfo cannot be read")],
        },
    },
    Item {
        id: "memory-per-shard",
        title: "memory per shard",
        why: "Tail windows, receive buffers and indexes are budgeted per shard; short memory turns tail reads into disk reads.",
        cost: "Memory, or fewer shards.",
        risk: "None.",
        source: "https://docs.kernel.org/filesystems/proc.html#meminfo",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: per_shard,
    },
    Item {
        id: "vm-stat-interval",
        title: "virtual memory statistics",
        why: "Each CPU folds its counters every second, on shard cores too; ten seconds is enough for monitoring.",
        cost: "vmstat numbers lag.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/sysctl/vm.html#stat-interval; tuned network-latency",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let path = "/proc/sys/vm/stat_interval";
            vec![host.number(path, STAT_INTERVAL_S_MIN, |now, least| now >= least)]
        },
    },
];

fn huge_pages(host: &Host<'_>) -> Vec<Finding> {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    let finding = host.value("", path, Form::Choice, "madvise");
    // `never` is what others recommend: no reason to change it.
    vec![if finding.now == "never" {
        Finding::new("", "never", "madvise or never", true)
    } else {
        finding
    }]
}

fn per_shard(host: &Host<'_>) -> Vec<Finding> {
    let wanted = format!(">= {} GiB", MEMORY_PER_SHARD_BYTES_MIN >> 30);
    let shards = host.shards.len() as u64;
    let Some(memory) = host.memory().filter(|_| shards > 0) else {
        return vec![Finding::unknown("", wanted, "/proc/meminfo cannot be read")];
    };
    let each_mib = (memory.mem_total / shards) >> 20;
    let fine = memory.mem_total / shards >= MEMORY_PER_SHARD_BYTES_MIN;
    vec![
        Finding::new("", format!("{each_mib} MiB for each of {shards}"), wanted, fine)
            .manual("start the broker with fewer shards, or add memory"),
    ]
}
