//! What a shard remembers of its logs between runs: where they start, how far they are surely on
//! stable storage (the durable floor), and whether they were closed cleanly. Written lazily in the
//! background; never on the way of an ack.
//!
//! ```text
//! ringlog-logs 1 <sequence>                                          first line
//! <folder> <log start> <durable floor>                               an open log
//! <folder> <log start> <durable floor> <segment> <position> <end>    a log that was closed
//! crc32c <8 hex digits>                                              over all lines before
//! ```
//! Two files take turns, so that a crash while one is written leaves the other; the valid one with
//! the larger sequence counts.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    rc::{Rc, Weak},
};

use super::{CleanEnd, Log, LogInner, LogShared, OpenHint, files, notify::Bell, segment::Segment};
use crate::{
    limits::CHECKPOINT_BYTES_MAX,
    ring::disk::{Access, Disk, Durability},
    types::Offset,
};

const MAGIC: &str = "ringlog-logs 1";
const CRC_LINE: &str = "crc32c ";

/// The checkpoint of a shard: entries by folder name.
pub(crate) struct Checkpoint<D: Disk> {
    slots: [PathBuf; 2],
    sequence: Cell<u64>,
    entries: RefCell<BTreeMap<String, OpenHint>>,
    /// Logs that were closed in this run: only these are written as such.
    closed: RefCell<BTreeSet<String>>,
    logs: RefCell<BTreeMap<String, Weak<LogInner<D>>>>,
    writing: Cell<bool>,
    written: Bell,
}

impl<D: Disk> Checkpoint<D> {
    pub(crate) fn new(path: &Path) -> Self {
        let slot = |extension: &str| path.with_added_extension(extension);
        Checkpoint {
            slots: [slot("0"), slot("1")],
            sequence: Cell::new(0),
            entries: RefCell::default(),
            closed: RefCell::default(),
            logs: RefCell::default(),
            writing: Cell::new(false),
            written: Bell::default(),
        }
    }

    pub(crate) fn register(&self, log: &Log<D>) {
        self.logs.borrow_mut().insert(name_of(&log.0.dir), Rc::downgrade(&log.0));
    }

    pub(crate) fn forget(&self, dir: &Path) {
        self.logs.borrow_mut().remove(&name_of(dir));
        self.closed.borrow_mut().remove(&name_of(dir));
        self.entries.borrow_mut().remove(&name_of(dir));
    }

    pub(crate) fn set_closed(&self, dir: &Path, hint: OpenHint) {
        self.logs.borrow_mut().remove(&name_of(dir));
        self.closed.borrow_mut().insert(name_of(dir));
        self.entries.borrow_mut().insert(name_of(dir), hint);
    }
}

impl<D: Disk> LogShared<D> {
    /// Reads what the last run has left: the checkpoint (also those at `others`, of shards that
    /// are no more) and the pool. Then marks all logs as open, so that a crash from now on is
    /// known as one. Call it once, before the first log is opened.
    ///
    /// # Errors
    /// The disk's; `InvalidData` when a checkpoint is there but no copy of it is intact.
    pub async fn load(&self, others: &[PathBuf]) -> io::Result<()> {
        let checkpoint = &self.0.checkpoint;
        for path in others {
            let other: Checkpoint<D> = Checkpoint::new(path);
            if let Some((_, entries)) = read_newest(&self.0.disk, &other.slots).await? {
                checkpoint.entries.borrow_mut().extend(entries);
            }
        }
        if let Some((sequence, entries)) = read_newest(&self.0.disk, &checkpoint.slots).await? {
            checkpoint.sequence.set(sequence);
            checkpoint.entries.borrow_mut().extend(entries);
        }
        // Both copies, lest an old one that says "closed" comes back.
        self.write_slot().await?;
        self.write_slot().await?;
        self.0.pool.load(&self.0.disk).await
    }

    /// What is known of the log in the folder `dir`; all zero for an unknown one.
    pub fn open_hint(&self, dir: &Path) -> OpenHint {
        self.0.checkpoint.entries.borrow().get(&name_of(dir)).copied().unwrap_or_default()
    }

    /// A log is about to be opened: from now on the checkpoint must not call it closed.
    pub(crate) async fn mark_open(&self, dir: &Path) -> io::Result<()> {
        if self.0.checkpoint.closed.borrow_mut().remove(&name_of(dir)) {
            self.write_checkpoint().await?;
            self.write_checkpoint().await?;
        }
        Ok(())
    }

    /// Makes log starts and durable floors stable; then the files of deleted segments go. For the
    /// shard's background turn (every few seconds) and after its last log was closed.
    ///
    /// # Errors
    /// The disk's. A full disk is no danger: the old checkpoint stays true.
    pub async fn write_checkpoint(&self) -> io::Result<()> {
        let checkpoint = &self.0.checkpoint;
        while checkpoint.writing.get() {
            checkpoint.written.wait().await;
        }
        checkpoint.writing.set(true);
        let retired = self.collect();
        let result = self.write_slot().await;
        checkpoint.writing.set(false);
        checkpoint.written.ring();
        for (log, segments) in retired {
            log.retire(segments, result.is_ok());
        }
        result
    }

