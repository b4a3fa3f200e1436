//! Cuts the byte stream of a connection into frames: a big-endian i32 size, then that many bytes.
//! Memory follows the bytes that arrived, never the size that was announced.

use std::collections::VecDeque;

use bytes::Bytes;

use super::budget::{Budget, Charge};

/// Bytes of the size field before a frame.
pub const FRAME_SIZE_BYTES: usize = 4;
/// Memory reserved for a frame before its bytes arrive.
const RESERVE_BYTES_MAX: usize = 256 << 10;

/// Why a stream cannot be read on. The connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The size field is negative.
    #[error("frame of {0} bytes announced")]
    Negative(i32),
    /// The size field is above the limit.
    #[error(
        "frame of {frame_bytes} bytes announced, at most {max_bytes} are read (socket.request.max.bytes)"
    )]
    TooLarge {
        /// What the client announced.
        frame_bytes: usize,
        /// The limit in force.
        max_bytes: usize,
    },
}

/// The frame being assembled and those already whole.
#[derive(Debug)]
pub struct Frames {
    budget: Budget,
    max_bytes: usize,
    size: [u8; FRAME_SIZE_BYTES],
    /// Bytes of `size` already here.
    size_filled: usize,
    /// The frame behind a complete size field.
    partial: Option<Partial>,
    ready: VecDeque<Bytes>,
}

#[derive(Debug)]
struct Partial {
    data: Vec<u8>,
    expected_bytes: usize,
    charge: Charge,
}

/// The memory of a whole frame: its charge ends with the last slice of it.
struct Frame {
    data: Vec<u8>,
    _charge: Charge,
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Frames {
    /// An empty stream whose frames have at most `max_bytes` and are charged to `budget`.
    pub fn new(budget: Budget, max_bytes: usize) -> Self {
        Self {
            budget,
            max_bytes,
            size: [0; FRAME_SIZE_BYTES],
            size_filled: 0,
            partial: None,
            ready: VecDeque::new(),
        }
    }

    /// The next whole frame, without its size field.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// True when a whole frame waits to be popped.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// True between the first byte of a frame and its last.
    pub fn is_inside_frame(&self) -> bool {
        self.size_filled > 0 || self.partial.is_some()
    }

    /// Takes bytes from the stream.
    ///
    /// # Errors
    /// The stream cannot be read on.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            bytes = match self.partial.take() {
                Some(partial) => self.feed_frame(partial, bytes),
                None => self.feed_size(bytes)?,
            };
        }
        Ok(())
    }

    fn feed_size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], FrameError> {
        let take = bytes.len().min(FRAME_SIZE_BYTES - self.size_filled);
        self.size[self.size_filled..self.size_filled + take].copy_from_slice(&bytes[..take]);
        self.size_filled += take;
        if self.size_filled == FRAME_SIZE_BYTES {
            self.size_filled = 0;
            let announced = i32::from_be_bytes(self.size);
            let expected_bytes =
                usize::try_from(announced).map_err(|_| FrameError::Negative(announced))?;
            if expected_bytes > self.max_bytes {
                let max_bytes = self.max_bytes;
                return Err(FrameError::TooLarge { frame_bytes: expected_bytes, max_bytes });
            }
            let data = Vec::with_capacity(expected_bytes.min(RESERVE_BYTES_MAX));
            let partial = Partial { data, expected_bytes, charge: self.budget.charge() };
            self.keep_or_finish(partial);
        }
        Ok(&bytes[take..])
    }

    fn feed_frame<'a>(&mut self, mut partial: Partial, bytes: &'a [u8]) -> &'a [u8] {
        let take = bytes.len().min(partial.expected_bytes - partial.data.len());
        partial.data.extend_from_slice(&bytes[..take]);
        partial.charge.add(take);
        self.keep_or_finish(partial);
        &bytes[take..]
    }

    fn keep_or_finish(&mut self, partial: Partial) {
        if partial.data.len() < partial.expected_bytes {
            self.partial = Some(partial);
            return;
        }
        let frame = Frame { data: partial.data, _charge: partial.charge };
        self.ready.push_back(Bytes::from_owner(frame));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for frame in frames {
            stream.extend_from_slice(&i32::try_from(frame.len()).unwrap().to_be_bytes());
            stream.extend_from_slice(frame);
        }
        stream
    }

    proptest! {
        #[test]
        fn any_cut_of_the_stream_gives_the_same_frames(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cuts in prop::collection::vec(1usize..200, 1..40),
        ) {
            let budget = Budget::new(1 << 20);
            let mut reader = Frames::new(budget.clone(), 1024);
            let stream = stream(&frames);
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                reader.feed(now).unwrap();
                rest = later;
            }
            prop_assert!(!reader.is_inside_frame());
            let mut held = Vec::new();
            for frame in &frames {
                let read = reader.pop().unwrap();
                prop_assert_eq!(&read[..], &frame[..]);
                held.push(read);
            }
            prop_assert!(reader.pop().is_none());
            prop_assert_eq!(budget.used_bytes(), frames.iter().map(Vec::len).sum::<usize>());
            drop(held);
            prop_assert_eq!(budget.used_bytes(), 0);
        }
    }

    #[test]
    fn an_announced_size_costs_no_memory_and_a_bad_one_ends_the_stream() {
        let budget = Budget::new(1 << 20);
        let mut reader = Frames::new(budget.clone(), 1 << 30);
        reader.feed(&(1i32 << 29).to_be_bytes()).unwrap();
        reader.feed(&[1, 2, 3]).unwrap();
        assert!(reader.is_inside_frame());
        assert_eq!(budget.used_bytes(), 3);
        let mut reader = Frames::new(budget.clone(), 1000);
        assert_eq!(reader.feed(&(-2i32).to_be_bytes()), Err(FrameError::Negative(-2)));
        let mut reader = Frames::new(budget, 1000);
        let error = reader.feed(&i32::MAX.to_be_bytes()).unwrap_err();
        let frame_bytes = usize::try_from(i32::MAX).unwrap();
        assert_eq!(error, FrameError::TooLarge { frame_bytes, max_bytes: 1000 });
    }
}
