//! Reads whole batches: from the tail without a copy, else from segment files through the sparse
//! index. Every batch from a file is checked before it is served; damaged bytes never are.

use std::{io, rc::Rc};

use bytes::Bytes;

use super::{
    Hole, Log, ReadError, files,
    index::SegmentIndex,
    scan::{FoundBatch, ScanError, Scanner},
    segment::{Segment, file_path},
};
use crate::{
    limits::{INDEX_FILE_BYTES_MAX, RESYNC_BYTES_MAX},
    ring::disk::{Access, Disk},
    types::Offset,
};

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBatches {
    /// The bytes of whole batches, one after the other; a batch may span buffers.
    pub buffers: Vec<Bytes>,
    /// Bytes in all buffers.
    pub bytes: usize,
    /// Base offset of the first batch; it may be below the offset asked for.
    pub first_offset: Offset,
    /// The offset after the last batch: where to read on.
    pub next_offset: Offset,
}

impl ReadBatches {
    fn empty(at: Offset) -> Self {
        ReadBatches { buffers: Vec::new(), bytes: 0, first_offset: at, next_offset: at }
    }
}

/// How much a read may take.
#[derive(Clone, Copy)]
struct Wanted {
    from: Offset,
    up_to: Offset,
    bytes_max: usize,
    min_one: bool,
}

