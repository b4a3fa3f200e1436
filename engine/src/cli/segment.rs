//! `ringlog segment dump|verify`: reads segment files without a broker. Never writes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Subcommand;
use log_format::{
    BATCH_HEADER_BYTES, Batch, RecordBatchHeader,
    index::{decode_offset_index, decode_time_index},
};
use serde::Serialize;
use serde_json::json;

use super::{
    error::{CliError, Done},
    output::{Format, print_json, print_table, say},
};

#[derive(Subcommand, Debug)]
pub(super) enum SegmentCommand {
    /// List the batches of a segment file, or of all in a folder.
    Dump {
        /// A `.log` file, or a folder that is searched for them.
        path: PathBuf,
    },
    /// Check CRCs, offsets and index files; exit code 3 when something is wrong.
    Verify {
        /// A `.log` file, or a folder that is searched for them.
        path: PathBuf,
    },
}

/// Largest batch read into memory; more is taken for damage.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// What a segment file holds.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    batches: Vec<BatchRow>,
    records: i64,
    /// Bytes of batches.
    bytes: u64,
    /// Zeros behind the last batch: space prepared for the next ones.
    prepared_bytes: u64,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BatchRow {
    position: u64,
    base_offset: i64,
    last_offset: i64,
    records: i32,
    leader_epoch: i32,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    bytes: usize,
    compression: &'static str,
    transactional: bool,
    control: bool,
    crc: u32,
}

pub(super) fn run(command: &SegmentCommand, format: Format) -> Result<Done, CliError> {
    let (path, is_dump) = match command {
        SegmentCommand::Dump { path } => (path, true),
        SegmentCommand::Verify { path } => (path, false),
    };
    let mut reports = Vec::new();
    for file in segments(path)? {
        let report = inspect(&file).map_err(|error| CliError::failed(file.display(), error))?;
        reports.push(report);
    }
    let problems: usize = reports.iter().map(|report| report.problems.len()).sum();
    match (format, is_dump) {
        (Format::Json, true) => print_json("segment-dump", &reports),
        (Format::Json, false) => print_json("segment-verify", &verify_json(&reports)),
        (Format::Text, true) => reports.iter().for_each(dump_text),
        (Format::Text, false) => verify_text(&reports),
    }
    Ok(if problems == 0 || is_dump { Done::Good } else { Done::ProblemsFound })
}

/// The segment files at `path`: itself, or all below the folder.
fn segments(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error: io::Error| CliError::failed(path.display(), error);
    if std::fs::metadata(path).map_err(failed)?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if base_offset(&path).is_some() {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(CliError::failed(
            path.display(),
            "no segment file (20 digits and .log) is there",
        ));
    }
    found.sort();
    Ok(found)
}

/// The base offset in a segment's file name.
fn base_offset(path: &Path) -> Option<i64> {
    let stem = path.file_stem()?.to_str()?;
    let is_log = path.extension().is_some_and(|extension| extension == "log");
    if is_log && stem.len() == 20 { stem.parse().ok() } else { None }
}

fn inspect(path: &Path) -> io::Result<Report> {
    let file = OpenOptions::new().read(true).open(path)?;
    let length = file.metadata()?.len();
    let mut report = Report {
        file: path.display().to_string(),
        batches: Vec::new(),
        records: 0,
        bytes: 0,
        prepared_bytes: 0,
        problems: Vec::new(),
    };
    let mut next_offset = base_offset(path).unwrap_or(0);
    while report.bytes < length {
        let at = report.bytes;
        match read_batch(&file, at, length)? {
            Found::Batch(batch) => add(&mut report, &batch, at, &mut next_offset),
            Found::Zeros => {
                report.prepared_bytes = length - at;
                check_zeros(&file, at, length, &mut report)?;
                break;
            }
            Found::Bad(problem) => {
                let behind = length - at;
                report
                    .problems
                    .push(format!("position {at}: {problem}; {behind} bytes not checked"));
                break;
            }
        }
    }
    check_indexes(path, &mut report)?;
    Ok(report)
}

enum Found {
    Batch(Batch),
    /// A header of zeros: nothing was written here.
    Zeros,
    Bad(String),
}

