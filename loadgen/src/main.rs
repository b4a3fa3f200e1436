//! The command line of `ringlog-loadgen`. Never does the work itself.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool answers on standard output")]

use anyhow::Result;
use clap::Parser;
use loadgen::cli::{Cli, Command, RunArgs, SinkArgs};
use loadgen::recorder::Metric;
use loadgen::run::Setup;
use loadgen::session::Purpose;
use loadgen::sink::{Keep, Sink, SinkConfig};
use loadgen::units::{show_count, show_ns};

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Sink(args) => sink(args),
    }
}

fn sink(args: SinkArgs) -> Result<()> {
    let keep = match (args.durable, args.mutant) {
        (Some(folder), _) => Keep::Durable(folder),
        (None, Some(mutant)) => Keep::Memory(mutant),
        (None, None) => Keep::Nothing,
    };
    let sink = Sink::start(SinkConfig {
        listen: args.listen,
        brokers: args.brokers,
        keep,
        auto_create: false,
        ..SinkConfig::default()
    })?;
    println!("listening on {}", sink.address());
    loop {
        std::thread::park();
    }
}

fn run(args: &RunArgs) -> Result<()> {
    let workload = args.workload.resolve(toml::Table::new())?;
    let rates: Vec<Option<f64>> = if workload.rate.0.is_empty() {
        vec![None]
    } else {
        workload.rate.0.iter().copied().map(Some).collect()
    };
    let mut setup = Setup::new(workload)?;
    for rate in rates {
        let step = setup.step(rate, Purpose::Load, &mut |_| {})?;
        let counts = &step.series.counts;
        println!(
            "rate {rate:?}: {} requests, {:.0} records/s, {:.1} MB/s in {:.1} s, cpu {:?}, failures {:?} retries {:?} unsent {} partial {:?}",
            show_count(counts.requests_acked),
            counts.records_acked as f64 / step.measured_s,
            counts.bytes_acked as f64 / step.measured_s / 1e6,
            step.measured_s,
            step.cpu_shares,
            counts.failures,
            counts.retries,
            counts.requests_unsent,
            step.partial,
        );
        for metric in Metric::ALL {
            let histogram = step.series.total.of(metric);
            if histogram.is_empty() {
                continue;
            }
            let at = |q: f64| show_ns(histogram.value_at_quantile(q));
            println!(
                "  {:<26} p50 {} p99 {} p99.9 {} max {} (n={})",
                metric.title(),
                at(0.5),
                at(0.99),
                at(0.999),
                show_ns(histogram.max()),
                histogram.len()
            );
        }
    }
    setup.topics.remove()
}
