//! Owns the list of physical network cards, their queues and interrupts.

use super::irq::{self, Irq};
use crate::item::Identity;
use crate::tree::Tree;

const NET: &str = "/sys/class/net";

/// One network card that is up and has a device behind it.
#[derive(Clone, Debug)]
pub struct Nic {
    /// Interface name, as `eth0`.
    pub name: String,
    /// Receive queue folders, `rx-0` first.
    pub rx: Vec<String>,
    /// Transmit queue folders.
    pub tx: Vec<String>,
    /// Interrupts that carry data.
    pub irqs: Vec<Irq>,
    /// The hardware address, which stays the same over reboots.
    pub identity: Option<Identity>,
}

impl Nic {
    /// Path of a file of one queue.
    pub fn queue(&self, queue: &str, file: &str) -> String {
        format!("{NET}/{}/queues/{queue}/{file}", self.name)
    }
}

/// All physical network cards that are up.
pub fn all(tree: &dyn Tree) -> Vec<Nic> {
    let names = tree.list(NET);
    names.iter().filter_map(|name| nic(tree, name)).collect()
}

fn nic(tree: &dyn Tree, name: &str) -> Option<Nic> {
    let device = tree.real(&format!("{NET}/{name}/device")).ok()?;
    if tree.read(&format!("{NET}/{name}/operstate")).ok()? != "up" {
        return None;
    }
    let queues = tree.list(&format!("{NET}/{name}/queues"));
    let of = |kind: &str| {
        let mut found: Vec<String> =
            queues.iter().filter(|queue| queue.starts_with(kind)).cloned().collect();
        found.sort_by_key(|queue| queue[kind.len()..].parse::<u32>().unwrap_or(u32::MAX));
        found
    };
    let address = format!("{NET}/{name}/address");
    Some(Nic {
        name: name.to_owned(),
        rx: of("rx-"),
        tx: of("tx-"),
        irqs: irq::of_device(tree, &device),
        identity: tree.read(&address).ok().map(|shows| Identity { path: address, shows }),
    })
}
