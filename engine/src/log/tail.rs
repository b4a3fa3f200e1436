//! The newest bytes of a log in chunks of the shard's window. A chunk holds the bytes of one
//! segment from a multiple of the chunk size on, so that a byte's place in its chunk follows from
//! its position in the file. Owns the chunks; never decides when they are evicted.

use std::collections::VecDeque;

use bytes::Bytes;
use log_format::batch::set_base_offset_and_epoch;
use log_format::{BATCH_HEADER_BYTES, RecordBatchHeader};

use crate::{
    ring::{
        disk::BLOCK_BYTES,
        window::{CHUNK_BYTES, Chunk},
    },
    types::{LeaderEpoch, Offset},
};

const CHUNK: u64 = CHUNK_BYTES as u64;
const BLOCK: u64 = BLOCK_BYTES as u64;

pub(crate) struct TailChunk {
    /// Which chunk this is, shard-wide, for eviction.
    pub(crate) id: u64,
    /// Base offset of the segment whose bytes these are.
    pub(crate) segment: Offset,
    /// Position in the segment of the chunk's first byte: a multiple of the chunk size.
    pub(crate) position: u64,
    chunk: Chunk,
    /// Base offset of the first batch that starts in this chunk or, if none does, later.
    first_offset: Offset,
    /// Where that batch starts in the chunk; `None` if it does not start here.
    first_at: Option<usize>,
}

impl TailChunk {
    fn end(&self) -> u64 {
        self.position + self.chunk.filled() as u64
    }
}

/// A part of the window, told to the replicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRange {
    /// Where the bytes begin in the memfd.
    pub window_offset: u64,
    /// How many there are.
    pub bytes: usize,
    /// The chunk's number, for the table of generations at the head of the memfd.
    pub chunk_index: usize,
    /// The chunk's generation while the bytes are there.
    pub generation: u64,
}

/// Place of a batch in the tail.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    chunk: usize,
    at: usize,
}

/// What was taken from the tail: whole batches.
pub(crate) struct TailBatches {
    pub(crate) buffers: Vec<Bytes>,
    pub(crate) bytes: usize,
    pub(crate) first_offset: Offset,
    pub(crate) next_offset: Offset,
}

/// An aligned copy of one block, for the last partial block of a write.
#[repr(align(4096))]
#[derive(Clone)]
pub(crate) struct Block([u8; BLOCK_BYTES]);

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Block {
    /// `content`, padded with zeros.
    pub(crate) fn padded(content: &[u8]) -> Box<Block> {
        let mut block = Box::new(Block([0; BLOCK_BYTES]));
        block.0[..content.len()].copy_from_slice(content);
        block
    }

    pub(crate) fn into_bytes(self: Box<Block>) -> Bytes {
        Bytes::from_owner(BoxedBlock(self))
    }
}

#[derive(Default)]
pub(crate) struct Tail {
    chunks: VecDeque<TailChunk>,
    /// The bytes of the log's last, partial block when no chunk holds them.
    partial: Option<Box<Block>>,
}

impl Tail {
    /// Chunks needed to append `bytes` at `position` of `segment`.
    pub(crate) fn chunks_needed(&self, segment: Offset, position: u64, bytes: usize) -> usize {
        let end = position + bytes as u64;
        let have = match self.chunks.back() {
            Some(last) if last.segment == segment && last.end() == position => {
                last.position + CHUNK
            }
            _ => position / CHUNK * CHUNK,
        };
        usize::try_from(end.saturating_sub(have).div_ceil(CHUNK)).expect("batches fit in memory")
    }

    /// Copies a batch to the end, with its base offset and leader epoch. `chunks` holds as many
    /// chunks (with ids) as `chunks_needed` said; they are used from the back.
    pub(crate) fn append(
        &mut self,
        place: (Offset, u64),
        batch: &[u8],
        header: &RecordBatchHeader,
        epoch: LeaderEpoch,
        chunks: &mut Vec<(u64, Chunk)>,
    ) {
        let (segment, position) = place;
        let mut head = [0; BATCH_HEADER_BYTES];
        head.copy_from_slice(&batch[..BATCH_HEADER_BYTES]);
        set_base_offset_and_epoch(&mut head, header.base_offset, epoch.0);
        let mut at = position;
        for mut part in [&head[..], &batch[BATCH_HEADER_BYTES..]] {
            while !part.is_empty() {
                let chunk = self.chunk_at(segment, at, header, chunks);
                if at == position && chunk.first_at.is_none() {
                    chunk.first_at = Some(index(at % CHUNK));
                    chunk.first_offset = Offset(header.base_offset);
                }
                let count = chunk.chunk.append(part);
                at += count as u64;
                part = &part[count..];
            }
        }
        self.partial = None;
    }

