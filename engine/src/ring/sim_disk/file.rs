//! Content of one simulated file: what readers see, what is durable, and the changes in between.

use std::{collections::BTreeSet, path::PathBuf};

use super::{super::disk::BLOCK_BYTES, SimRandom};

const BLOCK: u64 = BLOCK_BYTES as u64;
/// What a device writes as a whole.
const SECTOR_BYTES: u64 = 512;

pub(super) struct SimContent {
    /// Where the file is now, for faults by name.
    pub(super) path: PathBuf,
    /// True for files that demand alignment.
    pub(super) direct: bool,
    current: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Blocks that take space.
    allocated: BTreeSet<u64>,
    next_id: u64,
}

struct Change {
    id: u64,
    finished: bool,
    kind: Kind,
}

enum Kind {
    /// One sector or less: writes are split, so that a later stable write replaces parts.
    Sector {
        position: u64,
        bytes: Vec<u8>,
    },
    Length(u64),
}

impl SimContent {
    pub(super) fn new(path: PathBuf, direct: bool) -> SimContent {
        SimContent {
            path,
            direct,
            current: Vec::new(),
            durable: Vec::new(),
            pending: Vec::new(),
            allocated: BTreeSet::new(),
            next_id: 0,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.current.len() as u64
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.allocated.len() as u64 * BLOCK
    }

    pub(super) fn read(&self, position: u64, bytes: u64) -> Vec<u8> {
        let from = index(position).min(self.current.len());
        let to = index(position.saturating_add(bytes)).min(self.current.len());
        self.current[from..to].to_vec()
    }

    /// Blocks that a write here would have to allocate.
    pub(super) fn new_blocks(&self, position: u64, bytes: usize) -> u64 {
        let have = blocks(position, bytes as u64).filter(|block| self.allocated.contains(block));
        blocks(position, bytes as u64).count() as u64 - have.count() as u64
    }

    /// A write that is done as soon as it starts and stays volatile.
    pub(super) fn write(&mut self, position: u64, bytes: &[u8]) {
        let write = self.begin_write(position, bytes);
        self.finish_write(write);
    }

    /// The bytes reach the device's cache; the caller learns it with `finish_write`.
    pub(super) fn begin_write(&mut self, position: u64, bytes: &[u8]) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.allocated.extend(blocks(position, bytes.len() as u64));
        put(&mut self.current, position, bytes);
        let mut at = position;
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = index(SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
            let kind = Kind::Sector { position: at, bytes: rest[..count].to_vec() };
            self.pending.push(Change { id, finished: false, kind });
            at += count as u64;
            rest = &rest[count..];
        }
        id
    }

    pub(super) fn finish_write(&mut self, id: u64) {
        self.pending.iter_mut().filter(|change| change.id == id).for_each(|c| c.finished = true);
    }

    /// The write `id` is durable, and nothing older in its place can come back.
    pub(super) fn make_stable(&mut self, id: u64, position: u64, bytes: &[u8]) {
        let end = position + bytes.len() as u64;
        self.pending.retain(|change| match &change.kind {
            Kind::Sector { position: at, bytes } => {
                change.id > id || at + bytes.len() as u64 <= position || *at >= end
            }
            // A shorter length set before this write must not cut it off again later.
            Kind::Length(length) => change.id > id || *length >= end,
        });
        put(&mut self.durable, position, bytes);
    }

    /// Changes that a flush which starts now covers.
    pub(super) fn finished(&self) -> BTreeSet<u64> {
        self.pending.iter().filter(|change| change.finished).map(|change| change.id).collect()
    }

    pub(super) fn flush(&mut self, ids: &BTreeSet<u64>) {
        for change in &self.pending {
            if ids.contains(&change.id) {
                apply(&mut self.durable, &change.kind);
            }
        }
        self.pending.retain(|change| !ids.contains(&change.id));
    }

    pub(super) fn allocate(&mut self, position: u64, bytes: u64) {
        self.allocated.extend(blocks(position, bytes));
        if position + bytes > self.len() {
            self.change_len(position + bytes);
        }
    }

    pub(super) fn set_len(&mut self, bytes: u64) {
        self.allocated.retain(|block| block * BLOCK < bytes);
        self.change_len(bytes);
    }

    fn change_len(&mut self, bytes: u64) {
        self.next_id += 1;
        self.current.resize(index(bytes), 0);
        self.pending.push(Change { id: self.next_id, finished: true, kind: Kind::Length(bytes) });
    }

    pub(super) fn flip(&mut self, position: u64) {
        let at = index(position);
        self.current[at] ^= 1;
        if let Some(byte) = self.durable.get_mut(at) {
            *byte ^= 1;
        }
    }

    /// The file as found after power loss.
    pub(super) fn crash(&self, random: &mut SimRandom) -> SimContent {
        // Sometimes all or nothing survives, sometimes whole blocks, sometimes single sectors.
        let keep_percent = [0, 100, 50, 50, 80, 20][index(random.below(6))];
        let unit = if random.chance(50) { BLOCK } else { SECTOR_BYTES };
        let mut after = SimContent::new(self.path.clone(), self.direct);
        after.current.clone_from(&self.durable);
        let mut last_unit = None;
        let mut keep = false;
        for change in &self.pending {
            let this_unit = match &change.kind {
                Kind::Sector { position, .. } => (change.id, position / unit),
                Kind::Length(_) => (change.id, u64::MAX),
            };
            if last_unit != Some(this_unit) {
                keep = random.chance(keep_percent);
                last_unit = Some(this_unit);
            }
            if keep {
                apply(&mut after.current, &change.kind);
            }
        }
        after.durable.clone_from(&after.current);
        after.allocated = blocks(0, after.len()).filter(|b| self.allocated.contains(b)).collect();
        after
    }
}

fn apply(to: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::Sector { position, bytes } => put(to, *position, bytes),
        Kind::Length(bytes) => to.resize(index(*bytes), 0),
    }
}

fn put(to: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let from = index(position);
    let end = from + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    to[from..end].copy_from_slice(bytes);
}

fn blocks(position: u64, bytes: u64) -> std::ops::Range<u64> {
    position / BLOCK..(position + bytes).div_ceil(BLOCK)
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("simulated files fit in memory")
}
