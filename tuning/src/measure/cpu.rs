//! Measures what a core costs a waiting request: clock reading, timer and wake-up latency, and how
//! often the core is taken away; and tells where device interrupts land.

use std::num::NonZeroU64;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use comfy_table::Table;
use rustix::thread::CpuSet as Affinity;
use serde::Serialize;

use super::{Spread, Timer};
use crate::host::Host;
use crate::items;

const CLOCK_READS: u32 = 1_000_000;
const SLEEP: Duration = Duration::from_micros(100);
const SLEEPS: usize = 1000;
const PING_PONGS: usize = 5000;
const WATCH: Duration = Duration::from_millis(250);
/// A core that does not run our loop for this long was taken by something else.
const GAP_MIN: Duration = Duration::from_micros(20);
const CPUS_WATCHED_MAX: usize = 64;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct CpuFigures {
    /// The kernel's clock source.
    pub clock_source: String,
    /// Cost of reading the clock, in nanoseconds.
    pub clock_read_ns: f64,
    /// Timer slack of a new thread, in nanoseconds.
    pub timer_slack_ns: u64,
    /// How much later than asked a 100 us sleep ends, with the default slack.
    pub sleep_late: Spread,
    /// The same with a slack of 1 ns.
    pub sleep_late_no_slack: Spread,
    /// From waking a thread to its running, half a round trip.
    pub wake_up: Spread,
    /// Tick and preemption model in words.
    pub tick: String,
    /// Per watched shard core, how often and how long it was taken away.
    pub cores: Vec<Core>,
    /// Where data interrupts of the disks and network cards land.
    pub interrupts: Vec<Landing>,
}

/// Gaps of one core in 250 ms.
#[derive(Clone, Debug, Serialize)]
pub struct Core {
    /// Its number.
    pub cpu: u32,
    /// Times of 20 us or more in which it ran something else.
    pub gaps: u32,
    /// The longest of them, in microseconds.
    pub longest_us: f64,
    /// Share of the time in gaps.
    pub lost_percent: f64,
}

/// One interrupt line.
#[derive(Clone, Debug, Serialize)]
pub struct Landing {
    /// Disk or network card.
    pub device: String,
    /// Number in `/proc/irq`.
    pub irq: u32,
    /// The driver's name for it.
    pub name: String,
    /// CPUs it lands on, as a list.
    pub lands_on: String,
    /// How often it has fired since boot.
    pub count: u64,
    /// Whether one of them is a shard core.
    pub on_shard_core: bool,
}

/// Measures on this machine, a few seconds.
pub fn measure(host: &Host<'_>) -> CpuFigures {
    let clock = host.read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let tick = items::find("tick-preemption").map(|item| (item.look)(host)).unwrap_or_default();
    CpuFigures {
        clock_source: clock.unwrap_or_else(|| "unknown".to_owned()),
        clock_read_ns: clock_read_ns(),
        timer_slack_ns: rustix::thread::current_timer_slack().unwrap_or(0),
        sleep_late: in_thread(|| sleep_late(None)),
        sleep_late_no_slack: in_thread(|| sleep_late(NonZeroU64::new(1))),
        wake_up: wake_up(),
        tick: tick.into_iter().next().map(|finding| finding.now).unwrap_or_default(),
        cores: host.shards.iter().take(CPUS_WATCHED_MAX).filter_map(watch).collect(),
        interrupts: landings(host),
    }
}

/// Runs in a thread of its own, so that its timer slack and affinity end with it.
fn in_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().expect("a measurement never panics"))
}

fn clock_read_ns() -> f64 {
    let start = Instant::now();
    let mut last = start;
    for _ in 0..CLOCK_READS {
        last = std::hint::black_box(Instant::now());
    }
    let nanos = last.duration_since(start).as_secs_f64() * 1e9 / f64::from(CLOCK_READS);
    (nanos * 10.0).round() / 10.0
}

fn sleep_late(slack: Option<NonZeroU64>) -> Spread {
    let mut timer = Timer::new();
    // Without the right to change it, the default stays and the figure says so by being the same.
    if slack.is_some() && rustix::thread::set_current_timer_slack(slack).is_err() {
        return timer.spread();
    }
    for _ in 0..SLEEPS {
        let start = Instant::now();
        std::thread::sleep(SLEEP);
        timer.add(start.elapsed().saturating_sub(SLEEP));
    }
    timer.spread()
}

