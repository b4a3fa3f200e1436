//! Consumer groups: the classic protocol and committed offsets, as Kafka's group coordinator
//! does them. Pure code: events and the time go in, answers and records come out.
//! Never reads a clock, a socket or a file: the shard does, and owns one [`Coordinator`] for each
//! `__consumer_offsets` partition it leads.
//!
//! Reading order: `requests` (what is asked), `coordinator` (who handles it), `join`,
//! `membership`, `rebalance` (the protocol), `commits`, `replay`, `records`, `store` (the offsets).

mod admin;
mod appends;
mod commits;
mod coordinator;
mod error;
mod fields;
mod groups;
mod join;
pub mod limits;
mod members;
mod membership;
mod offsets;
mod rebalance;
pub mod records;
mod replay;
mod requests;
mod state;
pub mod store;
mod timers;
mod turn;

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod script_tests;

pub use coordinator::Coordinator;
pub use records::{Record, RecordError};
pub use requests::{
    Answer, Append, AppendId, Client, DescribedGroup, DescribedMember, Effects, Event, FetchAnswer,
    FetchedOffset, Heartbeat, JoinAnswer, JoinGroup, JoinedMember, LeaveAnswer, LeaveGroup,
    LeavingMember, ListedGroup, Now, OffsetCommit, OffsetDelete, OffsetFetch, PartitionCommit,
    PartitionOutcomes, Protocol, SyncAnswer, SyncGroup, Token,
};

/// The broker settings a coordinator obeys, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout_ms: i32,
    /// `group.max.size`; [`limits::MEMBERS_PER_GROUP_MAX`] holds above it.
    pub group_size_max: usize,
    /// `offset.metadata.max.bytes`, which Kafka counts in UTF-16 units.
    pub offset_metadata_length_max: usize,
    /// `offsets.retention.minutes`, here in milliseconds.
    pub offsets_retention_ms: i64,
}

impl Default for GroupConfig {
    /// Kafka's defaults.
    fn default() -> GroupConfig {
        GroupConfig {
            initial_rebalance_delay_ms: 3_000,
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            group_size_max: usize::MAX,
            offset_metadata_length_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
        }
    }
}

/// The partition of `__consumer_offsets` that a group belongs to: Kafka's
/// `Utils.abs(groupId.hashCode()) % partitions`, where `abs` clears the sign bit's meaning for the
/// one number that has no positive twin.
pub fn partition_of_group(group_id: &str, partitions: i32) -> i32 {
    let hash = group_id
        .encode_utf16()
        .fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions
}
