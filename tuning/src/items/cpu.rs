//! Items about clock frequency and idle states.

use crate::host::Host;
use crate::host::cpu;
use crate::item::{Finding, Item, Profile, Remedy, Scope, Severity};
use crate::value::Form;

const CPUS: &str = "/sys/devices/system/cpu";
/// Idle states that take longer than this to leave are switched off; C1 and polling stay.
const IDLE_EXIT_US_MAX: u32 = 10;

pub(super) const ITEMS: &[Item] = &[
    // Preference before governor: a governor of `performance` pins the preference, so undo must come
    // back through the governor first.
    Item {
        id: "cpu-energy-preference",
        title: "energy preference of the CPU",
        why: "With hardware P-states the preference decides how eagerly the clock rises after a wake-up; with `balance_*` the first request after a pause runs on a slow clock.",
        cost: "Power and heat.",
        risk: "None; the firmware still limits temperature.",
        source: "https://docs.kernel.org/admin-guide/pm/intel_pstate.html#energy-vs-performance-hints",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: energy_preference,
    },
    Item {
        id: "cpu-governor",
        title: "frequency governor",
        why: "`powersave` and `schedutil` lower the clock when load is low, which is when a lone request arrives; `performance` keeps it up.",
        cost: "Power and heat, some boost head-room of other cores.",
        risk: "Machines with bad cooling throttle.",
        source: "https://docs.kernel.org/admin-guide/pm/cpufreq.html; tuned latency-performance profile",
        severity: Severity::High,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: governor,
    },
    Item {
        id: "cpu-energy-bias",
        title: "energy performance bias",
        why: "The older hint (EPB) also steers uncore and C-state demotion; 0 is performance.",
        cost: "Power.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/pm/intel_epb.html",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| per_cpu(host, "energy_perf_bias", "power/energy_perf_bias", Form::Words, "0"),
    },
    Item {
        id: "cpu-min-perf",
        title: "lowest P-state in percent",
        why: "Keeps the slowest clock at the nominal one, so that no request starts on a slow core.",
        cost: "Power.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/pm/intel_pstate.html; tuned latency-performance (min_perf_pct=100)",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            vec![host.value("", &format!("{CPUS}/intel_pstate/min_perf_pct"), Form::Words, "100")]
        },
    },
    Item {
        id: "cpu-boost",
        title: "boost clock",
        why: "Boost shortens every request; for a benchmark it is switched off, because it varies with temperature and makes two runs incomparable.",
        cost: "latency: power. bench: the difference between boost and base clock.",
        risk: "A benchmark with boost off says nothing about production's absolute numbers.",
        source: "https://docs.kernel.org/admin-guide/pm/cpufreq.html#frequency-boost-support",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: boost,
    },
    Item {
        id: "cpu-idle-states",
        title: "deep idle states",
        why: "Leaving a deep state (C6) takes 100 to 200 us by the kernel's own table (`cpuidle/state*/latency`), more than the whole durable write of a good disk. Polling and C1 stay.",
        cost: "More power when idle; other cores boost less.",
        risk: "Laptops and badly cooled machines; `persist --hold-idle` does the same with /dev/cpu_dma_latency and ends with its service.",
        source: "https://docs.kernel.org/admin-guide/pm/cpuidle.html; tuned force_latency",
        severity: Severity::High,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: idle_states,
    },
    Item {
        id: "cpu-pstate-driver",
        title: "P-state driver",
        why: "Tells who sets the clock; some guides disable intel_pstate or amd_pstate on the kernel line for hard real time.",
        cost: "None: report only.",
        risk: "Switching the driver off loses boost on many machines.",
        source: "https://docs.kernel.org/admin-guide/pm/intel_pstate.html; tuned realtime profile",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| match host.read(&format!("{CPUS}/cpu0/cpufreq/scaling_driver")) {
            Some(driver) => vec![Finding::info("", driver, "any")],
            None => vec![no_scaling()],
        },
    },
    Item {
        id: "cpu-smt",
        title: "shards on sibling threads",
        why: "Two shards on the threads of one core share its caches and execution units: each spins the other slower.",
        cost: "Half the shards, or SMT off in the firmware.",
        risk: "None; choose `--cores` with one thread of each core.",
        source: "https://docs.kernel.org/admin-guide/cputopology.html",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: smt,
    },
];

fn no_scaling() -> Finding {
    Finding::not_applicable(
        "",
        "no frequency scaling here: the hypervisor or firmware sets the clock",
    )
}

/// One finding for one attribute of all online CPUs; CPUs already as wanted need no change.
fn per_cpu(host: &Host<'_>, subject: &str, file: &str, form: Form, wanted: &str) -> Vec<Finding> {
    let each: Vec<Finding> = host
        .online
        .iter()
        .map(|cpu| host.value(subject, &format!("{CPUS}/cpu{cpu}/{file}"), form, wanted))
        .collect();
    let absent = || Finding::not_applicable("", format!("this CPU or hypervisor offers no {file}"));
    vec![merge(each).unwrap_or_else(absent)]
}

