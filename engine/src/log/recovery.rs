//! Opens a log: finds its segments, and after a crash finds out what of them counts.
//!
//! Everything below the durable floor was on stable storage; batches above it count as far as they
//! follow each other intact. So a bad batch at or above the floor is a torn tail and is cut, with
//! everything behind it; a bad batch below the floor is corruption: the log keeps a hole there,
//! reports it, and never reuses its offsets. Never deletes bytes below the floor.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    rc::Rc,
};

use super::{
    Hole, Log, LogConfig, LogError, LogShared, files,
    index::SegmentIndex,
    recovery_scan::{self, Scan},
    scan::Scanner,
    segment::{NEXT_FILE, SIDE_FILES, Segment, base_of, file_path, log_path},
};
use crate::{
    limits::{INDEX_FILE_BYTES_MAX, ZERO_AHEAD_BYTES_MIN},
    ring::disk::{Access, BLOCK_BYTES, Disk},
    types::{Offset, TimestampMs},
};

/// Index of the active segment, written when a log is closed.
pub(crate) const CLOSED_INDEX: &str = "closed.index";
/// Time index of the active segment, written when a log is closed.
pub(crate) const CLOSED_TIME_INDEX: &str = "closed.timeindex";

/// What is known of a log before its files are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenHint {
    /// First offset of the log, if its first segment begins before it.
    pub log_start: Offset,
    /// Everything below was on stable storage.
    pub floor: Offset,
    /// Where the log ended, if it was closed.
    pub clean: Option<CleanEnd>,
}

/// The end of a log that was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanEnd {
    /// Base offset of the active segment.
    pub segment: Offset,
    /// Where its batches end.
    pub position: u64,
    /// The offset after its last batch.
    pub next_offset: Offset,
}

/// What opening a log found and did. Everything empty or zero after a clean shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Bytes of segments that were read and checked.
    pub scanned_bytes: u64,
    /// Bytes of a torn tail that were wiped.
    pub cut_bytes: u64,
    /// Segments behind a torn tail that were removed: nothing in them was ever acknowledged.
    pub segments_removed: usize,
    /// Segments whose index files are written anew.
    pub indexes_rebuilt: usize,
    /// Damage below the durable floor.
    pub holes: Vec<Hole>,
}

/// A segment file found in the folder.
pub(super) struct Found {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    pub(super) sealed: bool,
}

impl<D: Disk> Log<D> {
    /// Makes a new, empty log in the folder `dir`, which must not exist. Stable when it returns.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn create(
        shared: &LogShared<D>,
        dir: &Path,
        config: LogConfig,
        now: TimestampMs,
    ) -> Result<Log<D>, LogError> {
        let disk = &shared.0.disk;
        let steps = async {
            disk.create_dir(dir).await?;
            shared.mark_open(dir).await?;
            let segment = new_segment(shared, dir, Offset(0), now).await?;
            disk.flush_dir(dir.parent().expect("a log is in a folder")).await?;
            Ok(segment)
        };
        let segment = steps.await.map_err(|error| io_error("create", dir, error))?;
        let hint = OpenHint::default();
        Ok(Log::assemble(shared, dir, config, hint, VecDeque::from([segment]), Vec::new()))
    }

    /// Opens the log in the folder `dir`. `hint` is `LogShared::open_hint`.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn open(
        shared: &LogShared<D>,
        dir: &Path,
        config: LogConfig,
        hint: OpenHint,
        now: TimestampMs,
    ) -> Result<(Log<D>, RecoveryReport), LogError> {
        let opening = Opening { shared, dir, config: &config, hint, now };
        let opened = opening.run().await.map_err(|error| io_error("open", dir, error))?;
        let Opened { segments, epochs, to_seal, last_block, report } = opened;
        let log = Log::assemble(shared, dir, config, hint, segments, epochs);
        {
            let state = &mut *log.0.state.borrow_mut();
            state.tail.set_partial(last_block);
            to_seal.into_iter().for_each(|segment| state.maintenance.want_seal(segment));
            state.maintenance.want_epochs();
        }
        log.start_maintenance();
        Ok((log, report))
    }
}

/// A new segment file under its own name, stable.
pub(super) async fn new_segment<D: Disk>(
    shared: &LogShared<D>,
    dir: &Path,
    base: Offset,
    now: TimestampMs,
) -> io::Result<Rc<Segment<D>>> {
    let path = log_path(dir, base);
    let file = shared.0.pool.new_file(&shared.0.disk, &path, ZERO_AHEAD_BYTES_MIN, false).await?;
    let segment = Segment::new(base, now, Some(file.file));
    segment.zero.set(file.zeroed_bytes);
    Ok(Rc::new(segment))
}

fn io_error(operation: &'static str, path: &Path, error: io::Error) -> LogError {
    LogError::Io { operation, path: path.to_owned(), error }
}

pub(super) struct Opening<'o, D: Disk> {
    pub(super) shared: &'o LogShared<D>,
    pub(super) dir: &'o Path,
    pub(super) config: &'o LogConfig,
    pub(super) hint: OpenHint,
    pub(super) now: TimestampMs,
}

