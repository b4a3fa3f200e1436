//! `floor`: what this machine can do without a broker.

use anyhow::Result;

use super::{Ending, say};
use crate::cli::FloorArgs;
use crate::floor;
use crate::provenance::Provenance;
use crate::summary::Quantiles;
use crate::units::{show_count, show_ns};

/// Measures and prints it.
pub fn floor(args: &FloorArgs) -> Result<Ending> {
    let floor = floor::measure(&args.folder)?;
    if args.json {
        say(&serde_json::to_string_pretty(&floor)?);
        return Ok(Ending::Ok);
    }
    let machine = Provenance::of_machine(&args.folder);
    let line = |title: &str, of: &Quantiles| {
        say(&format!(
            "  {title:<42}{:>9}{:>9}{:>9}{:>9}{:>12}",
            show_ns(of.p50),
            show_ns(of.p99),
            show_ns(of.p99_9),
            show_ns(of.max),
            show_count(of.count)
        ));
    };
    say(&format!(
        "disk     {}{}",
        machine.file_system.as_deref().unwrap_or("unknown file system"),
        if floor.direct { ", direct I/O" } else { ", through the page cache (no direct I/O)" }
    ));
    say(&format!("cache    {}", machine.disk_write_cache.as_deref().unwrap_or("unknown")));
    say(&format!(
        "  {:<42}{:>9}{:>9}{:>9}{:>9}{:>12}",
        "", "p50", "p99", "p99.9", "max", "samples"
    ));
    line("durable 4 KiB overwrite (RWF_DSYNC)", &floor.durable_write);
    line("1 KiB produce over loopback, no write", &floor.echo);
    line("1 KiB produce, durable before the answer", &floor.durable_echo);
    Ok(Ending::Ok)
}
