//! Owns changing a host: journal first, then value by value, each read back. Never forgets a change:
//! what was written and not taken back is in the journal.

use crate::error::{TuneError, refusal};
use crate::item::{Change, Identity};
use crate::journal::{Found, Header, Journal, PATH};
use crate::tree::Tree;
use crate::undo::{self, Undone};
use crate::value::Form;

/// What became of one planned change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written and read back.
    Done,
    /// It had the value already.
    AlreadyThere,
    /// The kernel refused, or took something else and the old value was put back.
    Refused(String),
    /// Somebody changed it after the last apply or since the plan was made; it was left alone.
    ChangedMeanwhile(String),
}

/// What an apply did.
pub struct Applied {
    /// Each written change with its outcome, in order.
    pub results: Vec<(Change, Outcome)>,
    /// With `--all-or-nothing`: what was taken back after a failure.
    pub rolled_back: Option<Vec<Undone>>,
}

impl Applied {
    /// Whether every change is in force.
    pub fn is_complete(&self) -> bool {
        self.rolled_back.is_none()
            && self
                .results
                .iter()
                .all(|(_, out)| matches!(out, Outcome::Done | Outcome::AlreadyThere))
    }
}

/// How an apply deals with trouble.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Take everything back when one change fails.
    pub all_or_nothing: bool,
    /// Write over values that somebody else changed.
    pub force: bool,
}

/// Applies `changes` to the host.
///
/// 1. merge with the journal there is  2. save the journal (fsynced)  3. write and read back each
///    value  4. save the journal without what was not changed.
pub fn apply(
    tree: &dyn Tree,
    header: Header,
    changes: Vec<Change>,
    options: Options,
) -> Result<Applied, TuneError> {
    let earlier = Journal::find(tree)?.map(Found::whole).transpose()?;
    let kept = earlier.map(|found| still_in_force(tree, found)).unwrap_or_default();
    let mut journal = Journal { header, entries: kept };
    let mut work = Vec::new();
    for change in changes {
        let known = |entry: &Change| entry.path == change.path && entry.follows == change.follows;
        let seen = journal.entries.iter().position(known);
        match seen {
            Some(index) => work.push(renew(&mut journal.entries[index], change, options)),
            None => {
                journal.entries.push(change.clone());
                work.push((change, None));
            }
        }
    }
    if journal.entries.is_empty() {
        return Ok(Applied { results: Vec::new(), rolled_back: None });
    }
    let save = |journal: &Journal| {
        journal
            .save(tree)
            .map_err(|source| TuneError::JournalWrite { path: PATH.to_owned(), source })
    };
    save(&journal)?;
    let mut applied = Applied { results: Vec::new(), rolled_back: None };
    for (change, verdict) in work.into_iter().filter(|(change, _)| !change.follows) {
        let outcome = verdict.unwrap_or_else(|| write(tree, &change, options));
        let failed = !matches!(outcome, Outcome::Done | Outcome::AlreadyThere);
        applied.results.push((change, outcome));
        if failed && options.all_or_nothing {
            applied.rolled_back = Some(undo::undo(tree, undo::Options::default())?);
            return Ok(applied);
        }
    }
    journal.entries = changed_only(tree, journal.entries);
    if journal.entries.is_empty() {
        tree.remove(PATH).map_err(crate::error::file("cannot remove", PATH))?;
    } else {
        save(&journal)?;
    }
    Ok(applied)
}

/// Entries of the journal there is whose change is still in force. In the same boot that is all of
/// them; a reboot has reset kernel values, and only what shows our value still counts.
fn still_in_force(tree: &dyn Tree, found: Found) -> Vec<Change> {
    if !found.earlier_boot {
        return found.journal.entries;
    }
    let in_force = |entry: &Change| {
        !entry.follows
            && !entry.form.same(&entry.old, &entry.new)
            && is_same_device(tree, entry.identity.as_ref())
            && tree.read(&entry.path).is_ok_and(|now| {
                let ours = entry.form.same(&now, &entry.new);
                // A file in /etc outlives the boot, also when somebody edited it since.
                ours || (entry.form == Form::Text && !entry.form.same(&now, &entry.old))
            })
    };
    found.journal.entries.into_iter().filter(in_force).collect()
}

/// Points an entry of the journal at a new wanted value, keeping the oldest old value.
fn renew(entry: &mut Change, change: Change, options: Options) -> (Change, Option<Outcome>) {
    if entry.follows {
        return (change, None);
    }
    let ours = entry.form.same(&change.old, &entry.new) || entry.form.same(&change.old, &entry.old);
    if !ours && !options.force {
        let found = change.form.value(&change.old);
        return (change, Some(Outcome::ChangedMeanwhile(found)));
    }
    entry.new.clone_from(&change.new);
    entry.item.clone_from(&change.item);
    (change, None)
}

fn write(tree: &dyn Tree, change: &Change, options: Options) -> Outcome {
    let shown = match tree.read(&change.path) {
        Ok(shown) => shown,
        Err(error) => return Outcome::Refused(refusal(&error)),
    };
    if change.form.same(&shown, &change.new) {
        return Outcome::AlreadyThere;
    }
    if !change.form.same(&shown, &change.old) && !options.force {
        return Outcome::ChangedMeanwhile(change.form.value(&shown));
    }
    if let Err(error) = tree.write(&change.path, &change.new) {
        return Outcome::Refused(refusal(&error));
    }
    match tree.read(&change.path) {
        Ok(now) if change.form.same(&now, &change.new) => Outcome::Done,
        Ok(now) => Outcome::Refused(format!(
            "the kernel made `{}` of it; {}",
            change.form.value(&now),
            put_back(tree, change, &shown)
        )),
        Err(error) => Outcome::Refused(format!("written, but cannot be read back: {error}")),
    }
}

/// Writes back what was shown before, and says how that went.
fn put_back(tree: &dyn Tree, change: &Change, shown: &str) -> &'static str {
    let written = tree.write(&change.path, &change.form.value(shown));
    let is_back = tree.read(&change.path).is_ok_and(|now| change.form.same(&now, shown));
    if written.is_ok() && is_back {
        "the old value is back"
    } else {
        "the old value could not be put back and stays in the journal"
    }
}

/// Entries whose file no longer shows the old value, and those that follow them. One that lost its
/// leader in an undo that could not finish is kept until it is back.
fn changed_only(tree: &dyn Tree, entries: Vec<Change>) -> Vec<Change> {
    let is_back =
        |entry: &Change| tree.read(&entry.path).is_ok_and(|now| entry.form.same(&now, &entry.old));
    let mut kept = Vec::new();
    let mut following = Vec::new();
    for entry in entries {
        if entry.follows {
            following.push(entry);
            continue;
        }
        if is_back(&entry) {
            kept.extend(following.drain(..).filter(|follower| !is_back(follower)));
        } else {
            kept.append(&mut following);
            kept.push(entry);
        }
    }
    kept.extend(following.into_iter().filter(|follower| !is_back(follower)));
    kept
}

/// Whether a file of a device still belongs to the device the change was made for.
pub fn is_same_device(tree: &dyn Tree, identity: Option<&Identity>) -> bool {
    identity.is_none_or(|identity| tree.read(&identity.path).is_ok_and(|now| now == identity.shows))
}
