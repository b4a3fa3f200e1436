//! Owns a consumer thread: long-polls the leaders of its partitions, times the first record of each
//! batch against its intended send time, and follows leaders that move. One thread drives many
//! consumers. Never commits offsets and never judges; see `judge.rs`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::link::{Flushed, Link};
use crate::nav::{Mailbox, Map, Navigator, Tell};
use crate::payload::Stamp;
use crate::poller::Poller;
use crate::producer::book::Book;
use crate::recorder::Metric;
use crate::session::Session;
use crate::units::{duration_ns, to_i32, to_usize};
use crate::wire::{self, batch};

/// The poller's token of the mailbox; lanes use their index.
const MAIL_TOKEN: u64 = u64::MAX;
/// How often reconnections are looked at.
const CHORES: Duration = Duration::from_millis(20);
/// Wait before a lost connection is tried again, and after an error.
const RETRY_NS: u64 = 50_000_000;
/// A fetch that is not answered this long after its longest wait is given up.
const GRACE_NS: u64 = 10_000_000_000;
/// After the producers have ended, a thread that got nothing for this long has read the tail.
const TAIL_NS: u64 = 1_000_000_000;
/// Error code of a fetch at an offset that is gone.
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// One consumer: its partitions, as indexes into the map's targets, and where each stands.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    /// Next offset by target.
    pub positions: BTreeMap<usize, i64>,
}

/// What a consumer thread is started with.
#[derive(Debug)]
pub struct Start {
    /// Shared by all threads.
    pub session: Arc<Session>,
    /// First map.
    pub map: Arc<Map>,
    /// The navigator.
    pub navigator: Navigator,
    /// This thread's consumers.
    pub consumers: Vec<Assignment>,
    /// CPU to pin to.
    pub cpu: Option<usize>,
}

/// A consumer's connection to a broker.
#[derive(Debug)]
struct Lane {
    consumer: usize,
    broker: i32,
    link: Option<Link>,
    connecting: bool,
    not_before_ns: u64,
    /// When the outstanding fetch was sent.
    asked_ns: Option<u64>,
    correlation_id: i32,
    watches_writes: bool,
}

#[derive(Debug)]
struct Worker {
    session: Arc<Session>,
    map: Arc<Map>,
    navigator: Navigator,
    mailbox: Mailbox,
    mail: Receiver<Tell>,
    poller: Poller,
    consumers: Vec<Assignment>,
    lanes: Vec<Lane>,
    lane_of: HashMap<(usize, i32), usize>,
    book: Book,
    /// When the last batch arrived, or the producers were still running.
    delivered_ns: u64,
}

/// Spreads the targets over `consumers` of a group, each target to exactly one.
pub fn assign(targets: usize, consumers: usize, offsets: &[i64]) -> Vec<Assignment> {
    let mut spread = vec![Assignment::default(); consumers];
    for target in 0..targets {
        spread[target % consumers].positions.insert(target, offsets[target]);
    }
    spread
}

/// Runs a consumer thread until the session is drained.
pub fn run(start: Start, book: Book) -> Result<()> {
    if let Some(cpu) = start.cpu {
        crate::affinity::pin(cpu)?;
    }
    let (mailbox, mail) = Mailbox::new()?;
    let poller = Poller::new()?;
    poller.add(mailbox.waker().fd(), MAIL_TOKEN, false)?;
    start.navigator.subscribe(&mailbox);
    let mut worker = Worker {
        session: start.session,
        map: start.map,
        navigator: start.navigator,
        mailbox,
        mail,
        poller,
        consumers: start.consumers,
        lanes: Vec::new(),
        lane_of: HashMap::new(),
        book,
        delivered_ns: 0,
    };
    worker.work()?;
    worker.book.hand_over();
    Ok(())
}

