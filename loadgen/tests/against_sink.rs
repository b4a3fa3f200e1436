//! The whole tool against its built-in servers: no other broker, no fixed ports, a few seconds.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure should stop the test")]

use std::path::PathBuf;

use clap::Parser;
use loadgen::cli::Cli;
use loadgen::command::{self, Ending};
use loadgen::recorder::Metric;
use loadgen::run::Setup;
use loadgen::session::Purpose;
use loadgen::sink::store::Mutant;
use loadgen::sink::{Keep, Sink, SinkConfig};
use loadgen::summary::Summary;
use loadgen::workload::{Rates, Span, Workload};

/// A folder of a test, removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("loadgen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn sink(keep: Keep, brokers: usize) -> Sink {
    Sink::start(SinkConfig { keep, brokers, ..SinkConfig::default() }).unwrap()
}

fn tool(args: &[&str]) -> anyhow::Result<Ending> {
    let line = std::iter::once("ringlog-loadgen").chain(args.iter().copied());
    command::run(Cli::try_parse_from(line)?)
}

fn short(sink: &Sink, rate: &[f64]) -> Workload {
    Workload {
        bootstrap: sink.address(),
        rate: Rates(rate.to_vec()),
        warm_up: Span(std::time::Duration::from_millis(100)),
        duration: Span(std::time::Duration::from_millis(600)),
        interval: Span(std::time::Duration::from_millis(100)),
        ..Workload::default()
    }
}

fn judged(mutant: Mutant, more: &[&str]) -> (Ending, Summary) {
    let folder = Folder::new(&format!("judge-{mutant:?}-{}", more.len()));
    let sink = sink(Keep::Memory(mutant), 1);
    let (address, path) = (sink.address(), folder.path());
    let mut args = vec!["verify", "-b", &address, "-o", &path, "--ticker", "none", "-d", "1200ms"];
    args.extend(more);
    let ending = tool(&args).unwrap();
    assert!(sink.topics().is_empty(), "topics were left behind");
    (ending, Summary::read(&folder.0.join("summary.json")).unwrap())
}

#[test]
fn a_clean_broker_is_acquitted_even_when_connections_break() {
    for (mutant, more) in [
        (Mutant::Clean, &[][..]),
        (Mutant::CleanCrash, &[][..]),
        (Mutant::CleanCrash, &["--idempotence", "--in-flight", "5"][..]),
    ] {
        let (ending, summary) = judged(mutant, more);
        let verdict = summary.verdict.unwrap();
        assert!(verdict.is_clean(), "{mutant:?} {more:?}: {verdict:?}");
        assert_eq!(ending, Ending::Ok, "{mutant:?}");
        assert!(verdict.acknowledged > 0);
        assert_eq!(verdict.found, verdict.acknowledged + verdict.unacknowledged_present);
    }
}

#[test]
fn every_mutant_is_convicted_of_its_own_crime() {
    for mutant in [
        Mutant::Drop,
        Mutant::Duplicate,
        Mutant::Reorder,
        Mutant::Flip,
        Mutant::FlipSealed,
        Mutant::AckEarly,
        Mutant::Phantom,
    ] {
        let (ending, summary) = judged(mutant, &[]);
        assert_eq!(ending, Ending::DataWrong, "{mutant:?}");
        let f = summary.verdict.unwrap().findings;
        let crime = match mutant {
            Mutant::Drop | Mutant::AckEarly => &f.lost,
            Mutant::Duplicate => &f.duplicated,
            Mutant::Reorder => &f.reordered,
            Mutant::Flip | Mutant::FlipSealed => &f.corrupt,
            Mutant::Phantom => &f.phantom,
            Mutant::Clean | Mutant::CleanCrash => unreachable!("not a crime"),
        };
        assert!(crime.count > 0 && !crime.examples.is_empty(), "{mutant:?}: {f:?}");
    }
}

#[test]
fn open_loop_keeps_the_rate_and_measures_end_to_end() {
    let sink = sink(Keep::Memory(Mutant::Clean), 2);
    let workload = Workload { consumers: 2, groups: 2, ..short(&sink, &[2000.0]) };
    let mut setup = Setup::new(workload).unwrap();
    let step = setup.step(Some(2000.0), Purpose::EndToEnd, &mut |_| {}).unwrap();
    let (acked, unsent) = (step.series.counts.records_acked, step.series.counts.requests_unsent);
    assert_eq!(acked + unsent, 1200, "0.6 s at 2000/s; {:?}", step.series.counts);
    assert_eq!(step.series.counts.records_consumed, 2 * acked, "each group reads everything");
    assert_eq!(step.series.total.of(Metric::ScheduleToAck).len(), acked + unsent);
    assert_eq!(step.series.total.of(Metric::EndToEnd).len(), 2 * acked);
}

#[test]
fn leaders_that_move_and_connections_that_break_are_followed() {
    let sink = sink(Keep::Memory(Mutant::Clean), 3);
    let workload = Workload { partitions: 6, producers: 3, idempotence: true, ..short(&sink, &[]) };
    let mut setup = Setup::new(workload).unwrap();
    let mut turns = 0;
    let step = setup
        .step(None, Purpose::Judge, &mut |_| {
            turns += 1;
            match turns {
                2 | 6 => sink.move_leaders(),
                4 => sink.cut_connections(),
                _ => {}
            }
        })
        .unwrap();
    let counts = &step.series.counts;
    assert!(counts.retries.contains_key("NOT_LEADER_OR_FOLLOWER"), "{counts:?}");
    assert_eq!(counts.failed(), 0, "{counts:?}");
    assert!(counts.disconnects > 0 && counts.records_acked > 0);
}

