//! One round of reads for a Fetch: each partition in turn, within the limits of the whole answer.
//! Tail reads are slices of the window; reads from files are counted in the shard's budget, and so
//! are the message sets that `api/legacy.rs` makes for old clients.

use crate::{
    partition::{Partition, PartitionRead, ReadWish},
    ring::disk::Disk,
    shard::fetch_sessions::{PartitionKey, Wanted},
    types::{LeaderEpoch, Offset},
};

use super::{call::Call, errors::Failure, legacy, locate::check_epoch};

/// How much a whole answer may and should hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Over: only a first batch, which is always sent.
    pub(super) bytes_max: usize,
    /// Under: wait for more.
    pub(super) bytes_min: usize,
}

/// A partition to read, or why it cannot be.
pub(super) struct Target<D: Disk> {
    found: Result<Partition<D>, Failure>,
    wanted: Wanted,
}

impl<D: Disk> Target<D> {
    pub(super) fn find(call: &Call<D>, key: &PartitionKey, wanted: Wanted, by_id: bool) -> Self {
        let hosted = call.topic(&key.topic, key.topic_id, by_id);
        let found = hosted.map_err(Failure::from).and_then(|hosted| {
            let partition = hosted.partition(key.index)?.clone();
            check_epoch(&partition, wanted.leader_epoch)?;
            Ok(partition)
        });
        Self { found, wanted }
    }

    pub(super) fn partition(&self) -> Option<&Partition<D>> {
        self.found.as_ref().ok()
    }

    async fn read(
        &self,
        call: &Call<D>,
        bytes_max: usize,
        min_one: bool,
    ) -> Result<PartitionRead, Failure> {
        let partition = self.found.as_ref().map_err(Clone::clone)?;
        let wish = ReadWish { from: Offset(self.wanted.fetch_offset), bytes_max, min_one };
        match legacy::fetched_magic(call.version()) {
            None => read(call, partition, wish).await,
            Some(magic) => legacy::read(call, partition, wish, magic).await,
        }
    }

    /// Whether the reader's history has left ours (KIP-595): its last epoch ended before its offset.
    fn has_diverged(&self) -> bool {
        let Some(partition) = self.partition() else { return false };
        let last = LeaderEpoch(self.wanted.last_fetched_epoch);
        last.0 >= 0
            && partition
                .end_offset_for_epoch(last)
                .is_none_or(|(epoch, end)| epoch != last || end < Offset(self.wanted.fetch_offset))
    }
}

/// Reads whole batches, from the window if they are there.
pub(super) async fn read<D: Disk>(
    call: &Call<D>,
    partition: &Partition<D>,
    wish: ReadWish,
) -> Result<PartitionRead, Failure> {
    if let Some(read) = partition.try_read(wish)? {
        return Ok(read);
    }
    let Some(permit) = call.shard.fetch_memory().take(wish.bytes_max) else {
        return Ok(nothing_now(partition, wish));
    };
    let wish = ReadWish { bytes_max: permit.bytes(), ..wish };
    let mut read = partition.read(wish).await?;
    read.buffers = permit.attach(read.buffers);
    Ok(read)
}

/// The answer when the memory budget is spent: the next round or fetch tries again.
pub(super) fn nothing_now<D: Disk>(partition: &Partition<D>, wish: ReadWish) -> PartitionRead {
    let offsets = partition.offsets();
    PartitionRead {
        buffers: Vec::new(),
        bytes: 0,
        next_offset: wish.from,
        high_watermark: offsets.high_watermark(),
        log_start: offsets.log_start(),
    }
}

/// What one round of reads has found, in the order of the targets.
pub(super) struct Round {
    pub(super) results: Vec<Result<PartitionRead, Failure>>,
    bytes: usize,
}

impl Round {
    pub(super) async fn read<D: Disk>(
        call: &Call<D>,
        targets: &[Target<D>],
        limits: Limits,
    ) -> Self {
        let mut round = Self { results: Vec::with_capacity(targets.len()), bytes: 0 };
        for target in targets {
            let left = limits.bytes_max.saturating_sub(round.bytes);
            let wish = usize::try_from(target.wanted.bytes_max).unwrap_or_default().min(left);
            let result = match target.has_diverged() {
                true => Err(Failure::from(kafka_wire::ErrorCode::OffsetOutOfRange)),
                // The first batch of an answer is sent however large it is: a reader must get on.
                false => target.read(call, wish, round.bytes == 0).await,
            };
            round.bytes += result.as_ref().map_or(0, |read| read.bytes);
            round.results.push(result);
        }
        round
    }

    /// Whether to answer now: enough bytes, or an error the client should hear of.
    pub(super) fn is_enough(&self, limits: Limits) -> bool {
        self.bytes >= limits.bytes_min || self.results.iter().any(Result::is_err)
    }
}
