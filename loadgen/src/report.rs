//! Owns the HTML report: one self-contained page over one or several runs, readable in light and
//! dark, with inline SVG and no reference to anything outside. Never measures.

mod charts;

use std::path::PathBuf;

use anyhow::Result;

use crate::recorder::Metric;
use crate::summary::{Quantiles, StepSummary, Summary};
use crate::units::{show_count, show_ns};

const STYLE: &str = include_str!("report/style.css");
const SCRIPT: &str = include_str!("report/save.js");

/// The page over runs; paths are those of their `summary.json`.
pub fn page(runs: &[(PathBuf, Summary)]) -> Result<String> {
    let title = match runs {
        [(_, run)] => format!("ringlog-loadgen {}", run.command),
        _ => format!("ringlog-loadgen: {} runs", runs.len()),
    };
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    runs.iter().for_each(|(_, run)| body.push_str(&notes(run)));
    let lines = charts::lines(runs)?;
    body.push_str(&figure(
        "Latency by percentile",
        "The axis is 1/(1−p): each step to the right is a rarer request. Counted from the intended \
         send time.",
        &charts::percentiles(&lines)?,
    ));
    for (path, run) in runs {
        let Some(svg) = charts::rates(run)? else { continue };
        let whose = match (runs.len(), &run.remark) {
            (1, _) => String::new(),
            (_, Some(remark)) => format!(": {remark}"),
            (_, None) => format!(": {}", path.display()),
        };
        body.push_str(&figure(
            &format!("Latency against offered rate{whose}"),
            "Where a line turns upwards is the knee; the upright line is the highest rate that \
             held. Hollow points were not valid (see below the numbers).",
            &svg,
        ));
    }
    for line in &lines {
        if let Some(svg) = charts::timeline(line)? {
            let heading = format!("Timeline: {}", line.name);
            body.push_str(&figure(
                &heading,
                "One point per interval. Spikes of the maximum are pauses: segment rolls, flushes, \
                 collections.",
                &svg,
            ));
        }
    }
    body.push_str(&table(runs));
    runs.iter()
        .for_each(|(path, run)| body.push_str(&provenance(&path.display().to_string(), run)));
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" \
         content=\"light dark\">\n<title>{}</title>\n<style>{STYLE}</style></head>\n<body>\n<main>\n\
         {body}</main>\n<script>{SCRIPT}</script>\n</body></html>\n",
        escape(&title)
    ))
}

fn notes(run: &Summary) -> String {
    let mut out = String::new();
    if let Some(remark) = &run.remark {
        out.push_str(&format!("<p>{}</p>\n", escape(remark)));
    }
    if let Some(why) = &run.partial {
        out.push_str(&format!("<p class=\"bad\">PARTIAL: {}</p>\n", escape(why)));
    }
    if let Some(rate) = run.highest_rate {
        let rate = show_count(crate::units::round_u64(rate));
        out.push_str(&format!("<p class=\"good\">Highest rate that held: {rate} records/s</p>\n"));
    }
    if let Some(verdict) = &run.verdict {
        let f = &verdict.findings;
        let class = if verdict.is_clean() { "good" } else { "bad" };
        out.push_str(&format!(
            "<p class=\"{class}\">Judge: {} acknowledged, lost {}, duplicated {}, reordered {}, \
             corrupt {}, phantom {}</p>\n",
            show_count(verdict.acknowledged),
            f.lost.count,
            f.duplicated.count,
            f.reordered.count,
            f.corrupt.count,
            f.phantom.count
        ));
    }
    out
}

fn figure(heading: &str, caption: &str, svg: &str) -> String {
    format!(
        "<figure><h2>{}</h2><p>{caption}</p>{svg}<button type=\"button\">Save as PNG</button>\
         </figure>\n",
        escape(heading)
    )
}

