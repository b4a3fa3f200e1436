//! Owns the list of all items. Never looks at a host itself: each file below is one area.

mod cpu;
mod disk;
mod filesystem;
mod interrupts;
mod kernel;
mod memory;
mod network;
mod process;
mod scheduling;

use crate::item::Item;

/// All items, in the order they are shown and applied.
pub fn all() -> impl Iterator<Item = &'static Item> {
    [
        process::ITEMS,
        cpu::ITEMS,
        scheduling::ITEMS,
        interrupts::ITEMS,
        disk::ITEMS,
        filesystem::ITEMS,
        network::ITEMS,
        memory::ITEMS,
        kernel::ITEMS,
    ]
    .into_iter()
    .flatten()
}

/// The item with this name.
pub fn find(id: &str) -> Option<&'static Item> {
    all().find(|item| item.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_named_once_and_says_everything() {
        let mut seen = std::collections::BTreeSet::new();
        for item in all() {
            assert!(seen.insert(item.id), "{} twice", item.id);
            for (what, text) in [
                ("title", item.title),
                ("why", item.why),
                ("cost", item.cost),
                ("risk", item.risk),
                ("source", item.source),
            ] {
                assert!(text.len() > 3, "{}: no {what}", item.id);
            }
        }
        assert!(seen.len() > 40, "only {} items", seen.len());
    }
}
