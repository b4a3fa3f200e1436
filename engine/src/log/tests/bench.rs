//! What the tests of the log stand on: a simulated disk, an executor, a shard.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use bytes::Bytes;
use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;
use log_format::{Compression, builder::BatchBuilder, records::Headers};

use super::super::{
    Log, LogConfig, LogError, LogShared, RecoveryReport, ShardPaths, Spawner, Ticket,
};
use crate::{
    ring::{disk::Disk, sim_disk::SimDisk, window::Window},
    types::{LeaderEpoch, Offset, TimestampMs},
};

pub(crate) const DIR: &str = "/data/orders-0";
pub(crate) const NOW: TimestampMs = TimestampMs(1_700_000_000_000);

/// A shard on a simulated disk.
pub(crate) struct Bench {
    pub(crate) disk: SimDisk,
    pub(crate) shared: LogShared<SimDisk>,
    pool: LocalPool,
}

impl Bench {
    /// A shard with a window of `window_bytes` on an empty disk.
    pub(crate) fn new(seed: u64, window_bytes: usize) -> Bench {
        let disk = SimDisk::new(seed);
        let mut bench = Bench::on(disk, window_bytes);
        let disk = bench.disk.clone();
        bench.run(async move {
            disk.create_dir(Path::new("/data")).await.unwrap();
            disk.create_dir(Path::new("/data/pool")).await.unwrap();
            disk.flush_dir(Path::new("/")).await.unwrap();
            disk.flush_dir(Path::new("/data")).await.unwrap();
        });
        let shared = bench.shared.clone();
        bench.run(async move { shared.load(&[]).await.unwrap() });
        bench
    }

    fn on(disk: SimDisk, window_bytes: usize) -> Bench {
        let pool = LocalPool::new();
        let spawner = pool.spawner();
        let spawn: Spawner = Rc::new(move |task| spawner.spawn_local(task).unwrap());
        let paths = ShardPaths {
            pool_dir: PathBuf::from("/data/pool"),
            checkpoint: PathBuf::from("/data/logs-0"),
        };
        let window = Window::new(window_bytes).unwrap();
        let shared = LogShared::new(disk.clone(), window, spawn, paths);
        Bench { disk, shared, pool }
    }

    /// The shard after power was lost now; nothing of the old one runs on.
    pub(crate) fn crash(self, seed: u64, window_bytes: usize) -> Bench {
        let Bench { disk, shared, pool } = self;
        drop(pool);
        drop(shared);
        Bench::start(disk.crash(seed), window_bytes)
    }

    /// The shard started again on the same disk.
    pub(crate) fn restart(mut self, window_bytes: usize) -> Bench {
        self.settle();
        let Bench { disk, shared, pool } = self;
        drop(pool);
        drop(shared);
        Bench::start(disk, window_bytes)
    }

    fn start(disk: SimDisk, window_bytes: usize) -> Bench {
        let mut bench = Bench::on(disk, window_bytes);
        let shared = bench.shared.clone();
        bench.run(async move { shared.load(&[]).await.unwrap() });
        bench
    }

    pub(crate) fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        self.pool.run_until(future)
    }

    /// Runs background work until there is none.
    pub(crate) fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Runs a task beside others.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.pool.spawner().spawn_local(task).unwrap();
    }

    pub(crate) fn create(&mut self, config: LogConfig) -> Log<SimDisk> {
        let shared = self.shared.clone();
        self.run(async move { Log::create(&shared, Path::new(DIR), config, NOW).await.unwrap() })
    }

    pub(crate) fn try_open(
        &mut self,
        config: LogConfig,
    ) -> Result<(Log<SimDisk>, RecoveryReport), LogError> {
        let shared = self.shared.clone();
        let hint = shared.open_hint(Path::new(DIR));
        self.run(async move { Log::open(&shared, Path::new(DIR), config, hint, NOW).await })
    }

    pub(crate) fn open(&mut self, config: LogConfig) -> (Log<SimDisk>, RecoveryReport) {
        self.try_open(config).unwrap()
    }
}

/// A batch of `records` records with values of `value_bytes` bytes, distinct by `seed`.
pub(crate) fn batch(seed: u64, records: usize, value_bytes: usize, timestamp: i64) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for record in 0..records {
        let mut value = format!("{seed}-{record}-").into_bytes();
        let fill = b'a' + u8::try_from(seed % 26).unwrap();
        value.resize(value_bytes.max(value.len()), fill);
        builder.push(timestamp, None, Some(&value), Headers::NONE);
    }
    builder.build()
}

/// Appends a batch at the log's end.
pub(crate) fn append(log: &Log<SimDisk>, batch: &Bytes) -> Ticket {
    log.append(log.log_end(), LeaderEpoch(0), batch.clone(), NOW).unwrap()
}

/// All bytes from `from` on, read in pieces, batches split apart, as (base offset, bytes).
pub(crate) async fn read_all(log: &Log<SimDisk>, from: Offset) -> Vec<(i64, Bytes)> {
    let mut from = from;
    let mut batches = Vec::new();
    loop {
        let found = log.read(from, log.readable_end(), 100_000, true).await.unwrap();
        if found.bytes == 0 {
            return batches;
        }
        let bytes: Bytes = found.buffers.concat().into();
        assert_eq!(bytes.len(), found.bytes);
        for batch in log_format::Batches::new(bytes) {
            let batch = batch.unwrap();
            batches.push((batch.header.base_offset, batch.bytes));
        }
        from = found.next_offset;
    }
}

/// `batch` as it is stored at `base_offset`.
pub(crate) fn stored(batch: &Bytes, base_offset: i64) -> Bytes {
    let mut bytes = batch.to_vec();
    log_format::batch::set_base_offset_and_epoch(&mut bytes, base_offset, 0);
    bytes.into()
}