fn table(runs: &[(PathBuf, Summary)]) -> String {
    let mut out =
        "<h2>Numbers</h2>\n<div class=\"wide\"><table><thead><tr><th>run</th><th>offered \
                   /s</th><th>acknowledged /s</th><th>MB/s</th><th>latency</th><th>p50</th><th>p90\
                   </th><th>p99</th><th>p99.9</th><th>p99.99</th><th>max</th><th>samples</th></tr>\
                   </thead><tbody>\n"
            .to_owned();
    for (index, (_, run)) in runs.iter().enumerate() {
        for step in &run.steps {
            step_rows(&mut out, index + 1, step);
        }
        if let Some(floor) = &run.floor {
            let name = format!("<td>{}</td><td></td><td></td><td></td>", index + 1);
            row(&mut out, &name, "floor: loopback echo", &floor.echo);
            row(&mut out, &name, "floor: durable write", &floor.durable_write);
            row(&mut out, &name, "floor: durable echo", &floor.durable_echo);
        }
    }
    out.push_str("</tbody></table></div>\n");
    for (_, run) in runs {
        for (number, step) in run.steps.iter().enumerate() {
            for problem in &step.problems {
                out.push_str(&format!(
                    "<p class=\"bad\">Step {}: not valid: {}</p>\n",
                    number + 1,
                    escape(problem)
                ));
            }
        }
    }
    out
}

fn step_rows(out: &mut String, run: usize, step: &StepSummary) {
    let offered = step.rate.map_or("closed loop".to_owned(), |rate| format!("{rate:.0}"));
    let head = format!(
        "<td>{run}</td><td>{offered}</td><td>{:.0}</td><td>{:.1}</td>",
        step.achieved_rate, step.mb_per_s
    );
    for metric in Metric::ALL {
        if let Some(of) = step.of(metric) {
            row(out, &head, metric.title(), of);
        }
    }
}

fn row(out: &mut String, head: &str, title: &str, of: &Quantiles) {
    out.push_str(&format!("<tr>{head}<td>{}</td>", escape(title)));
    for ns in [of.p50, of.p90, of.p99, of.p99_9, of.p99_99, of.max] {
        out.push_str(&format!("<td>{}</td>", show_ns(ns)));
    }
    out.push_str(&format!("<td>{}</td></tr>\n", show_count(of.count)));
}

fn provenance(path: &str, run: &Summary) -> String {
    let p = &run.provenance;
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not known".to_owned());
    let join = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    let rows = [
        ("command", p.command_line.join(" ")),
        ("tool", format!("{} {}", p.tool_version, p.git_commit.as_deref().unwrap_or(""))),
        ("started", format!("{:.3} s since 1970, seed {}", p.started_unix_s, p.seed)),
        ("durability", p.durability()),
        ("topic settings", join(&p.topic_settings)),
        ("broker settings", join(&p.broker_settings)),
        ("brokers", p.brokers.join(", ")),
        ("broker APIs", join(&p.broker_apis)),
        ("host", format!("{}, {} CPUs: {}", text(&p.host), p.cpus, text(&p.cpu_model))),
        ("kernel", text(&p.kernel)),
        ("governor", text(&p.governor)),
        ("clock source", text(&p.clock_source)),
        ("file system", text(&p.file_system)),
        ("disk", format!("{}, write cache: {}", text(&p.disk), text(&p.disk_write_cache))),
        ("load at start", text(&p.load_average)),
        ("wall clock drift", format!("{} ns", p.wall_clock_drift_ns)),
    ];
    let mut out = format!(
        "<details open><summary>Where this comes from: {}</summary><table class=\"facts\">\n",
        escape(path)
    );
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        out.push_str(&format!("<tr><th>{name}</th><td>{}</td></tr>\n", escape(value)));
    }
    let workload = toml::to_string(&run.workload).unwrap_or_default();
    out.push_str(&format!("</table><pre>{}</pre></details>\n", escape(&workload)));
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        assert_eq!(escape("<script>\"&\""), "&lt;script&gt;&quot;&amp;&quot;");
    }
}