struct Opened<D: Disk> {
    segments: VecDeque<Rc<Segment<D>>>,
    epochs: Vec<log_format::checkpoint::EpochEntry>,
    to_seal: Vec<Rc<Segment<D>>>,
    last_block: Option<Box<super::tail::Block>>,
    report: RecoveryReport,
}

impl<D: Disk> Opening<'_, D> {
    async fn run(&self) -> io::Result<Opened<D>> {
        self.shared.mark_open(self.dir).await?;
        let mut report = RecoveryReport::default();
        let found = self.find_segments().await?;
        let mut scan = Scan::new(self.read_epochs().await?);
        let mut segments = VecDeque::new();
        let count = found.len();
        for (number, file) in found.iter().enumerate() {
            let next_base = found.get(number + 1).map(|next| next.base);
            let segment = match (next_base, self.hint.clean) {
                (Some(next), _) if file.sealed => self.sealed(file, next).await?,
                (None, Some(clean))
                    if clean.segment == file.base && clean.position <= file.bytes =>
                {
                    self.closed(file, clean).await?
                }
                _ => {
                    let segment = self.unsealed(file).await?;
                    self.scan_segment(&segment, file, next_base, &mut scan, &mut report).await?;
                    segment
                }
            };
            segments.push_back(segment);
            if scan.ended {
                report.segments_removed = count - number - 1;
                self.remove(&found[number + 1..]).await?;
                break;
            }
        }
        self.finish(segments, scan, report).await
    }

    /// All segment files, in order; `next.log` gets its name if it has batches that follow.
    async fn find_segments(&self) -> io::Result<Vec<Found>> {
        let disk = &self.shared.0.disk;
        let mut logs = BTreeMap::new();
        let (mut indexes, mut times, mut next) = (Vec::new(), Vec::new(), None);
        for entry in disk.list(self.dir).await? {
            let name = entry.name.as_str();
            if let Some(base) = base_of(name, "log") {
                logs.insert(base, entry.bytes);
            } else if let Some(base) = base_of(name, "index") {
                indexes.push(base);
            } else if let Some(base) = base_of(name, "timeindex") {
                times.push(base);
            } else if name == NEXT_FILE {
                next = Some(entry.bytes);
            } else if name.ends_with(".tmp") {
                files::remove_if_there(disk, &self.dir.join(name)).await?;
            }
        }
        if let Some(bytes) = next {
            let last = logs.last_key_value().map(|(base, _)| *base);
            if let Some(base) = self.adopt_next(bytes, last).await? {
                logs.insert(base, bytes);
            }
        }
        let sealed = |base: Offset| indexes.contains(&base) && times.contains(&base);
        let found =
            logs.into_iter().map(|(base, bytes)| Found { base, bytes, sealed: sealed(base) });
        let mut found: Vec<Found> = found.collect();
        // Segments below the log start were being deleted.
        let gone = found.iter().skip(1).take_while(|s| s.base <= self.hint.log_start).count();
        self.remove(&found[..gone]).await?;
        found.drain(..gone);
        Ok(found)
    }

    /// A crash may come between the first batch in `next.log` and its renaming. Without an intact
    /// first batch it holds nothing that counts: the durable floor waits for the name.
    async fn adopt_next(&self, bytes: u64, last: Option<Offset>) -> io::Result<Option<Offset>> {
        let disk = &self.shared.0.disk;
        let path = self.dir.join(NEXT_FILE);
        let file = disk.open(&path, Access::Read).await?;
        let first = Scanner::new(disk, file, 0, bytes).next().await;
        let base = match first {
            Ok(Some(first)) => Some(Offset(first.batch.header.base_offset)),
            Err(super::scan::ScanError::Io(error)) => return Err(error),
            _ => None,
        };
        let Some(base) = base.filter(|base| last.is_none_or(|last| last < *base)) else {
            files::remove_if_there(disk, &path).await?;
            return Ok(None);
        };
        disk.rename(&path, &log_path(self.dir, base)).await?;
        disk.flush_dir(self.dir).await?;
        Ok(Some(base))
    }

    async fn remove(&self, found: &[Found]) -> io::Result<()> {
        let disk = &self.shared.0.disk;
        for segment in found {
            for extension in SIDE_FILES.into_iter().chain(["log"]) {
                let path = file_path(self.dir, segment.base, extension);
                files::remove_if_there(disk, &path).await?;
            }
        }
        if found.is_empty() { Ok(()) } else { disk.flush_dir(self.dir).await }
    }

    /// A segment that was sealed: its indexes are loaded when they are needed.
    async fn sealed(&self, file: &Found, next_base: Offset) -> io::Result<Rc<Segment<D>>> {
        let segment = Segment::new(file.base, self.now, None);
        segment.set_end(file.bytes, next_base);
        segment.sealed.set(true);
        segment.index.take();
        let path = file_path(self.dir, file.base, "holes");
        if let Some(text) =
            files::read_all(&self.shared.0.disk, &path, INDEX_FILE_BYTES_MAX).await?
        {
            segment.holes.replace(recovery_scan::decode_holes(&text));
        }
        Ok(Rc::new(segment))
    }

    /// The active segment of a log that was closed.
    async fn closed(&self, file: &Found, clean: CleanEnd) -> io::Result<Rc<Segment<D>>> {
        let disk = &self.shared.0.disk;
        let segment = self.unsealed(file).await?;
        let offsets =
            files::read_all(disk, &self.dir.join(CLOSED_INDEX), INDEX_FILE_BYTES_MAX).await?;
        let times = self.dir.join(CLOSED_TIME_INDEX);
        let times = files::read_all(disk, &times, INDEX_FILE_BYTES_MAX).await?;
        let index = offsets.zip(times).and_then(|(offsets, times)| {
            SegmentIndex::decode(&offsets, &times)
                .ok()
                // An empty index beside batches is a damaged one.
                .filter(|i| i.last_position() <= clean.position && i.max_time().is_some())
        });
        match index {
            Some(index) => {
                segment.learn_times(&index);
                *segment.index.borrow_mut() = Some(Rc::new(index));
            }
            None => self.note_batches(&segment, clean.position).await?,
        }
        segment.set_end(clean.position, clean.next_offset);
        segment.zero.set(clean.position);
        Ok(segment)
    }

    /// Rebuilds the index of an unsealed segment from its batches. Damage is skipped: reads find
    /// it by the CRC.
    async fn note_batches(&self, segment: &Rc<Segment<D>>, end: u64) -> io::Result<()> {
        let file = segment.file.borrow().clone().expect("unsealed segments are open");
        let mut scanner = Scanner::new(&self.shared.0.disk, file, 0, end);
        loop {
            let found = match scanner.next().await {
                Ok(found) => found,
                Err(super::scan::ScanError::Io(error)) => return Err(error),
                Err(super::scan::ScanError::Bad { .. }) => {
                    scanner.find_next(segment.next_offset.get(), u64::MAX).await?
                }
            };
            let Some(found) = found else { return Ok(()) };
            segment.note(&found.batch.header, found.position, self.config.index_interval_bytes);
        }
    }

    pub(super) async fn unsealed(&self, file: &Found) -> io::Result<Rc<Segment<D>>> {
        let path = log_path(self.dir, file.base);
        let opened = self.shared.0.disk.open(&path, Access::ReadWrite).await?;
        Ok(Rc::new(Segment::new(file.base, self.now, Some(opened))))
    }

    async fn read_epochs(&self) -> io::Result<Vec<log_format::checkpoint::EpochEntry>> {
        let path = self.dir.join(log_format::checkpoint::LEADER_EPOCH_CHECKPOINT);
        let bytes = files::read_all(&self.shared.0.disk, &path, INDEX_FILE_BYTES_MAX).await?;
        let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        Ok(text
            .and_then(|text| log_format::checkpoint::decode_epochs(text).ok())
            .unwrap_or_default())
    }

    /// Adds a fresh active segment where the last one must not be continued, and reads the last
    /// partial block.
    async fn finish(
        &self,
        mut segments: VecDeque<Rc<Segment<D>>>,
        mut scan: Scan<D>,
        mut report: RecoveryReport,
    ) -> io::Result<Opened<D>> {
        let end = segments.back().map_or(Offset(0), |last| last.next_offset.get());
        let start = self.hint.floor.max(self.hint.log_start);
        let damaged = segments.back().is_some_and(|last| !last.holes.borrow().is_empty());
        if segments.is_empty() || damaged || end < self.hint.log_start {
            if segments.is_empty() && self.hint.log_start < start {
                let (from, to) = (self.hint.log_start, start);
                report.holes.push(Hole { from, to, position: 0, end_position: 0 });
            }
            if let Some(last) = segments.back() {
                scan.to_seal.push(Rc::clone(last));
            }
            let base = end.max(start);
            segments.push_back(new_segment(self.shared, self.dir, base, self.now).await?);
        }
        let active = segments.back().expect("pushed above if there was none");
        scan.to_seal.retain(|segment| !Rc::ptr_eq(segment, active));
        report.indexes_rebuilt = scan.to_seal.len();
        let last_block = self.last_block(active).await?;
        let Scan { epochs, to_seal, .. } = scan;
        Ok(Opened { segments, epochs: epochs.entries().to_vec(), to_seal, last_block, report })
    }

    async fn last_block(&self, active: &Segment<D>) -> io::Result<Option<Box<super::tail::Block>>> {
        let end = active.placed.get();
        let start = end / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        if start == end {
            return Ok(None);
        }
        let file = active.file.borrow().clone().expect("the active segment is open");
        let bytes = usize::try_from(end - start).expect("less than a block");
        let content = self.shared.0.disk.read(&file, start, bytes).await?;
        Ok(Some(super::tail::Block::padded(&content)))
    }
}
