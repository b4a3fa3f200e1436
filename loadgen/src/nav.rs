//! Owns the map of a run: which broker leads which partition and how to reach it. A navigator
//! thread refreshes it and opens connections, so that load threads never block on either.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kafka_protocol::messages::MetadataResponse;

use crate::control::{Client, resolve};
use crate::units::from_i32;

/// Shortest time between two metadata refreshes.
const REFRESH_GAP: Duration = Duration::from_millis(50);
/// How long a connection attempt of the load path may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A partition under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Index into [`Map::topics`].
    pub topic: usize,
    /// Kafka's partition index.
    pub partition: i32,
}

/// Leaders and addresses at one moment.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// Topic names.
    pub topics: Vec<String>,
    /// Partitions under load, in a fixed order.
    pub targets: Vec<Target>,
    /// Leader of each target; `None` while there is none.
    pub leaders: Vec<Option<i32>>,
    /// Address of each broker.
    pub brokers: BTreeMap<i32, SocketAddr>,
    /// Counts refreshes.
    pub generation: u64,
}

impl Map {
    /// Reads a metadata answer. Unknown topics are an error; partitions without a leader are not.
    pub fn read(topics: &[String], answer: &MetadataResponse) -> Result<Map> {
        let mut map = Map { topics: topics.to_vec(), ..Map::default() };
        for broker in &answer.brokers {
            let address = resolve(&format!("{}:{}", broker.host.as_str(), broker.port))
                .with_context(|| {
                    format!(
                        "broker {} advertises {}:{}, which cannot be resolved from here; \
                         check advertised.listeners",
                        broker.node_id.0,
                        broker.host.as_str(),
                        broker.port
                    )
                })?;
            map.brokers.insert(broker.node_id.0, address);
        }
        for (index, name) in topics.iter().enumerate() {
            let found = answer
                .topics
                .iter()
                .find(|topic| topic.name.as_ref().is_some_and(|found| found.as_str() == name));
            let Some(topic) = found else { bail!("the broker says nothing about topic {name}") };
            if topic.error_code != 0 {
                bail!("topic {name}: {}", crate::wire::error_name(topic.error_code));
            }
            let mut partitions: Vec<_> = topic.partitions.iter().collect();
            partitions.sort_by_key(|partition| partition.partition_index);
            for partition in partitions {
                from_i32(partition.partition_index).context("negative partition index")?;
                map.targets.push(Target { topic: index, partition: partition.partition_index });
                let leader = partition.leader_id.0;
                map.leaders.push(map.brokers.contains_key(&leader).then_some(leader));
            }
        }
        Ok(map)
    }
}

/// Wakes a load thread that sleeps in `epoll_wait`.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A new event descriptor.
    pub fn new() -> Result<Waker> {
        use rustix::event::{EventfdFlags, eventfd};
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).context("eventfd")?;
        Ok(Waker(Arc::new(fd)))
    }

    /// The descriptor to poll.
    pub fn fd(&self) -> &OwnedFd {
        &self.0
    }

    /// Makes the descriptor readable.
    pub fn wake(&self) {
        // EAGAIN means that it is readable already.
        // Any non-zero number wakes, so the byte order does not matter.
        rustix::io::write(&*self.0, &1_u64.to_be_bytes()).ok();
    }

    /// Makes it quiet again.
    pub fn quiet(&self) {
        rustix::io::read(&*self.0, &mut [0_u8; 8]).ok();
    }
}

/// What load threads ask for.
#[derive(Debug)]
enum Ask {
    Refresh { seen_generation: u64 },
    Connect { token: usize, broker: i32, reply: Mailbox },
    ProducerId { token: usize, reply: Mailbox },
}

/// What they get.
#[derive(Debug)]
pub enum Tell {
    /// A newer map.
    Map(Arc<Map>),
    /// A connection, or `None` when the broker cannot be reached now.
    Stream { token: usize, stream: Option<TcpStream> },
    /// A fresh producer id and epoch.
    ProducerId { token: usize, producer: Option<(i64, i16)> },
}

/// Where a load thread receives [`Tell`]s.
#[derive(Debug, Clone)]
pub struct Mailbox {
    sender: Sender<Tell>,
    waker: Waker,
}

impl Mailbox {
    /// A mailbox and its receiving end.
    pub fn new() -> Result<(Mailbox, Receiver<Tell>)> {
        let (sender, receiver) = channel();
        Ok((Mailbox { sender, waker: Waker::new()? }, receiver))
    }

