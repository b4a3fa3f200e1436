//! Tables and sentences.

use std::fmt::Write as _;

use comfy_table::Color;

use super::{Shown, coloured, is_colourful, table};
use crate::apply::{Applied, Outcome};
use crate::check::{Line, Report};
use crate::host::Host;
use crate::item::{Item, Remedy, Severity, Status};
use crate::measure;
use crate::plan::Plan;
use crate::undo::{Back, Undone};
use crate::verify::{Held, Verified};

pub(super) fn text(shown: &Shown<'_>) -> String {
    match shown {
        Shown::Check(host, report, is_wide) => check(host, report, *is_wide),
        Shown::Explain(items) => items.iter().map(|item| explain(item)).collect(),
        Shown::Plan(host, report, plan) => plan_text(host, report, plan),
        Shown::Applied(applied) => applied_text(applied),
        Shown::Undone(undone) => undone_text(undone),
        Shown::Verified(verified, missing) => verified_text(verified, missing),
        Shown::Paths(command, paths) => {
            let lines: String = paths.iter().map(|path| format!("{command}: {path}\n")).collect();
            if lines.is_empty() { format!("{command}: nothing to do\n") } else { lines }
        }
        Shown::Disk(figures) => measure::disk::text(figures, table),
        Shown::Net(figures) => measure::net::text(figures, table),
        Shown::Cpu(figures) => measure::cpu::text(figures, table),
    }
}

fn check(host: &Host<'_>, report: &Report, is_wide: bool) -> String {
    let mut heads = vec!["item", "on", "now", "wanted", "severity", "state", "how"];
    if is_wide {
        heads.extend(["why", "source"]);
    }
    let mut table = table(&heads);
    for line in &report.lines {
        if !is_wide && matches!(line.finding.status, Status::NotApplicable(_)) {
            continue;
        }
        let (state, colour, note) = state(line);
        let mut row = vec![
            coloured(line.item.id, None),
            coloured(line.finding.subject.clone(), None),
            coloured(line.finding.now.clone(), None),
            coloured(line.finding.wanted.clone(), None),
            coloured(severity(line.severity()), None),
            coloured(state, colour.filter(|_| is_colourful())),
            coloured(note, None),
        ];
        if is_wide {
            row.extend([coloured(line.item.why, None), coloured(line.item.source, None)]);
        }
        table.add_row(row);
    }
    let mut text = format!("{table}\n");
    if !is_wide {
        text.push_str(&not_applicable(report));
    }
    push(&mut text, format_args!("\n{}\n{}\n", host_line(host), score_line(report)));
    text.push_str(&shortcomings(report));
    text
}

/// Items that mean nothing here, by reason.
fn not_applicable(report: &Report) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in &report.lines {
        let Status::NotApplicable(because) = &line.finding.status else { continue };
        match reasons.iter_mut().find(|(known, _)| known == because) {
            Some((_, ids)) if ids.contains(&line.item.id) => {}
            Some((_, ids)) => ids.push(line.item.id),
            None => reasons.push((because, vec![line.item.id])),
        }
    }
    let mut text = String::new();
    for (because, ids) in reasons {
        push(&mut text, format_args!(" not applicable: {} ({because})\n", ids.join(", ")));
    }
    text
}

fn score_line(report: &Report) -> String {
    let count = |is| report.count(is);
    format!(
        "score {} of 100: {} as wanted, {} short, {} for information, {} not applicable, {} unknown",
        report.score(),
        count(|status| *status == Status::Ok),
        count(|status| *status == Status::Short),
        count(|status| *status == Status::Info),
        count(|status| matches!(status, Status::NotApplicable(_))),
        count(|status| matches!(status, Status::Unknown(_))),
    )
}

/// What falls short, the gravest first, with the reason, what to do by hand, and the source.
fn shortcomings(report: &Report) -> String {
    let short = report.short();
    if short.is_empty() {
        return String::new();
    }
    let mut text = "\nwhat falls short, the gravest first:\n".to_owned();
    let mut last = "";
    for line in short {
        if line.item.id == last {
            continue;
        }
        last = line.item.id;
        push(&mut text, format_args!("  {}: {}\n", line.item.id, line.item.why));
        if let Remedy::Manual(by_hand) = &line.finding.remedy {
            push(&mut text, format_args!("    by hand: {by_hand}\n"));
        }
        push(&mut text, format_args!("    source: {}\n", line.item.source));
    }
    text.push_str("next: `ringlog-tune plan` shows what apply would do, `ringlog-tune explain ID` the cost and risk\n");
    text
}

fn host_line(host: &Host<'_>) -> String {
    let names =
        |all: Vec<&str>| if all.is_empty() { "none seen".to_owned() } else { all.join(", ") };
    format!(
        "{}, CPUs {}, shard cores {}, data folder {} on {}, network {}",
        host.kind.words(),
        host.online,
        host.shards,
        host.wish.data_dir,
        names(host.disks.iter().map(|disk| disk.name.as_str()).collect()),
        names(host.nics.iter().map(|nic| nic.name.as_str()).collect()),
    )
}

fn state(line: &Line) -> (&'static str, Option<Color>, String) {
    let how = match &line.finding.remedy {
        Remedy::None => String::new(),
        Remedy::Write(_) => "apply".to_owned(),
        Remedy::Manual(_) => "by hand".to_owned(),
        Remedy::KernelLine(_) => "kernel line".to_owned(),
    };
    match &line.finding.status {
        Status::Ok => ("ok", Some(Color::Green), String::new()),
        Status::Short => ("short", Some(Color::Red), how),
        Status::Info => ("info", None, String::new()),
        Status::NotApplicable(because) => ("not applicable", None, because.clone()),
        Status::Unknown(because) => ("unknown", Some(Color::Yellow), because.clone()),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Fatal => "fatal",
    }
}

