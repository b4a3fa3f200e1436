//! Owns the built-in test broker: just enough of Kafka to be loaded, consumed from and to misbehave
//! on purpose. It is the null sink that bounds the generator's own speed, the floor's durable echo,
//! and the mutants that prove the judge. Never a broker for data anyone wants to keep.

mod api;
mod produce;
pub mod store;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::units::to_usize;
use crate::wire;
use store::{Mutant, PartitionLog};

/// Connections served at once; more are closed at accept.
const CONNECTIONS_MAX: usize = 25_000;
const READ_BYTES: usize = 256 * 1024;

/// What happens to produced batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Counted and thrown away.
    Nothing,
    /// Written to a file with `RWF_DSYNC` before the answer, and thrown away.
    Durable(std::path::PathBuf),
    /// Kept in memory, so that they can be fetched, subject to a fault.
    Memory(Mutant),
}

/// How a sink is set up.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Address of the first broker; port 0 picks free ports.
    pub listen: String,
    /// Brokers, each on a port of its own, that share the partitions.
    pub brokers: usize,
    /// What happens to batches.
    pub keep: Keep,
    /// Partitions of topics that are created by asking for them.
    pub partitions: usize,
    /// Whether asking for a topic creates it.
    pub auto_create: bool,
}

impl Default for SinkConfig {
    fn default() -> Self {
        SinkConfig {
            listen: "127.0.0.1:0".to_owned(),
            brokers: 1,
            keep: Keep::Nothing,
            partitions: 4,
            auto_create: false,
        }
    }
}

/// A running sink; ends when dropped.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    config: SinkConfig,
    addresses: Vec<SocketAddr>,
    topics: Mutex<BTreeMap<String, Vec<Arc<PartitionLog>>>>,
    stopping: AtomicBool,
    next_producer_id: AtomicI64,
    /// Offsets handed out when nothing is kept.
    discarded: AtomicI64,
    /// Added to the partition number to find its leader: moves all leaders when changed.
    leader_shift: AtomicUsize,
    connections: Mutex<BTreeMap<u64, TcpStream>>,
    connection_count: AtomicUsize,
}

impl Sink {
    /// Binds and starts serving.
    pub fn start(config: SinkConfig) -> Result<Sink> {
        let first: SocketAddr = crate::control::resolve(&config.listen)?;
        let mut listeners = Vec::new();
        for index in 0..config.brokers {
            let mut address = first;
            if first.port() != 0 {
                address.set_port(first.port() + u16::try_from(index)?);
            }
            let listener =
                TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
            listeners.push(listener);
        }
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let shared = Arc::new(Shared {
            config,
            addresses,
            topics: Mutex::new(BTreeMap::new()),
            stopping: AtomicBool::new(false),
            next_producer_id: AtomicI64::new(1000),
            discarded: AtomicI64::new(0),
            leader_shift: AtomicUsize::new(0),
            connections: Mutex::new(BTreeMap::new()),
            connection_count: AtomicUsize::new(0),
        });
        for (node, listener) in listeners.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.accept(node, &listener));
        }
        if let Keep::Memory(mutant) = &shared.config.keep
            && let Some(every) = mutant.crash_every()
        {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.crash_now_and_then(every));
        }
        Ok(Sink { shared })
    }

    /// Where the first broker listens.
    pub fn address(&self) -> String {
        self.shared.addresses[0].to_string()
    }

    /// Moves every partition to the next broker.
    pub fn move_leaders(&self) {
        self.shared.leader_shift.fetch_add(1, Ordering::AcqRel);
    }

    /// Cuts all connections, as a crash does.
    pub fn cut_connections(&self) {
        self.shared.cut_connections();
    }

    /// Topics that exist.
    pub fn topics(&self) -> Vec<String> {
        self.shared.topics().keys().cloned().collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.cut_connections();
        for address in &self.shared.addresses {
            // Wakes the accept loop so that it sees the flag.
            TcpStream::connect_timeout(address, Duration::from_millis(200)).ok();
        }
    }
}

