//! Owns a producer thread: takes due batches from the schedules, sends them to the partition's
//! leader and times the answers. One thread drives many producers. Never blocks but in the poller.

pub mod answer;
pub mod book;
pub mod lane;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::ledger::Ledger;
use crate::link::{Flushed, Link};
use crate::nav::{Mailbox, Map, Navigator, Tell};
use crate::payload::Stamp;
use crate::poller::Poller;
use crate::recorder::Metric;
use crate::schedule::{Schedule, Slot};
use crate::session::{Purpose, Session};
use crate::template::{Patch, Stamps};
use crate::units::{duration_ns, to_usize};
use book::Book;
use lane::{Due, Lane, Numbers, Sent, State};

/// Batches that may wait in a thread's lanes; beyond it they wait in the schedule, which keeps
/// their intended times all the same.
const PENDING_MAX: usize = 100_000;
/// Closer to the next due time than this, the thread spins instead of sleeping.
const SPIN_NS: u64 = 20_000;
/// How often timeouts and reconnections are looked at.
const CHORES_NS: u64 = 20_000_000;
/// Longest wait for answers after the end.
const DRAIN_NS_MAX: u64 = 30_000_000_000;
/// The poller's token of the mailbox; lanes use their index.
const MAIL_TOKEN: u64 = u64::MAX;

/// What a producer thread leaves behind.
#[derive(Debug)]
pub struct Outcome {
    /// For the judge; empty otherwise.
    pub ledger: Ledger,
    /// Share of the thread's time that it used a CPU.
    pub cpu_share: f64,
}

/// What a thread is started with.
#[derive(Debug)]
pub struct Start {
    /// Shared by all threads.
    pub session: Arc<Session>,
    /// First map.
    pub map: Arc<Map>,
    /// The navigator.
    pub navigator: Navigator,
    /// Numbers of this thread's producers.
    pub producers: Vec<u32>,
    /// Producer ids given by the broker, with idempotence.
    pub ids: Vec<Option<(i64, i16)>>,
    /// CPU to pin to.
    pub cpu: Option<usize>,
}

#[derive(Debug)]
struct Producer {
    number: u32,
    schedule: Option<Schedule>,
    next: Slot,
    turn: usize,
    id: Option<(i64, i16)>,
    /// The broker took the id back; a new one is on its way.
    waits_for_id: bool,
    sequences: Vec<i32>,
    random: fastrand::Rng,
}

/// The thread's state.
#[derive(Debug)]
pub struct Worker {
    session: Arc<Session>,
    map: Arc<Map>,
    navigator: Navigator,
    mailbox: Mailbox,
    mail: Receiver<Tell>,
    poller: Poller,
    producers: Vec<Producer>,
    lanes: Vec<Lane>,
    lane_of: HashMap<(usize, i32), usize>,
    /// Next due time of each open-loop producer.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// Batches whose partition has no leader now.
    homeless: Vec<(usize, Due)>,
    marked: Vec<usize>,
    pending: usize,
    in_flight: usize,
    shapes: crate::shapes::Shapes,
    book: Book,
    ledger: Ledger,
    chores_at_ns: u64,
    /// The window is over; only answers are awaited.
    ended: bool,
}

/// Runs a producer thread to its end.
pub fn run(start: Start, book: Book) -> Result<Outcome> {
    if let Some(cpu) = start.cpu {
        crate::affinity::pin(cpu)?;
    }
    let mut worker = Worker::new(start, book)?;
    let cpu_from = crate::affinity::thread_cpu_ns();
    worker.connect_all()?;
    let from_ns = worker.session.clock.now_ns();
    worker.work()?;
    let wall_ns = worker.session.clock.now_ns().saturating_sub(from_ns).max(1);
    let cpu_share =
        crate::affinity::thread_cpu_ns().saturating_sub(cpu_from) as f64 / wall_ns as f64;
    worker.book.hand_over();
    Ok(Outcome { ledger: worker.ledger, cpu_share })
}

