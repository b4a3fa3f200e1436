//! What all shards of the process share and never changes after the start.

use std::{path::PathBuf, sync::Arc};

use kafka_wire::{Str, Uuid};

use crate::config::BrokerConfig;

use super::{
    data_dir::{Identity, PARTITIONS_DIR},
    exchange::{Exchange, Wake},
    metadata::Metadata,
};

/// Where clients reach a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The Kafka broker id of the shard.
    pub broker_id: i32,
    /// The advertised host.
    pub host: Str,
    /// The port it listens on.
    pub port: u16,
}

/// This node. One per process, shared by its shards.
pub struct Node {
    /// The configuration in force.
    pub config: Arc<BrokerConfig>,
    /// The cluster's id.
    pub cluster_id: Str,
    /// The data folder's id.
    pub directory_id: Uuid,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The rack of all shards: the node's name, so that replicas count per node.
    pub rack: Str,
    /// By shard.
    pub endpoints: Vec<Endpoint>,
    /// Between the shards.
    pub exchange: Exchange,
}

impl Node {
    /// The node that works in the folder `of`. `ports` and `wakes` are by shard; the ports are
    /// bound already.
    ///
    /// # Panics
    /// When there are not as many ports and wakes as shards.
    pub fn new(config: Arc<BrokerConfig>, of: &Identity, ports: &[u16], wakes: Vec<Wake>) -> Self {
        let shards = usize::from(config.shards);
        assert!(ports.len() == shards && wakes.len() == shards, "one of each per shard");
        let host = Str::from(config.advertised_host.as_str());
        let endpoints = (0..config.shards).zip(ports).map(|(shard, &port)| Endpoint {
            broker_id: config.broker_id(shard),
            host: host.clone(),
            port,
        });
        Self {
            cluster_id: Str::from(of.cluster_id.as_str()),
            directory_id: of.directory_id,
            data_dir: of.path.clone(),
            rack: Str::from(config.node_name.as_str()),
            endpoints: endpoints.collect(),
            exchange: Exchange::new(Metadata::default(), wakes),
            config,
        }
    }

    /// The address of a shard.
    pub fn endpoint(&self, shard: u16) -> &Endpoint {
        &self.endpoints[usize::from(shard)]
    }

    /// The folder of the partitions.
    pub fn partitions_dir(&self) -> PathBuf {
        self.data_dir.join(PARTITIONS_DIR)
    }
}
