//! JSON forms. A field keeps its name and meaning within a schema version; new fields may be added.

use serde_json::{Value, json};

use super::{Shown, versioned};
use crate::apply::{Applied, Outcome};
use crate::check::{Line, Report};
use crate::host::Host;
use crate::item::{Change, Item, Remedy, Status};
use crate::plan::Plan;
use crate::undo::{Back, Undone};
use crate::verify::{Held, Verified};

/// Version of every JSON document of this tool.
pub const SCHEMA_VERSION: u32 = 1;

pub(super) fn document(shown: &Shown<'_>) -> Value {
    match shown {
        Shown::Check(host, report, _) => versioned("check", check(host, report)),
        Shown::Explain(items) => {
            let items: Vec<Value> = items.iter().map(|item| explain(item)).collect();
            versioned("explain", json!({ "items": items }))
        }
        Shown::Plan(host, report, plan) => versioned("plan", plan_body(host, report, plan)),
        Shown::Applied(applied) => versioned("apply", applied_body(applied)),
        Shown::Undone(undone) => versioned("undo", json!({ "entries": entries(undone) })),
        Shown::Verified(verified, missing) => versioned("verify", verified_body(verified, missing)),
        Shown::Paths(command, paths) => versioned(command, json!({ "paths": paths })),
        Shown::Disk(figures) => versioned("measure disk", json!(figures)),
        Shown::Net(figures) => versioned("measure net", json!(figures)),
        Shown::Cpu(figures) => versioned("measure cpu", json!(figures)),
    }
}

fn check(host: &Host<'_>, report: &Report) -> Value {
    json!({
        "host": host_body(host),
        "score": report.score(),
        "findings": report.lines.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn host_body(host: &Host<'_>) -> Value {
    json!({
        "kind": host.kind,
        "profile": host.wish.profile,
        "online_cpus": host.online.to_string(),
        "shard_cores": host.shards.to_string(),
        "data_dir": host.wish.data_dir,
        "disks": host.disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(),
        "network_cards": host.nics.iter().map(|nic| nic.name.as_str()).collect::<Vec<_>>(),
    })
}

fn finding(line: &Line) -> Value {
    let Line { item, finding } = line;
    let (status, because) = match &finding.status {
        Status::Ok => ("ok", None),
        Status::Short => ("short", None),
        Status::Info => ("info", None),
        Status::NotApplicable(because) => ("not_applicable", Some(because)),
        Status::Unknown(because) => ("unknown", Some(because)),
    };
    let (remedy, manual) = match &finding.remedy {
        Remedy::None => ("none", None),
        Remedy::Write(_) => ("apply", None),
        Remedy::Manual(text) => ("manual", Some(text)),
        Remedy::KernelLine(text) => ("kernel_line", Some(text)),
    };
    json!({
        "item": item.id, "subject": finding.subject, "why": item.why, "now": finding.now,
        "wanted": finding.wanted, "severity": line.severity(), "status": status,
        "because": because, "remedy": remedy, "manual": manual, "source": item.source,
    })
}

fn explain(item: &Item) -> Value {
    json!({
        "item": item.id, "title": item.title, "why": item.why, "cost": item.cost,
        "risk": item.risk, "source": item.source, "severity": item.severity,
        "optional": item.optional, "in_dev_profile": item.dev,
    })
}

fn plan_body(host: &Host<'_>, report: &Report, plan: &Plan) -> Value {
    let manual = plan.manual.iter().map(|(item, text)| json!({ "item": item, "do": text }));
    json!({
        "host": host_body(host),
        "score": report.score(),
        "changes": plan.writes().map(change).collect::<Vec<_>>(),
        "manual": manual.collect::<Vec<_>>(),
        "kernel_line": plan.kernel_line,
    })
}

fn change(change: &Change) -> Value {
    json!({
        "item": change.item, "path": change.path,
        "now": change.form.value(&change.old), "wanted": change.new,
    })
}

fn applied_body(applied: &Applied) -> Value {
    let results = applied.results.iter().map(|(done, outcome)| {
        let (is, because) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::AlreadyThere => ("already_there", None),
            Outcome::Refused(because) => ("refused", Some(because)),
            Outcome::ChangedMeanwhile(found) => ("changed_meanwhile", Some(found)),
        };
        let mut body = change(done);
        body["outcome"] = json!(is);
        body["because"] = json!(because);
        body
    });
    json!({
        "complete": applied.is_complete(),
        "results": results.collect::<Vec<_>>(),
        "rolled_back": applied.rolled_back.as_ref().map(|undone| entries(undone)),
    })
}

fn entries(undone: &[Undone]) -> Vec<Value> {
    let entry = |one: &Undone| {
        let (is, because) = match &one.back {
            Back::Restored => ("restored", None),
            Back::AlreadyBack => ("already_back", None),
            Back::ChangedMeanwhile(found) => ("changed_meanwhile", Some(found)),
            Back::Gone => ("gone", None),
            Back::OtherDevice => ("other_device", None),
            Back::Waits => ("waits", None),
            Back::Refused(because) => ("refused", Some(because)),
        };
        json!({
            "item": one.change.item, "path": one.change.path,
            "old": one.change.form.value(&one.change.old), "outcome": is, "because": because,
            "kept_in_journal": one.kept,
        })
    };
    undone.iter().map(entry).collect()
}

fn verified_body(verified: &Verified, missing: &[String]) -> Value {
    let values = verified.found.journal.entries.iter().zip(&verified.values).map(|(entry, held)| {
        let (holds, shows) = match held {
            Held::Yes => (true, entry.new.clone()),
            Held::Drifted(now) => (false, now.clone()),
            Held::Gone(why) => (false, why.clone()),
        };
        json!({ "item": entry.item, "path": entry.path, "wanted": entry.new, "shows": shows, "holds": holds })
    });
    json!({
        "holds": verified.holds() && missing.is_empty(),
        "applied_in_earlier_boot": verified.found.earlier_boot,
        "kernel_line_missing": missing,
        "values": values.collect::<Vec<_>>(),
    })
}