fn read_batch(file: &File, at: u64, length: u64) -> io::Result<Found> {
    let left = usize::try_from(length - at).unwrap_or(usize::MAX);
    let mut header = vec![0; left.min(BATCH_HEADER_BYTES)];
    file.read_exact_at(&mut header, at)?;
    if header.iter().all(|byte| *byte == 0) {
        return Ok(Found::Zeros);
    }
    let decoded = match RecordBatchHeader::decode(&header) {
        Ok(decoded) => decoded,
        Err(error) => return Ok(Found::Bad(error.to_string())),
    };
    let bytes = decoded.total_bytes();
    if bytes > left || bytes > BATCH_BYTES_MAX {
        return Ok(Found::Bad(format!("a batch of {bytes} bytes, but the file ends after {left}")));
    }
    let mut whole = vec![0; bytes];
    file.read_exact_at(&mut whole, at)?;
    Ok(match Batch::decode(&Bytes::from(whole)) {
        Ok(batch) => Found::Batch(batch),
        Err(error) => Found::Bad(error.to_string()),
    })
}

fn add(report: &mut Report, batch: &Batch, position: u64, next_offset: &mut i64) {
    let header = &batch.header;
    if header.base_offset < *next_offset {
        report.problems.push(format!(
            "position {position}: base offset {} where {next_offset} or more was expected",
            header.base_offset
        ));
    }
    *next_offset = header.next_offset();
    report.records += i64::from(header.records_count);
    report.bytes += batch.bytes.len() as u64;
    report.batches.push(BatchRow {
        position,
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        records: header.records_count,
        leader_epoch: header.partition_leader_epoch,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        base_timestamp_ms: header.base_timestamp,
        max_timestamp_ms: header.max_timestamp,
        bytes: batch.bytes.len(),
        compression: header.compression().name(),
        transactional: header.is_transactional(),
        control: header.is_control(),
        crc: header.crc,
    });
}

/// Prepared space is zeros to the end: anything else there is a batch nobody can reach.
fn check_zeros(file: &File, from: u64, length: u64, report: &mut Report) -> io::Result<()> {
    let mut chunk = vec![0; 1 << 20];
    let mut at = from;
    while at < length {
        let want = chunk.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut chunk[..want], at)?;
        if let Some(found) = chunk[..want].iter().position(|byte| *byte != 0) {
            let at = at + found as u64;
            report.problems.push(format!("position {at}: bytes behind the end at {from}"));
            return Ok(());
        }
        at += want as u64;
    }
    Ok(())
}