#[test]
fn a_rate_that_cannot_be_reached_is_said_and_its_waiting_is_counted() {
    let folder = Folder::new("overload");
    let sink = sink(Keep::Durable(folder.0.clone()), 1);
    let workload = Workload { in_flight: Some(1), ..short(&sink, &[500_000.0]) };
    let spins = workload.spin;
    let mut setup = Setup::new(workload).unwrap();
    let step = setup.step(Some(500_000.0), Purpose::Load, &mut |_| {}).unwrap();
    let problems = loadgen::verdict::problems(&step, spins);
    assert!(problems.iter().any(|p| p.contains("the rate was not reached")), "{problems:?}");
    let latency = step.series.total.of(Metric::ScheduleToAck);
    assert_eq!(latency.len(), 300_000, "every scheduled request counts");
    assert!(latency.value_at_quantile(0.5) > 100_000_000, "overload must show in the median");
}

#[test]
fn every_kind_of_workload_gets_through() {
    let sink = sink(Keep::Memory(Mutant::Clean), 1);
    for more in [
        &["--keys", "zipf", "--key-count", "100", "--batch-records", "5"][..],
        &["--compression", "lz4", "--consumers", "1", "--batch-records", "3"],
        &["--compression", "zstd", "--consumers", "1"],
        &["--record-size", "40-4000", "--rate", "500", "--arrivals", "poisson"],
        &["--rate", "3000", "--batch-records", "50", "--linger", "5ms", "--consumers", "1"],
        &["--acks", "1", "--topics", "3", "--producers", "5", "--threads", "2"],
        &["--acks", "0"],
        &["--idempotence", "--rate", "400", "--spin"],
    ] {
        let folder = Folder::new("kinds");
        let (address, path) = (sink.address(), folder.path());
        let mut args = vec![
            "run",
            "-b",
            &address,
            "-o",
            &path,
            "--ticker",
            "none",
            "-d",
            "400ms",
            "--warm-up",
            "100ms",
            "--interval",
            "100ms",
        ];
        args.extend(more);
        let ending = tool(&args).unwrap();
        let summary = Summary::read(&folder.0.join("summary.json")).unwrap();
        let step = &summary.steps[0];
        assert_eq!(step.counts.failed(), 0, "{more:?}: {:?}", step.counts);
        assert!(step.counts.records_acked > 0, "{more:?}");
        if more.contains(&"--consumers") {
            assert_eq!(step.counts.records_consumed, step.counts.records_acked, "{more:?}");
        }
        // A busy machine may make a short run invalid, but only for lateness.
        assert!(ending == Ending::Ok || !step.problems.is_empty(), "{more:?}");
        for file in ["report.html", "series.csv", "step-1.hlog", "step-1.schedule_to_ack.hgrm"] {
            assert!(folder.0.join(file).exists(), "{more:?}: {file}");
        }
    }
    assert!(sink.topics().is_empty(), "topics were left behind");
}

#[test]
fn two_runs_are_compared_and_reported_in_one_page() {
    let sink = sink(Keep::Nothing, 1);
    let folder = Folder::new("compare");
    let address = sink.address();
    for name in ["a", "b"] {
        let path = folder.0.join(name).display().to_string();
        tool(&[
            "run",
            "-b",
            &address,
            "-o",
            &path,
            "--ticker",
            "none",
            "--rate",
            "1000,2000",
            "-d",
            "1s",
            "--warm-up",
            "0s",
            "--interval",
            "100ms",
            "--remark",
            name,
        ])
        .unwrap();
    }
    let (a, b) =
        (folder.0.join("a").display().to_string(), folder.0.join("b").display().to_string());
    // Ten thousand per cent: whatever the machine does meanwhile, it is not that.
    assert_eq!(tool(&["compare", &a, &b, "--fail-if", "p50>+10000%"]).unwrap(), Ending::Ok);
    let html = folder.0.join("both.html").display().to_string();
    tool(&["report", &a, &b, "--html", &html]).unwrap();
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("a: 1000/s") && page.contains("b: 2000/s"));
    assert!(page.matches("<svg").count() >= 6, "curves, knee, timelines");
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http://") && !outside.contains("https://"), "no network access");
}

#[test]
fn search_finds_a_rate_and_an_impossible_objective_is_missed() {
    let sink = sink(Keep::Nothing, 1);
    let folder = Folder::new("search");
    let (address, path) = (sink.address(), folder.path());
    let common =
        ["-b", &address, "-o", &path, "--ticker", "none", "-d", "200ms", "--warm-up", "0s"];
    let impossible = ["search", "--slo", "p50<1ns", "--rate", "2"];
    let args: Vec<&str> = impossible.iter().chain(&common).copied().collect();
    assert_eq!(tool(&args).unwrap(), Ending::SloMissed);
    let missed = ["run", "--slo", "p50<1ns", "--rate", "100"];
    let args: Vec<&str> = missed.iter().chain(&common).copied().collect();
    assert_eq!(tool(&args).unwrap(), Ending::SloMissed);
}

#[test]
fn what_cannot_work_is_said_before_any_load() {
    let sink = sink(Keep::Nothing, 1);
    let address = sink.address();
    let folder = Folder::new("refused");
    let path = folder.path();
    let failure = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["-o", &path]).collect();
        format!("{:#}", tool(&args).unwrap_err())
    };
    assert!(failure(&["run", "-b", "127.0.0.1:1"]).contains("cannot reach"));
    assert!(failure(&["verify", "-b", &address, "--acks", "0"]).contains("promises nothing"));
    assert!(failure(&["run", "-b", &address, "-s", "@/no/such/file"]).contains("no/such/file"));
    let unwritable = tool(&["run", "-b", &address, "-o", "/proc/no"]).unwrap_err();
    assert!(format!("{unwritable:#}").contains("cannot be written"));
    assert!(sink.topics().is_empty(), "topics were left behind");
}
