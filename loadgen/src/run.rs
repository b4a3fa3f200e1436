//! Owns one step from connecting to results: starts the threads, opens the window, collects
//! intervals, ends early when told or when nothing moves. Never prints and never writes files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use kafka_protocol::messages::{FetchRequest, ProduceRequest};

use crate::consumer;
use crate::control::{Client, LATEST};
use crate::keys::{KeyChoice, KeyTable};
use crate::ledger::Ledger;
use crate::nav::{Map, Navigator};
use crate::producer::book::Book;
use crate::producer::{self, Outcome, Start};
use crate::recorder::{Interval, Latencies};
use crate::series::Series;
use crate::session::{Clock, Purpose, Session, Window};
use crate::topics::{CONTROL_TIMEOUT, Topics};
use crate::units::duration_ns;
use crate::workload::Workload;

/// How long all connections may take to stand.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the collector looks at the clock.
const COLLECT_TURN: Duration = Duration::from_millis(50);

/// Set by Ctrl-C; the run then ends early and keeps what it has.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A connected broker, topics and ids: what the steps of a run share.
#[derive(Debug)]
pub struct Setup {
    /// The workload.
    pub workload: Workload,
    /// Topics, deleted when dropped.
    pub topics: Topics,
    /// First map.
    pub map: Arc<Map>,
    /// Control connection.
    pub client: Client,
    /// Tells this run's records from others'.
    pub run_id: u32,
    /// Start of random choices.
    pub seed: u64,
    produce_version: i16,
    fetch_version: i16,
    keys: Option<Arc<KeyTable>>,
}

/// Results of a step.
#[derive(Debug)]
pub struct Step {
    /// Offered records per second; `None` in closed loop.
    pub rate: Option<f64>,
    /// Measured seconds.
    pub measured_s: f64,
    /// Start of the schedule.
    pub started: SystemTime,
    /// Latencies and counts.
    pub series: Series,
    /// Share of a CPU that each producer thread used.
    pub cpu_shares: Vec<f64>,
    /// Why the step ended before its time.
    pub partial: Option<String>,
    /// Movement of the wall clock against the monotonic clock.
    pub wall_drift_ns: i64,
    /// For the judge.
    pub ledger: Ledger,
}

/// What the ticker sees now and then.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The step so far.
    pub series: &'a Series,
    /// Rows that were closed since the last call.
    pub fresh_rows: usize,
    /// Seconds since the schedule began.
    pub elapsed_s: f64,
    /// Seconds of warm-up and measuring.
    pub planned_s: f64,
    /// Offered rate.
    pub rate: Option<f64>,
}

impl Setup {
    /// Connects, prepares topics and reads the map.
    pub fn new(workload: Workload) -> Result<Setup> {
        let mut client = Client::connect_any(&workload.bootstrap, CONTROL_TIMEOUT)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seed = if workload.seed == 0 { duration_ns(now) } else { workload.seed };
        let run_id = fastrand::Rng::with_seed(duration_ns(now)).u32(..);
        let topics = Topics::prepare(&mut client, &workload, run_id)?;
        let map = Arc::new(topics.map(&mut client)?);
        let partitions = map.targets.len() / map.topics.len().max(1);
        let keys = (workload.keys != KeyChoice::None)
            .then(|| Arc::new(KeyTable::new(workload.keys, workload.key_count, partitions)));
        Ok(Setup {
            produce_version: client.version::<ProduceRequest>()?,
            fetch_version: client.version::<FetchRequest>()?,
            workload,
            topics,
            map,
            client,
            run_id,
            seed,
            keys,
        })
    }

