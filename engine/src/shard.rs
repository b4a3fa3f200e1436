//! A shard: the partitions of one core, its view of the metadata, its mailbox to the controller
//! and its background turns. Knows no request; `api` calls it.

pub mod change;
mod controller;
pub mod data_dir;
mod exchange;
pub mod metadata;
mod signal;
pub mod store;

pub use self::{
    controller::Controller,
    exchange::{ControlReply, ControlRequest, Exchange, Wake},
    signal::Signal,
};
