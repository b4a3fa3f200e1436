//! The recovery scan of one segment: where its batches end, what is torn, what is damaged.

use std::{fmt::Write, io, rc::Rc};

use super::{
    Hole, RecoveryReport,
    epochs::Epochs,
    files,
    recovery::{Found, Opening},
    scan::{ScanError, Scanner},
    segment::{Segment, file_path},
    tail::Block,
};
use crate::{
    limits::{SCAN_BYTES, ZERO_WRITE_BYTES},
    ring::disk::{BLOCK_BYTES, Disk, Durability},
    types::{LeaderEpoch, Offset},
};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// What the scan of a log's segments has found so far.
pub(super) struct Scan<D: Disk> {
    pub(super) epochs: Epochs,
    /// Full segments without good index files.
    pub(super) to_seal: Vec<Rc<Segment<D>>>,
    /// The log ends with the last scanned segment, whatever files follow.
    pub(super) ended: bool,
    started: bool,
}

impl<D: Disk> Scan<D> {
    pub(super) fn new(epochs: Vec<log_format::checkpoint::EpochEntry>) -> Self {
        Scan { epochs: Epochs::new(epochs), to_seal: Vec::new(), ended: false, started: false }
    }
}

impl<D: Disk> Opening<'_, D> {
    /// Reads a segment that was not sealed and decides where it ends.
    pub(super) async fn scan_segment(
        &self,
        segment: &Rc<Segment<D>>,
        file: &Found,
        next_base: Option<Offset>,
        scan: &mut Scan<D>,
        report: &mut RecoveryReport,
    ) -> io::Result<()> {
        if !std::mem::replace(&mut scan.started, true) {
            scan.epochs.truncate(segment.base);
        }
        let expected_end = next_base.map_or(self.hint.floor, |next| next.min(self.hint.floor));
        let (end, next_offset) = self.walk(segment, file.bytes, expected_end, scan).await?;
        report.scanned_bytes += end;
        report.holes.extend(segment.holes.borrow().iter());
        let tail_lost = segment.holes.borrow().last().is_some_and(|hole| hole.to == next_offset);
        // Damaged bytes are kept as they are; a torn tail must never come back as batches.
        let end = if tail_lost { file.bytes } else { end };
        segment.set_end(end, next_offset);
        segment.zero.set(end);
        if !segment.holes.borrow().is_empty() {
            self.write_holes(segment).await?;
        }
        if next_base == Some(next_offset) {
            scan.to_seal.push(Rc::clone(segment));
            return Ok(());
        }
        scan.ended = true;
        if !tail_lost {
            report.cut_bytes += self.wipe(segment, file.bytes).await?;
        }
        Ok(())
    }

    /// Walks all batches: returns where they end and the offset after the last one. Damage before
    /// `expected_end` becomes a hole.
    async fn walk(
        &self,
        segment: &Segment<D>,
        file_bytes: u64,
        expected_end: Offset,
        scan: &mut Scan<D>,
    ) -> io::Result<(u64, Offset)> {
        let disk = &self.shared.0.disk;
        let opened = segment.file.borrow().clone().expect("unsealed segments are open");
        let mut scanner = Scanner::new(disk, opened, 0, file_bytes);
        let mut end = 0;
        loop {
            let expected = segment.next_offset.get();
            let found = match scanner.next().await {
                // A batch of an earlier life of the file, or a misdirected write.
                Ok(Some(found)) if found.batch.header.base_offset < expected.0 => None,
                Ok(found) => found,
                Err(ScanError::Bad { .. }) => None,
                Err(ScanError::Io(error)) => return Err(error),
            };
            let found = match found {
                Some(found) => found,
                None if expected >= expected_end => return Ok((end, expected)),
                None => {
                    scanner.seek(end);
                    let next = scanner.find_next(expected, u64::MAX).await?;
                    let next = next.filter(|next| next.batch.header.base_offset < expected_end.0);
                    let to = next.as_ref().map(|next| Offset(next.batch.header.base_offset));
                    let (to, end_position) = (
                        to.unwrap_or(expected_end),
                        next.as_ref().map_or(file_bytes, |next| next.position),
                    );
                    let hole = Hole { from: expected, to, position: end, end_position };
                    segment.holes.borrow_mut().push(hole);
                    segment.next_offset.set(to);
                    match next {
                        Some(next) => next,
                        None => return Ok((end, to)),
                    }
                }
            };
            let header = &found.batch.header;
            segment.note(header, found.position, self.config.index_interval_bytes);
            let epoch = LeaderEpoch(header.partition_leader_epoch);
            scan.epochs.assign(epoch, Offset(header.base_offset));
            end = found.end();
        }
    }

    /// Writes zeros over everything behind the segment's end that is not zero. Returns how many
    /// bytes that were.
    async fn wipe(&self, segment: &Segment<D>, file_bytes: u64) -> io::Result<u64> {
        let disk = &self.shared.0.disk;
        let file = segment.file.borrow().clone().expect("unsealed segments are open");
        let end = segment.placed.get();
        let mut wiped = 0;
        let mut at = end / BLOCK * BLOCK;
        while at < file_bytes {
            let content = disk.read(&file, at, SCAN_BYTES).await?;
            if content.is_empty() {
                break;
            }
            for (number, piece) in content.chunks(ZERO_WRITE_BYTES).enumerate() {
                let from = at + (number * ZERO_WRITE_BYTES) as u64;
                let kept =
                    usize::try_from(end.saturating_sub(from)).map_or(0, |n| n.min(piece.len()));
                let dirty = piece[kept..].iter().filter(|byte| **byte != 0).count() as u64;
                if dirty == 0 {
                    continue;
                }
                wiped += dirty;
                let to = (from + piece.len() as u64).next_multiple_of(BLOCK);
                let zeros_from = if kept == 0 {
                    from
                } else {
                    let head = Block::padded(&piece[..kept]).into_bytes();
                    disk.write(&file, from, vec![head], Durability::Volatile).await?;
                    from + BLOCK
                };
                files::write_zeros(disk, &file, zeros_from, to).await?;
            }
            at += content.len() as u64;
        }
        disk.flush(&file).await?;
        Ok(wiped)
    }

    async fn write_holes(&self, segment: &Segment<D>) -> io::Result<()> {
        let disk = &self.shared.0.disk;
        let path = file_path(self.dir, segment.base, "holes");
        let text = encode_holes(&segment.holes.borrow());
        files::replace(disk, &path, text.into_bytes()).await?;
        disk.flush_dir(self.dir).await
    }
}

/// One hole a line: from, to, position, end position.
fn encode_holes(holes: &[Hole]) -> String {
    let mut text = String::new();
    for hole in holes {
        let Hole { from, to, position, end_position } = hole;
        let _infallible = writeln!(text, "{} {} {position} {end_position}", from.0, to.0);
    }
    text
}

/// Holes of a `.holes` file. A damaged line counts for nothing: reads find the damage anyway.
pub(super) fn decode_holes(bytes: &[u8]) -> Vec<Hole> {
    let text = String::from_utf8_lossy(bytes);
    let hole = |line: &str| {
        let mut fields = line.split(' ');
        let (from, to) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let (position, end_position) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Hole { from: Offset(from), to: Offset(to), position, end_position })
    };
    text.lines().filter_map(hole).collect()
}