impl Worker {
    fn new(start: Start, book: Book) -> Result<Worker> {
        let (mailbox, mail) = Mailbox::new()?;
        let poller = Poller::new()?;
        poller.add(mailbox.waker().fd(), MAIL_TOKEN, false)?;
        start.navigator.subscribe(&mailbox);
        let targets = start.map.targets.len();
        let producers = start
            .producers
            .iter()
            .zip(start.ids)
            .map(|(number, id)| Producer {
                number: *number,
                schedule: None,
                next: Slot { intended_ns: 0, ready_ns: 0, records: 0 },
                // Producers start at different partitions, so that few of them still use all.
                turn: to_usize(u64::from(*number)) % targets.max(1),
                id,
                waits_for_id: false,
                sequences: vec![0; targets],
                random: start.session.random(u64::from(*number) + 1),
            })
            .collect();
        let shapes = crate::shapes::Shapes::new(&start.session, &start.map)?;
        Ok(Worker {
            shapes,
            session: start.session,
            map: start.map,
            navigator: start.navigator,
            mailbox,
            mail,
            poller,
            producers,
            lanes: Vec::new(),
            lane_of: HashMap::new(),
            due: BinaryHeap::new(),
            homeless: Vec::new(),
            marked: Vec::new(),
            pending: 0,
            in_flight: 0,
            book,
            ledger: Ledger::default(),
            chores_at_ns: 0,
            ended: false,
        })
    }

    /// Connects every producer to every leader and waits for the common start.
    fn connect_all(&mut self) -> Result<()> {
        let mut brokers: Vec<i32> = self.map.leaders.iter().flatten().copied().collect();
        brokers.sort_unstable();
        brokers.dedup();
        for producer in 0..self.producers.len() {
            for broker in &brokers {
                self.lane(producer, *broker);
            }
        }
        let mut reported = false;
        while self.session.window.start_ns().is_none() {
            if !reported && self.lanes.iter().all(|lane| matches!(lane.state, State::Up(_))) {
                reported = true;
                self.session.ready.fetch_add(1, Ordering::AcqRel);
            }
            self.chores(self.session.clock.now_ns());
            self.poller.wait(Duration::from_millis(1))?;
            self.read_mail()?;
            if self.session.window.was_stopped() {
                break;
            }
        }
        self.begin();
        Ok(())
    }

    /// Draws the first due times, or fills the window of closed-loop producers.
    fn begin(&mut self) {
        let start_ns = self.session.window.start_ns().unwrap_or(0);
        let workload = &self.session.workload;
        let share = self.session.rate.map(|rate| rate / workload.producers as f64);
        let (arrivals, batch, linger) =
            (workload.arrivals, workload.batch_records, workload.linger_ns());
        let in_flight = self.session.in_flight();
        for index in 0..self.producers.len() {
            let Some(rate) = share else {
                let now_ns = self.session.clock.now_ns();
                (0..in_flight).for_each(|_| self.issue_closed(index, now_ns));
                continue;
            };
            let random = self.producers[index].random.fork();
            let mut schedule = Schedule::new(arrivals, rate, batch, linger, start_ns, random);
            let next = schedule.next_slot();
            self.producers[index].schedule = Some(schedule);
            self.producers[index].next = next;
            self.due.push(Reverse((next.ready_ns, index)));
        }
    }

    fn work(&mut self) -> Result<()> {
        loop {
            let now_ns = self.session.clock.now_ns();
            let end_ns = self.session.window.end_ns();
            self.book.turn(&self.session, now_ns);
            if now_ns >= self.chores_at_ns {
                self.chores(now_ns);
            }
            if now_ns >= end_ns && !std::mem::replace(&mut self.ended, true) {
                // What fell due since the last turn still leaves, if it can.
                self.take_due(end_ns.saturating_sub(1));
                self.pump_marked()?;
            }
            if self.ended {
                self.give_up_unsent(end_ns);
                let drained = self.in_flight == 0 && self.pending == 0 && self.homeless.is_empty();
                if drained || now_ns > end_ns.saturating_add(DRAIN_NS_MAX) {
                    return Ok(());
                }
            } else {
                self.take_due(now_ns);
            }
            self.pump_marked()?;
            self.poller.wait(self.patience())?;
            self.take_events()?;
        }
    }

    /// Moves every batch that is due into the lane of its leader.
    fn take_due(&mut self, now_ns: u64) {
        let end_ns = self.session.window.end_ns();
        while let Some(Reverse((ready_ns, index))) = self.due.peek().copied() {
            if ready_ns > now_ns || self.pending >= PENDING_MAX {
                return;
            }
            self.due.pop();
            let producer = &mut self.producers[index];
            let slot = producer.next;
            if let Some(schedule) = &mut producer.schedule {
                producer.next = schedule.next_slot();
                if producer.next.intended_ns < end_ns {
                    self.due.push(Reverse((producer.next.ready_ns, index)));
                }
            }
            self.place(index, slot);
        }
    }

    /// Closed loop: the next request of a producer is due as soon as one is answered.
    fn issue_closed(&mut self, index: usize, now_ns: u64) {
        let records = self.session.workload.batch_records;
        self.place(index, Slot { intended_ns: now_ns, ready_ns: now_ns, records });
    }