    /// Runs one step at `rate`.
    pub fn step(
        &mut self,
        rate: Option<f64>,
        purpose: Purpose,
        on_progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Step> {
        let session = Arc::new(self.session(rate, purpose));
        let (done, intervals) = channel();
        let crew = Crew::start(self, &session, &done)?;
        drop(done);
        crew.wait_ready(&session)?;
        session.window.open(session.clock.now_ns());
        let started = SystemTime::now();
        let mut series = Series::default();
        let partial = crew.collect(&session, &intervals, &mut series, on_progress);
        let outcomes = crew.join()?;
        let measured_ns = session.window.end_ns().saturating_sub(session.window.measure_ns());
        let mut ledger = Ledger::default();
        let cpu_shares = outcomes.iter().map(|outcome| outcome.cpu_share).collect();
        outcomes.into_iter().for_each(|outcome| ledger.merge(outcome.ledger));
        Ok(Step {
            rate,
            measured_s: measured_ns as f64 / 1e9,
            started,
            series,
            cpu_shares,
            partial,
            wall_drift_ns: session.clock.wall_drift_ns(),
            ledger,
        })
    }

    fn session(&self, rate: Option<f64>, purpose: Purpose) -> Session {
        Session {
            clock: Clock::start(),
            window: Window::new(&self.workload),
            workload: self.workload.clone(),
            rate,
            purpose,
            run_id: self.run_id,
            seed: self.seed,
            produce_version: self.produce_version,
            fetch_version: self.fetch_version,
            keys: self.keys.clone(),
            ready: AtomicUsize::new(0),
            producers_done: AtomicBool::new(false),
        }
    }

    fn producer_ids(&mut self, count: usize) -> Result<Vec<Option<(i64, i16)>>> {
        (0..count)
            .map(|_| match self.workload.idempotence {
                true => Ok(Some(self.client.init_producer_id()?)),
                false => Ok(None),
            })
            .collect()
    }
}

/// The threads of a step.
struct Crew {
    producers: Vec<JoinHandle<Result<Outcome>>>,
    consumers: Vec<JoinHandle<Result<()>>>,
    spares: Vec<Sender<Latencies>>,
    threads: usize,
}

impl Crew {
    fn start(setup: &mut Setup, session: &Arc<Session>, done: &Sender<Interval>) -> Result<Crew> {
        let navigator = Navigator::start(
            setup.workload.bootstrap.clone(),
            Arc::clone(&setup.map),
            CONTROL_TIMEOUT,
        );
        let producers = u32::try_from(setup.workload.producers)?;
        let threads = setup.workload.threads.min(setup.workload.producers);
        let mut crew =
            Crew { producers: Vec::new(), consumers: Vec::new(), spares: Vec::new(), threads };
        crew.start_consumers(setup, session, done, &navigator)?;
        for thread in 0..threads {
            let numbers: Vec<u32> = (0..producers)
                .filter(|number| crate::units::to_usize(u64::from(*number)) % threads == thread)
                .collect();
            let start = Start {
                session: Arc::clone(session),
                map: Arc::clone(&setup.map),
                navigator: navigator.clone(),
                ids: setup.producer_ids(numbers.len())?,
                producers: numbers,
                cpu: setup.workload.pin.get(thread).copied(),
            };
            let book = crew.book(done);
            let handle = std::thread::Builder::new()
                .name(format!("producers-{thread}"))
                .spawn(move || producer::run(start, book))
                .context("start a producer thread")?;
            crew.producers.push(handle);
        }
        Ok(crew)
    }

    /// Consumers start at the end of the log, before the first record of this step is sent.
    fn start_consumers(
        &mut self,
        setup: &Setup,
        session: &Arc<Session>,
        done: &Sender<Interval>,
        navigator: &Navigator,
    ) -> Result<()> {
        let workload = &setup.workload;
        if workload.consumers == 0 {
            return Ok(());
        }
        let offsets = consumer::offsets(&setup.map, LATEST, CONTROL_TIMEOUT)?;
        let group = consumer::assign(setup.map.targets.len(), workload.consumers, &offsets);
        let all: Vec<_> = std::iter::repeat_n(group, workload.groups).flatten().collect();
        let threads = workload.threads.min(all.len());
        for thread in 0..threads {
            let start = consumer::Start {
                session: Arc::clone(session),
                map: Arc::clone(&setup.map),
                navigator: navigator.clone(),
                consumers: all.iter().skip(thread).step_by(threads).cloned().collect(),
                cpu: workload.pin.get(workload.threads + thread).copied(),
            };
            let book = self.book(done);
            let handle = std::thread::Builder::new()
                .name(format!("consumers-{thread}"))
                .spawn(move || consumer::run(start, book))
                .context("start a consumer thread")?;
            self.consumers.push(handle);
            self.threads += 1;
        }
        Ok(())
    }