impl Shared {
    fn topics(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Arc<PartitionLog>>>> {
        self.topics.lock().expect("no holder panics")
    }

    fn leader(&self, partition: usize) -> usize {
        (partition + self.leader_shift.load(Ordering::Acquire)) % self.addresses.len()
    }

    fn log(&self, topic: &str, partition: i32) -> Option<Arc<PartitionLog>> {
        let index = crate::units::from_i32(partition)?;
        self.topics().get(topic)?.get(index).cloned()
    }

    fn cut_connections(&self) {
        let mut connections = self.connections.lock().expect("no holder panics");
        for stream in std::mem::take(&mut *connections).values() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    fn crash_now_and_then(&self, every: Duration) {
        while !self.stopping.load(Ordering::Acquire) {
            std::thread::sleep(every);
            let logs: Vec<_> = self.topics().values().flatten().cloned().collect();
            logs.iter().for_each(|log| log.crash());
            self.cut_connections();
        }
    }

    fn accept(self: &Arc<Self>, node: usize, listener: &TcpListener) {
        for (id, stream) in (0_u64..).zip(listener.incoming()) {
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            let Ok(stream) = stream else { continue };
            if self.connection_count.load(Ordering::Acquire) >= CONNECTIONS_MAX {
                continue;
            }
            let key = id * self.addresses.len() as u64 + node as u64;
            if let Ok(copy) = stream.try_clone() {
                self.connections.lock().expect("no holder panics").insert(key, copy);
            }
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                shared.connection_count.fetch_add(1, Ordering::AcqRel);
                // A client that leaves or sends nonsense loses its connection, nothing more.
                shared.serve(node, stream).ok();
                shared.connections.lock().expect("no holder panics").remove(&key);
                shared.connection_count.fetch_sub(1, Ordering::AcqRel);
            });
        }
    }

    fn serve(&self, node: usize, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut durable = None;
        let mut input = vec![0; READ_BYTES];
        let (mut start, mut end) = (0, 0);
        let mut output = Vec::new();
        loop {
            while let Some(size) = input[start..end].first_chunk::<4>() {
                let bytes = wire::frame_bytes(*size)?;
                if start + 4 + bytes > end {
                    let needed = 4 + bytes;
                    if needed > input.len() {
                        input.resize(needed, 0);
                    }
                    break;
                }
                let frame = &input[start + 4..start + 4 + bytes];
                self.answer(node, frame, &mut output, &mut durable)?;
                start += 4 + bytes;
            }
            stream.write_all(&output)?;
            output.clear();
            input.copy_within(start..end, 0);
            end -= start;
            start = 0;
            match stream.read(&mut input[end..])? {
                0 => return Ok(()),
                bytes => end += bytes,
            }
        }
    }

    fn answer(
        &self,
        node: usize,
        frame: &[u8],
        output: &mut Vec<u8>,
        durable: &mut Option<store::DurableFile>,
    ) -> Result<()> {
        let head = frame.first_chunk::<8>().context("request shorter than its header")?;
        let api_key = i16::from_be_bytes([head[0], head[1]]);
        let version = i16::from_be_bytes([head[2], head[3]]);
        let start = output.len();
        output.extend_from_slice(&[0; 4]);
        output.extend_from_slice(&head[4..8]);
        let answered = if api_key == 0 {
            self.produce(node, version, frame, output, durable)?
        } else {
            self.other(node, (api_key, version), frame, output)?
        };
        if !answered {
            output.truncate(start);
            return Ok(());
        }
        let bytes = u32::try_from(output.len() - start - 4)?;
        output[start..start + 4].copy_from_slice(&bytes.to_be_bytes());
        Ok(())
    }

    fn create(&self, topic: &str, partitions: usize) {
        let mutant = match &self.config.keep {
            Keep::Memory(mutant) => *mutant,
            Keep::Nothing | Keep::Durable(_) => Mutant::Clean,
        };
        let logs = (0..partitions).map(|_| Arc::new(PartitionLog::new(mutant))).collect();
        self.topics().insert(topic.to_owned(), logs);
    }
}

/// Length-prefixed text at the start of `rest`; `None` when null.
fn take_text<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a str>> {
    let (length, tail) = rest.split_first_chunk::<2>().context("cut off")?;
    let length = i16::from_be_bytes(*length);
    *rest = tail;
    let Ok(length) = u64::try_from(length) else { return Ok(None) };
    let (text, tail) = rest.split_at_checked(to_usize(length)).context("cut off")?;
    *rest = tail;
    Ok(Some(std::str::from_utf8(text)?))
}
