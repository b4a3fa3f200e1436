//! Owns what a thread asks of the kernel for itself: a CPU to stay on, and its CPU time. Never
//! changes another thread.

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::units::NS_PER_S;

/// Keeps the calling thread on `cpu`.
pub fn pin(cpu: usize) -> Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        bail!("cpu {cpu} is beyond the largest number {}", CpuSet::MAX_CPU);
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("pin to cpu {cpu}; is it online?"))
}

/// CPUs this process may use.
pub fn cpus() -> usize {
    sched_getaffinity(None).map_or(1, |set| crate::units::to_usize(u64::from(set.count())))
}

/// CPU time of the calling thread.
pub fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * NS_PER_S + u64::try_from(time.tv_nsec).unwrap_or(0)
}