fn wake_up() -> Spread {
    let (to_peer, from_us) = mpsc::sync_channel::<()>(1);
    let (to_us, from_peer) = mpsc::sync_channel::<()>(1);
    std::thread::scope(|scope| {
        scope.spawn(move || while from_us.recv().is_ok() && to_us.send(()).is_ok() {});
        let mut timer = Timer::new();
        for _ in 0..PING_PONGS {
            let start = Instant::now();
            if to_peer.send(()).is_err() || from_peer.recv().is_err() {
                break;
            }
            timer.add(start.elapsed() / 2);
        }
        drop(to_peer);
        timer.spread()
    })
}

/// Spins on one core and counts when it was not ours. `None` when we may not run there.
fn watch(cpu: u32) -> Option<Core> {
    in_thread(move || {
        let mut affinity = Affinity::new();
        affinity.set(cpu as usize);
        rustix::thread::sched_setaffinity(None, &affinity).ok()?;
        let (mut gaps, mut longest, mut lost) = (0, Duration::ZERO, Duration::ZERO);
        let start = Instant::now();
        let mut last = start;
        while last.duration_since(start) < WATCH {
            let now = Instant::now();
            let gap = now.duration_since(last);
            if gap >= GAP_MIN {
                gaps += 1;
                longest = longest.max(gap);
                lost += gap;
            }
            last = now;
        }
        let longest_us = (longest.as_secs_f64() * 1e7).round() / 10.0;
        let lost_percent = (lost.as_secs_f64() / WATCH.as_secs_f64() * 1000.0).round() / 10.0;
        Some(Core { cpu, gaps, longest_us, lost_percent })
    })
}

fn landings(host: &Host<'_>) -> Vec<Landing> {
    let disks = host.disks.iter().flat_map(|disk| disk.irqs.iter().map(|irq| (&disk.name, irq)));
    let nics = host.nics.iter().flat_map(|nic| nic.irqs.iter().map(|irq| (&nic.name, irq)));
    disks
        .chain(nics)
        .map(|(device, irq)| Landing {
            device: device.clone(),
            irq: irq.number,
            name: irq.name.clone(),
            lands_on: irq.lands_on.to_string(),
            count: irq.count,
            on_shard_core: !irq.lands_on.common(&host.shards).is_empty(),
        })
        .collect()
}

/// The figures as tables, with what they mean.
pub fn text(figures: &CpuFigures, table: fn(&[&str]) -> Table) -> String {
    let mut rows = table(&["what", "p50 us", "p99 us", "max us"]);
    for (what, spread) in [
        ("a 100 us sleep ends late by, default timer slack", figures.sleep_late),
        ("the same with a slack of 1 ns", figures.sleep_late_no_slack),
        ("from waking a thread to its running", figures.wake_up),
    ] {
        let cells = [spread.p50_us, spread.p99_us, spread.max_us].map(|us| format!("{us:.1}"));
        rows.add_row([what.to_owned()].into_iter().chain(cells));
    }
    let mut cores = table(&["core", "gaps >= 20 us in 250 ms", "longest us", "taken away"]);
    for core in &figures.cores {
        cores.add_row([
            core.cpu.to_string(),
            core.gaps.to_string(),
            format!("{:.1}", core.longest_us),
            format!("{:.1} %", core.lost_percent),
        ]);
    }
    let mut lines = table(&["device", "interrupt", "lands on CPU", "fired", "a shard core"]);
    for landing in &figures.interrupts {
        lines.add_row([
            landing.device.clone(),
            format!("{} {}", landing.irq, landing.name),
            landing.lands_on.clone(),
            landing.count.to_string(),
            if landing.on_shard_core { "yes: spin only with sched_yield" } else { "no" }.to_owned(),
        ]);
    }
    format!(
        "clock source {}: {:.1} ns a reading; timer slack {} ns; {}\n{rows}\n{cores}\n{lines}\n",
        figures.clock_source, figures.clock_read_ns, figures.timer_slack_ns, figures.tick
    )
}
