//! The running broker: checks the host, binds the ports, starts one thread per shard, waits for a
//! signal, drains and ends. Owns the order of these steps; knows no request.

use std::{
    fmt,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    process::ExitCode,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_lite::FutureExt;
use kafka_wire::Uuid;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use tracing::{error, info, warn};

use crate::{
    api, cli,
    config::{BrokerConfig, ConfigError},
    limits::{FRAME_BYTES_MAX, WINDOW_BYTES_MAX},
    net::{
        Answering, Service,
        listener::{Door, DoorConfig},
    },
    ring::{doorbell::Doorbell, driver::Ring, executor, files::UringDisk, probe, window::Window},
    shard::{Runtime, Shard, Signal, Wake, data_dir::DataDir, node::Node},
};

/// How long running answers may take after a signal.
const DRAIN_MAX: Duration = Duration::from_millis(2000);
/// How long the shards may take to end after a signal, draining included.
const STOP_MAX: Duration = Duration::from_millis(4800);
/// The part of a shard's memory that requests may hold.
const REQUEST_MEMORY_SHARE: u64 = 4;
/// The part of a shard's memory that holds the tails of its logs.
const WINDOW_MEMORY_SHARE: u64 = 2;

/// Why the broker ended before it was told to.
#[derive(Debug)]
pub enum ServerError {
    /// The configuration or the host does not fit.
    Config(ConfigError),
    /// The host lacks something.
    Host(probe::ProbeError),
    /// A shard ended.
    Shard(String),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::Shard(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ServerError {}

impl From<ConfigError> for ServerError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<probe::ProbeError> for ServerError {
    fn from(error: probe::ProbeError) -> Self {
        Self::Host(error)
    }
}

/// What shards and the signal thread tell the main thread.
enum Event {
    Ready,
    Failed(u16, String),
    Signal(i32),
}

/// Runs the broker as the command line asks and prints the line that says "ready". Exit codes:
/// 0 after a signal, 1 after a failure, 2 when the configuration or the host does not fit.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line's own output")]
pub fn start(config: BrokerConfig) -> ExitCode {
    let logging = cli::init_logging(&config).map_err(ServerError::from);
    match logging.and_then(|()| run(config, |node| println!("{}", cli::ready_line(node)))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringlog: {error}");
            let usage = matches!(error, ServerError::Config(_) | ServerError::Host(_));
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

/// Runs the broker until SIGTERM or SIGINT; `ready` is called once, when clients are accepted.
/// Blocks the calling thread.
///
/// # Errors
/// The broker could not start, or a shard failed.
pub fn run(config: BrokerConfig, ready: impl FnOnce(&Node)) -> Result<(), ServerError> {
    abort_on_panic();
    probe::kernel()?;
    let new_id = || Uuid(uuid::Uuid::new_v4().into_bytes());
    let data_dir = DataDir::open(&config.data_dir, config.node_id, new_id)?;
    if config.direct_io {
        probe::direct_io(&config.data_dir)?;
    }
    let sockets = bind(&config)?;
    let doorbells = (0..config.shards)
        .map(|_| Doorbell::new())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ServerError::Shard(format!("cannot open an eventfd: {error}")))?;
    let wakes = doorbells.iter().map(|doorbell| {
        let doorbell = doorbell.clone();
        Arc::new(move || doorbell.ring()) as Wake
    });
    let ports: Vec<u16> = sockets.iter().map(|(_, address)| address.port()).collect();
    let (events, received) = mpsc::channel();
    forward_signals(events.clone())?;
    let node = Arc::new(Node::new(Arc::new(config), &data_dir.identity, &ports, wakes.collect()));
    let stopping = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for ((index, (socket, _)), doorbell) in (0..).zip(sockets).zip(&doorbells) {
        let stopping = Arc::clone(&stopping);
        threads.push(start_shard(&node, index, socket, doorbell, stopping, events.clone())?);
    }
    let outcome = wait(&received, threads.len(), || ready(&node));
    stopping.store(true, Ordering::Release);
    doorbells.iter().for_each(Doorbell::ring);
    join(threads, &received);
    outcome
}

/// A shard that panics has met a bug of ours: the process ends at once, and recovery reads what is
/// on stable storage. Going on with a shard missing would leave its partitions silently dead.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::abort();
    }));
}

