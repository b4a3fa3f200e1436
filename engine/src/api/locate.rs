//! From what a request names to the partition on this shard, with the checks every API makes.

use std::rc::Rc;

use kafka_wire::{ErrorCode, Str, Uuid};

use crate::{
    partition::Partition,
    ring::disk::Disk,
    shard::{Hosted, Miss, node::Endpoint},
    types::LeaderEpoch,
};

use super::{call::Call, errors::Failure};

impl<D: Disk> Call<D> {
    /// The topic: by id when the version names topics so, else by name.
    pub(super) fn topic(&self, name: &Str, id: Uuid, by_id: bool) -> Result<Rc<Hosted<D>>, Miss> {
        if by_id {
            self.shard.topic_by_id(id).ok_or(Miss::UnknownTopicId)
        } else {
            self.shard.topic(name)
        }
    }

    /// The partition of a topic found by name.
    pub(super) fn partition(&self, topic: &Str, index: i32) -> Result<Partition<D>, Failure> {
        let hosted = self.shard.topic(topic)?;
        Ok(hosted.partition(index)?.clone())
    }
}

/// Refuses a client whose idea of the leader epoch is old or from the future (KIP-320); -1 is none.
pub(super) fn check_epoch<D: Disk>(partition: &Partition<D>, known: i32) -> Result<(), ErrorCode> {
    let current = partition.leader_epoch();
    match LeaderEpoch(known) {
        LeaderEpoch(-1) => Ok(()),
        known if known < current => Err(ErrorCode::FencedLeaderEpoch),
        known if known > current => Err(ErrorCode::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}

/// Where the shards that lead refused partitions are, each once, for versions from `since` on
/// (KIP-951).
pub(super) fn leaders<D: Disk>(call: &Call<D>, mut shards: Vec<u16>, since: i16) -> Vec<&Endpoint> {
    if call.version() < since {
        return Vec::new();
    }
    shards.sort_unstable();
    shards.dedup();
    shards.into_iter().map(|shard| call.shard.node().endpoint(shard)).collect()
}