    /// Brings the entries up to date; returns the segments that may be deleted once they are
    /// stable.
    #[expect(clippy::type_complexity, reason = "logs with their segments, used once")]
    fn collect(&self) -> Vec<(Log<D>, Vec<Rc<Segment<D>>>)> {
        let checkpoint = &self.0.checkpoint;
        checkpoint.logs.borrow_mut().retain(|_, log| log.strong_count() > 0);
        let logs = checkpoint.logs.borrow();
        let mut retired = Vec::new();
        for (name, log) in logs.iter() {
            let Some(log) = log.upgrade().map(Log) else { continue };
            let hint = {
                let state = &mut *log.0.state.borrow_mut();
                let unnamed = state.segments.iter().find(|segment| !segment.named.get());
                let floor = unnamed.map_or(state.flushed, |s| s.base.min(state.flushed));
                let segments = std::mem::take(&mut state.retired);
                if !segments.is_empty() {
                    retired.push((log.clone(), segments));
                }
                OpenHint { log_start: state.log_start, floor, clean: None }
            };
            checkpoint.entries.borrow_mut().insert(name.clone(), hint);
        }
        retired
    }

    async fn write_slot(&self) -> io::Result<()> {
        let checkpoint = &self.0.checkpoint;
        let sequence = checkpoint.sequence.get() + 1;
        let text = {
            let entries = checkpoint.entries.borrow();
            encode(sequence, &entries, &checkpoint.closed.borrow())
        };
        let slot = &checkpoint.slots[usize::from(sequence % 2 == 1)];
        let disk = &self.0.disk;
        let file = disk.open(slot, Access::Replace).await?;
        disk.write(&file, 0, vec![text.into()], Durability::Volatile).await?;
        disk.flush(&file).await?;
        disk.flush_dir(slot.parent().expect("a checkpoint is in a folder")).await?;
        checkpoint.sequence.set(sequence);
        Ok(())
    }
}

type Entries = BTreeMap<String, OpenHint>;

async fn read_newest<D: Disk>(
    disk: &D,
    slots: &[PathBuf; 2],
) -> io::Result<Option<(u64, Entries)>> {
    let mut newest: Option<(u64, Entries)> = None;
    let mut damaged = None;
    for slot in slots {
        let Some(bytes) = files::read_all(disk, slot, CHECKPOINT_BYTES_MAX).await? else {
            continue;
        };
        match decode(&bytes) {
            Some(found) if newest.as_ref().is_none_or(|newest| newest.0 < found.0) => {
                newest = Some(found);
            }
            Some(_) => {}
            // The first one ever may have been cut off by a crash: then nothing was open yet.
            None if bytes.is_empty() => {}
            None => damaged = Some(slot),
        }
    }
    match (newest, damaged) {
        (None, Some(slot)) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is damaged and there is no intact copy", slot.display()),
        )),
        (newest, _) => Ok(newest),
    }
}

fn encode(sequence: u64, entries: &Entries, closed: &BTreeSet<String>) -> String {
    use std::fmt::Write;
    let mut text = format!("{MAGIC} {sequence}\n");
    for (name, hint) in entries {
        let _infallible = write!(text, "{name} {} {}", hint.log_start.0, hint.floor.0);
        if let Some(clean) = hint.clean.filter(|_| closed.contains(name)) {
            let CleanEnd { segment, position, next_offset } = clean;
            let _infallible = write!(text, " {} {position} {}", segment.0, next_offset.0);
        }
        text.push('\n');
    }
    let crc = crc32c::crc32c(text.as_bytes());
    let _infallible = writeln!(text, "{CRC_LINE}{crc:08x}");
    text
}

fn decode(bytes: &[u8]) -> Option<(u64, Entries)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let crc_at = text.rfind(CRC_LINE)?;
    let (lines, crc) = text.split_at(crc_at);
    let crc = u32::from_str_radix(crc.strip_prefix(CRC_LINE)?.strip_suffix('\n')?, 16).ok()?;
    if crc != crc32c::crc32c(lines.as_bytes()) {
        return None;
    }
    let mut lines = lines.lines();
    let sequence = lines.next()?.strip_prefix(MAGIC)?.trim().parse().ok()?;
    let mut entries = Entries::new();
    for line in lines {
        let mut fields = line.split(' ');
        let name = fields.next()?.to_owned();
        let numbers: Vec<i64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
        let hint = match numbers[..] {
            [log_start, floor] => {
                OpenHint { log_start: Offset(log_start), floor: Offset(floor), clean: None }
            }
            [log_start, floor, segment, position, next_offset] => {
                let position = u64::try_from(position).ok()?;
                let (segment, next_offset) = (Offset(segment), Offset(next_offset));
                let clean = Some(CleanEnd { segment, position, next_offset });
                OpenHint { log_start: Offset(log_start), floor: Offset(floor), clean }
            }
            _ => return None,
        };
        entries.insert(name, hint);
    }
    Some((sequence, entries))
}

fn name_of(dir: &Path) -> String {
    dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
