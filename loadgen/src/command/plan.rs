//! `plan`: what would be done, without connecting to anything.

use anyhow::Result;

use super::{Ending, say};
use crate::cli::PlanArgs;
use crate::units::show_count;
use crate::workload::{RecordSize, Workload};

/// Prints the whole workload and what follows from it.
pub fn plan(args: &PlanArgs) -> Result<Ending> {
    let workload = args.workload.resolve(toml::Table::new())?;
    say(&describe(&workload));
    say("\n# the whole workload, as a file\n");
    say(toml::to_string(&workload)?.trim_end());
    Ok(Ending::Ok)
}

fn describe(workload: &Workload) -> String {
    let mut lines = Vec::new();
    lines.push(match &workload.topic {
        Some(topic) => format!(
            "topic        {topic}: used as it is, or created with {} partitions and deleted",
            workload.partitions
        ),
        None => format!(
            "topics       {} fresh, {} partitions each, {}",
            workload.topics,
            workload.partitions,
            if workload.keep_topics { "kept" } else { "deleted afterwards" }
        ),
    });
    lines.push(format!(
        "producers    {} on {} threads, a connection to every leader, {} requests in flight",
        workload.producers,
        workload.threads.min(workload.producers),
        workload.in_flight(workload.is_open_loop())
    ));
    lines.push(format!(
        "consumers    {} ({} groups of {})",
        workload.consumers * workload.groups,
        workload.groups,
        workload.consumers
    ));
    let size = match &workload.record_size {
        RecordSize::Fixed(size) => Some(*size as f64),
        RecordSize::Uniform(least, most) => Some(f64::midpoint(*least as f64, *most as f64)),
        RecordSize::File(_) => None,
    };
    for rate in &workload.rate.0 {
        let requests = rate / workload.batch_records as f64;
        let bytes =
            size.map_or_else(String::new, |size| format!(", {:.1} MB/s", rate * size / 1e6));
        lines.push(format!(
            "step         open loop, {rate:.0} records/s in {requests:.0} requests/s{bytes}"
        ));
    }
    if workload.rate.0.is_empty() {
        lines.push(
            "step         closed loop: each answer is followed by the next request".to_owned(),
        );
    }
    let time = super::run::time_of(workload);
    let most: f64 = workload.rate.0.iter().map(|rate| rate * time.as_secs_f64()).sum();
    lines.push(format!("time         {time:?} in all"));
    if let Some(size) = size.filter(|_| most > 0.0) {
        let bytes = crate::units::round_u64(most * size);
        lines.push(format!("disk         at most about {} bytes on the broker", show_count(bytes)));
    }
    lines.join("\n")
}
