//! The Ringlog broker as a library, so that tests and benches reach its parts.
//! Imports point one way: net -> api -> shard -> {group, replication} -> partition -> log -> ring
//! -> {types, limits, config, metrics}.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod group;
pub mod limits;
pub mod log;
pub mod net;
pub mod partition;
pub mod ring;
pub mod server;
pub mod shard;
pub mod types;
