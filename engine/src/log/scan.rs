//! Walks the batches of a segment file in order. Every batch is checked: header, length, CRC.
//! Knows bytes of one file only; what a bad batch means is the caller's matter.

use std::io;

use bytes::Bytes;
use log_format::{BATCH_HEADER_BYTES, Batch, FormatError, RecordBatchHeader};

use crate::{
    limits::{BATCH_BYTES_MAX, SCAN_BYTES},
    ring::disk::{BLOCK_BYTES, Disk},
    types::Offset,
};

const BLOCK: u64 = BLOCK_BYTES as u64;

/// Reads one file from front to back.
pub(crate) struct Scanner<'d, D: Disk> {
    disk: &'d D,
    file: D::File,
    /// Start of the next batch.
    position: u64,
    /// Nothing at or behind this position is read.
    limit: u64,
    /// Bytes of one read.
    read_bytes: usize,
    buffer: Bytes,
    buffer_position: u64,
}

/// A batch and where it is.
pub(crate) struct FoundBatch {
    pub(crate) position: u64,
    pub(crate) batch: Batch,
}

impl FoundBatch {
    pub(crate) fn end(&self) -> u64 {
        self.position + self.batch.bytes.len() as u64
    }
}

/// Why there is no next batch.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// The bytes at this position are no whole, intact batch.
    Bad {
        position: u64,
        reason: FormatError,
    },
    Io(io::Error),
}

impl<'d, D: Disk> Scanner<'d, D> {
    /// Scans `file` from the batch at `position` up to `limit`.
    pub(crate) fn new(disk: &'d D, file: D::File, position: u64, limit: u64) -> Self {
        let buffer_position = position;
        Scanner {
            disk,
            file,
            position,
            limit,
            read_bytes: SCAN_BYTES,
            buffer: Bytes::new(),
            buffer_position,
        }
    }

    /// Reads about `bytes` at a time.
    pub(crate) fn with_read_bytes(mut self, bytes: usize) -> Self {
        self.read_bytes = bytes.clamp(BLOCK_BYTES, SCAN_BYTES);
        self
    }

    /// Where the next batch starts.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next batch; `None` at the limit.
    pub(crate) async fn next(&mut self) -> Result<Option<FoundBatch>, ScanError> {
        if self.position >= self.limit {
            return Ok(None);
        }
        let position = self.position;
        let bad = |reason| ScanError::Bad { position, reason };
        let head = self.peek(BATCH_HEADER_BYTES).await.map_err(ScanError::Io)?;
        let header = RecordBatchHeader::decode(&head).map_err(bad)?;
        let total_bytes = header.total_bytes();
        let left = self.limit - position;
        if total_bytes > BATCH_BYTES_MAX || total_bytes as u64 > left {
            let reason = FormatError::BadLength {
                length: header.batch_length.into(),
                min: log_format::batch::BATCH_LENGTH_MIN.into(),
                max: i64::try_from(left).unwrap_or(i64::MAX),
            };
            return Err(bad(reason));
        }
        let bytes = self.peek(total_bytes).await.map_err(ScanError::Io)?;
        let batch = Batch::decode(&bytes).map_err(bad)?;
        self.position += total_bytes as u64;
        Ok(Some(FoundBatch { position, batch }))
    }

    /// Goes on at `position`, where a batch is expected.
    pub(crate) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Looks for the next intact batch from here on, byte by byte, with a base offset of at least
    /// `offset`, that starts before `until`. Leaves the scanner behind it, or at the limit.
    pub(crate) async fn find_next(
        &mut self,
        offset: Offset,
        until: u64,
    ) -> io::Result<Option<FoundBatch>> {
        let mut at = self.position;
        while at < self.limit.min(until) {
            self.position = at;
            let head = self.peek(BATCH_HEADER_BYTES).await?;
            let plausible =
                RecordBatchHeader::decode(&head).is_ok_and(|header| header.base_offset >= offset.0);
            if plausible {
                match self.next().await {
                    Ok(Some(found)) => return Ok(Some(found)),
                    Ok(None) => break,
                    Err(ScanError::Io(error)) => return Err(error),
                    Err(ScanError::Bad { .. }) => {}
                }
            }
            at += 1;
        }
        self.position = self.limit;
        Ok(None)
    }

    /// Up to `bytes` bytes from the scanner's position on, fewer at the limit or the file's end.
    async fn peek(&mut self, bytes: usize) -> io::Result<Bytes> {
        let end = (self.position + bytes as u64).min(self.limit);
        let buffered = self.buffer_position..self.buffer_position + self.buffer.len() as u64;
        if self.position < buffered.start || end > buffered.end {
            let from = self.position / BLOCK * BLOCK;
            let wanted = (end - from).max(self.read_bytes as u64).min(self.limit - from);
            let wanted = usize::try_from(wanted).map_err(|_| io::ErrorKind::FileTooLarge)?;
            self.buffer = self.disk.read(&self.file, from, wanted).await?;
            self.buffer_position = from;
        }
        let have = self.buffer.len();
        let from =
            usize::try_from(self.position - self.buffer_position).map_or(have, |n| n.min(have));
        let to = from.saturating_add(bytes).min(have);
        Ok(self.buffer.slice(from..to))
    }
}
