//! One segment: a file of batches and what is known of it. Owns names and positions; never decides
//! when to roll, write or delete.
//!
//! `written <= submitted <= placed` holds at all times; all three are file positions.

use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    rc::Rc,
};

use log_format::RecordBatchHeader;

use super::{
    index::{IndexedBatch, SegmentIndex},
    zero_ahead::ZeroAhead,
};
use crate::{
    ring::disk::Disk,
    types::{Offset, TimestampMs},
};

/// Name of the file that is prepared for the next roll.
pub(crate) const NEXT_FILE: &str = "next.log";
/// Extensions of the files beside a segment's `.log`; they go when it goes.
pub(crate) const SIDE_FILES: [&str; 4] = ["index", "timeindex", "snapshot", "holes"];
const OFFSET_DIGITS: usize = 20;

/// A part of the log that is lost: damaged bytes, reported and never served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// First lost offset.
    pub from: Offset,
    /// First offset after the hole.
    pub to: Offset,
    /// Where the damaged bytes begin in the segment of `from`.
    pub position: u64,
    /// Where they end.
    pub end_position: u64,
}

/// The largest timestamp of a segment and the last offset of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxTimestamp {
    /// -1 when no record has a timestamp.
    pub timestamp: TimestampMs,
    /// Last offset of the batch with it.
    pub offset: Offset,
}

pub(crate) struct Segment<D: Disk> {
    pub(crate) base: Offset,
    pub(crate) created: TimestampMs,
    /// End of the batches that have their place.
    pub(crate) placed: Cell<u64>,
    /// End of the bytes that were handed to the disk.
    pub(crate) submitted: Cell<u64>,
    /// End of the bytes the disk has, without gaps. Reads from the file stop here.
    pub(crate) written: Cell<u64>,
    /// Offset after the last placed batch; for a sealed segment, the base of the next one.
    pub(crate) next_offset: Cell<Offset>,
    /// Largest timestamp of the first batch (Kafka rolls by it).
    pub(crate) first_timestamp: Cell<Option<TimestampMs>>,
    /// `None` while unknown: a sealed segment whose index was not loaded yet.
    pub(crate) max_timestamp: Cell<Option<MaxTimestamp>>,
    /// Always there until sealed, loaded when needed after that.
    pub(crate) index: RefCell<Option<Rc<SegmentIndex>>>,
    pub(crate) file: RefCell<Option<D::File>>,
    /// False while the file is still `next.log`.
    pub(crate) named: Cell<bool>,
    /// Cut to length, with index files.
    pub(crate) sealed: Cell<bool>,
    /// The file is deleted or goes to the pool: reads that still hold it must not trust it.
    pub(crate) removed: Cell<bool>,
    pub(crate) holes: RefCell<Vec<Hole>>,
    pub(crate) zero: ZeroAhead,
    pub(crate) last_used: Cell<u64>,
}

impl<D: Disk> Segment<D> {
    /// A segment without batches.
    pub(crate) fn new(base: Offset, created: TimestampMs, file: Option<D::File>) -> Self {
        Segment {
            base,
            created,
            placed: Cell::new(0),
            submitted: Cell::new(0),
            written: Cell::new(0),
            next_offset: Cell::new(base),
            first_timestamp: Cell::new(None),
            max_timestamp: Cell::new(None),
            index: RefCell::new(Some(Rc::new(SegmentIndex::default()))),
            file: RefCell::new(file),
            named: Cell::new(true),
            sealed: Cell::new(false),
            removed: Cell::new(false),
            holes: RefCell::new(Vec::new()),
            zero: ZeroAhead::default(),
            last_used: Cell::new(0),
        }
    }

    /// All bytes up to `position` are placed and on disk.
    pub(crate) fn set_end(&self, position: u64, next_offset: Offset) {
        self.placed.set(position);
        self.submitted.set(position);
        self.written.set(position);
        self.next_offset.set(next_offset);
    }

