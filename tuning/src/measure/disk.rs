//! Measures what a durable write costs in a folder, the two ways the kernel offers: one write with
//! RWF_DSYNC, or a write and then fdatasync. Direct I/O on a file of its own that it removes.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_table::Table;
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::ReadWriteFlags;
use serde::Serialize;

use super::{Spread, Timer};
use crate::error::TuneError;

const KIB: usize = 1024;
const SIZES: [usize; 4] = [4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB];
const DEPTHS: [usize; 3] = [1, 4, 16];
const FILE_BYTES: usize = 64 << 20;
const ALIGN_BYTES: usize = 4096;
const CELL_TIME: Duration = Duration::from_millis(300);
/// Times the two ways are measured in turn for the floor.
const ROUNDS: usize = 5;
const CELL_WRITES_MAX: usize = 2000;

/// How a write is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// One write with RWF_DSYNC over bytes that were written before.
    Dsync,
    /// A plain write over such bytes, then fdatasync.
    WriteThenFlush,
    /// RWF_DSYNC into space that was only allocated: what a log pays that does not fill ahead.
    DsyncUnwritten,
}

/// One cell of the measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// How.
    pub way: Way,
    /// Bytes of one write.
    pub size_bytes: usize,
    /// Writes under way at once (one thread each).
    pub depth: usize,
    /// Time from the call to durable.
    pub spread: Spread,
    /// Durable writes per second, all threads.
    pub per_second: f64,
}

/// What was measured in a folder.
#[derive(Clone, Debug, Serialize)]
pub struct DiskFigures {
    /// The folder.
    pub folder: String,
    /// The disk's durability class as the kernel tells it, per disk.
    pub class: Vec<String>,
    /// The cells.
    pub cells: Vec<Cell>,
    /// The two ways at 4 KiB and depth 1, in turn.
    pub floor: Floor,
}

/// The price of the smallest durable write, measured in turn so that drift of the machine hits both alike.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Floor {
    /// RWF_DSYNC, p50 of each round, in microseconds.
    pub dsync_p50_us: Vec<f64>,
    /// Write, then fdatasync, p50 of each round, in microseconds.
    pub flush_p50_us: Vec<f64>,
}

/// Measures in `folder`; about fifteen seconds and 64 MiB.
pub fn measure(folder: &Path, class: Vec<String>) -> Result<DiskFigures, TuneError> {
    let fail = |source: io::Error| TuneError::Measure {
        what: format!(
            "cannot measure in {}: {source} (direct I/O needs XFS, ext4 or a like file system)",
            folder.display()
        ),
    };
    let mut cells = Vec::new();
    for way in [Way::Dsync, Way::WriteThenFlush, Way::DsyncUnwritten] {
        for size_bytes in SIZES {
            for depth in DEPTHS {
                // The unwritten case is a single figure for comparison: its file is used up by the run.
                if way == Way::DsyncUnwritten && (depth > 1 || size_bytes > SIZES[0]) {
                    continue;
                }
                cells.push(cell(folder, way, size_bytes, depth).map_err(fail)?);
            }
        }
    }
    let mut floor = Floor::default();
    for _ in 0..ROUNDS {
        let round =
            |way| cell(folder, way, SIZES[0], 1).map(|cell| cell.spread.p50_us).map_err(fail);
        floor.dsync_p50_us.push(round(Way::Dsync)?);
        floor.flush_p50_us.push(round(Way::WriteThenFlush)?);
    }
    Ok(DiskFigures { folder: folder.display().to_string(), class, cells, floor })
}

/// A file that is gone when the measurement ends, however it ends.
struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    fn new(folder: &Path, is_written: bool) -> io::Result<Self> {
        let path = folder.join(format!(".ringlog-tune-{}", std::process::id()));
        let direct = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
        let file =
            OpenOptions::new().create_new(true).write(true).custom_flags(direct).open(&path)?;
        let scratch = Self { file, path };
        rustix::fs::fallocate(&scratch.file, FallocateFlags::empty(), 0, FILE_BYTES as u64)?;
        if is_written {
            let zeros = Aligned::new(1 << 20);
            for offset in (0..FILE_BYTES).step_by(1 << 20) {
                write_at(&scratch.file, zeros.bytes(), offset, ReadWriteFlags::empty())?;
            }
        }
        scratch.file.sync_all()?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            #[expect(clippy::print_stderr, reason = "a file left behind must be told")]
            {
                eprintln!("could not remove {}: {error}", self.path.display());
            }
        }
    }
}

