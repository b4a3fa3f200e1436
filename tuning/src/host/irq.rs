//! Owns which interrupts belong to a device and on which CPUs they land, from
//! `/sys/…/msi_irqs` and `/sys/kernel/irq` (kernel `Documentation/ABI/testing/sysfs-kernel-irq`).

use crate::cpuset::CpuSet;
use crate::tree::Tree;

/// How many parents of a device are searched for its interrupts: a virtio disk is two below PCI.
const PARENTS_MAX: usize = 4;

/// One interrupt line that has fired or may fire for data.
#[derive(Clone, Debug)]
pub struct Irq {
    /// Number in `/proc/irq`.
    pub number: u32,
    /// What the driver calls it, as `virtio1-req.0`.
    pub name: String,
    /// Where it may land, as set.
    pub allowed: CpuSet,
    /// Where it does land, by the interrupt controller.
    pub lands_on: CpuSet,
    /// How often it has fired since boot, all CPUs.
    pub count: u64,
}

/// The interrupts of the device at the real sysfs path `device` that carry data.
pub fn of_device(tree: &dyn Tree, device: &str) -> Vec<Irq> {
    let mut folder = device.to_owned();
    for _ in 0..PARENTS_MAX {
        let numbers = tree.list(&format!("{folder}/msi_irqs"));
        if !numbers.is_empty() {
            return numbers
                .iter()
                .filter_map(|number| read(tree, number.parse().ok()?))
                // Configuration changes are rare and cost nobody time.
                .filter(|irq| !irq.name.ends_with("-config") && !irq.name.ends_with("-event"))
                .collect();
        }
        match folder.rsplit_once('/') {
            Some((parent, _)) if parent.starts_with("/sys/devices") => folder = parent.to_owned(),
            _ => break,
        }
    }
    Vec::new()
}

fn read(tree: &dyn Tree, number: u32) -> Option<Irq> {
    let name = tree.read(&format!("/sys/kernel/irq/{number}/actions")).ok()?;
    let set = |file: &str| {
        let path = format!("/proc/irq/{number}/{file}");
        tree.read(&path).ok().and_then(|text| text.parse::<CpuSet>().ok())
    };
    let allowed = set("smp_affinity_list")?;
    let counts = tree.read(&format!("/sys/kernel/irq/{number}/per_cpu_count")).unwrap_or_default();
    (!name.is_empty()).then(|| Irq {
        number,
        lands_on: set("effective_affinity_list")
            .filter(|set| !set.is_empty())
            .unwrap_or_else(|| allowed.clone()),
        allowed,
        count: counts.split(',').filter_map(|count| count.trim().parse::<u64>().ok()).sum(),
        name,
    })
}
