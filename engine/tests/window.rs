//! The window as the replicator sees it: another process maps the memfd read-only and reads the
//! bytes it was told about.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{os::fd::AsRawFd, process::Command};

use engine::ring::window::{CHUNK_BYTES, Chunk, Window};

/// The second process: maps the file it is given, prints a chunk's generation and some bytes.
const READER: &str = r"
import mmap, os, sys
path, size, at, count, chunk = sys.argv[1], *map(int, sys.argv[2:])
window = mmap.mmap(os.open(path, os.O_RDONLY), size, prot=mmap.PROT_READ)
generation = int.from_bytes(window[chunk * 8:chunk * 8 + 8], sys.byteorder)
print(generation, window[at:at + count].decode())
";

fn read_in_another_process(window: &Window, chunk: &Chunk, from: usize, to: usize) -> String {
    let path = format!("/proc/{}/fd/{}", std::process::id(), window.memfd().as_raw_fd());
    let at = usize::try_from(chunk.window_offset()).unwrap() + from;
    let numbers = [window.mapped_bytes(), at, to - from, chunk.chunk_index()];
    let output = Command::new("python3")
        .args(["-c", READER, &path])
        .args(numbers.map(|number| number.to_string()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn another_process_reads_what_was_appended() {
    let window = Window::new(4 * CHUNK_BYTES).unwrap();
    let _first = window.allocate().unwrap();
    let mut chunk = window.allocate().unwrap();
    chunk.append(b"-- the batch the replicator was told about --");
    let seen = read_in_another_process(&window, &chunk, 3, 42);
    assert_eq!(seen, format!("{} the batch the replicator was told about", chunk.generation()));

    // Reuse of the chunk shows as a new generation in the table at the head.
    let (index, before) = (chunk.chunk_index(), chunk.generation());
    drop(chunk);
    let mut again = window.allocate().unwrap();
    assert_eq!((again.chunk_index(), again.generation()), (index, before + 1));
    again.append(b"something else");
    let seen = read_in_another_process(&window, &again, 0, 14);
    assert_eq!(seen, format!("{} something else", before + 1));
}

#[test]
fn a_slice_keeps_its_chunk_until_it_is_gone() {
    let window = Window::new(2 * CHUNK_BYTES).unwrap();
    let mut chunk = window.allocate().unwrap();
    let mut other = window.allocate().unwrap();
    assert!(window.allocate().is_none(), "both are in use");
    assert_eq!(chunk.append(&[7; 100]), 100);
    assert_eq!(other.append(&vec![9; CHUNK_BYTES + 1]), CHUNK_BYTES, "what fits");
    let slice = chunk.slice(10, 60);
    drop(chunk);
    assert_eq!(window.free_chunks(), 0, "the slice still reads it");
    assert_eq!(slice, vec![7; 50]);
    drop(slice);
    assert_eq!(window.free_chunks(), 1);
    drop(other);
    let mut chunk = window.allocate().unwrap();
    chunk.begin_at(4096);
    chunk.append(b"abc");
    assert_eq!((chunk.start(), chunk.filled()), (4096, 4099));
    assert_eq!(chunk.content(4096, 4099), b"abc");
}

#[test]
fn the_memfd_cannot_shrink_or_grow() {
    let window = Window::new(CHUNK_BYTES).unwrap();
    let bytes = window.mapped_bytes() as u64;
    assert!(rustix::fs::ftruncate(window.memfd(), bytes - 1).is_err());
    assert!(rustix::fs::ftruncate(window.memfd(), bytes + 1).is_err());
}