/// Memory at an address that direct I/O takes, without unsafe: more than is needed, from the first
/// aligned byte on.
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let memory = vec![0u8; len + ALIGN_BYTES];
        let start = memory.as_ptr().align_offset(ALIGN_BYTES);
        Self { memory, start, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

fn write_at(file: &File, bytes: &[u8], offset: usize, flags: ReadWriteFlags) -> io::Result<()> {
    let written = rustix::io::pwritev2(file, &[IoSlice::new(bytes)], offset as u64, flags)?;
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn cell(folder: &Path, way: Way, size_bytes: usize, depth: usize) -> io::Result<Cell> {
    let scratch = Scratch::new(folder, way != Way::DsyncUnwritten)?;
    let region = FILE_BYTES / depth;
    let start = Instant::now();
    let timers: io::Result<Vec<Timer>> = std::thread::scope(|scope| {
        let file = &scratch.file;
        let lanes: Vec<_> = (0..depth)
            .map(|lane| {
                scope.spawn(move || {
                    write_lane(file, way, size_bytes, lane * region..(lane + 1) * region)
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().expect("a lane never panics")).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let mut all = Timer::new();
    for timer in &timers? {
        all.join(timer);
    }
    let spread = all.spread();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand writes")]
    let per_second = (spread.count as f64 / elapsed).round();
    Ok(Cell { way, size_bytes, depth, spread, per_second })
}

/// Writes one after the other through a region of the file, until time or count is up.
fn write_lane(
    file: &File,
    way: Way,
    size_bytes: usize,
    region: std::ops::Range<usize>,
) -> io::Result<Timer> {
    let buffer = Aligned::new(size_bytes);
    let mut timer = Timer::new();
    let deadline = Instant::now() + CELL_TIME;
    let places = region.len() / size_bytes;
    for turn in 0..CELL_WRITES_MAX {
        // Unwritten space can be used once only.
        if Instant::now() >= deadline || (way == Way::DsyncUnwritten && turn >= places) {
            break;
        }
        let offset = region.start + (turn % places) * size_bytes;
        let began = Instant::now();
        match way {
            Way::Dsync | Way::DsyncUnwritten => {
                write_at(file, buffer.bytes(), offset, ReadWriteFlags::DSYNC)?;
            }
            Way::WriteThenFlush => {
                write_at(file, buffer.bytes(), offset, ReadWriteFlags::empty())?;
                file.sync_data()?;
            }
        }
        timer.add(began.elapsed());
    }
    Ok(timer)
}

/// The figures as a table and the conclusions one may draw from them.
pub fn text(figures: &DiskFigures, table: fn(&[&str]) -> Table) -> String {
    let mut rows = table(&["way", "size", "depth", "p50 us", "p99 us", "max us", "writes/s"]);
    for cell in &figures.cells {
        rows.add_row([
            way_words(cell.way).to_owned(),
            format!("{} KiB", cell.size_bytes / KIB),
            cell.depth.to_string(),
            format!("{:.1}", cell.spread.p50_us),
            format!("{:.1}", cell.spread.p99_us),
            format!("{:.1}", cell.spread.max_us),
            format!("{:.0}", cell.per_second),
        ]);
    }
    let mut text = format!("{rows}\n");
    for class in &figures.class {
        text.push_str(&format!("{class}\n"));
    }
    text.push_str(
        "What cannot be known from here: whether the drive has power-loss protection, whether it tells the truth\n\
         about its cache, and whether a hypervisor passes a flush on to its own disk. Only pulling the plug shows it.\n",
    );
    text.push_str(&floor_words(&figures.floor));
    text
}

/// What the floor's rounds allow to say: a difference only when every round of one way was faster than
/// every round of the other.
fn floor_words(floor: &Floor) -> String {
    let range = |rounds: &[f64]| {
        let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = rounds.iter().copied().fold(0.0, f64::max);
        (least, most)
    };
    let (dsync, flush) = (range(&floor.dsync_p50_us), range(&floor.flush_p50_us));
    let verdict = if dsync.1 < flush.0 {
        "RWF_DSYNC is faster"
    } else if flush.1 < dsync.0 {
        "write + flush is faster"
    } else {
        "no difference shown"
    };
    format!(
        "durable-write floor (4 KiB, one at a time, p50 of {ROUNDS} rounds in turn): RWF_DSYNC {:.1} to {:.1} us, \
         write + flush {:.1} to {:.1} us: {verdict}\n",
        dsync.0, dsync.1, flush.0, flush.1
    )
}

fn way_words(way: Way) -> &'static str {
    match way {
        Way::Dsync => "RWF_DSYNC",
        Way::WriteThenFlush => "write, fdatasync",
        Way::DsyncUnwritten => "RWF_DSYNC, unwritten space",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned() {
        for len in [4096, 65536] {
            let buffer = Aligned::new(len);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGN_BYTES), 0);
            assert_eq!(buffer.bytes().len(), len);
        }
    }

    #[test]
    fn a_difference_is_only_claimed_when_every_round_shows_it() {
        let words = |dsync: &[f64], flush: &[f64]| {
            floor_words(&Floor { dsync_p50_us: dsync.to_vec(), flush_p50_us: flush.to_vec() })
        };
        assert!(words(&[1.0, 2.0], &[3.0, 4.0]).contains("RWF_DSYNC is faster"));
        assert!(words(&[5.0, 6.0], &[3.0, 4.0]).contains("write + flush is faster"));
        assert!(words(&[1.0, 3.5], &[3.0, 4.0]).contains("no difference shown"));
    }

    #[test]
    fn leaves_no_file_behind() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let cell = cell(folder.path(), Way::Dsync, 4096, 1).unwrap();
        assert!(cell.spread.count > 0 && cell.spread.p50_us > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
