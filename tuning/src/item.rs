//! Owns the shape of a tuning item and of what checking it finds. Never decides a wanted value: the
//! files under `items/` do.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::value::Form;

/// What the host is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "lower")]
pub enum Profile {
    /// Lowest and steadiest latency, at the price of power and throughput of other programs.
    Latency,
    /// As `latency`, with a fixed clock frequency, so that two runs can be compared.
    Bench,
    /// Only what the broker cannot do without; for a workstation.
    Dev,
}

/// How much it matters when an item falls short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Small, or only in rare setups.
    Low,
    /// Seen in the tail.
    Medium,
    /// Seen in the median, or milliseconds in the tail.
    High,
    /// The broker does not start, or its promises do not hold.
    Fatal,
}

impl Severity {
    /// Weight of a finding in the score.
    pub fn weight(self) -> u32 {
        match self {
            Self::Low => 1,
            Self::Medium => 3,
            Self::High => 8,
            Self::Fatal => 20,
        }
    }
}

/// Whether an item belongs to the kernel of the whole machine or to the process and its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Set once for the machine; from inside a container it can neither be set nor judged.
    Machine,
    /// Seen the same inside a container.
    Process,
}

/// The outcome of one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "because")]
pub enum Status {
    /// As wanted.
    Ok,
    /// Not as wanted; counts against the score.
    Short,
    /// A fact for the reader; never counts.
    Info,
    /// Means nothing on this host; never counts.
    NotApplicable(String),
    /// Could not be read; never counts.
    Unknown(String),
}

/// One value to write, with all that undoing it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The item that wants it.
    pub item: String,
    /// The file, as a path of the host.
    pub path: String,
    /// What the file showed before.
    pub old: String,
    /// What to write.
    pub new: String,
    /// How the file shows its value.
    pub form: Form,
    /// Proof that the file still belongs to the same device after a reboot.
    pub identity: Option<Identity>,
    /// Never written by `apply`: the value is moved by the next change in the list that does not
    /// follow, its leader, and undo puts it back after the leader. A disk's queue depth, for instance, is reset when its scheduler changes.
    pub follows: bool,
}

/// A file and what it must show for a change to be meant for the same device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The file, as a path of the host.
    pub path: String,
    /// What it showed when the change was planned.
    pub shows: String,
}

/// How a finding that falls short is put right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing to do, or nothing this tool may do.
    #[default]
    None,
    /// Values to write, in this order.
    Write(Vec<Change>),
    /// Something a person does; the text is a command or a sentence.
    Manual(String),
    /// Parameters for the kernel command line; they take a reboot.
    KernelLine(String),
}

/// What checking one item found for one subject.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The device or file the finding is about; empty for the host.
    pub subject: String,
    /// What is.
    pub now: String,
    /// What should be.
    pub wanted: String,
    /// The outcome.
    pub status: Status,
    /// Overrides the item's severity.
    pub severity: Option<Severity>,
    /// How to put it right.
    pub remedy: Remedy,
}

impl Finding {
    /// A finding with nothing to write.
    pub fn new(subject: &str, now: impl Into<String>, wanted: impl Into<String>, ok: bool) -> Self {
        Self {
            subject: subject.to_owned(),
            now: now.into(),
            wanted: wanted.into(),
            status: if ok { Status::Ok } else { Status::Short },
            severity: None,
            remedy: Remedy::None,
        }
    }

    /// A fact that is neither good nor bad.
    pub fn info(subject: &str, now: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { status: Status::Info, ..Self::new(subject, now, wanted, true) }
    }

    /// Means nothing here.
    pub fn not_applicable(subject: &str, because: impl Into<String>) -> Self {
        Self { status: Status::NotApplicable(because.into()), ..Self::new(subject, "-", "-", true) }
    }

    /// Could not be read.
    pub fn unknown(subject: &str, wanted: impl Into<String>, because: impl Into<String>) -> Self {
        Self { status: Status::Unknown(because.into()), ..Self::new(subject, "?", wanted, true) }
    }

    /// Attaches what a person does about it.
    #[must_use]
    pub fn manual(mut self, text: impl Into<String>) -> Self {
        self.remedy = Remedy::Manual(text.into());
        self
    }

    /// Overrides the item's severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The changes that put it right; empty when there are none.
    pub fn changes(&self) -> &[Change] {
        match &self.remedy {
            Remedy::Write(changes) => changes,
            _ => &[],
        }
    }
}

/// One thing about a host that costs a broker time, and all that is to be said about it.
pub struct Item {
    /// Stable name, as `disk-scheduler`.
    pub id: &'static str,
    /// One line for tables.
    pub title: &'static str,
    /// Why it matters for latency.
    pub why: &'static str,
    /// What the change costs.
    pub cost: &'static str,
    /// What may go wrong.
    pub risk: &'static str,
    /// Where to read more, or what was measured.
    pub source: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whose setting it is.
    pub scope: Scope,
    /// Wanted in profile `dev` too.
    pub dev: bool,
    /// Only changed when named with `--only`: peers disagree or it does not suit every host.
    pub optional: bool,
    /// Looks at the host.
    pub look: fn(&Host<'_>) -> Vec<Finding>,
}
