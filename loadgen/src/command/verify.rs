//! `verify`: load, survive whatever happens to the broker, then read every partition back and judge.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Bench, Ending, say, show_step};
use crate::cli::VerifyArgs;
use crate::consumer;
use crate::control::{Client, EARLIEST, LATEST};
use crate::judge::{Finding, Judge, Verdict};
use crate::ledger::Ledger;
use crate::nav::Map;
use crate::session::Purpose;
use crate::topics::CONTROL_TIMEOUT;
use crate::wire::batch;

/// Bytes of a fetch while judging.
const FETCH_BYTES: i32 = 4 * 1024 * 1024;
/// Wait between attempts to reach a broker that is coming back.
const RETRY: Duration = Duration::from_millis(200);

/// Runs the load and judges the log.
pub fn verify(args: &VerifyArgs) -> Result<Ending> {
    let defaults: toml::Table =
        "warm-up = \"0s\"\nduration = \"10s\"\nproducers = 4\nrecord-size = 256".parse()?;
    let workload = args.workload.resolve(defaults)?;
    if workload.acks == crate::workload::Acks::None {
        bail!("acks = 0 promises nothing, so there is nothing to verify");
    }
    let rate = workload.rate.0.first().copied();
    let mut bench = Bench::prepare("verify", workload, &args.output)?;
    let from = consumer::offsets(&bench.setup.map, LATEST, CONTROL_TIMEOUT)?;
    let (step, mut summary) = bench.step(rate, Purpose::Judge)?;
    // Failed requests are what a crash test is about; the verdict below decides.
    summary.problems.retain(|problem| problem.starts_with("PARTIAL"));
    show_step(&summary, None);
    bench.keep(summary);
    say("reading the log back ...");
    let judged = judge_all(&bench, &step.ledger, &from, args.recovery_timeout.0);
    let verdict = match judged {
        Ok(verdict) => verdict,
        Err(error) => {
            bench.summary.partial = Some(format!("the log could not be read back: {error:#}"));
            bench.summary.valid = false;
            bench.finish()?;
            return Err(error.context("the log could not be read back; there is no verdict"));
        }
    };
    show(&verdict);
    let (clean, proven) = (verdict.is_clean(), verdict.acknowledged > 0);
    bench.summary.verdict = Some(verdict);
    let ending = bench.finish()?;
    if !clean {
        return Ok(Ending::DataWrong);
    }
    if !proven {
        bail!("nothing was acknowledged, so nothing was proven");
    }
    Ok(ending)
}

fn show(verdict: &Verdict) {
    say(&format!(
        "sent {}  acknowledged {}  found {}  (unacknowledged: {} in the log, {} not; both allowed)",
        verdict.sent,
        verdict.acknowledged,
        verdict.found,
        verdict.unacknowledged_present,
        verdict.unacknowledged_missing
    ));
    let findings = &verdict.findings;
    let kinds: [(&str, &Finding); 5] = [
        ("lost", &findings.lost),
        ("duplicated", &findings.duplicated),
        ("reordered", &findings.reordered),
        ("corrupt", &findings.corrupt),
        ("phantom", &findings.phantom),
    ];
    let counts: Vec<String> =
        kinds.iter().map(|(name, finding)| format!("{name}={}", finding.count)).collect();
    let word = if verdict.is_clean() { "CLEAN" } else { "DATA WRONG" };
    say(&format!("{word}: {}", counts.join(" ")));
    for (name, finding) in kinds {
        finding.examples.iter().for_each(|example| say(&format!("  {name}: {example}")));
    }
}

fn judge_all(bench: &Bench, ledger: &Ledger, from: &[i64], patience: Duration) -> Result<Verdict> {
    let until = Instant::now() + patience;
    let names = &bench.setup.topics.names;
    let bootstrap = &bench.setup.workload.bootstrap;
    // The broker may be down at this moment: wait until every partition has a leader again.
    let map = attempt(until, || {
        let mut client = Client::connect_any(bootstrap, CONTROL_TIMEOUT)?;
        let map = Map::read(names, &client.metadata(names)?)?;
        if map.leaders.contains(&None) {
            bail!("a partition has no leader");
        }
        Ok(map)
    })?;
    let ends = attempt(until, || consumer::offsets(&map, LATEST, CONTROL_TIMEOUT))?;
    let starts = attempt(until, || consumer::offsets(&map, EARLIEST, CONTROL_TIMEOUT))?;
    let mut reader = Reader { map: &map, clients: BTreeMap::new(), until };
    let mut verdict = Verdict::default();
    for index in 0..map.targets.len() {
        let place = &map.targets[index];
        let name = format!("{}-{}", map.topics[place.topic], place.partition);
        if starts[index] > from[index] {
            bail!(
                "{name}: retention removed offsets {} to {} before they were read; give the topic \
                 a longer retention",
                from[index],
                starts[index]
            );
        }
        let mut judge = Judge::new(name, bench.setup.run_id, ledger, index, from[index]);
        reader.read(index, ends[index], &mut judge)?;
        verdict.merge(judge.conclude());
    }
    Ok(verdict)
}

fn attempt<T>(until: Instant, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => std::thread::sleep(RETRY),
        }
    }
}

/// Reads partitions from their leaders, again and again if need be: a broker may go down and come
/// back while it is being judged.
struct Reader<'a> {
    map: &'a Map,
    clients: BTreeMap<i32, Client>,
    until: Instant,
}

impl Reader<'_> {
    /// Feeds the judge every batch up to offset `end`.
    fn read(&mut self, index: usize, end: i64, judge: &mut Judge<'_>) -> Result<()> {
        while judge.next_offset() < end {
            let before = judge.next_offset();
            let records = match self.fetch(index, before) {
                Ok(records) => records,
                Err(error) if Instant::now() > self.until => return Err(error),
                Err(_) => {
                    self.clients.clear();
                    std::thread::sleep(RETRY);
                    continue;
                }
            };
            for batch in batch::batches(&records) {
                judge.take(&batch?);
            }
            if judge.next_offset() == before {
                bail!("the log ends at offset {before}, and the broker says that it ends at {end}");
            }
        }
        Ok(())
    }

    fn fetch(&mut self, index: usize, offset: i64) -> Result<Bytes> {
        let place = &self.map.targets[index];
        let leader = self.map.leaders[index].context("no leader")?;
        let client = match self.clients.entry(leader) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let address = self.map.brokers.get(&leader).context("leader without an address")?;
                free.insert(Client::connect(&address.to_string(), CONTROL_TIMEOUT)?)
            }
        };
        let answer = client.call(&fetch(&self.map.topics[place.topic], place.partition, offset))?;
        let data = answer
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .find(|data| data.partition_index == place.partition)
            .context("the answer says nothing about the partition")?;
        if data.error_code != 0 {
            bail!("fetch at {offset}: {}", crate::wire::error_name(data.error_code));
        }
        Ok(data.records.unwrap_or_default())
    }
}

fn fetch(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_partition_max_bytes(FETCH_BYTES);
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES)
        .with_session_epoch(-1)
        .with_topics(vec![
            FetchTopic::default()
                .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
                .with_partitions(vec![wanted]),
        ])
}