impl Worker {
    fn work(&mut self) -> Result<()> {
        self.follow();
        let mut ready = false;
        loop {
            self.chores()?;
            if !ready && self.lanes.iter().all(|lane| lane.link.is_some()) {
                ready = true;
                self.session.ready.fetch_add(1, Ordering::AcqRel);
            }
            let now_ns = self.session.clock.now_ns();
            let done = self.session.producers_done.load(Ordering::Acquire);
            if !done {
                self.delivered_ns = now_ns;
            }
            if self.session.window.was_aborted() || (done && now_ns > self.delivered_ns + TAIL_NS) {
                return Ok(());
            }
            self.book.turn(&self.session, now_ns);
            self.poller.wait(CHORES)?;
            let events: Vec<_> = self.poller.ready().collect();
            for event in events {
                let index = to_usize(event.token);
                if event.token == MAIL_TOKEN {
                    self.read_mail()?;
                } else if event.readable {
                    self.read(index)?;
                } else {
                    self.flush(index)?;
                }
            }
        }
    }

    /// Makes sure that every partition's leader has a lane.
    fn follow(&mut self) {
        for (consumer, assignment) in self.consumers.iter().enumerate() {
            for target in assignment.positions.keys() {
                let Some(broker) = self.map.leaders.get(*target).copied().flatten() else {
                    continue;
                };
                self.lane_of.entry((consumer, broker)).or_insert_with(|| {
                    self.lanes.push(Lane {
                        consumer,
                        broker,
                        link: None,
                        connecting: false,
                        not_before_ns: 0,
                        asked_ns: None,
                        correlation_id: 0,
                        watches_writes: false,
                    });
                    self.lanes.len() - 1
                });
            }
        }
    }

    fn read_mail(&mut self) -> Result<()> {
        self.mailbox.waker().quiet();
        while let Ok(tell) = self.mail.try_recv() {
            match tell {
                Tell::Map(map) => {
                    self.map = map;
                    self.follow();
                }
                Tell::Stream { token, stream } => {
                    let lane = &mut self.lanes[token];
                    lane.connecting = false;
                    match stream {
                        Some(stream) => {
                            let link = Link::new(stream).context("set up connection")?;
                            self.poller.add(link.stream(), token as u64, false)?;
                            lane.link = Some(link);
                            lane.watches_writes = false;
                            self.ask(token)?;
                        }
                        None => self.lose(token),
                    }
                }
                Tell::ProducerId { .. } => {}
            }
        }
        Ok(())
    }