    /// The last chunk, if it takes the byte at `at`, else a new one.
    fn chunk_at(
        &mut self,
        segment: Offset,
        at: u64,
        header: &RecordBatchHeader,
        chunks: &mut Vec<(u64, Chunk)>,
    ) -> &mut TailChunk {
        let fits = |last: &TailChunk| {
            last.segment == segment && last.end() == at && last.chunk.filled() < CHUNK_BYTES
        };
        if !self.chunks.back().is_some_and(fits) {
            let (id, mut chunk) = chunks.pop().expect("the caller counted the chunks");
            chunk.begin_at(index(at % CHUNK / BLOCK * BLOCK));
            let partial = index(at % BLOCK);
            if partial != 0 {
                let kept = self.partial.take().expect("a partial block is never lost");
                chunk.append(&kept.0[..partial]);
            }
            // No batch starts here yet; if none will, the next one comes after this batch.
            let first_offset = Offset(header.next_offset());
            let position = at / CHUNK * CHUNK;
            self.chunks.push_back(TailChunk {
                id,
                segment,
                position,
                chunk,
                first_offset,
                first_at: None,
            });
        }
        self.chunks.back_mut().expect("pushed above if it was not there")
    }

    /// Buffers for a write of the bytes from `from` to `to`: from the start of the block of `from`
    /// to the end of the block of `to`, padded with zeros.
    pub(crate) fn write_buffers(&self, segment: Offset, from: u64, to: u64) -> Vec<Bytes> {
        let mut buffers = Vec::new();
        let mut at = from / BLOCK * BLOCK;
        while at < to {
            let chunk = self.holding(segment, at).expect("bytes to be written are in the window");
            let end = chunk.end().min(to);
            let whole = end / BLOCK * BLOCK;
            let start = index(at - chunk.position);
            if whole > at {
                buffers.push(chunk.chunk.slice(start, index(whole - chunk.position)));
                at = whole;
            } else {
                let last = chunk.chunk.content(start, index(end - chunk.position));
                buffers.push(Block::padded(last).into_bytes());
                at = end.next_multiple_of(BLOCK);
            }
        }
        buffers
    }

    fn holding(&self, segment: Offset, position: u64) -> Option<&TailChunk> {
        let at = self
            .chunks
            .partition_point(|chunk| (chunk.segment, chunk.position) <= (segment, position));
        let chunk = &self.chunks[at.checked_sub(1)?];
        let inside = chunk.segment == segment
            && position >= chunk.position + chunk.chunk.start() as u64
            && position < chunk.end();
        inside.then_some(chunk)
    }

    /// Whole batches from the one that holds `from`, all below `up_to`, at most `bytes_max`
    /// (one batch may be larger if `min_one`). `None` if `from` is not in the tail.
    pub(crate) fn read(
        &self,
        from: Offset,
        up_to: Offset,
        bytes_max: usize,
        min_one: bool,
    ) -> Option<TailBatches> {
        let mut cursor = self.find_chunk(from)?;
        let mut header = self.peek(cursor)?;
        while header.next_offset() <= from.0 {
            cursor = self.after(cursor, header.total_bytes());
            header = self.peek(cursor)?;
        }
        let first_offset = Offset(header.base_offset);
        let (start, mut end, mut bytes, mut next_offset) = (cursor, cursor, 0, from);
        while header.next_offset() <= up_to.0 {
            let total = bytes + header.total_bytes();
            if total > bytes_max && !(bytes == 0 && min_one) {
                break;
            }
            bytes = total;
            next_offset = Offset(header.next_offset());
            end = self.after(end, header.total_bytes());
            match self.peek(end) {
                Some(next) => header = next,
                None => break,
            }
        }
        let buffers = if bytes == 0 { Vec::new() } else { self.slices(start, end) };
        Some(TailBatches { buffers, bytes, first_offset, next_offset })
    }

    /// Where in the window the placed bytes from the batch that holds `from` on are.
    pub(crate) fn ranges(&self, from: Offset) -> Option<Vec<WindowRange>> {
        let start = self.find_chunk(from)?;
        let ranges = self.chunks.iter().enumerate().skip(start.chunk).map(|(number, tail)| {
            let from = if number == start.chunk { start.at } else { tail.chunk.start() };
            WindowRange {
                window_offset: tail.chunk.window_offset() + from as u64,
                bytes: tail.chunk.filled() - from,
                chunk_index: tail.chunk.chunk_index(),
                generation: tail.chunk.generation(),
            }
        });
        Some(ranges.collect())
    }

