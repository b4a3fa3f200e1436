//! Owns live progress: a line that is rewritten on a terminal, a line per interval elsewhere, or
//! JSON lines. Never measures.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::cli::TickerKind;
use crate::recorder::Metric;
use crate::run::Progress;
use crate::series::Row;
use crate::units::show_ns;

/// See the file's first line.
#[derive(Debug)]
pub struct Ticker {
    kind: TickerKind,
    terminal: bool,
    last: Option<Instant>,
}

/// Least time between two updates of the terminal line while nothing new is measured.
const UPDATE: std::time::Duration = std::time::Duration::from_millis(250);

impl Ticker {
    /// Of a kind.
    pub fn new(kind: TickerKind) -> Ticker {
        Ticker { kind, terminal: std::io::stderr().is_terminal(), last: None }
    }

    /// Shows where the step is.
    pub fn tick(&mut self, progress: &Progress<'_>) {
        let due = self.last.is_none_or(|last| last.elapsed() > UPDATE);
        let fresh = progress.fresh_rows > 0;
        match self.kind {
            TickerKind::Json if fresh => {
                let rows = &progress.series.rows;
                for row in &rows[rows.len() - progress.fresh_rows..] {
                    // A reader that went away must not end the measurement.
                    writeln!(std::io::stdout().lock(), "{}", json(progress, row)).ok();
                }
            }
            TickerKind::Auto if self.terminal && (fresh || due) => {
                write!(std::io::stderr().lock(), "\r\x1b[2K{}", line(progress)).ok();
                self.last = Some(Instant::now());
            }
            TickerKind::Auto if fresh && !self.terminal => {
                writeln!(std::io::stderr().lock(), "{}", line(progress)).ok();
            }
            TickerKind::Json | TickerKind::Auto | TickerKind::None => {}
        }
    }

    /// Takes the terminal line away.
    pub fn end(&mut self) {
        if self.terminal && self.kind == TickerKind::Auto {
            write!(std::io::stderr().lock(), "\r\x1b[2K").ok();
        }
    }
}

fn line(progress: &Progress<'_>) -> String {
    let left_s = (progress.planned_s - progress.elapsed_s).max(0.0);
    let percent = (progress.elapsed_s / progress.planned_s.max(1e-9) * 100.0).min(100.0);
    let head = format!("{percent:3.0} %  {left_s:.0} s left");
    let Some(row) = progress.series.rows.last() else { return format!("{head}  warming up") };
    let Some(latency) = row.histogram(Metric::ScheduleToAck) else {
        let retries: u64 = row.counts.retries.values().sum();
        return format!("{head}  no answers ({retries} retries in the last interval)");
    };
    format!(
        "{head}  {} requests in the last interval  p50 {}  p99 {}  max {}  failed {}",
        row.counts.requests_acked,
        show_ns(latency.value_at_quantile(0.5)),
        show_ns(latency.value_at_quantile(0.99)),
        show_ns(latency.max()),
        progress.series.counts.failed(),
    )
}

fn json(progress: &Progress<'_>, row: &Row) -> serde_json::Value {
    let latency = row.histogram(Metric::ScheduleToAck);
    let at = |quantile| latency.as_ref().map(|h| h.value_at_quantile(quantile));
    serde_json::json!({
        "elapsed_s": progress.elapsed_s,
        "eta_s": (progress.planned_s - progress.elapsed_s).max(0.0),
        "rate": progress.rate,
        "interval": row.index,
        "requests_acked": row.counts.requests_acked,
        "records_acked": row.counts.records_acked,
        "records_consumed": row.counts.records_consumed,
        "failed": row.counts.failed(),
        "p50_ns": at(0.5),
        "p99_ns": at(0.99),
        "p99_9_ns": at(0.999),
        "max_ns": latency.as_ref().map(|h| h.max()),
    })
}
