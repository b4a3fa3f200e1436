//! Items about the kernel itself: clock, watchdogs, tick, preemption, mitigations, time.

use crate::host::Host;
use crate::host::kind::Kind;
use crate::item::{Finding, Item, Scope, Severity};
use crate::value::Form;

const CLOCKS: &str = "/sys/devices/system/clocksource/clocksource0";
const HUNG_TASK_S_MIN: u64 = 600;
const OFFSET_US_MAX: f64 = 1000.0;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "clocksource",
        title: "clock source",
        why: "Reading the clock through TSC takes tens of nanoseconds in user space; hpet and acpi_pm take a system call and a slow device register, several times per request. `measure cpu` shows the price.",
        cost: "None.",
        risk: "A TSC that is not constant and non-stop drifts; the kernel marks it unstable itself. Virtual machines may prefer kvm-clock or hyperv clocks, which are as cheap.",
        source: "https://docs.kernel.org/timers/timekeeping.html; rpk, perftune.py --tune-clock",
        severity: Severity::High,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: clock_source,
    },
    Item {
        id: "nmi-watchdog",
        title: "NMI watchdog",
        why: "It interrupts each core now and then and occupies a performance counter.",
        cost: "A hard lock-up is no longer reported by itself.",
        risk: "Harder post-mortems.",
        source: "https://docs.kernel.org/admin-guide/lockup-watchdogs.html; tuned network-latency",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| vec![host.value("", "/proc/sys/kernel/nmi_watchdog", Form::Words, "0")],
    },
    Item {
        id: "hung-task",
        title: "hung task detector",
        why: "Scans all tasks every two minutes while holding a core; 600 s is enough to notice.",
        cost: "A stuck task is reported later.",
        risk: "None worth naming.",
        source: "https://docs.kernel.org/admin-guide/sysctl/kernel.html#hung-task-timeout-secs; tuned network-latency",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: |host| {
            let path = "/proc/sys/kernel/hung_task_timeout_secs";
            // 0 switches the detector off altogether.
            vec![host.number(path, HUNG_TASK_S_MIN, |now, least| now == 0 || now >= least)]
        },
    },
    Item {
        id: "tick-preemption",
        title: "scheduler tick and preemption model",
        why: "On a kernel without full preemption a thread that spins is only interrupted at the tick: 4 ms at HZ=250, 10 ms at 100. It is the size of the accident when something spins without sched_yield.",
        cost: "None: report only. preempt=full on the kernel line where the kernel is built with PREEMPT_DYNAMIC.",
        risk: "Full preemption costs some throughput.",
        source: "measured (feasibility section 7); https://docs.kernel.org/admin-guide/kernel-parameters.html (preempt=)",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: tick,
    },
    Item {
        id: "mitigations",
        title: "CPU vulnerability mitigations",
        why: "Mitigations make each system call and context switch dearer; the broker makes few, one enter per turn.",
        cost: "None: report only. Switching them off is a security decision, not a tuning one.",
        risk: "Never recommended here.",
        source: "https://docs.kernel.org/admin-guide/hw-vuln/index.html",
        severity: Severity::Low,
        scope: Scope::Machine,
        dev: false,
        optional: false,
        look: mitigations,
    },
    Item {
        id: "time-sync",
        title: "time synchronisation",
        why: "Retention goes by record time, end-to-end latency between hosts by the difference of two clocks: an offset of 1 ms is an error of 1 ms in every figure.",
        cost: "None.",
        risk: "Stepping the clock at run time upsets retention; chrony slews.",
        source: "https://chrony-project.org/doc/4.5/chronyc.html (tracking)",
        severity: Severity::Medium,
        scope: Scope::Machine,
        dev: true,
        optional: false,
        look: time_sync,
    },
];