    /// The first batch of the last chunk in which a batch at or before `from` starts.
    fn find_chunk(&self, from: Offset) -> Option<Cursor> {
        let after = self.chunks.partition_point(|chunk| chunk.first_offset <= from);
        let found = self.chunks.iter().take(after).rposition(|chunk| chunk.first_at.is_some())?;
        let at = self.chunks[found].first_at.expect("filtered above");
        Some(Cursor { chunk: found, at })
    }

    /// The header of the batch at `cursor`; `None` at the end of the tail.
    fn peek(&self, cursor: Cursor) -> Option<RecordBatchHeader> {
        let first = &self.chunks.get(cursor.chunk)?.chunk;
        if cursor.at == first.filled() {
            return None;
        }
        let here = first.content(cursor.at, first.filled().min(cursor.at + BATCH_HEADER_BYTES));
        let header = if here.len() == BATCH_HEADER_BYTES {
            RecordBatchHeader::decode(here)
        } else {
            let mut bytes = [0; BATCH_HEADER_BYTES];
            let (head, rest) = bytes.split_at_mut(here.len());
            head.copy_from_slice(here);
            rest.copy_from_slice(self.chunks.get(cursor.chunk + 1)?.chunk.content(0, rest.len()));
            RecordBatchHeader::decode(&bytes)
        };
        Some(header.expect("batches were checked before they were placed"))
    }

    /// The place `bytes` behind `cursor`, which is the start of a batch or the end of the tail.
    fn after(&self, cursor: Cursor, bytes: usize) -> Cursor {
        let at = cursor.at + bytes;
        let (chunk, at) = (cursor.chunk + at / CHUNK_BYTES, at % CHUNK_BYTES);
        let segment = self.chunks[cursor.chunk].segment;
        match self.chunks.get(chunk) {
            // Full to the last byte, and the next chunk does not exist yet.
            None => Cursor { chunk, at },
            Some(next) if next.segment != segment => Cursor { chunk, at: next.chunk.start() },
            Some(same) if at == same.chunk.filled() && chunk + 1 < self.chunks.len() => {
                Cursor { chunk: chunk + 1, at: self.chunks[chunk + 1].chunk.start() }
            }
            Some(_) => Cursor { chunk, at },
        }
    }

    fn slices(&self, start: Cursor, end: Cursor) -> Vec<Bytes> {
        let chunks = self.chunks.iter().enumerate().skip(start.chunk);
        let chunks = chunks.take(end.chunk + 1 - start.chunk);
        let slice = |(number, tail): (usize, &TailChunk)| {
            let chunk = &tail.chunk;
            let from = if number == start.chunk { start.at } else { chunk.start() };
            let to = if number == end.chunk { end.at } else { chunk.filled() };
            (from < to).then(|| chunk.slice(from, to))
        };
        chunks.filter_map(slice).collect()
    }

    /// Gives up the oldest chunk if it is `id` and all its bytes are on disk (`written` says up to
    /// where, by segment). Keeps a copy of the log's last block if it is partial.
    pub(crate) fn evict(&mut self, id: u64, written: impl Fn(Offset) -> u64) -> Evicted {
        let Some(front) = self.chunks.front() else { return Evicted::Unknown };
        if front.id != id {
            let known = self.chunks.iter().any(|chunk| chunk.id == id);
            return if known { Evicted::InUse } else { Evicted::Unknown };
        }
        if front.end() > written(front.segment) {
            return Evicted::InUse;
        }
        if self.chunks.len() == 1 {
            self.partial = Self::partial_block(front, front.end());
        }
        self.chunks.pop_front();
        Evicted::Done
    }

    fn partial_block(chunk: &TailChunk, end: u64) -> Option<Box<Block>> {
        let start = end / BLOCK * BLOCK;
        let content =
            || chunk.chunk.content(index(start - chunk.position), index(end - chunk.position));
        (start < end).then(|| Block::padded(content()))
    }

    /// Gives up all chunks. The caller sets the last partial block anew before the next append.
    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.partial = None;
    }

    /// The last block of a log that was read from its file.
    pub(crate) fn set_partial(&mut self, block: Option<Box<Block>>) {
        self.partial = block;
    }
}

/// What became of a chunk that was to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evicted {
    Done,
    /// Not yet written, or not the oldest.
    InUse,
    /// Not a chunk of this tail any more.
    Unknown,
}

struct BoxedBlock(Box<Block>);

impl AsRef<[u8]> for BoxedBlock {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref().as_ref()
    }
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("positions inside a chunk are small")
}