    fn chores(&mut self) -> Result<()> {
        let now_ns = self.session.clock.now_ns();
        let patience_ns = duration_ns(self.session.workload.fetch_max_wait.0) + GRACE_NS;
        let mut orphaned = false;
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if now_ns < lane.not_before_ns {
                continue;
            }
            match (&lane.link, lane.asked_ns) {
                (None, _) if !lane.connecting => {
                    lane.connecting = true;
                    self.navigator.connect(index, lane.broker, &self.mailbox);
                }
                (Some(_), None) => self.ask(index)?,
                (Some(_), Some(asked_ns)) if now_ns > asked_ns + patience_ns => self.lose(index),
                _ => {}
            }
        }
        for assignment in &self.consumers {
            orphaned |= assignment
                .positions
                .keys()
                .any(|target| self.map.leaders.get(*target).copied().flatten().is_none());
        }
        if orphaned {
            self.navigator.refresh(self.map.generation);
        }
        Ok(())
    }

    /// Sends the next fetch of a lane: all partitions of its consumer that its broker leads.
    fn ask(&mut self, index: usize) -> Result<()> {
        let lane = &mut self.lanes[index];
        let workload = &self.session.workload;
        let positions = &self.consumers[lane.consumer].positions;
        let bytes_max = i32::try_from(workload.fetch_max_bytes.0).unwrap_or(i32::MAX);
        let mut topics: BTreeMap<usize, Vec<FetchPartition>> = BTreeMap::new();
        for (target, offset) in positions {
            if self.map.leaders[*target] == Some(lane.broker) {
                let place = &self.map.targets[*target];
                topics.entry(place.topic).or_default().push(
                    FetchPartition::default()
                        .with_partition(place.partition)
                        .with_fetch_offset(*offset)
                        .with_current_leader_epoch(-1)
                        .with_partition_max_bytes(bytes_max),
                );
            }
        }
        let Some(link) = lane.link.as_mut().filter(|_| !topics.is_empty()) else {
            return Ok(());
        };
        let wait_ms = duration_ns(workload.fetch_max_wait.0) / 1_000_000;
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(i32::try_from(wait_ms).unwrap_or(i32::MAX))
            .with_min_bytes(i32::try_from(workload.fetch_min_bytes.0).unwrap_or(1))
            .with_max_bytes(bytes_max)
            .with_session_epoch(-1)
            .with_topics(
                topics
                    .into_iter()
                    .map(|(topic, partitions)| {
                        let name = StrBytes::from_string(self.map.topics[topic].clone());
                        FetchTopic::default()
                            .with_topic(TopicName(name))
                            .with_partitions(partitions)
                    })
                    .collect(),
            );
        lane.correlation_id = lane.correlation_id.wrapping_add(1);
        let version = self.session.fetch_version;
        wire::encode_request(link.output(), &request, version, lane.correlation_id)?;
        lane.asked_ns = Some(self.session.clock.now_ns());
        self.flush(index)
    }

    fn flush(&mut self, index: usize) -> Result<()> {
        let lane = &mut self.lanes[index];
        let Some(link) = &mut lane.link else { return Ok(()) };
        match link.flush() {
            Ok(flushed) => {
                let wants = flushed == Flushed::Blocked;
                if lane.watches_writes != wants {
                    lane.watches_writes = wants;
                    self.poller.modify(link.stream(), index as u64, wants)?;
                }
            }
            Err(_) => self.lose(index),
        }
        Ok(())
    }

    fn lose(&mut self, index: usize) {
        let now_ns = self.session.clock.now_ns();
        let lane = &mut self.lanes[index];
        if lane.link.take().is_some() {
            self.book.counts().disconnects += 1;
        }
        lane.asked_ns = None;
        lane.not_before_ns = now_ns + RETRY_NS;
        self.navigator.refresh(self.map.generation);
    }

    fn read(&mut self, index: usize) -> Result<()> {
        loop {
            let expected = self.lanes[index].correlation_id;
            let Some(link) = &mut self.lanes[index].link else { return Ok(()) };
            match link.fill() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(_) => {
                    self.lose(index);
                    return Ok(());
                }
            }
            let now_ns = self.session.clock.now_ns();
            match link.next_frame() {
                Ok(None) => {}
                Ok(Some(frame)) => {
                    let bytes = link.bytes(frame);
                    let answer = match wire::correlation_id(bytes) {
                        Ok(id) if id == expected => {
                            wire::decode_response::<FetchRequest>(bytes, self.session.fetch_version)
                        }
                        _ => Err(anyhow::anyhow!("another correlation id")),
                    };
                    let Ok(answer) = answer else {
                        Book::count(&mut self.book.counts().failures, "GARBLED_FETCH");
                        self.lose(index);
                        return Ok(());
                    };
                    self.lanes[index].asked_ns = None;
                    self.deliver(index, &answer, now_ns)?;
                    if self.lanes[index].not_before_ns <= now_ns {
                        self.ask(index)?;
                    }
                }
                Err(_) => {
                    self.lose(index);
                    return Ok(());
                }
            }
        }
    }

    fn deliver(&mut self, index: usize, answer: &FetchResponse, now_ns: u64) -> Result<()> {
        self.book.counts().fetches += 1;
        let consumer = self.lanes[index].consumer;
        if answer.error_code != 0 {
            self.trouble(index, answer.error_code, now_ns);
        }
        for topic in &answer.responses {
            let Some(topic_index) = self.map.topics.iter().position(|n| *n == topic.topic.as_str())
            else {
                continue;
            };
            for data in &topic.partitions {
                let place = (topic_index, data.partition_index);
                let Some(target) = self.target_of(place) else { continue };
                if data.error_code == OFFSET_OUT_OF_RANGE {
                    // Records went away by retention before they were read: go on at the start.
                    let start = data.log_start_offset.max(0);
                    self.consumers[consumer].positions.insert(target, start);
                }
                if data.error_code != 0 {
                    self.trouble(index, data.error_code, now_ns);
                } else if let Some(records) = &data.records {
                    self.take_batches(consumer, target, records, now_ns)?;
                }
            }
        }
        Ok(())
    }

    /// Targets are laid out topic by topic in partition order, so this is a binary search.
    fn target_of(&self, (topic, partition): (usize, i32)) -> Option<usize> {
        self.map
            .targets
            .binary_search_by_key(&(topic, partition), |target| (target.topic, target.partition))
            .ok()
    }

    fn take_batches(
        &mut self,
        consumer: usize,
        target: usize,
        records: &[u8],
        now_ns: u64,
    ) -> Result<()> {
        let Some(position) = self.consumers[consumer].positions.get(&target).copied() else {
            return Ok(());
        };
        let mut next = position;
        for batch in batch::batches(records) {
            let batch = batch.context("a fetched batch cannot be read")?;
            if batch.next_offset() <= position {
                continue;
            }
            next = batch.next_offset();
            self.delivered_ns = now_ns;
            let stamp = batch.first_value().ok().flatten().and_then(|value| Stamp::read(&value));
            let Some(stamp) = stamp.filter(|stamp| stamp.run_id == self.session.run_id) else {
                continue;
            };
            if self.session.window.measures(stamp.intended_ns) {
                self.book.record(Metric::EndToEnd, now_ns.saturating_sub(stamp.intended_ns));
                let counts = self.book.counts();
                counts.records_consumed += u64::try_from(batch.count).unwrap_or(0);
                counts.bytes_consumed += batch.bytes.len() as u64;
            }
        }
        self.consumers[consumer].positions.insert(target, next);
        Ok(())
    }

    fn trouble(&mut self, index: usize, code: i16, now_ns: u64) {
        Book::count(&mut self.book.counts().retries, &format!("FETCH_{}", wire::error_name(code)));
        self.lanes[index].not_before_ns = now_ns + RETRY_NS;
        self.navigator.refresh(self.map.generation);
    }
}

