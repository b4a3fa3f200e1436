//! `report`: one page over one or several summaries.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Ending, say};
use crate::cli::ReportArgs;
use crate::report;
use crate::summary::Summary;

/// Writes the page.
pub fn report(args: &ReportArgs) -> Result<Ending> {
    let runs = args
        .summaries
        .iter()
        .map(|path| {
            let path = if path.is_dir() { path.join("summary.json") } else { path.clone() };
            let summary = Summary::read(&path)?;
            Ok((path, summary))
        })
        .collect::<Result<Vec<(PathBuf, Summary)>>>()?;
    let page = report::page(&runs)?;
    std::fs::write(&args.html, page)
        .with_context(|| format!("write {} (is the disk full?)", args.html.display()))?;
    say(&format!("report   {}", args.html.display()));
    Ok(Ending::Ok)
}