/// Binds a port per shard: `port + shard`, or free ones for port 0.
fn bind(config: &BrokerConfig) -> Result<Vec<(TcpListener, SocketAddr)>, ConfigError> {
    (0..config.shards)
        .map(|shard| {
            let port = if config.port == 0 { 0 } else { config.port + shard };
            bind_one(&config.host, port)
        })
        .collect()
}

fn bind_one(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), ConfigError> {
    let bound = (host, port).to_socket_addrs().and_then(|addresses| {
        let addresses: Vec<_> = addresses.collect();
        let socket = TcpListener::bind(&addresses[..])?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    });
    bound.map_err(|error| {
        ConfigError::new(
            format!("cannot listen on {host}:{port}: {error}"),
            "each shard listens on a port of its own: network.port + shard",
            format!(
                "see who holds it with `ss -ltnp 'sport = :{port}'`, or choose another --port (0 picks free ones)"
            ),
        )
    })
}

fn forward_signals(events: Sender<Event>) -> Result<(), ServerError> {
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| ServerError::Shard(format!("cannot listen for signals: {error}")))?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            if events.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Waits until all shards are ready, then until a signal or a failure.
fn wait(
    received: &Receiver<Event>,
    shards: usize,
    ready: impl FnOnce(),
) -> Result<(), ServerError> {
    let mut ready = Some(ready);
    let mut started = 0;
    while let Ok(event) = received.recv() {
        match event {
            Event::Ready => {
                started += 1;
                if started == shards
                    && let Some(ready) = ready.take()
                {
                    ready();
                }
            }
            Event::Failed(shard, reason) => {
                return Err(ServerError::Shard(format!("shard {shard}: {reason}")));
            }
            Event::Signal(signal) => {
                info!(signal, "stopping");
                return Ok(());
            }
        }
    }
    unreachable!("this function's caller holds a sender");
}

