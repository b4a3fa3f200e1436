//! Owns looking at every item on a host and scoring what was found. Never changes anything.

use crate::error::TuneError;
use crate::host::Host;
use crate::host::kind::Kind;
use crate::item::{Finding, Item, Profile, Remedy, Scope, Severity, Status};
use crate::items;

/// Which items a run is about.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these items; empty means all that are not optional.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

impl Selection {
    /// Refuses names that are no items.
    pub fn validate(&self) -> Result<(), TuneError> {
        let unknown = self.only.iter().chain(&self.skip).find(|id| items::find(id).is_none());
        unknown.map_or(Ok(()), |id| Err(TuneError::UnknownItem { id: id.clone() }))
    }

    fn takes(&self, item: &Item, profile: Profile) -> bool {
        if self.skip.iter().any(|id| id == item.id) {
            return false;
        }
        if self.names(item) {
            return true;
        }
        self.only.is_empty() && (profile != Profile::Dev || item.dev)
    }

    fn names(&self, item: &Item) -> bool {
        self.only.iter().any(|id| id == item.id)
    }
}

/// One finding with its item.
pub struct Line {
    /// The item.
    pub item: &'static Item,
    /// What was found.
    pub finding: Finding,
}

impl Line {
    /// How much it matters here.
    pub fn severity(&self) -> Severity {
        self.finding.severity.unwrap_or(self.item.severity)
    }

    /// Whether it counts against the score.
    pub fn is_short(&self) -> bool {
        self.finding.status == Status::Short
    }
}

/// All findings on a host.
pub struct Report {
    /// Findings in the order of the items.
    pub lines: Vec<Line>,
}

impl Report {
    /// Looks at every selected item.
    pub fn of(host: &Host<'_>, selection: &Selection) -> Self {
        let mut lines = Vec::new();
        for item in items::all().filter(|item| selection.takes(item, host.wish.profile)) {
            for mut finding in (item.look)(host) {
                if item.optional && !selection.names(item) && finding.status == Status::Short {
                    finding.status = Status::Info;
                    finding.remedy = Remedy::None;
                }
                if host.kind == Kind::Container && item.scope == Scope::Machine {
                    leave_to_the_machine(&mut finding);
                }
                lines.push(Line { item, finding });
            }
        }
        Self { lines }
    }

    /// Share of the weighted findings that are as wanted, 0 to 100. A host where nothing counts is at 100.
    pub fn score(&self) -> u32 {
        let weigh = |wanted: Status| -> u32 {
            let same = self.lines.iter().filter(|line| line.finding.status == wanted);
            same.map(|line| line.severity().weight()).sum()
        };
        let (good, bad) = (weigh(Status::Ok), weigh(Status::Short));
        (100 * good).checked_div(good + bad).unwrap_or(100)
    }

    /// Findings that fall short, the gravest first.
    pub fn short(&self) -> Vec<&Line> {
        let mut short: Vec<&Line> = self.lines.iter().filter(|line| line.is_short()).collect();
        short.sort_by_key(|line| std::cmp::Reverse(line.severity()));
        short
    }

    /// How many findings have a status of this name: `ok`, `short`, `info`, `not applicable`, `unknown`.
    pub fn count(&self, is: fn(&Status) -> bool) -> usize {
        self.lines.iter().filter(|line| is(&line.finding.status)).count()
    }
}

/// Inside a container the machine's settings are neither ours to change nor to judge.
fn leave_to_the_machine(finding: &mut Finding) {
    if matches!(finding.status, Status::Ok | Status::Short | Status::Info) {
        let because = "in a container the machine's kernel decides: run ringlog-tune on the host";
        finding.status = Status::NotApplicable(because.to_owned());
        finding.remedy = Remedy::None;
    }
}