/// One item in full, as a Markdown section, so that `docs/tuning.md` holds the same words.
fn explain(item: &Item) -> String {
    let Item { id, title, why, cost, risk, source, .. } = item;
    let mut when = severity(item.severity).to_owned();
    if item.optional {
        when.push_str(", only changed with --only");
    }
    if item.dev {
        when.push_str(", also in profile dev");
    }
    format!(
        "### {id}: {title}\n\n- Why: {why}\n- Cost: {cost}\n- Risk: {risk}\n- Severity: {when}\n- Source: {source}\n\n"
    )
}

fn plan_text(host: &Host<'_>, report: &Report, plan: &Plan) -> String {
    let mut text = String::new();
    if plan.writes().next().is_none() {
        text.push_str("apply has nothing to change here\n");
    } else {
        let mut table = table(&["item", "file", "now", "wanted"]);
        for change in plan.writes() {
            let now = change.form.value(&change.old);
            table.add_row([change.item.as_str(), &change.path, now.as_str(), &change.new]);
        }
        push(&mut text, format_args!("{table}\n"));
    }
    for (item, manual) in &plan.manual {
        push(&mut text, format_args!("by hand, {item}: {manual}\n"));
    }
    if let Some(line) = &plan.kernel_line {
        push(&mut text, format_args!("kernel command line, then reboot and `verify`: {line}\n"));
    }
    let changes = plan.writes().count();
    push(
        &mut text,
        format_args!("{}\n{changes} changes, score now {}\n", host_line(host), report.score()),
    );
    text
}

fn applied_text(applied: &Applied) -> String {
    let mut table = table(&["item", "file", "was", "wanted", "outcome"]);
    for (change, outcome) in &applied.results {
        let (word, colour) = match outcome {
            Outcome::Done => ("done".to_owned(), Color::Green),
            Outcome::AlreadyThere => ("already so".to_owned(), Color::Green),
            Outcome::Refused(because) => (format!("refused: {because}"), Color::Red),
            Outcome::ChangedMeanwhile(found) => {
                (format!("left alone: somebody set `{found}`"), Color::Yellow)
            }
        };
        table.add_row([
            coloured(change.item.clone(), None),
            coloured(change.path.clone(), None),
            coloured(change.form.value(&change.old), None),
            coloured(change.new.clone(), None),
            coloured(word, Some(colour).filter(|_| is_colourful())),
        ]);
    }
    if applied.results.is_empty() {
        return "nothing to change: the host is as wanted\n".to_owned();
    }
    let done = applied.results.iter().filter(|(_, out)| *out == Outcome::Done).count();
    let mut text = format!("{table}\n{done} of {} changed", applied.results.len());
    match &applied.rolled_back {
        None => {
            text.push_str("; old values are in the journal, `ringlog-tune undo` takes them back\n")
        }
        Some(undone) => {
            text.push_str("; one failed, so everything was taken back:\n");
            text.push_str(&undone_text(undone));
        }
    }
    text
}

fn undone_text(undone: &[Undone]) -> String {
    let mut table = table(&["item", "file", "old value", "outcome"]);
    for one in undone {
        let word = match &one.back {
            Back::Restored => "restored".to_owned(),
            Back::AlreadyBack => "already back".to_owned(),
            Back::ChangedMeanwhile(found) => {
                format!("left alone: somebody set `{found}` (ours was `{}`)", one.change.new)
            }
            Back::Gone => "the file is gone".to_owned(),
            Back::OtherDevice => {
                "belongs to another device since the reboot; left alone".to_owned()
            }
            Back::Waits => "waits for the value it follows".to_owned(),
            Back::Refused(because) => format!("refused: {because}"),
        };
        let old = one.change.form.value(&one.change.old);
        table.add_row([one.change.item.as_str(), &one.change.path, old.as_str(), word.as_str()]);
    }
    let kept = undone.iter().filter(|one| one.kept).count();
    let rest = if kept == 0 {
        "the host is as before; the journal is removed".to_owned()
    } else {
        format!("{kept} entries stay in the journal; `undo --force` writes over them")
    };
    format!("{table}\n{rest}\n")
}

fn verified_text(verified: &Verified, missing: &[String]) -> String {
    let mut table = table(&["item", "file", "wanted", "shows"]);
    for (entry, held) in verified.found.journal.entries.iter().zip(&verified.values) {
        let shows = match held {
            Held::Yes => "as applied".to_owned(),
            Held::Drifted(now) => format!("drifted: {now}"),
            Held::Gone(why) => format!("cannot be read: {why}"),
        };
        table.add_row([entry.item.as_str(), &entry.path, &entry.new, shows.as_str()]);
    }
    let mut text = format!("{table}\n");
    if verified.found.earlier_boot {
        text.push_str(
            "the journal is of an earlier boot: a reboot resets kernel values, apply again\n",
        );
    }
    for parameter in missing {
        push(&mut text, format_args!("kernel command line lacks {parameter}\n"));
    }
    let good = verified.values.iter().filter(|held| **held == Held::Yes).count();
    push(&mut text, format_args!("{good} of {} values hold\n", verified.values.len()));
    text
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String never fails");
}
