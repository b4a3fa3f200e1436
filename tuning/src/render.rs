//! Owns how results look: tables for people, versioned JSON for programs. Never decides anything.

mod json;
mod text;

use std::io::IsTerminal;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

pub use json::SCHEMA_VERSION;

use crate::apply::Applied;
use crate::check::Report;
use crate::host::Host;
use crate::item::Item;
use crate::measure::cpu::CpuFigures;
use crate::measure::disk::DiskFigures;
use crate::measure::net::NetFigures;
use crate::plan::Plan;
use crate::undo::Undone;
use crate::verify::Verified;

const WIDTH_PIPED: u16 = 140;
const WIDTH_MIN: u16 = 60;

/// The shape of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables.
    Text,
    /// One JSON document with `schema_version`.
    Json,
}

/// What a command has to show.
pub enum Shown<'a> {
    /// A check; `true` adds reason and source to every row.
    Check(&'a Host<'a>, &'a Report, bool),
    /// Items in full.
    Explain(&'a [&'static Item]),
    /// What apply would do.
    Plan(&'a Host<'a>, &'a Report, &'a Plan),
    /// What apply did.
    Applied(&'a Applied),
    /// What undo did.
    Undone(&'a [Undone]),
    /// What verify found, and kernel parameters that are missing.
    Verified(&'a Verified, &'a [String]),
    /// Files written or removed.
    Paths(&'static str, &'a [String]),
    /// Durable-write figures.
    Disk(&'a DiskFigures),
    /// Round-trip figures.
    Net(&'a NetFigures),
    /// Core figures.
    Cpu(&'a CpuFigures),
}

/// The whole output of a command, ready for stdout.
pub fn render(shown: &Shown<'_>, format: Format) -> String {
    match format {
        Format::Text => text::text(shown),
        Format::Json => format!("{:#}\n", json::document(shown)),
    }
}

/// Whether to colour: only on a terminal, and never with NO_COLOR (<https://no-color.org>).
fn is_colourful() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// An empty table with these column heads.
fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that does not tell its width, or a pipe, gets the same width.
    let width = table.width().filter(|width| *width >= WIDTH_MIN).unwrap_or(WIDTH_PIPED);
    table.set_width(width);
    if is_colourful() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(heads.iter().map(|head| (*head).to_owned()));
    table
}

fn coloured(text: impl Into<String>, colour: Option<Color>) -> Cell {
    let cell = Cell::new(text.into());
    match colour {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// A document with the schema version and the name of the command.
fn versioned(command: &str, body: Value) -> Value {
    let mut document = serde_json::json!({ "schema_version": SCHEMA_VERSION, "command": command });
    if let (Some(document), Value::Object(body)) = (document.as_object_mut(), body) {
        document.extend(body);
    }
    document
}
