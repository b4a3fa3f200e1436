//! Results for people (text) and for programs (JSON with a schema version).

use std::{fmt, io::Write, process};

use serde::Serialize;
use serde_json::json;

/// Version of every JSON document printed; grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Exit code of a command whose reader went away, as the shell shows it for SIGPIPE.
const READER_GONE: i32 = 141;

/// Prints one line of a result; ends the command quietly when nobody reads it any more.
pub(super) fn say_line(line: fmt::Arguments<'_>) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        process::exit(READER_GONE);
    }
}

/// `println!` for results: see [`say_line`].
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::output::say_line(format_args!($($text)*))
    };
}
pub(super) use say;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON document, with `schema_version`.
    Json,
}

/// Prints `result` as one JSON document.
pub(super) fn print_json(kind: &str, result: &impl Serialize) {
    let document = json!({ "schema_version": SCHEMA_VERSION, "kind": kind, "result": result });
    say!("{document:#}");
}

/// Prints rows as columns wide enough for their content.
pub(super) fn print_table(header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    say!("{}", line(header.to_vec()));
    for row in rows {
        say!("{}", line(row.iter().map(String::as_str).collect()));
    }
}