impl<D: Disk> Log<D> {
    /// Whole batches from the one that holds `from`, all below `up_to`, at most `bytes_max` bytes;
    /// with `min_one` the first one is returned however large it is. Empty at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(
        &self,
        from: Offset,
        up_to: Offset,
        bytes_max: usize,
        min_one: bool,
    ) -> Result<ReadBatches, ReadError> {
        let mut wanted = Wanted { from, up_to, bytes_max, min_one };
        loop {
            if let Some(found) = self.try_read_tail(wanted.from, up_to, bytes_max, min_one)? {
                return Ok(found);
            }
            let segment = self.segment_of(wanted.from);
            let found = self.read_segment(&segment, wanted).await;
            if segment.removed.get() {
                // Deleted meanwhile: its bytes may be anything. Look again.
                continue;
            }
            match found? {
                Some(found) => return Ok(found),
                // Kafka's offsets may have gaps; the next segment has the next batch.
                None => wanted.from = wanted.from.max(segment.next_offset.get()),
            }
        }
    }

    /// As [`Log::read`] when that needs no disk; `None` when it does.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`].
    pub fn try_read_tail(
        &self,
        from: Offset,
        up_to: Offset,
        bytes_max: usize,
        min_one: bool,
    ) -> Result<Option<ReadBatches>, ReadError> {
        let state = self.0.state.borrow();
        if from < state.log_start || from > state.log_end {
            let (log_start, log_end) = (state.log_start, state.log_end);
            return Err(ReadError::OutOfRange { from, log_start, log_end });
        }
        let up_to = up_to.min(state.placed_end);
        if from >= up_to {
            return Ok(Some(ReadBatches::empty(from)));
        }
        let Some(found) = state.tail.read(from, up_to, bytes_max, min_one) else { return Ok(None) };
        let mut buffers = found.buffers;
        if self.0.shared.is_window_pinned() {
            // Slow readers hold so much of the window that appends could starve: copy instead.
            buffers.iter_mut().for_each(|buffer| *buffer = Bytes::copy_from_slice(buffer));
        }
        Ok(Some(ReadBatches {
            buffers,
            bytes: found.bytes,
            first_offset: found.first_offset,
            next_offset: found.next_offset,
        }))
    }

    /// The segment that holds `offset` or the place where it would be.
    pub(crate) fn segment_of(&self, offset: Offset) -> Rc<Segment<D>> {
        let state = self.0.state.borrow();
        let after = state.segments.partition_point(|segment| segment.base <= offset);
        Rc::clone(&state.segments[after.saturating_sub(1)])
    }

    async fn read_segment(
        &self,
        segment: &Rc<Segment<D>>,
        wanted: Wanted,
    ) -> Result<Option<ReadBatches>, ReadError> {
        let relative = segment.relative(wanted.from);
        let start = self.position_in(segment, |index| index.position_for(relative)).await?;
        let mut scanner = self.scanner(segment, start, wanted.bytes_max).await?;
        let Some(first) = self.find(segment, &mut scanner, wanted.from).await? else {
            return Ok(None);
        };
        if first.batch.header.next_offset() > wanted.up_to.0
            || (first.batch.bytes.len() > wanted.bytes_max && !wanted.min_one)
        {
            return Ok(Some(ReadBatches::empty(wanted.from)));
        }
        let mut found = ReadBatches {
            bytes: first.batch.bytes.len(),
            first_offset: Offset(first.batch.header.base_offset),
            next_offset: Offset(first.batch.header.next_offset()),
            buffers: vec![first.batch.bytes],
        };
        // A bad batch ends this read; the next one starts at it and says so.
        while let Ok(Some(next)) = scanner.next().await {
            let header = &next.batch.header;
            let total = found.bytes + next.batch.bytes.len();
            if header.next_offset() > wanted.up_to.0 || total > wanted.bytes_max {
                break;
            }
            found.bytes = total;
            found.next_offset = Offset(header.next_offset());
            found.buffers.push(next.batch.bytes);
        }
        Ok(Some(found))
    }

    /// The first batch that ends behind `from`. Steps over damage before it.
    pub(crate) async fn find(
        &self,
        segment: &Segment<D>,
        scanner: &mut Scanner<'_, D>,
        from: Offset,
    ) -> Result<Option<FoundBatch>, ReadError> {
        let mut expected = segment.base;
        let mut damage: Option<ReadError> = None;
        loop {
            let found = match scanner.next().await {
                // A batch from elsewhere (a misdirected or stale write) is damage as well.
                Ok(Some(found)) if found.batch.header.base_offset < expected.0 => {
                    let reason = "its offset is out of order".to_owned();
                    damage.get_or_insert(self.corrupt(segment, from, found.position, reason));
                    break;
                }
                Ok(found) => found,
                Err(ScanError::Io(error)) => return Err(self.read_io(segment, error)),
                Err(ScanError::Bad { position, reason }) => {
                    damage.get_or_insert(self.corrupt(segment, from, position, reason.to_string()));
                    let found = self.step_over(segment, scanner, position, expected).await;
                    found.map_err(|error| self.read_io(segment, error))?
                }
            };
            let Some(found) = found else { break };
            expected = Offset(found.batch.header.next_offset());
            if expected > from {
                // `from` lies in what was lost, unless this batch holds it.
                return match damage {
                    Some(damage) if found.batch.header.base_offset > from.0 => Err(damage),
                    _ => Ok(Some(found)),
                };
            }
        }
        // The segment ends before `from`: either a gap, or the rest is lost.
        let lost = expected <= from && from < segment.next_offset.get();
        match damage {
            Some(damage) => Err(damage),
            None if lost => {
                let end = scanner.position();
                Err(self.corrupt(segment, from, end, "batches are missing".to_owned()))
            }
            None => Ok(None),
        }
    }

    /// The first intact batch behind damage at `position`: behind the known hole, else found byte
    /// by byte up to the next index entry.
    async fn step_over(
        &self,
        segment: &Segment<D>,
        scanner: &mut Scanner<'_, D>,
        position: u64,
        expected: Offset,
    ) -> io::Result<Option<FoundBatch>> {
        let in_hole = |hole: &&Hole| (hole.position..hole.end_position).contains(&position);
        let hole_end = segment.holes.borrow().iter().find(in_hole).map(|hole| hole.end_position);
        let indexed = || segment.index.borrow().as_ref()?.position_after(position);
        let next = hole_end.or_else(indexed);
        let until = next.unwrap_or(position.saturating_add(RESYNC_BYTES_MAX));
        let from = if hole_end.is_some() { until } else { position };
        scanner.seek(from);
        scanner.find_next(expected, until.saturating_add(1)).await
    }

    /// Asks the segment's index, after loading it if need be.
    pub(crate) async fn position_in(
        &self,
        segment: &Rc<Segment<D>>,
        ask: impl Fn(&SegmentIndex) -> u64,
    ) -> Result<u64, ReadError> {
        self.load_index(segment).await?;
        let index = segment.index.borrow();
        // Dropped again by the cache's limit: begin at the front.
        let position = index.as_ref().map_or(0, |index| ask(index));
        Ok(position.min(segment.written.get()))
    }

    pub(crate) async fn load_index(&self, segment: &Rc<Segment<D>>) -> Result<(), ReadError> {
        if segment.index.borrow().is_some() {
            self.0.shared.touch(segment);
            return Ok(());
        }
        let index = match self.read_index(segment).await {
            Ok(Some(index)) => index,
            Ok(None) => self.rebuild_index(segment).await?,
            Err(error) => return Err(self.read_io(segment, error)),
        };
        segment.learn_times(&index);
        *segment.index.borrow_mut() = Some(Rc::new(index));
        self.0.shared.cache(segment);
        Ok(())
    }

    /// Makes sure that the largest timestamp of a segment is known.
    pub(crate) async fn load_times(&self, segment: &Rc<Segment<D>>) -> Result<(), ReadError> {
        let unknown = segment.max_timestamp.get().is_none() && segment.sealed.get();
        if unknown { self.load_index(segment).await } else { Ok(()) }
    }

    /// The index files of a sealed segment; `None` if they are missing or damaged.
    async fn read_index(&self, segment: &Segment<D>) -> io::Result<Option<SegmentIndex>> {
        let disk = &self.0.shared.0.disk;
        let path = |extension| file_path(&self.0.dir, segment.base, extension);
        let offsets = files::read_all(disk, &path("index"), INDEX_FILE_BYTES_MAX).await?;
        let times = files::read_all(disk, &path("timeindex"), INDEX_FILE_BYTES_MAX).await?;
        let (Some(offsets), Some(times)) = (offsets, times) else { return Ok(None) };
        let index = SegmentIndex::decode(&offsets, &times).ok();
        // An empty index beside batches is a damaged one.
        let fits = |index: &SegmentIndex| {
            index.last_position() <= segment.written.get() && index.max_time().is_some()
        };
        Ok(index.filter(fits))
    }

    /// Builds the index from the batches, which are the truth. Damage is skipped.
    async fn rebuild_index(&self, segment: &Rc<Segment<D>>) -> Result<SegmentIndex, ReadError> {
        let interval_bytes = self.0.config.borrow().index_interval_bytes;
        let mut scanner = self.scanner(segment, 0, usize::MAX).await?;
        let mut index = SegmentIndex::default();
        let mut expected = segment.base;
        loop {
            let found = match scanner.next().await {
                Ok(found) => found,
                Err(ScanError::Io(error)) => return Err(self.read_io(segment, error)),
                Err(ScanError::Bad { .. }) => {
                    let found = scanner.find_next(expected, u64::MAX).await;
                    found.map_err(|error| self.read_io(segment, error))?
                }
            };
            let Some(found) = found else { return Ok(index) };
            expected = Offset(found.batch.header.next_offset());
            index.push(segment.indexed(&found.batch.header, found.position), interval_bytes);
        }
    }

    /// A scanner over what is on disk of a segment; opens its file if need be.
    pub(crate) async fn scanner(
        &self,
        segment: &Rc<Segment<D>>,
        position: u64,
        read_bytes: usize,
    ) -> Result<Scanner<'_, D>, ReadError> {
        let disk = &self.0.shared.0.disk;
        let open = segment.file.borrow().clone();
        let file = match open {
            Some(file) => file,
            None => {
                let path = segment.path(&self.0.dir);
                let file = disk.open(&path, Access::Read).await;
                let file = file.map_err(|error| self.read_io(segment, error))?;
                *segment.file.borrow_mut() = Some(file.clone());
                self.0.shared.cache(segment);
                file
            }
        };
        let interval_bytes = usize::try_from(self.0.config.borrow().index_interval_bytes);
        let read_bytes = read_bytes.saturating_add(interval_bytes.unwrap_or(0));
        let scanner = Scanner::new(disk, file, position, segment.written.get());
        Ok(scanner.with_read_bytes(read_bytes))
    }

    fn corrupt(
        &self,
        segment: &Segment<D>,
        offset: Offset,
        position: u64,
        reason: String,
    ) -> ReadError {
        ReadError::Corrupt { file: segment.path(&self.0.dir), offset, position, reason }
    }

    fn read_io(&self, segment: &Segment<D>, error: io::Error) -> ReadError {
        ReadError::Io { file: segment.path(&self.0.dir), error }
    }
}
