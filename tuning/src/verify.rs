//! Owns re-reading everything that was applied. Never changes anything.

use crate::error::TuneError;
use crate::journal::{Found, Journal, PATH};
use crate::tree::Tree;

/// What an applied value shows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Ours.
    Yes,
    /// Something else.
    Drifted(String),
    /// The file cannot be read.
    Gone(String),
}

/// The result of a verification.
pub struct Verified {
    /// The journal that was checked.
    pub found: Found,
    /// For each entry that was written, what it shows.
    pub values: Vec<Held>,
}

impl Verified {
    /// Whether every value is as applied.
    pub fn holds(&self) -> bool {
        self.values.iter().all(|held| *held == Held::Yes)
    }
}

/// Re-reads every value of the journal.
pub fn verify(tree: &dyn Tree) -> Result<Verified, TuneError> {
    let mut found = Journal::find(tree)?
        .ok_or_else(|| TuneError::NothingApplied { path: PATH.to_owned() })?
        .whole()?;
    found.journal.entries.retain(|entry| !entry.follows);
    let look = |entry: &crate::item::Change| match tree.read(&entry.path) {
        Ok(now) if entry.form.same(&now, &entry.new) => Held::Yes,
        Ok(now) => Held::Drifted(entry.form.value(&now)),
        Err(error) => Held::Gone(crate::error::refusal(&error)),
    };
    let values = found.journal.entries.iter().map(look).collect();
    Ok(Verified { found, values })
}