/// Joins findings about the same setting of many CPUs; `None` when none of them applies.
fn merge(each: Vec<Finding>) -> Option<Finding> {
    let applying: Vec<Finding> = each
        .into_iter()
        .filter(|finding| !matches!(finding.status, crate::item::Status::NotApplicable(_)))
        .collect();
    let mut shown: Vec<&str> = applying.iter().map(|finding| finding.now.as_str()).collect();
    shown.sort_unstable();
    shown.dedup();
    let now = shown.join(" / ");
    let first = applying.first()?;
    let changes: Vec<_> = applying.iter().flat_map(Finding::changes).cloned().collect();
    let mut merged = Finding::new("", now, first.wanted.clone(), changes.is_empty());
    if !changes.is_empty() {
        merged.remedy = Remedy::Write(changes);
    }
    Some(merged)
}

fn energy_preference(host: &Host<'_>) -> Vec<Finding> {
    per_cpu(host, "", "cpufreq/energy_performance_preference", Form::Words, "performance")
}

fn governor(host: &Host<'_>) -> Vec<Finding> {
    let mut findings = per_cpu(host, "", "cpufreq/scaling_governor", Form::Words, "performance");
    // intel_pstate sets the energy preference by itself when the governor changes.
    for finding in &mut findings {
        let Remedy::Write(changes) = &mut finding.remedy else { continue };
        let mut moved = Vec::new();
        for change in changes.drain(..) {
            // What follows stands right before its leader.
            let path = change.path.replace("scaling_governor", "energy_performance_preference");
            if let Some(shown) = host.read(&path) {
                let mut follow = host.change(&path, Form::Words, &shown, &shown, None);
                follow.follows = true;
                moved.push(follow);
            }
            moved.push(change);
        }
        *changes = moved;
    }
    findings
}

fn boost(host: &Host<'_>) -> Vec<Finding> {
    let steady = host.wish.profile == Profile::Bench;
    let no_turbo = format!("{CPUS}/intel_pstate/no_turbo");
    if host.tree.exists(&no_turbo) {
        return vec![host.value(
            "no_turbo",
            &no_turbo,
            Form::Words,
            if steady { "1" } else { "0" },
        )];
    }
    let boost = format!("{CPUS}/cpufreq/boost");
    if host.tree.exists(&boost) {
        return vec![host.value("boost", &boost, Form::Words, if steady { "0" } else { "1" })];
    }
    vec![no_scaling()]
}

fn idle_states(host: &Host<'_>) -> Vec<Finding> {
    let mut deep = Vec::new();
    let mut worst_us = 0;
    let mut any = false;
    for cpu in host.shards.iter() {
        let folder = format!("{CPUS}/cpu{cpu}/cpuidle");
        for state in host.tree.list(&folder) {
            let latency = host.read(&format!("{folder}/{state}/latency"));
            let Some(latency_us) = latency.and_then(|text| text.parse::<u32>().ok()) else {
                continue;
            };
            any = true;
            if latency_us <= IDLE_EXIT_US_MAX {
                continue;
            }
            let finding = host.value("", &format!("{folder}/{state}/disable"), Form::Words, "1");
            if !finding.changes().is_empty() {
                worst_us = worst_us.max(latency_us);
            }
            deep.push(finding);
        }
    }
    if !any {
        return vec![Finding::not_applicable("", "no idle states to choose from here")];
    }
    let wanted = format!("exit <= {IDLE_EXIT_US_MAX} us on shard cores");
    let changes: Vec<_> = deep.iter().flat_map(Finding::changes).cloned().collect();
    if changes.is_empty() {
        return vec![Finding::new("", "no deep state in use", wanted, true)];
    }
    let now = format!("{} states, exit up to {worst_us} us", changes.len());
    vec![Finding { remedy: Remedy::Write(changes), ..Finding::new("", now, wanted, false) }]
}

fn smt(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "one shard per physical core";
    let paired: Vec<String> = host
        .shards
        .iter()
        .map(|cpu| cpu::siblings(host.tree, cpu).common(&host.shards))
        .filter(|both| both.len() > 1)
        .map(|both| both.to_string())
        .collect();
    if paired.is_empty() {
        return vec![Finding::new("", "no shared cores", wanted, true)];
    }
    let mut groups = paired;
    groups.sort();
    groups.dedup();
    let now = format!("{} cores shared (as {})", groups.len(), groups[0]);
    vec![
        Finding::new("", now, wanted, false)
            .manual("start the broker with one thread of each core, or switch SMT off"),
    ]
}