fn clock_source(host: &Host<'_>) -> Vec<Finding> {
    let Some(now) = host.read(&format!("{CLOCKS}/current_clocksource")) else {
        return vec![Finding::not_applicable("", "no clock source to choose here")];
    };
    let offered = host.read(&format!("{CLOCKS}/available_clocksource")).unwrap_or_default();
    let has_tsc = offered.split_whitespace().any(|name| name == "tsc");
    let cheap_in_vm = ["kvm-clock", "hyperv_clocksource_tsc_page"].contains(&now.as_str());
    if host.kind == Kind::VirtualMachine && cheap_in_vm {
        return vec![Finding::new("", now, "tsc, or the hypervisor's", true)];
    }
    if now == "arch_sys_counter" {
        return vec![Finding::new("", now, "the architecture's counter", true)];
    }
    if !has_tsc {
        let finding = Finding::new("", now, "tsc", false);
        return vec![finding.manual("the kernel does not offer tsc: see `dmesg | grep -i tsc`")];
    }
    let steady = host.cpu_flag("constant_tsc") && host.cpu_flag("nonstop_tsc");
    if !steady && now != "tsc" {
        let because = "the CPU does not promise a constant and non-stop TSC";
        return vec![Finding { now, ..Finding::not_applicable("", because) }];
    }
    vec![host.value("", &format!("{CLOCKS}/current_clocksource"), Form::Words, "tsc")]
}

fn tick(host: &Host<'_>) -> Vec<Finding> {
    let Some(hz) = host.built_with("CONFIG_HZ") else {
        return vec![Finding::unknown("", "HZ and preemption", "no kernel configuration to read")];
    };
    let model = running_model(host).unwrap_or_else(|| built_model(host));
    let full = matches!(model.as_str(), "full" | "lazy" | "rt");
    let tick_ms = hz.parse::<u32>().map(|hz| 1000 / hz.max(1)).unwrap_or_default();
    let now = format!("HZ={hz} (tick {tick_ms} ms), preempt={model}");
    let wanted = "short tick or preempt=full";
    if full || tick_ms <= 1 {
        return vec![Finding::new("", now, wanted, true)];
    }
    vec![Finding::info("", now, wanted)]
}

/// `none voluntary (full) lazy` in debugfs, where it is mounted.
fn running_model(host: &Host<'_>) -> Option<String> {
    if let Some(Some(model)) = host.cmdline.get("preempt") {
        return Some(model.clone());
    }
    let shown = host.read("/sys/kernel/debug/sched/preempt")?;
    shown
        .split_whitespace()
        .find_map(|word| Some(word.strip_prefix('(')?.strip_suffix(')')?.to_owned()))
}

fn built_model(host: &Host<'_>) -> String {
    let built = |option: &str| host.built_with(option).is_some();
    let model = if built("CONFIG_PREEMPT_RT") {
        "rt"
    } else if built("CONFIG_PREEMPT_LAZY") {
        "lazy"
    } else if built("CONFIG_PREEMPT_VOLUNTARY") {
        "voluntary"
    } else if built("CONFIG_PREEMPT_NONE") {
        "none"
    } else {
        "full"
    };
    model.to_owned()
}

fn mitigations(host: &Host<'_>) -> Vec<Finding> {
    let folder = "/sys/devices/system/cpu/vulnerabilities";
    let names = host.tree.list(folder);
    if names.is_empty() {
        return vec![Finding::not_applicable("", "this kernel does not list vulnerabilities")];
    }
    let mut mitigated = 0;
    let mut open = Vec::new();
    for name in &names {
        let shown = host.read(&format!("{folder}/{name}")).unwrap_or_default();
        mitigated += u32::from(shown.starts_with("Mitigation"));
        if shown.starts_with("Vulnerable") {
            open.push(name.as_str());
        }
    }
    let rest = if open.is_empty() { String::new() } else { format!("; open: {}", open.join(", ")) };
    vec![Finding::info(
        "",
        format!("{mitigated} of {} mitigated{rest}", names.len()),
        "as your security team says",
    )]
}

fn time_sync(host: &Host<'_>) -> Vec<Finding> {
    let wanted = "synchronised, offset <= 1 ms";
    let Some(sync) = &host.live.time_sync else {
        return vec![Finding::unknown("", wanted, "neither chronyc nor timedatectl answers here")];
    };
    let fine =
        sync.synchronised && sync.offset_us.is_none_or(|offset| offset.abs() <= OFFSET_US_MAX);
    let offset =
        sync.offset_us.map(|offset| format!(", offset {offset:.0} us")).unwrap_or_default();
    let state = if sync.synchronised { "synchronised" } else { "not synchronised" };
    vec![
        Finding::new("", format!("{}: {state}{offset}", sync.source), wanted, fine)
            .manual("install and start chrony (or systemd-timesyncd)"),
    ]
}
