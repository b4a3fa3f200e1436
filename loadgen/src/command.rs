//! Owns what all commands share: how they end, and running steps with live progress into an output
//! folder. One file per command below. Never measures.

pub mod compare;
pub mod floor;
pub mod plan;
pub mod report;
pub mod run;
pub mod search;
pub mod sink;
pub mod soak;
pub mod verify;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::cli::{Cli, Command, OutputArgs, TickerKind};
use crate::output::{Output, summarize};
use crate::provenance::Provenance;
use crate::recorder::Metric;
use crate::run::{INTERRUPTED, Setup, Step};
use crate::session::Purpose;
use crate::summary::{Floor, SCHEMA, SCHEMA_VERSION, StepSummary, Summary};
use crate::ticker::Ticker;
use crate::verdict;

/// How a command ended. The numbers are the exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All is well.
    Ok = 0,
    /// The results are not valid: see the problems.
    Invalid = 3,
    /// An objective was missed, or a comparison got worse.
    SloMissed = 4,
    /// The broker lost, changed or invented data.
    DataWrong = 5,
    /// Ctrl-C; partial results were kept.
    Interrupted = 130,
}

/// Runs the command.
pub fn run(cli: Cli) -> Result<Ending> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Quick(args) => run::quick(&args),
        Command::Search(args) => search::search(&args),
        Command::Soak(args) => soak::soak(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Report(args) => report::report(&args),
        Command::Floor(args) => floor::floor(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Sink(args) => sink::sink(args),
    }
}

/// A run in the making: the connected setup, the output folder and what was collected.
pub struct Bench {
    /// Broker, topics, ids.
    pub setup: Setup,
    /// Files.
    pub output: Output,
    /// Becomes `summary.json`.
    pub summary: Summary,
    ticker: Ticker,
}

impl Bench {
    /// Prepares the output first: a full disk should be known before the load, not after.
    pub fn prepare(
        command: &str,
        workload: crate::workload::Workload,
        args: &OutputArgs,
    ) -> Result<Bench> {
        let output = Output::create(&args.output)?;
        let mut provenance = Provenance::of_machine(output.folder());
        let mut setup = Setup::new(workload)?;
        provenance.ask_broker(&mut setup);
        let summary = Summary {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            command: command.to_owned(),
            remark: args.remark.clone(),
            valid: true,
            partial: None,
            provenance,
            workload: setup.workload.clone(),
            floor: None,
            steps: Vec::new(),
            highest_rate: None,
            verdict: None,
        };
        // JSON lines have standard output for themselves.
        TALK_ASIDE.store(args.ticker == TickerKind::Json, Ordering::Release);
        Ok(Bench { setup, output, summary, ticker: Ticker::new(args.ticker) })
    }

    /// Runs a step and writes its files. Results that cannot be written are a problem of the step.
    pub fn step(&mut self, rate: Option<f64>, purpose: Purpose) -> Result<(Step, StepSummary)> {
        let ticker = &mut self.ticker;
        let step = self.setup.step(rate, purpose, &mut |progress| ticker.tick(progress))?;
        self.ticker.end();
        let number = self.summary.steps.len() + 1;
        let interval = self.setup.workload.interval.0;
        let mut summary = summarize(number, &step);
        summary.problems = verdict::problems(&step, self.setup.workload.spin);
        if let Some(why) = &step.partial {
            summary.problems.push(format!("PARTIAL: {why}"));
            self.summary.partial = Some(why.clone());
        }
        // A full disk must not take the results with it: they are shown, and marked.
        if let Err(error) = self.output.step(number, &step, interval) {
            summary.problems.push(format!("PARTIAL: {error:#}"));
            self.summary.partial = Some(format!("results could not be written: {error:#}"));
        }
        self.summary.provenance.wall_clock_drift_ns = step.wall_drift_ns;
        Ok((step, summary))
    }

    /// Keeps a step.
    pub fn keep(&mut self, step: StepSummary) {
        self.summary.valid &= step.problems.is_empty();
        self.summary.steps.push(step);
    }

    /// Writes the summary and the report, deletes the topics, and says how it ended.
    pub fn finish(mut self) -> Result<Ending> {
        let path = self.output.summary(&self.summary)?;
        let page = crate::report::page(&[(path.clone(), self.summary.clone())])?;
        let html = self.output.file("report.html", |to| Ok(to.write_all(page.as_bytes())?))?;
        let removed = self.setup.topics.remove();
        say(&format!("\nreport   {}\nsummary  {}", html.display(), path.display()));
        if let Err(error) = removed {
            warn(&format!("could not delete the topics that were created: {error:#}"));
        }
        Ok(if INTERRUPTED.load(Ordering::Acquire) {
            Ending::Interrupted
        } else if self.summary.valid {
            Ending::Ok
        } else {
            Ending::Invalid
        })
    }
}

/// Purpose of a measuring run: with consumers, records carry their intended time.
pub fn purpose_of(workload: &crate::workload::Workload) -> Purpose {
    if workload.consumers > 0 { Purpose::EndToEnd } else { Purpose::Load }
}

/// Prints a step: rate, latencies, the floor beside them, problems.
pub fn show_step(step: &StepSummary, floor: Option<&Floor>) {
    let offered = step.rate.map_or_else(
        || "closed loop".to_owned(),
        |rate| format!("offered {rate:.0} records/s (open loop)"),
    );
    say(&format!(
        "\n{offered}: {:.0} records/s acknowledged, {:.1} MB/s, {:.1} s measured",
        step.achieved_rate, step.mb_per_s, step.measured_s
    ));
    if step.consumed_rate > 0.0 {
        say(&format!("consumed {:.0} records/s", step.consumed_rate));
    }
    say(&crate::text::latency_table(step, floor));
    if !step.counts.retries.is_empty() {
        say(&format!("retries: {:?}", step.counts.retries));
    }
    for problem in &step.problems {
        say(&format!("NOT VALID: {problem}"));
    }
}

/// Prints the histogram of what users wait for.
pub fn show_histogram(step: &Step) {
    let histogram = step.series.total.of(Metric::ScheduleToAck);
    if !histogram.is_empty() {
        say(&crate::text::bars(histogram));
    }
}

/// Set when standard output carries JSON lines: text then goes to standard error.
static TALK_ASIDE: AtomicBool = AtomicBool::new(false);

/// Results go to standard output.
pub fn say(text: &str) {
    if TALK_ASIDE.load(Ordering::Acquire) {
        warn(text);
    } else {
        // A reader that went away (`| head`) is no reason to fail.
        writeln!(std::io::stdout().lock(), "{text}").ok();
    }
}

/// Talk goes to standard error.
pub fn warn(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}