    fn place(&mut self, index: usize, slot: Slot) {
        let producer = &mut self.producers[index];
        let targets = self.map.targets.len();
        let target = match &self.session.keys {
            Some(keys) => {
                // The partitioner works on one topic; keyed topics take turns.
                let partitions = targets / self.map.topics.len().max(1);
                producer.turn = (producer.turn + 1) % self.map.topics.len().max(1);
                producer.turn * partitions + keys.draw_partition(&mut producer.random)
            }
            None => {
                producer.turn = (producer.turn + 1) % targets;
                producer.turn
            }
        };
        let variant = producer.random.usize(..self.shapes.variants());
        let due = Due {
            intended_ns: slot.intended_ns,
            ready_ns: slot.ready_ns,
            records: slot.records,
            variant,
            target,
            numbered: None,
        };
        self.pending += 1;
        self.route(index, due);
    }

    /// Puts a batch into the lane of its partition's leader.
    fn route(&mut self, producer: usize, due: Due) {
        let Some(broker) = self.map.leaders.get(due.target).copied().flatten() else {
            self.homeless.push((producer, due));
            return;
        };
        let lane = self.lane(producer, broker);
        if due.numbered.is_some() {
            self.lanes[lane].requeue(due);
        } else {
            self.lanes[lane].pending.push_back(due);
        }
        self.mark(lane);
    }

    fn lane(&mut self, producer: usize, broker: i32) -> usize {
        *self.lane_of.entry((producer, broker)).or_insert_with(|| {
            self.lanes.push(Lane::new(producer, broker));
            self.chores_at_ns = 0;
            self.lanes.len() - 1
        })
    }

    fn mark(&mut self, lane: usize) {
        if !std::mem::replace(&mut self.lanes[lane].marked, true) {
            self.marked.push(lane);
        }
    }

    fn pump_marked(&mut self) -> Result<()> {
        let mut marked = std::mem::take(&mut self.marked);
        for lane in marked.drain(..) {
            self.lanes[lane].marked = false;
            self.pump(lane)?;
        }
        // Keeps the memory; a pump that failed may have marked lanes again meanwhile.
        marked.append(&mut self.marked);
        self.marked = marked;
        Ok(())
    }

    /// Sends what the lane may send.
    fn pump(&mut self, index: usize) -> Result<()> {
        let in_flight_max = self.session.in_flight();
        let mut now_ns = self.session.clock.now_ns();
        while !self.lanes[index].pending.is_empty()
            && self.lanes[index].may_send(in_flight_max, now_ns)
        {
            if self.producers[self.lanes[index].producer].waits_for_id {
                break;
            }
            if let Some(due) = self.lanes[index].pending.pop_front() {
                self.pending -= 1;
                self.send(index, due, now_ns)?;
            }
            now_ns = self.session.clock.now_ns();
        }
        self.flush(index)
    }

    fn send(&mut self, index: usize, mut due: Due, now_ns: u64) -> Result<()> {
        let lane = &mut self.lanes[index];
        let producer = &mut self.producers[lane.producer];
        let first_time = due.numbered.is_none();
        let numbers = due.numbered.unwrap_or_else(|| {
            let count = due.records as u64;
            let sequence = &mut producer.sequences[due.target];
            let base_sequence = *sequence;
            *sequence = lane::next_sequence(base_sequence, due.records);
            let stamp = match self.session.purpose {
                Purpose::Judge => self.ledger.number(producer.number, due.target, count),
                Purpose::Load | Purpose::EndToEnd => 0,
            };
            Numbers { base_sequence, stamp, producer: producer.id }
        });
        due.numbered = Some(numbers);
        let stamp = Stamp {
            run_id: self.session.run_id,
            producer: producer.number,
            sequence: numbers.stamp,
            intended_ns: due.intended_ns,
        };
        let target = &self.map.targets[due.target];
        let correlation_id = lane.correlate();
        let patch = Patch {
            correlation_id,
            partition: target.partition,
            timestamp_ms: self.session.clock.wall_ms(now_ns),
            producer: numbers.producer.map(|(id, epoch)| (id, epoch, numbers.base_sequence)),
            stamps: match self.session.purpose {
                Purpose::Load => Stamps::None,
                Purpose::EndToEnd => Stamps::First(stamp),
                Purpose::Judge => Stamps::Every(stamp),
            },
            keys: self
                .session
                .keys
                .as_deref()
                .map(|table| (table, crate::units::from_i32(target.partition).unwrap_or(0))),
        };
        let template = self.shapes.template(target.topic, due.records, due.variant)?;
        let State::Up(link) = &mut lane.state else { return Ok(()) };
        template.write(link.output(), &patch, &mut producer.random)?;
        if first_time && self.session.window.measures(due.intended_ns) {
            let ready_ns = due.ready_ns.max(lane.free_since_ns);
            self.book.counts().requests_sent += 1;
            self.book.record(Metric::Delay, now_ns.saturating_sub(due.intended_ns));
            self.book.record(Metric::OwnLateness, now_ns.saturating_sub(ready_ns));
        }
        lane.in_flight.push_back(Sent { due, correlation_id, sent_ns: now_ns });
        self.in_flight += 1;
        Ok(())
    }

