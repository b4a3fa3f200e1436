//! `ringlog-loadgen`: an open-loop load generator, latency recorder and loss judge for any broker
//! that speaks Kafka's protocol. It shares no code with Ringlog's own crates, so that one bug cannot
//! hide on both ends. Modules in reading order: what to run, the wire, the threads, the results.
#![forbid(unsafe_code)]

pub mod cli;
pub mod keys;
pub mod omb;
pub mod payload;
pub mod schedule;
pub mod units;
pub mod workload;

pub mod control;
pub mod link;
pub mod template;
pub mod wire;

pub mod affinity;
pub mod consumer;
pub mod ledger;
pub mod nav;
pub mod poller;
pub mod producer;
pub mod recorder;
pub mod run;
pub mod series;
pub mod session;
pub mod shapes;
pub mod topics;

pub mod judge;
pub mod output;
pub mod provenance;
pub mod report;
pub mod slo;
pub mod summary;
pub mod text;
pub mod ticker;
pub mod verdict;

pub mod command;
pub mod floor;
pub mod sink;
