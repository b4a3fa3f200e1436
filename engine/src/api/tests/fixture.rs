//! A node of several shards on one thread and one simulated disk.

use std::{
    cell::RefCell,
    path::Path,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_executor::{LocalPool, LocalSpawner};
use futures_util::task::LocalSpawnExt;
use kafka_wire::{
    CreateTopicsRequest, CreateTopicsResponse, Request, RequestHeader, Str, Uuid,
    create_topics::{CreatableTopic, CreatableTopicConfig},
    decode_response, encode_request,
};

use crate::{
    api::{self, Answer},
    config::{BrokerConfig, HostFacts, Settings},
    ring::{disk::Disk, sim_disk::SimDisk, window::Window},
    shard::{Runtime, Shard, Wake, data_dir::Identity, node::Node},
};

/// Memory of each shard's window.
const WINDOW_BYTES: usize = 4 << 20;

pub(super) const CORRELATION: i32 = 4711;

/// The node. Requests run to their end before they return.
pub(super) struct Fixture {
    pool: RefCell<LocalPool>,
    pub(super) shards: Vec<Shard<SimDisk>>,
    pub(super) disk: SimDisk,
}

impl Fixture {
    /// `shards` shards with the settings `sets` on a fresh disk.
    pub(super) fn new(shards: u16, sets: &[&str]) -> Self {
        let disk = SimDisk::new(1);
        futures_executor::block_on(async {
            for dir in ["/d", "/d/data"] {
                disk.create_dir(Path::new(dir)).await.unwrap();
            }
        });
        Self::on(disk, shards, sets)
    }

    /// As [`Fixture::new`], on a disk that may hold something already.
    pub(super) fn on(disk: SimDisk, shards: u16, sets: &[&str]) -> Self {
        let config = config(shards, sets);
        let identity = Identity {
            path: "/d".into(),
            cluster_id: "cluster-of-the-tests".to_owned(),
            directory_id: Uuid([9; 16]),
        };
        let rung: Vec<Arc<AtomicBool>> = (0..shards).map(|_| Arc::default()).collect();
        let wakes = rung.iter().map(|rung| {
            let rung = Arc::clone(rung);
            Arc::new(move || rung.store(true, Ordering::SeqCst)) as Wake
        });
        let ports: Vec<u16> = (0..shards).map(|shard| 9092 + shard).collect();
        let node = Arc::new(Node::new(Arc::new(config), &identity, &ports, wakes.collect()));
        let mut pool = LocalPool::new();
        let runtime = runtime(pool.spawner());
        let shards: Vec<_> = (0..shards)
            .map(|index| {
                let window = Window::new(WINDOW_BYTES).unwrap();
                Shard::new(Arc::clone(&node), index, disk.clone(), window, runtime.clone())
            })
            .collect();
        let doorbells = shards.iter().cloned().zip(rung).collect::<Vec<_>>();
        pool.spawner().spawn_local(ring(doorbells)).unwrap();
        for shard in &shards {
            pool.run_until(shard.start()).unwrap();
        }
        Self { pool: RefCell::new(pool), shards, disk }
    }

    /// The answer to a request, decoded.
    pub(super) fn ask<R: Request>(&self, shard: usize, version: i16, request: &R) -> R::Response {
        let answer = self.frame(shard, frame(version, request));
        let Answer::Reply(parts) = answer else { panic!("no answer: {answer:?}") };
        let whole = Bytes::from(parts.concat());
        let size = i32::from_be_bytes(whole[..4].try_into().unwrap());
        assert_eq!(usize::try_from(size).unwrap(), whole.len() - 4);
        let (correlation, response) = decode_response::<R>(whole.slice(4..), version).unwrap();
        assert_eq!(correlation, CORRELATION);
        response
    }

    /// The answer to a frame without its size.
    pub(super) fn frame(&self, shard: usize, frame: Bytes) -> Answer {
        self.run(api::begin(&self.shards[shard], frame))
    }

    /// Runs the node until `work` is done.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.pool.borrow_mut().run_until(work)
    }

    /// Creates a topic and expects no error.
    pub(super) fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let response = self.try_create(name, partitions, configs);
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        response.topics[0].topic_id
    }

    pub(super) fn try_create(
        &self,
        name: &str,
        num_partitions: i32,
        configs: &[(&str, &str)],
    ) -> CreateTopicsResponse {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: Str::from(*name),
            value: Some(Str::from(*value)),
        };
        let topic = CreatableTopic {
            name: Str::from(name),
            num_partitions,
            replication_factor: -1,
            configs: configs.iter().map(config).collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        self.ask(0, 7, &request)
    }
}

/// A request as a frame without its size.
pub(super) fn frame<R: Request>(version: i16, request: &R) -> Bytes {
    let header = RequestHeader {
        api_key: R::KEY.code(),
        api_version: version,
        correlation_id: CORRELATION,
        client_id: Some(Str::from("test")),
    };
    Bytes::from(encode_request(&header, request).unwrap().concat()).slice(4..)
}

fn config(shards: u16, sets: &[&str]) -> BrokerConfig {
    let mut settings = Settings::default();
    settings.apply_set(&format!("shard.count={shards}")).unwrap();
    sets.iter().for_each(|set| settings.apply_set(set).unwrap());
    BrokerConfig::new(settings, HostFacts { cpus: 8, memory_bytes: 8 << 30 }).unwrap()
}

fn runtime(local: LocalSpawner) -> Runtime {
    Runtime {
        spawn: Rc::new(move |task| local.spawn_local(task).unwrap()),
        sleep: Rc::new(|duration| Box::pin(sleep(duration))),
    }
}

/// Time is counted in turns of the executor: a longer sleep takes more of them, and any sleep more
/// than a few steps of the disk.
async fn sleep(duration: Duration) {
    for _ in 0..200 + 20 * duration.as_millis().min(10_000) {
        futures_lite::future::yield_now().await;
    }
}

/// What the doorbells of the real node do.
async fn ring(doorbells: Vec<(Shard<SimDisk>, Arc<AtomicBool>)>) {
    loop {
        for (shard, rung) in &doorbells {
            if rung.swap(false, Ordering::SeqCst) {
                shard.woken();
            }
        }
        futures_lite::future::yield_now().await;
    }
}