/// Partition lists per topic for ListOffsets, and the order to put the answers back.
pub fn by_leader(map: &Map) -> BTreeMap<(i32, usize), Vec<(usize, i32)>> {
    let mut grouped: BTreeMap<(i32, usize), Vec<(usize, i32)>> = BTreeMap::new();
    for (index, target) in map.targets.iter().enumerate() {
        let leader = map.leaders[index].unwrap_or(-1);
        grouped.entry((leader, target.topic)).or_default().push((index, target.partition));
    }
    grouped
}

/// The offset at `at` (latest or earliest) of every target, asked of its leader. A broker that has
/// just been given a partition may refuse for a moment; it is asked again until `timeout` is over.
pub fn offsets(map: &Map, at: i64, timeout: Duration) -> Result<Vec<i64>> {
    let until = Instant::now() + timeout;
    loop {
        match offsets_now(map, at, timeout) {
            Ok(found) => return Ok(found),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => std::thread::sleep(CHORES),
        }
    }
}

fn offsets_now(map: &Map, at: i64, timeout: Duration) -> Result<Vec<i64>> {
    let mut found = vec![0; map.targets.len()];
    for ((leader, topic), partitions) in by_leader(map) {
        let address = map
            .brokers
            .get(&leader)
            .with_context(|| format!("no leader for {} partitions", to_i32(partitions.len())))?;
        let mut client = crate::control::Client::connect(&address.to_string(), timeout)?;
        let indexes: Vec<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
        let answer = client.offsets(&map.topics[topic], &indexes, at)?;
        for (target, partition) in partitions {
            found[target] = *answer
                .get(&partition)
                .with_context(|| format!("no offset for partition {partition}"))?;
        }
    }
    Ok(found)
}
