//! Owns telling bare metal, virtual machine and container apart.

use std::collections::HashMap;

use serde::Serialize;

use crate::tree::Tree;

/// What kind of machine the files belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The kernel runs on the hardware.
    BareMetal,
    /// The kernel runs under a hypervisor.
    VirtualMachine,
    /// We are inside a container and the kernel is somebody else's.
    Container,
}

impl Kind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::BareMetal => "bare metal",
            Self::VirtualMachine => "virtual machine",
            Self::Container => "container",
        }
    }
}

/// Number of the first PID namespace, fixed in the kernel (`PROC_PID_INIT_INO` in
/// `include/linux/proc_ns.h`): whoever is in another one is in a container.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
const CONTAINER_MARKERS: [&str; 2] = ["/run/.containerenv", "/.dockerenv"];
const VIRTUAL_PRODUCTS: [&str; 8] =
    ["KVM", "QEMU", "VMware", "VirtualBox", "Virtual Machine", "HVM domU", "Google Compute", "EC2"];

/// Tells the kind of the host in `tree` whose first CPU is `cpu`.
///
/// A marker file alone proves nothing, since virtual machines are often made from container images;
/// the PID namespace decides, and the marker only where the namespace cannot be read.
pub fn detect(tree: &dyn Tree, cpu: &HashMap<String, String>) -> Kind {
    let contained = match tree.link("/proc/self/ns/pid") {
        Ok(namespace) => namespace != FIRST_PID_NAMESPACE,
        Err(_) => CONTAINER_MARKERS.iter().any(|marker| tree.exists(marker)),
    };
    if contained {
        return Kind::Container;
    }
    let flagged = cpu.get("flags").is_some_and(|f| f.split_whitespace().any(|w| w == "hypervisor"));
    let product = ["product_name", "sys_vendor"]
        .iter()
        .filter_map(|name| tree.read(&format!("/sys/class/dmi/id/{name}")).ok())
        // Amazon's metal machines say so in the same field.
        .any(|text| VIRTUAL_PRODUCTS.iter().any(|v| text.contains(v)) && !text.contains("metal"));
    let xen_or_arm =
        tree.exists("/sys/hypervisor/type") || tree.exists("/proc/device-tree/hypervisor");
    if flagged || product || xen_or_arm { Kind::VirtualMachine } else { Kind::BareMetal }
}
