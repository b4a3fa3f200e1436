//! Owns turning findings into changes, and showing them as a shell script. Never writes to the host.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::check::{Line, Report};
use crate::item::{Change, Remedy};

/// What would be changed, and what a person has to do.
pub struct Plan {
    /// Values to write, in order.
    pub changes: Vec<Change>,
    /// Item and what to do by hand.
    pub manual: Vec<(&'static str, String)>,
    /// Parameters to add to the kernel command line.
    pub kernel_line: Option<String>,
}

impl Plan {
    /// The changes that put right what falls short in `report`.
    pub fn of(report: &Report) -> Self {
        let mut plan = Self { changes: Vec::new(), manual: Vec::new(), kernel_line: None };
        let mut planned = BTreeSet::new();
        for line in report.lines.iter().filter(|line| line.is_short()) {
            plan.add(line, &mut planned);
        }
        plan
    }

    fn add(&mut self, line: &Line, planned: &mut BTreeSet<(String, bool)>) {
        match &line.finding.remedy {
            Remedy::None => {}
            Remedy::Manual(text) => self.manual.push((line.item.id, text.clone())),
            Remedy::KernelLine(text) => self.kernel_line = Some(text.clone()),
            Remedy::Write(changes) => {
                for change in changes {
                    // Two items may touch one file: the first says what is written. That it also
                    // follows another change is a second thing to know about it.
                    if planned.insert((change.path.clone(), change.follows)) {
                        let item = line.item.id.to_owned();
                        self.changes.push(Change { item, ..change.clone() });
                    }
                }
            }
        }
    }

    /// The changes that are written, without those that only follow.
    pub fn writes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !change.follows)
    }

    /// A shell script that does what `apply` does, without a journal, for reading or for machines
    /// where this tool may not run.
    pub fn script(&self, title: &str) -> String {
        let mut text = format!(
            "#!/bin/sh\n# {title}\n# Written by `ringlog-tune plan --script`. Each old value stands above its change.\nset -eu\n"
        );
        let mut item = "";
        for change in self.writes() {
            if change.item != item {
                item = &change.item;
                push(&mut text, format_args!("\n# {item}: see `ringlog-tune explain {item}`\n"));
            }
            let old = quote(&change.form.value(&change.old));
            let path = quote(&change.path);
            push(
                &mut text,
                format_args!("# was: printf '%s\\n' {} > {path}\n", old.replace('\n', "\n# ")),
            );
            push(&mut text, format_args!("printf '%s\\n' {} > {path}\n", quote(&change.new)));
        }
        for (item, manual) in &self.manual {
            push(&mut text, format_args!("\n# by hand, {item}: {manual}\n"));
        }
        if let Some(line) = &self.kernel_line {
            push(&mut text, format_args!("\n# kernel command line (then reboot): {line}\n"));
        }
        text
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String never fails");
}

/// Quotes a word for `sh` (and for systemd, which reads single quotes the same); plain words stay as
/// they are.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.,:=+-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_for_the_shell() {
        assert_eq!(quote("none"), "none");
        assert_eq!(quote("1 2"), "'1 2'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }
}
