//! Metadata: brokers (one per shard), topics, leaders. Creates topics when asked and allowed.

use std::{collections::HashMap, sync::Arc};

use kafka_wire::{
    ErrorCode, MetadataRequest, MetadataResponse, Str, Uuid,
    metadata::{
        MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition,
        MetadataResponseTopic,
    },
};

use crate::{
    limits::{CONTROL_TOPICS_PER_REQUEST_MAX, REQUEST_TIMEOUT_MS_MAX},
    ring::disk::Disk,
    shard::{
        change::{Change, NewTopic, Outcome},
        metadata::{Metadata, Topic},
        node::Node,
    },
};

use super::call::Call;

/// All operations of a cluster, as a bit field of Kafka's operation numbers: nothing is
/// restricted. CREATE 5, ALTER 7, DESCRIBE 8, CLUSTER_ACTION 9, DESCRIBE_CONFIGS 10,
/// ALTER_CONFIGS 11, IDEMPOTENT_WRITE 12.
pub(super) const CLUSTER_OPERATIONS: i32 =
    1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
/// All operations of a topic. READ 3, WRITE 4, CREATE 5, DELETE 6, ALTER 7, DESCRIBE 8,
/// DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11.
pub(super) const TOPIC_OPERATIONS: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;

pub(super) async fn serve<D: Disk>(call: &Call<D>, request: MetadataRequest) -> MetadataResponse {
    let node = call.shard.node();
    let wants_operations = request.include_topic_authorized_operations;
    let all = match &request.topics {
        None => true,
        // Version 0 has no null: its empty list means all.
        Some(topics) => topics.is_empty() && call.version() == 0,
    };
    let mut topics = if all {
        let metadata = node.exchange.metadata();
        metadata.topics().map(|topic| describe(node, topic)).collect()
    } else {
        let named = request.topics.unwrap_or_default();
        let refused = create_missing(call, &named, request.allow_auto_topic_creation).await;
        let metadata = node.exchange.metadata();
        named.into_iter().map(|topic| find(node, &metadata, &refused, topic)).collect::<Vec<_>>()
    };
    if wants_operations {
        let known = topics.iter_mut().filter(|topic| topic.error_code == 0);
        known.for_each(|topic| topic.topic_authorized_operations = TOPIC_OPERATIONS);
    }
    let operations = request.include_cluster_authorized_operations;
    MetadataResponse {
        brokers: brokers(node),
        cluster_id: Some(node.cluster_id.clone()),
        controller_id: node.endpoint(0).broker_id,
        topics,
        cluster_authorized_operations: if operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..MetadataResponse::default()
    }
}

fn brokers(node: &Node) -> Vec<MetadataResponseBroker> {
    let broker = |endpoint: &crate::shard::node::Endpoint| MetadataResponseBroker {
        node_id: endpoint.broker_id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        rack: Some(node.rack.clone()),
    };
    node.endpoints.iter().map(broker).collect()
}

/// Creates the named topics that do not exist, when request and broker allow it. Returns what was
/// refused; a topic that somebody else created meanwhile is simply there.
async fn create_missing<D: Disk>(
    call: &Call<D>,
    named: &[MetadataRequestTopic],
    allowed: bool,
) -> HashMap<Str, ErrorCode> {
    let node = call.shard.node();
    if !allowed || !node.config.auto_create_topics {
        return HashMap::new();
    }
    let metadata = node.exchange.metadata();
    let names = named.iter().filter_map(|topic| topic.name.as_ref());
    let mut missing: Vec<Str> =
        names.filter(|name| metadata.topic(name).is_none()).cloned().collect();
    missing.sort_unstable();
    missing.dedup();
    missing.truncate(CONTROL_TOPICS_PER_REQUEST_MAX);
    if missing.is_empty() {
        return HashMap::new();
    }
    let new = |name: &Str| NewTopic { name: name.clone(), ..NewTopic::default() };
    let change = Change::Create(missing.iter().map(new).collect());
    let codes: Vec<ErrorCode> = match call.change(change, false, REQUEST_TIMEOUT_MS_MAX).await {
        Outcome::Topics(results) => results
            .into_iter()
            .map(|result| result.map_or_else(|refusal| refusal.code, |_| ErrorCode::None))
            .collect(),
        // Retriable: the client asks again.
        _ => vec![ErrorCode::LeaderNotAvailable; missing.len()],
    };
    missing.into_iter().zip(codes).collect()
}

fn find(
    node: &Node,
    metadata: &Metadata,
    refused: &HashMap<Str, ErrorCode>,
    wanted: MetadataRequestTopic,
) -> MetadataResponseTopic {
    let found = match &wanted.name {
        Some(name) => metadata.topic(name),
        None => metadata.topic_by_id(wanted.topic_id),
    };
    if let Some(topic) = found {
        return describe(node, topic);
    }
    let code = match &wanted.name {
        None => ErrorCode::UnknownTopicId,
        Some(name) => *refused.get(name).unwrap_or(&ErrorCode::UnknownTopicOrPartition),
    };
    let topic_id = if wanted.name.is_none() { wanted.topic_id } else { Uuid::ZERO };
    MetadataResponseTopic {
        error_code: code.code(),
        name: wanted.name,
        topic_id,
        ..MetadataResponseTopic::default()
    }
}

fn describe(node: &Node, topic: &Arc<Topic>) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions).map(|(index, place)| {
        let broker_id = node.endpoint(place.shard).broker_id;
        MetadataResponsePartition {
            partition_index: index,
            leader_id: broker_id,
            leader_epoch: place.leader_epoch.0,
            replica_nodes: vec![broker_id],
            isr_nodes: vec![broker_id],
            ..MetadataResponsePartition::default()
        }
    });
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}
