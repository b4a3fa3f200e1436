//! Owns taking changes back from the journal, backwards. Never writes over a value that is neither
//! the old one nor ours, unless forced; what could not be taken back stays in the journal.

use std::io;

use crate::apply::is_same_device;
use crate::error::{TuneError, file, refusal};
use crate::item::Change;
use crate::journal::{Found, Journal, PATH};
use crate::tree::Tree;

/// What became of one entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Back {
    /// The old value was written and read back.
    Restored,
    /// It had the old value already.
    AlreadyBack,
    /// Somebody else changed it to this; left alone and kept in the journal.
    ChangedMeanwhile(String),
    /// The file is gone; kept in the journal unless forced or after a reboot.
    Gone,
    /// After a reboot the file belongs to another device; left alone and dropped.
    OtherDevice,
    /// It follows a value that was not taken back, and waits for it; kept in the journal.
    Waits,
    /// The kernel refused the old value; kept in the journal.
    Refused(String),
}

/// One entry with what became of it.
#[derive(Clone, Debug)]
pub struct Undone {
    /// The entry.
    pub change: Change,
    /// What became of it.
    pub back: Back,
    /// Whether it is still in the journal.
    pub kept: bool,
}

/// How an undo deals with trouble.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write over values that somebody else changed, forget files that are gone, and use the whole
    /// lines of a damaged journal.
    pub force: bool,
}

/// Takes everything in the journal back. The result is in the order of the undoing.
pub fn undo(tree: &dyn Tree, options: Options) -> Result<Vec<Undone>, TuneError> {
    let found =
        Journal::find(tree)?.ok_or_else(|| TuneError::NothingApplied { path: PATH.to_owned() })?;
    if found.damage.is_some() && options.force {
        set_aside(tree)?;
    }
    let found = if options.force { found } else { found.whole()? };
    let Found { journal, earlier_boot, .. } = found;
    let mut undone: Vec<Undone> = Vec::new();
    // Backwards a value comes before those that follow it.
    let mut leader_kept = false;
    for change in journal.entries.into_iter().rev() {
        let back = if change.follows && leader_kept {
            Back::Waits
        } else {
            take_back(tree, &change, earlier_boot, options)
        };
        let kept = match back {
            Back::Restored | Back::AlreadyBack | Back::OtherDevice => false,
            Back::ChangedMeanwhile(_) | Back::Refused(_) | Back::Waits => true,
            Back::Gone => !earlier_boot && !options.force,
        };
        if !change.follows {
            // A leader that is gone will not come back; those that follow it are on their own.
            leader_kept = matches!(back, Back::ChangedMeanwhile(_) | Back::Refused(_));
        }
        undone.push(Undone { change, back, kept });
    }
    let entries: Vec<Change> =
        undone.iter().rev().filter(|one| one.kept).map(|one| one.change.clone()).collect();
    if entries.is_empty() {
        tree.remove(PATH).map_err(file("everything is undone, but cannot remove", PATH))?;
    } else {
        let rest = Journal { header: journal.header, entries };
        rest.save(tree).map_err(file("cannot rewrite", PATH))?;
    }
    Ok(undone)
}

/// Keeps a damaged journal beside the real one, so that a person can still look at it.
fn set_aside(tree: &dyn Tree) -> Result<(), TuneError> {
    let text = tree.read(PATH).map_err(file("cannot read", PATH))?;
    let aside = format!("{PATH}.damaged");
    tree.save(&aside, &text).map_err(file("cannot write", &aside))
}

fn take_back(tree: &dyn Tree, change: &Change, earlier_boot: bool, options: Options) -> Back {
    if earlier_boot && !is_same_device(tree, change.identity.as_ref()) {
        return Back::OtherDevice;
    }
    let shown = match tree.read(&change.path) {
        Ok(shown) => shown,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Back::Gone,
        Err(error) => return Back::Refused(refusal(&error)),
    };
    if change.form.same(&shown, &change.old) {
        return Back::AlreadyBack;
    }
    // A value that only follows another was never ours: whatever it shows, the old one is right.
    let ours = change.follows || change.form.same(&shown, &change.new);
    if !ours && !options.force {
        return Back::ChangedMeanwhile(change.form.value(&shown));
    }
    if let Err(error) = tree.write(&change.path, &change.form.value(&change.old)) {
        return Back::Refused(refusal(&error));
    }
    match tree.read(&change.path) {
        Ok(now) if change.form.same(&now, &change.old) => Back::Restored,
        Ok(now) => Back::Refused(format!("the kernel made `{}` of it", change.form.value(&now))),
        Err(error) => Back::Refused(error.to_string()),
    }
}