/// Index entries must point to batches of the segment. Missing files are fine: they are derived.
fn check_indexes(path: &Path, report: &mut Report) -> io::Result<()> {
    let Some(base) = base_offset(path) else { return Ok(()) };
    if let Some(bytes) = read_if_there(&path.with_extension("index"))? {
        match decode_offset_index(&bytes) {
            Ok(entries) => {
                for entry in entries {
                    let offset = base + i64::from(entry.relative_offset);
                    let at = u64::try_from(entry.position).unwrap_or(u64::MAX);
                    let row = report.batches.iter().find(|row| row.position == at);
                    if !row.is_some_and(|row| (row.base_offset..=row.last_offset).contains(&offset))
                    {
                        let problem = format!("index: no batch with offset {offset} at {at}");
                        report.problems.push(problem);
                    }
                }
            }
            Err(error) => report.problems.push(format!("index: {error}")),
        }
    }
    if let Some(bytes) = read_if_there(&path.with_extension("timeindex"))? {
        match decode_time_index(&bytes) {
            Ok(entries) => {
                for entry in entries {
                    let offset = base + i64::from(entry.relative_offset);
                    let up_to = report.batches.iter().filter(|row| row.base_offset <= offset);
                    let newest = up_to.map(|row| row.max_timestamp_ms).max();
                    if newest.is_none_or(|newest| newest < entry.timestamp_ms) {
                        report.problems.push(format!(
                            "timeindex: no record up to offset {offset} is as new as {}",
                            entry.timestamp_ms
                        ));
                    }
                }
            }
            Err(error) => report.problems.push(format!("timeindex: {error}")),
        }
    }
    Ok(())
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn dump_text(report: &Report) {
    say!("{}", report.file);
    let row = |row: &BatchRow| {
        vec![
            row.position.to_string(),
            row.base_offset.to_string(),
            row.last_offset.to_string(),
            row.records.to_string(),
            row.bytes.to_string(),
            row.leader_epoch.to_string(),
            row.compression.to_owned(),
            row.max_timestamp_ms.to_string(),
            format!("{}/{}/{}", row.producer_id, row.producer_epoch, row.base_sequence),
            format!("{:08x}", row.crc),
        ]
    };
    let rows: Vec<_> = report.batches.iter().map(row).collect();
    print_table(
        &[
            "POSITION",
            "FIRST",
            "LAST",
            "RECORDS",
            "BYTES",
            "EPOCH",
            "CODEC",
            "MAX TIMESTAMP",
            "PRODUCER",
            "CRC",
        ],
        &rows,
    );
    say!("{} bytes of zeros prepared behind the end", report.prepared_bytes);
    report.problems.iter().for_each(|problem| say!("PROBLEM {problem}"));
    say!("");
}

fn verify_text(reports: &[Report]) {
    for report in reports {
        let verdict = if report.problems.is_empty() { "ok" } else { "BAD" };
        say!(
            "{verdict}  {}  {} batches, {} records, {} bytes",
            report.file,
            report.batches.len(),
            report.records,
            report.bytes
        );
        report.problems.iter().for_each(|problem| say!("      {problem}"));
    }
}

fn verify_json(reports: &[Report]) -> Vec<serde_json::Value> {
    let one = |report: &Report| {
        json!({
            "file": report.file,
            "ok": report.problems.is_empty(),
            "batches": report.batches.len(),
            "records": report.records,
            "bytes": report.bytes,
            "prepared_bytes": report.prepared_bytes,
            "problems": report.problems,
        })
    };
    reports.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use log_format::{
        BatchBuilder, Compression, Headers,
        index::{OffsetIndexEntry, TimeIndexEntry},
    };

    use super::*;

    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ringlog-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    fn batch(base_offset: i64, timestamp_ms: i64) -> Bytes {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.base_offset = base_offset;
        builder.push(timestamp_ms, Some(b"k"), Some(b"value"), Headers::NONE);
        builder.build()
    }

    fn segment(dir: &TempDir, bytes: &[u8]) -> PathBuf {
        let path = dir.0.join("00000000000000000005.log");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_sound_segment_with_prepared_space_has_no_problems() {
        let dir = TempDir::new("sound");
        let (first, second) = (batch(5, 100), batch(6, 90));
        let path = segment(&dir, &[&first[..], &second[..], &[0; 5000]].concat());
        let position = i32::try_from(first.len()).unwrap();
        let entry = OffsetIndexEntry { relative_offset: 1, position };
        std::fs::write(path.with_extension("index"), entry.encode()).unwrap();
        let entry = TimeIndexEntry { timestamp_ms: 100, relative_offset: 0 };
        std::fs::write(path.with_extension("timeindex"), entry.encode()).unwrap();
        let report = inspect(&path).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!((report.batches.len(), report.records, report.prepared_bytes), (2, 2, 5000));
        let command = SegmentCommand::Verify { path: dir.0.clone() };
        assert_eq!(run(&command, Format::Json).unwrap(), Done::Good);
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        let dir = TempDir::new("damage");
        let whole = [&batch(5, 1)[..], &batch(6, 2)[..]].concat();
        let problem = |bytes: &[u8]| inspect(&segment(&dir, bytes)).unwrap().problems.join("; ");
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert!(problem(&flipped).contains("not checked"));
        assert!(problem(&whole[..whole.len() - 3]).contains("not checked"));
        assert!(problem(&[&whole[..], &[0; 100], &[1]].concat()).contains("behind the end"));
        assert!(problem(&[&batch(6, 1)[..], &batch(5, 2)[..]].concat()).contains("expected"));
        let path = segment(&dir, &whole);
        let entry = OffsetIndexEntry { relative_offset: 1, position: 7 };
        std::fs::write(path.with_extension("index"), entry.encode()).unwrap();
        let entry = TimeIndexEntry { timestamp_ms: 99, relative_offset: 1 };
        std::fs::write(path.with_extension("timeindex"), entry.encode()).unwrap();
        let problems = inspect(&path).unwrap().problems;
        assert_eq!(problems.len(), 2, "{problems:?}");
        let command = SegmentCommand::Verify { path };
        assert_eq!(run(&command, Format::Text).unwrap(), Done::ProblemsFound);
    }

    #[test]
    fn a_folder_without_segments_is_an_error() {
        let dir = TempDir::new("empty");
        let command = SegmentCommand::Dump { path: dir.0.clone() };
        assert!(run(&command, Format::Text).is_err());
        assert!(segments(&dir.0.join("missing")).is_err());
    }
}
