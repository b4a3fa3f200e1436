//! Owns the journal: every old value, on stable storage before the first change, and its reading
//! with every way it can be unfit told apart. Never writes a setting.
//!
//! One line is a CRC-32C in eight hexadecimal digits, a space, and JSON. The first line is the
//! [`Header`], which says how many [`Change`] lines follow, so that a journal cut short is seen.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::TuneError;
use crate::item::{Change, Profile};
use crate::tree::Tree;

/// Where the journal lives.
pub const PATH: &str = "/var/lib/ringlog-tune/journal";
/// Version of the journal's format.
pub const VERSION: u32 = 1;
const CRC_DIGITS: usize = 8;

/// Whose values a journal holds and for what they were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Format version.
    pub version: u32,
    /// `/etc/machine-id` of the host.
    pub machine_id: String,
    /// `/proc/sys/kernel/random/boot_id` at the time.
    pub boot_id: String,
    /// The profile applied.
    pub profile: Profile,
    /// Shard cores as a list; empty for all.
    pub cores: String,
    /// Data folder.
    pub data_dir: String,
    /// Number of entries that follow.
    pub entries: usize,
}

impl Header {
    /// A header for the host in `tree`, with no entries yet.
    pub fn new(tree: &dyn Tree, profile: Profile, cores: String, data_dir: String) -> Self {
        let read = |path: &str| tree.read(path).unwrap_or_else(|_| "unknown".to_owned());
        Self {
            version: VERSION,
            machine_id: read("/etc/machine-id"),
            boot_id: read("/proc/sys/kernel/random/boot_id"),
            profile,
            cores,
            data_dir,
            entries: 0,
        }
    }
}

/// The changes made to a host, with the old values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Whose values they are.
    pub header: Header,
    /// In the order of their writing; undo goes backwards.
    pub entries: Vec<Change>,
}

/// A journal as found: whole, or the whole lines before the damage.
pub struct Found {
    /// What could be read.
    pub journal: Journal,
    /// Line and reason of the first damage.
    pub damage: Option<(usize, String)>,
    /// Whether the host was started anew since it was written.
    pub earlier_boot: bool,
}

impl Journal {
    /// Writes it durably in place of any other; refuses nothing, so callers look first.
    pub fn save(&self, tree: &dyn Tree) -> io::Result<()> {
        let header = Header { entries: self.entries.len(), ..self.header.clone() };
        let mut text = line(&header)?;
        for entry in &self.entries {
            text.push_str(&line(entry)?);
        }
        tree.save(PATH, &text)
    }

    /// Reads the host's journal. `None` when there is none.
    ///
    /// # Errors
    /// A journal of another machine or version, or one whose first line is damaged.
    pub fn find(tree: &dyn Tree) -> Result<Option<Found>, TuneError> {
        let text = match tree.read(PATH) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(crate::error::file("cannot read", PATH)(source)),
        };
        let mut lines = text.lines();
        let header: Header = lines
            .next()
            .ok_or_else(|| "it is empty".to_owned())
            .and_then(parse)
            .map_err(|reason| damaged(1, reason))?;
        let ours = Header::new(tree, header.profile, String::new(), String::new());
        if header.version != VERSION {
            let (path, found) = (PATH.to_owned(), header.version);
            return Err(TuneError::JournalVersion { path, found, expected: VERSION });
        }
        if header.machine_id != ours.machine_id {
            let (path, theirs) = (PATH.to_owned(), header.machine_id);
            return Err(TuneError::ForeignJournal { path, theirs, ours: ours.machine_id });
        }
        let (entries, damage) = read_entries(lines, header.entries);
        let earlier_boot = header.boot_id != ours.boot_id;
        Ok(Some(Found { journal: Self { header, entries }, damage, earlier_boot }))
    }
}

impl Found {
    /// The journal, refused when damaged.
    pub fn whole(self) -> Result<Self, TuneError> {
        match self.damage {
            Some((line, reason)) => Err(damaged(line, reason)),
            None => Ok(self),
        }
    }
}

fn damaged(line: usize, reason: String) -> TuneError {
    TuneError::DamagedJournal { path: PATH.to_owned(), line, reason }
}

fn read_entries<'a>(
    lines: impl Iterator<Item = &'a str>,
    expected: usize,
) -> (Vec<Change>, Option<(usize, String)>) {
    let mut entries = Vec::new();
    for (number, text) in (2..).zip(lines) {
        match parse(text) {
            Ok(entry) => entries.push(entry),
            Err(reason) => return (entries, Some((number, reason))),
        }
    }
    let damage = (entries.len() != expected).then(|| {
        (entries.len() + 2, format!("it ends after {} of {expected} entries", entries.len()))
    });
    (entries, damage)
}

fn line(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let (crc, json) = text
        .split_at_checked(CRC_DIGITS)
        .and_then(|(crc, rest)| Some((crc, rest.strip_prefix(' ')?)))
        .ok_or("the line is cut short")?;
    let crc = u32::from_str_radix(crc, 16).map_err(|_| "the checksum is no number")?;
    if crc != crc32c::crc32c(json.as_bytes()) {
        return Err("the checksum does not match".to_owned());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}