    fn book(&mut self, done: &Sender<Interval>) -> Book {
        let (spare, spares) = channel();
        self.spares.push(spare);
        Book::new(done.clone(), spares)
    }

    fn wait_ready(&self, session: &Session) -> Result<()> {
        let until = Instant::now() + READY_TIMEOUT;
        while session.ready.load(Ordering::Acquire) < self.threads {
            let ended = self.producers.iter().any(JoinHandle::is_finished)
                || self.consumers.iter().any(JoinHandle::is_finished);
            if ended {
                // Its error comes out of join().
                session.window.stop(0);
                return Ok(());
            }
            if Instant::now() > until || INTERRUPTED.load(Ordering::Acquire) {
                session.window.stop(0);
                bail!(
                    "not all connections stood within {READY_TIMEOUT:?}: the broker answers, but \
                     an advertised address does not (check advertised.listeners)"
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Merges intervals until every thread has ended. Returns why it ended early, if it did.
    fn collect(
        &self,
        session: &Session,
        intervals: &Receiver<Interval>,
        series: &mut Series,
        on_progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Option<String> {
        let mut partial = None;
        let mut watch = Watch::new(session);
        loop {
            match intervals.recv_timeout(COLLECT_TURN) {
                Ok(interval) => {
                    watch.saw(&interval, session.clock.now_ns());
                    let cleared = series.take(interval);
                    // Whose histograms they were does not matter: all are alike.
                    let turn = series.rows.len() % self.spares.len().max(1);
                    if let Some(spare) = self.spares.get(turn) {
                        spare.send(cleared).ok();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now_ns = session.clock.now_ns();
            if self.producers.iter().all(JoinHandle::is_finished) {
                session.producers_done.store(true, Ordering::Release);
            }
            if partial.is_none()
                && let Some(why) = watch.reason_to_stop(session, now_ns)
            {
                session.window.stop(now_ns);
                partial = Some(why);
            }
            if now_ns < session.window.end_ns() {
                let interval = session.window.interval_of(now_ns);
                report(session, series, interval, on_progress);
            }
        }
        report(session, series, u64::MAX, on_progress);
        partial
    }

    fn join(self) -> Result<Vec<Outcome>> {
        for thread in self.consumers {
            thread.join().map_err(|_| anyhow!("a consumer thread panicked"))??;
        }
        self.producers
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a producer thread panicked"))?)
            .collect()
    }
}

fn report(
    session: &Session,
    series: &mut Series,
    interval: u64,
    on_progress: &mut dyn FnMut(&Progress<'_>),
) {
    let fresh_rows = series.close_before(interval);
    let now_ns = session.clock.now_ns();
    let start_ns = session.window.start_ns().unwrap_or(now_ns);
    on_progress(&Progress {
        series,
        fresh_rows,
        elapsed_s: now_ns.saturating_sub(start_ns) as f64 / 1e9,
        planned_s: session.window.end_ns().saturating_sub(start_ns) as f64 / 1e9,
        rate: session.rate,
    });
}

/// Notices that a run makes no sense any more.
struct Watch {
    last_answer_ns: u64,
    patience_ns: u64,
}

impl Watch {
    fn new(session: &Session) -> Watch {
        let patience = session.workload.delivery_timeout.0.max(session.workload.interval.0 * 3);
        Watch { last_answer_ns: session.clock.now_ns(), patience_ns: duration_ns(patience) }
    }

    fn saw(&mut self, interval: &Interval, now_ns: u64) {
        if interval.counts.requests_acked > 0 || interval.counts.records_consumed > 0 {
            self.last_answer_ns = now_ns;
        }
    }

    fn reason_to_stop(&self, session: &Session, now_ns: u64) -> Option<String> {
        if now_ns >= session.window.end_ns() {
            return None;
        }
        if INTERRUPTED.load(Ordering::Acquire) {
            return Some("interrupted by the user".to_owned());
        }
        let measuring_since = self.last_answer_ns.max(session.window.measure_ns());
        (now_ns > measuring_since.saturating_add(self.patience_ns)).then(|| {
            let waited = Duration::from_nanos(self.patience_ns);
            format!("no request was answered for {waited:?}: the broker died or hangs")
        })
    }
}
