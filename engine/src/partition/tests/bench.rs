//! What the tests of a partition stand on: a simulated disk, an executor, one partition.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use bytes::Bytes;
use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use log_format::{BatchBuilder, Batches, Compression, Headers, Records};

use super::super::{Partition, PartitionConfig, ProducerBudget, ReadWish};
use crate::{
    config::{Settings, TopicConfig, TopicOverrides},
    log::{LogShared, ShardPaths, Spawner},
    ring::{disk::Disk, sim_disk::SimDisk, window::Window},
    types::{LeaderEpoch, Offset, TimestampMs},
};

pub(super) const DIR: &str = "/data/orders-0";
pub(super) const NOW: TimestampMs = TimestampMs(1_700_000_000_000);
const WINDOW_BYTES: usize = 2 << 20;

/// A shard with one partition on a simulated disk.
pub(super) struct Bench {
    pub(super) disk: SimDisk,
    shared: LogShared<SimDisk>,
    pool: LocalPool,
    pub(super) config: PartitionConfig,
}

impl Bench {
    pub(super) fn new(seed: u64) -> Self {
        let mut bench = Self::on(SimDisk::new(seed));
        let disk = bench.disk.clone();
        bench.run(async move {
            disk.create_dir(Path::new("/data")).await.unwrap();
            disk.create_dir(Path::new("/data/pool")).await.unwrap();
            disk.flush_dir(Path::new("/")).await.unwrap();
            disk.flush_dir(Path::new("/data")).await.unwrap();
        });
        bench.load();
        bench
    }

    fn on(disk: SimDisk) -> Self {
        let pool = LocalPool::new();
        let spawner = pool.spawner();
        let spawn: Spawner = Rc::new(move |task| spawner.spawn_local(task).unwrap());
        let paths = ShardPaths {
            pool_dir: PathBuf::from("/data/pool"),
            checkpoint: PathBuf::from("/data/logs-0"),
        };
        let window = Window::new(WINDOW_BYTES).unwrap();
        let shared = LogShared::new(disk.clone(), window, spawn, paths);
        let config = PartitionConfig {
            topic: TopicConfig::resolve(&Settings::default(), &TopicOverrides::new()),
            producer_expiration_ms: 86_400_000,
            leader_epoch: LeaderEpoch(0),
            producer_budget: ProducerBudget::default(),
        };
        Self { disk, shared, pool, config }
    }

    fn load(&mut self) {
        let shared = self.shared.clone();
        self.run(async move { shared.load(&[]).await.unwrap() });
    }

    /// The shard after power was lost now.
    pub(super) fn crash(self, seed: u64) -> Self {
        let Self { disk, shared, pool, config } = self;
        drop((pool, shared));
        let mut after = Self::on(disk.crash(seed));
        after.config.topic = config.topic;
        after.load();
        after
    }

    /// The shard after a clean stop of `partition` and a new start.
    pub(super) fn restart(mut self, partition: Partition<SimDisk>) -> Self {
        let shared = self.shared.clone();
        self.run(async move {
            partition.close(NOW).await.unwrap();
            shared.write_checkpoint().await.unwrap();
        });
        self.pool.run_until_stalled();
        let Self { disk, shared, pool, config } = self;
        drop((pool, shared));
        let mut after = Self::on(disk);
        after.config.topic = config.topic;
        after.load();
        after
    }

    pub(super) fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.pool.run_until(future)
    }

    pub(super) fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Runs tasks for a while: with a stalled disk they never come to rest.
    pub(super) fn run_some(&mut self) {
        for _ in 0..100 {
            self.step();
        }
    }

    /// Gives each task that is ready one turn or a few.
    pub(super) fn step(&mut self) {
        self.run(futures_lite::future::yield_now());
    }

    pub(super) fn create(&mut self) -> Partition<SimDisk> {
        let (shared, config) = (self.shared.clone(), self.config.clone());
        self.run(
            async move { Partition::create(&shared, Path::new(DIR), &config, NOW).await.unwrap() },
        )
    }

    pub(super) fn open(&mut self) -> Partition<SimDisk> {
        let (shared, config) = (self.shared.clone(), self.config.clone());
        self.run(
            async move { Partition::open(&shared, Path::new(DIR), &config, NOW).await.unwrap().0 },
        )
    }
}

/// A batch without a producer id: one record per value, a second apart from `NOW` on.
pub(super) fn batch(values: &[&str], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for (at, value) in (0..).zip(values) {
        builder.push(NOW.0 + at * 1000, None, Some(value.as_bytes()), Headers::NONE);
    }
    builder.build()
}

/// A batch of an idempotent producer. Its values are `<producer>:<sequence>`.
pub(super) fn sequenced(producer_id: i64, base_sequence: i32, records: i32) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.producer_id = producer_id;
    builder.producer_epoch = 0;
    builder.base_sequence = base_sequence;
    for sequence in base_sequence..base_sequence + records {
        let value = format!("{producer_id}:{sequence}");
        builder.push(NOW.0, None, Some(value.as_bytes()), Headers::NONE);
    }
    builder.build()
}

/// All values a reader sees, in order, with their offsets checked to be without gaps.
pub(super) async fn read_values(partition: &Partition<SimDisk>) -> Vec<String> {
    let mut values = Vec::new();
    let mut from = partition.offsets().log_start();
    loop {
        let wish = ReadWish { from, bytes_max: 10_000, min_one: true };
        let found = partition.read(wish).await.unwrap();
        if found.bytes == 0 {
            return values;
        }
        for batch in Batches::new(found.buffers.concat().into()) {
            let batch = batch.unwrap();
            for record in Records::open(&batch, 1 << 20).unwrap().iter() {
                let record = record.unwrap();
                assert_eq!(Offset(record.offset), from, "offsets have no gaps");
                from = Offset(record.offset + 1);
                values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
        assert_eq!(found.next_offset, from);
    }
}