    /// Writes the lane's output and adjusts what the poller watches.
    fn flush(&mut self, index: usize) -> Result<()> {
        let lane = &mut self.lanes[index];
        let State::Up(link) = &mut lane.state else { return Ok(()) };
        match link.flush() {
            Ok(flushed) => {
                let wants = flushed == Flushed::Blocked;
                if lane.watches_writes != wants {
                    lane.watches_writes = wants;
                    self.poller.modify(link.stream(), index as u64, wants)?;
                }
                if flushed == Flushed::All
                    && self.session.workload.acks == crate::workload::Acks::None
                {
                    self.count_unanswered(index);
                }
            }
            Err(_) => self.lose(index),
        }
        Ok(())
    }

    /// How long the poller may sleep.
    fn patience(&self) -> Duration {
        if !self.marked.is_empty() || self.session.workload.spin {
            return Duration::ZERO;
        }
        let now_ns = self.session.clock.now_ns();
        let due_ns = match self.due.peek() {
            Some(Reverse((ready_ns, _))) if self.pending < PENDING_MAX => *ready_ns,
            _ => u64::MAX,
        };
        let wait_ns = due_ns.min(self.chores_at_ns).saturating_sub(now_ns);
        if wait_ns < SPIN_NS { Duration::ZERO } else { Duration::from_nanos(wait_ns) }
    }

    fn take_events(&mut self) -> Result<()> {
        let ready: Vec<_> = self.poller.ready().collect();
        for event in ready {
            if event.token == MAIL_TOKEN {
                self.read_mail()?;
                continue;
            }
            let index = to_usize(event.token);
            if event.readable {
                self.read_answers(index)?;
            }
            if event.writable {
                self.flush(index)?;
                self.mark(index);
            }
        }
        Ok(())
    }

    fn read_mail(&mut self) -> Result<()> {
        self.mailbox.waker().quiet();
        while let Ok(tell) = self.mail.try_recv() {
            let now_ns = self.session.clock.now_ns();
            match tell {
                Tell::Map(map) => self.follow(map),
                Tell::ProducerId { token, producer } => self.renew(token, producer),
                Tell::Stream { token, stream: None } => {
                    self.lanes[token].down(now_ns);
                    self.navigator.refresh(self.map.generation);
                }
                Tell::Stream { token, stream: Some(stream) } => {
                    let link = Link::new(stream).context("set up connection")?;
                    self.poller.add(link.stream(), token as u64, false)?;
                    self.lanes[token].up(link, now_ns);
                    self.mark(token);
                }
            }
        }
        Ok(())
    }

    /// Uses a new map: batches whose leader moved go to the new one.
    fn follow(&mut self, map: Arc<Map>) {
        self.map = map;
        let mut moved = std::mem::take(&mut self.homeless);
        for lane in &mut self.lanes {
            lane.hold_until_ns = 0;
            let (stay, go) = std::mem::take(&mut lane.pending)
                .into_iter()
                .partition(|due| self.map.leaders[due.target] == Some(lane.broker));
            lane.pending = stay;
            moved.extend(std::collections::VecDeque::into_iter(go).map(|due| (lane.producer, due)));
        }
        for (producer, due) in moved {
            self.route(producer, due);
        }
        (0..self.lanes.len()).for_each(|lane| self.mark(lane));
    }

    /// Reconnects, wakes held lanes, gives up what is too old.
    fn chores(&mut self, now_ns: u64) {
        self.chores_at_ns = now_ns + CHORES_NS;
        if !self.homeless.is_empty() {
            self.navigator.refresh(self.map.generation);
        }
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if let State::Down { retry_at_ns } = lane.state
                && retry_at_ns <= now_ns
            {
                lane.state = State::Connecting;
                self.navigator.connect(index, lane.broker, &self.mailbox);
            }
            if !lane.pending.is_empty() {
                self.mark(index);
            }
        }
        let oldest_ns =
            now_ns.saturating_sub(duration_ns(self.session.workload.delivery_timeout.0));
        self.expire(oldest_ns);
    }
}
