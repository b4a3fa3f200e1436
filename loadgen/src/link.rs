//! Owns one non-blocking connection of the load path: what is waiting to be written, and whole
//! frames out of what was read. Never decides what to send or when to reconnect.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use anyhow::Result;

use crate::wire;

/// Size of the read buffer at rest; it grows for a larger frame and shrinks back.
const READ_BYTES: usize = 64 * 1024;
/// Output that may wait in a link before no more requests are encoded into it.
pub const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    /// Bytes of `input` that hold data: `start..end`.
    start: usize,
    end: usize,
}

/// Result of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits any more.
    All,
    /// The socket is full; wait until it is writable.
    Blocked,
}

impl Link {
    /// Takes over a connected stream.
    pub fn new(stream: TcpStream) -> io::Result<Link> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Link {
            stream,
            output: Vec::new(),
            written: 0,
            input: vec![0; READ_BYTES],
            start: 0,
            end: 0,
        })
    }

    /// The socket, for polling.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Where requests are appended.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Bytes not written yet.
    pub fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    /// Writes as much as the socket takes.
    pub fn flush(&mut self) -> io::Result<Flushed> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drop_written();
                    return Ok(Flushed::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(Flushed::All)
    }

    fn drop_written(&mut self) {
        // Only when most of the buffer is dead: moving the rest each time would be quadratic.
        if self.written > self.output.len() / 2 {
            self.output.drain(..self.written);
            self.written = 0;
        }
    }

    /// Reads once. `false` when nothing was there.
    pub fn fill(&mut self) -> io::Result<bool> {
        self.make_room();
        loop {
            match self.stream.read(&mut self.input[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => {
                    self.end += bytes;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the last read filled the buffer, so that more is likely waiting.
    pub fn is_full(&self) -> bool {
        self.end == self.input.len()
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        let needed = match self.announced() {
            Some(Ok(bytes)) => bytes + 4,
            _ => READ_BYTES,
        };
        if self.start + needed > self.input.len() || self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if needed > self.input.len() {
            self.input.resize(needed, 0);
        }
    }

    fn announced(&self) -> Option<Result<usize>> {
        let size = self.input[self.start..self.end].first_chunk::<4>()?;
        Some(wire::frame_bytes(*size))
    }

    /// The next whole frame (from its correlation id), as a range for [`Link::bytes`].
    pub fn next_frame(&mut self) -> Result<Option<Range<usize>>> {
        let Some(announced) = self.announced() else { return Ok(None) };
        let from = self.start + 4;
        let to = from + announced?;
        if to > self.end {
            return Ok(None);
        }
        self.start = to;
        Ok(Some(from..to))
    }

    /// The bytes of a frame; valid until the next [`Link::fill`].
    pub fn bytes(&self, frame: Range<usize>) -> &[u8] {
        &self.input[frame]
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_reads_fall() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let mut link = Link::new(ours).unwrap();
        let sizes = [4_usize, 10, 200_000, 5, 65_532, 65_531, 1_000_000, 4];
        let writer = std::thread::spawn(move || {
            for size in sizes {
                theirs.write_all(&i32::try_from(size).unwrap().to_be_bytes()).unwrap();
                theirs.write_all(&vec![u8::try_from(size % 251).unwrap(); size]).unwrap();
            }
        });
        let mut seen = Vec::new();
        while seen.len() < sizes.len() {
            match link.fill() {
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
            while let Some(frame) = link.next_frame().unwrap() {
                let bytes = link.bytes(frame);
                let expected = u8::try_from(bytes.len() % 251).unwrap();
                assert!(bytes.iter().all(|byte| *byte == expected));
                seen.push(bytes.len());
            }
        }
        assert_eq!(seen, sizes);
        writer.join().unwrap();
    }
}