/// Waits for the shards to end; a second signal or too long a wait ends the process at once, which
/// costs nothing but a recovery scan at the next start.
fn join(threads: Vec<executor::Thread>, received: &Receiver<Event>) {
    let (done, all_done) = mpsc::channel();
    std::thread::spawn(move || {
        for thread in threads {
            if let Err(error) = thread.join() {
                error!(%error, "a shard did not end well");
            }
        }
        // Nobody listens any more when the wait below has given up.
        done.send(()).ok();
    });
    let patience = STOP_MAX.as_millis() / 20;
    for _ in 0..patience {
        match all_done.recv_timeout(Duration::from_millis(20)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Ok(Event::Signal(_)) = received.try_recv() {
            break;
        }
    }
    warn!("the shards did not end in time; the next start will scan the log");
    std::process::exit(1);
}

fn start_shard(
    node: &Arc<Node>,
    index: u16,
    socket: TcpListener,
    doorbell: &Doorbell,
    stopping: Arc<AtomicBool>,
    events: Sender<Event>,
) -> Result<executor::Thread, ServerError> {
    let cpu = cpu_of(node.config.shards, index);
    let (node, doorbell) = (Arc::clone(node), doorbell.clone());
    let main = move || async move {
        let shard = ShardMain { node, index, doorbell, stopping, events: events.clone() };
        // The main thread is gone only when the process ends.
        if let Err(reason) = shard.run(socket).await {
            events.send(Event::Failed(index, reason)).ok();
        }
    };
    executor::start(&format!("shard-{index}"), cpu, main)
        .map_err(|error| ServerError::Shard(format!("cannot start shard {index}: {error}")))
}

/// The CPU a shard is pinned to: one each while there are enough, else none.
fn cpu_of(shards: u16, index: u16) -> Option<usize> {
    let set = rustix::thread::sched_getaffinity(None).ok()?;
    let cpus: Vec<usize> =
        (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
    (usize::from(shards) <= cpus.len()).then(|| cpus[usize::from(index)])
}

/// What runs on a shard's thread.
struct ShardMain {
    node: Arc<Node>,
    index: u16,
    doorbell: Doorbell,
    stopping: Arc<AtomicBool>,
    events: Sender<Event>,
}

impl ShardMain {
    async fn run(self, socket: TcpListener) -> Result<(), String> {
        let ring = Ring::new().map_err(|error| probe::explain(error).to_string())?;
        let spin = Duration::from_micros(self.node.config.spin_us.into());
        self.drive(&ring, spin);
        let disk = UringDisk::new(ring.clone(), self.node.config.direct_io);
        let window = self.window()?;
        let shard = Shard::new(Arc::clone(&self.node), self.index, disk, window, runtime(&ring));
        let stop = Rc::new(Signal::default());
        executor::spawn(answer_doorbell(
            self.doorbell.clone(),
            ring.clone(),
            shard.clone(),
            Arc::clone(&self.stopping),
            Rc::clone(&stop),
        ));
        let starting = async { shard.start().await.map_err(|error| error.to_string()).map(Some) };
        let stopped = async {
            stop.wait().await;
            Ok(None)
        };
        if starting.or(stopped).await?.is_some() {
            shard.start_background();
            self.serve(&ring, &shard, socket, &stop).await;
            shard.stop().await;
        }
        ring.stop();
        Ok(())
    }

    /// Memory for the tails of this shard's logs.
    fn window(&self) -> Result<Window, String> {
        let share = self.node.config.shard_memory_bytes() / WINDOW_MEMORY_SHARE;
        let bytes = share.min(WINDOW_BYTES_MAX);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        Window::new(bytes)
            .map_err(|error| format!("cannot make a window of {bytes} bytes: {error}"))
    }

    async fn serve(
        &self,
        ring: &Ring,
        shard: &Shard<UringDisk>,
        socket: TcpListener,
        stop: &Signal,
    ) {
        let request_bytes_max = self.node.config.shard_memory_bytes() / REQUEST_MEMORY_SHARE;
        let request_bytes_max = usize::try_from(request_bytes_max).unwrap_or(usize::MAX);
        let config = DoorConfig {
            // A frame that the account cannot hold would never become whole.
            frame_bytes_max: FRAME_BYTES_MAX.min(request_bytes_max / 2),
            request_bytes_max,
            connections_max: self.node.config.connections_max
                / usize::from(self.node.config.shards),
            idle_max: Duration::from_millis(self.node.config.connections_idle_max_ms),
        };
        let service = Rc::new(ShardService { shard: shard.clone() });
        let door = Door::new(ring.clone(), service, config);
        // The main thread is gone only when the process ends.
        self.events.send(Event::Ready).ok();
        Rc::clone(&door).accept(socket).or(stop.wait()).await;
        door.drain(DRAIN_MAX).await;
    }

    fn drive(&self, ring: &Ring, spin: Duration) {
        let (driver, events, index) = (ring.clone(), self.events.clone(), self.index);
        executor::spawn(async move {
            if let Err(error) = driver.drive(spin).await
                && events.send(Event::Failed(index, format!("io_uring failed: {error}"))).is_err()
            {
            }
        });
    }
}

async fn answer_doorbell(
    doorbell: Doorbell,
    ring: Ring,
    shard: Shard<UringDisk>,
    stopping: Arc<AtomicBool>,
    stop: Rc<Signal>,
) {
    while doorbell.answered(&ring).await.is_ok() {
        shard.woken();
        if stopping.load(Ordering::Acquire) {
            stop.raise();
        }
    }
}

fn runtime(ring: &Ring) -> Runtime {
    let ring = ring.clone();
    Runtime {
        spawn: Rc::new(executor::spawn),
        sleep: Rc::new(move |duration| {
            let ring = ring.clone();
            Box::pin(async move { ring.sleep(duration).await })
        }),
    }
}

/// The shard as connections see it.
struct ShardService {
    shard: Shard<UringDisk>,
}

impl Service for ShardService {
    fn begin(&self, _peer: SocketAddr, frame: Bytes) -> Answering {
        api::begin(&self.shard, frame)
    }
}