    /// The segment ends at `position` again, before `end`.
    pub(crate) fn cut(&self, position: u64, end: Offset) {
        self.set_end(position, end);
        let relative_end = self.relative(end);
        let mut index = self.index.borrow_mut();
        let index = Rc::make_mut(index.get_or_insert_default());
        index.truncate(relative_end);
        let max = index.max_time().map(|max| MaxTimestamp {
            timestamp: TimestampMs(max.timestamp_ms),
            offset: Offset(self.base.0 + i64::from(max.relative_offset)),
        });
        self.max_timestamp.set(max);
        if position == 0 {
            self.first_timestamp.set(None);
        }
    }

    /// Gives a batch its place at the end and notes it in the indexes.
    pub(crate) fn place(&self, header: &RecordBatchHeader, bytes: usize, interval_bytes: u64) {
        let position = self.placed.get();
        self.note(header, position, interval_bytes);
        self.placed.set(position + bytes as u64);
    }

    /// Notes a batch at `position` in the indexes.
    pub(crate) fn note(&self, header: &RecordBatchHeader, position: u64, interval_bytes: u64) {
        let last = Offset(header.last_offset());
        let timestamp = TimestampMs(header.max_timestamp);
        let index = &mut *self.index.borrow_mut();
        Rc::make_mut(index.get_or_insert_default())
            .push(self.indexed(header, position), interval_bytes);
        if self.first_timestamp.get().is_none() {
            self.first_timestamp.set(Some(timestamp));
        }
        if self.max_timestamp.get().is_none_or(|max| max.timestamp < timestamp) {
            self.max_timestamp.set(Some(MaxTimestamp { timestamp, offset: last }));
        }
        self.next_offset.set(Offset(header.next_offset()));
    }

    /// What the indexes store of a batch at `position`.
    pub(crate) fn indexed(&self, header: &RecordBatchHeader, position: u64) -> IndexedBatch {
        IndexedBatch {
            relative_last: self.relative(Offset(header.last_offset())),
            position: i32::try_from(position).expect("segments end below 2 GiB"),
            bytes: header.total_bytes() as u64,
            max_timestamp_ms: header.max_timestamp,
        }
    }

    /// Takes the largest timestamp from an index that was loaded.
    pub(crate) fn learn_times(&self, index: &SegmentIndex) {
        let none = MaxTimestamp { timestamp: TimestampMs(-1), offset: self.base };
        let max = index.max_time().map_or(none, |max| MaxTimestamp {
            timestamp: TimestampMs(max.timestamp_ms),
            offset: Offset(self.base.0 + i64::from(max.relative_offset)),
        });
        self.max_timestamp.set(Some(max));
    }

    /// `offset` counted from the segment's base; saturates, which index searches take well.
    pub(crate) fn relative(&self, offset: Offset) -> i32 {
        i32::try_from(offset.0.saturating_sub(self.base.0)).unwrap_or(i32::MAX)
    }

    /// Whether an offset can be stored relative to the base.
    pub(crate) fn takes_offset(&self, last: Offset) -> bool {
        i32::try_from(last.0 - self.base.0).is_ok()
    }

    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        if self.named.get() { log_path(dir, self.base) } else { dir.join(NEXT_FILE) }
    }
}

/// `<base offset, 20 digits>.<extension>` in `dir`.
pub(crate) fn file_path(dir: &Path, base: Offset, extension: &str) -> PathBuf {
    dir.join(format!("{:0OFFSET_DIGITS$}.{extension}", base.0))
}

pub(crate) fn log_path(dir: &Path, base: Offset) -> PathBuf {
    file_path(dir, base, "log")
}

/// The base offset in a file's name, when it has this extension.
pub(crate) fn base_of(name: &str, extension: &str) -> Option<Offset> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    let valid = digits.len() == OFFSET_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    if valid { digits.parse().ok().map(Offset) } else { None }
}
