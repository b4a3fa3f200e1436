//! The table of a coordinator's groups: by id, and by slot for work that is done in turns.

use std::collections::HashMap;
use std::sync::Arc;

use super::state::Group;

/// All groups. A slot keeps its group until that is removed.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_id: HashMap<Arc<str>, usize>,
    slots: Vec<Option<Group>>,
    free: Vec<usize>,
}

impl Groups {
    pub(super) fn count(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Group> {
        self.slots[*self.by_id.get(id)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.slots[*self.by_id.get(id)?].as_mut()
    }

    pub(super) fn get_or_create(&mut self, id: &str) -> &mut Group {
        let slot = match self.by_id.get(id) {
            Some(slot) => *slot,
            None => self.create(id.into()),
        };
        self.slots[slot].as_mut().expect("a slot that is named holds a group")
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Group> {
        let slot = self.by_id.remove(id)?;
        self.free.push(slot);
        self.slots[slot].take()
    }

    /// How many slots there are, for work that is done in turns.
    pub(super) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn in_slot_mut(&mut self, slot: usize) -> Option<&mut Group> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// All groups, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.slots.iter().flatten()
    }

    /// All groups, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.slots.iter_mut().flatten()
    }

    fn create(&mut self, id: Arc<str>) -> usize {
        let group = Group::new(Arc::clone(&id));
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(Some(group));
        } else {
            self.slots[slot] = Some(group);
        }
        self.by_id.insert(id, slot);
        slot
    }
}