    /// The waker to poll.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    fn put(&self, tell: Tell) {
        // The thread may have ended already; then nobody wants it.
        if self.sender.send(tell).is_ok() {
            self.waker.wake();
        }
    }
}

/// A load thread's handle to the navigator.
#[derive(Debug, Clone)]
pub struct Navigator {
    asks: Sender<Ask>,
    subscribers: Arc<Mutex<Vec<Mailbox>>>,
}

impl Navigator {
    /// Starts the navigator thread; it ends when the last handle is dropped.
    pub fn start(bootstrap: String, map: Arc<Map>, timeout: Duration) -> Navigator {
        let (asks, received) = channel();
        let subscribers = Arc::new(Mutex::new(Vec::new()));
        let pilot = Pilot {
            bootstrap,
            map,
            timeout,
            subscribers: Arc::clone(&subscribers),
            refreshed: Instant::now(),
            client: None,
        };
        std::thread::spawn(move || pilot.work(&received));
        Navigator { asks, subscribers }
    }

    /// Sends every new map to `mailbox`.
    pub fn subscribe(&self, mailbox: &Mailbox) {
        self.subscribers.lock().expect("no holder panics").push(mailbox.clone());
    }

    /// Asks for a map newer than `seen_generation`.
    pub fn refresh(&self, seen_generation: u64) {
        self.asks.send(Ask::Refresh { seen_generation }).ok();
    }

    /// Asks for a connection to a broker.
    pub fn connect(&self, token: usize, broker: i32, mailbox: &Mailbox) {
        self.asks.send(Ask::Connect { token, broker, reply: mailbox.clone() }).ok();
    }

    /// Asks for a new producer id.
    pub fn producer_id(&self, token: usize, mailbox: &Mailbox) {
        self.asks.send(Ask::ProducerId { token, reply: mailbox.clone() }).ok();
    }
}

struct Pilot {
    bootstrap: String,
    map: Arc<Map>,
    timeout: Duration,
    subscribers: Arc<Mutex<Vec<Mailbox>>>,
    refreshed: Instant,
    client: Option<Client>,
}

impl Pilot {
    fn work(mut self, asks: &Receiver<Ask>) {
        while let Ok(ask) = asks.recv() {
            match ask {
                Ask::Refresh { seen_generation } if seen_generation < self.map.generation => {}
                Ask::Refresh { .. } => self.refresh(),
                Ask::Connect { token, broker, reply } => {
                    let address = self.map.brokers.get(&broker).copied();
                    let stream = address
                        .and_then(|to| TcpStream::connect_timeout(&to, CONNECT_TIMEOUT).ok());
                    reply.put(Tell::Stream { token, stream });
                }
                Ask::ProducerId { token, reply } => {
                    let producer = self.with_client(Client::init_producer_id);
                    reply.put(Tell::ProducerId { token, producer });
                }
            }
        }
    }

    fn refresh(&mut self) {
        std::thread::sleep(REFRESH_GAP.saturating_sub(self.refreshed.elapsed()));
        self.refreshed = Instant::now();
        let topics = self.map.topics.clone();
        let answer = self.with_client(|client| client.metadata(&topics));
        let mut next = match answer.map(|answer| Map::read(&topics, &answer)) {
            Some(Ok(map)) if map.targets == self.map.targets => map,
            // Unreachable, or in the middle of a change: the threads will ask again.
            _ => Map::clone(&self.map),
        };
        next.generation = self.map.generation + 1;
        self.map = Arc::new(next);
        for mailbox in self.subscribers.lock().expect("no holder panics").iter() {
            mailbox.put(Tell::Map(Arc::clone(&self.map)));
        }
    }

    /// Runs a call on the kept connection, or on a new one to any known broker.
    fn with_client<T, E>(&mut self, call: impl Fn(&mut Client) -> Result<T, E>) -> Option<T> {
        if let Some(client) = &mut self.client
            && let Ok(answer) = call(client)
        {
            return Some(answer);
        }
        let known = self.map.brokers.values().map(SocketAddr::to_string);
        let addresses: Vec<String> = std::iter::once(self.bootstrap.clone()).chain(known).collect();
        self.client = Client::connect_any(&addresses.join(","), self.timeout).ok();
        self.client.as_mut().and_then(|client| call(client).ok())
    }
}
