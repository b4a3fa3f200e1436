//! Owns CPU topology as sysfs tells it: which CPUs share a core and which a memory node.

use crate::cpuset::CpuSet;
use crate::tree::Tree;

const CPUS: &str = "/sys/devices/system/cpu";
const NODES: &str = "/sys/devices/system/node";

/// CPUs that share the physical core of `cpu`, itself included.
pub fn siblings(tree: &dyn Tree, cpu: u32) -> CpuSet {
    let path = format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list");
    list(tree, &path).unwrap_or_else(|| CpuSet::from_iter([cpu]))
}

/// The memory nodes that have CPUs, with their CPUs.
pub fn nodes(tree: &dyn Tree) -> Vec<(u32, CpuSet)> {
    tree.list(NODES)
        .iter()
        .filter_map(|name| name.strip_prefix("node")?.parse().ok())
        .filter_map(|node: u32| Some((node, list(tree, &format!("{NODES}/node{node}/cpulist"))?)))
        .filter(|(_, cpus)| !cpus.is_empty())
        .collect()
}

fn list(tree: &dyn Tree, path: &str) -> Option<CpuSet> {
    tree.read(path).ok()?.parse().ok()
}
