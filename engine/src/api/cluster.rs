//! DescribeCluster, FindCoordinator, DescribeTopicPartitions, InitProducerId: small answers about
//! the node as a whole.

use kafka_wire::{
    DescribeClusterRequest, DescribeClusterResponse, ErrorCode, FindCoordinatorRequest,
    FindCoordinatorResponse, InitProducerIdRequest, InitProducerIdResponse, Str,
    describe_cluster::DescribeClusterBroker, find_coordinator::Coordinator,
};

use crate::{
    limits::REQUEST_TIMEOUT_MS_MAX,
    ring::disk::Disk,
    shard::{Shard, node::Node},
};

use super::{call::Call, metadata::CLUSTER_OPERATIONS};

/// The only kind of endpoint there is: brokers.
const BROKERS: i8 = 1;
/// Kafka's number of KRaft controllers as an endpoint.
const CONTROLLERS: i8 = 2;

pub(super) async fn describe_cluster<D: Disk>(
    call: &Call<D>,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let node = call.shard.node();
    let error = match request.endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some(ErrorCode::MismatchedEndpointType),
        _ => Some(ErrorCode::UnsupportedEndpointType),
    };
    if let Some(error) = error {
        return DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(Str::from_static(error.message())),
            ..DescribeClusterResponse::default()
        };
    }
    let brokers = node.endpoints.iter().map(|endpoint| DescribeClusterBroker {
        broker_id: endpoint.broker_id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        rack: Some(node.rack.clone()),
        is_fenced: false,
    });
    let operations = request.include_cluster_authorized_operations;
    DescribeClusterResponse {
        cluster_id: node.cluster_id.clone(),
        controller_id: node.endpoint(0).broker_id,
        brokers: brokers.collect(),
        cluster_authorized_operations: if operations { CLUSTER_OPERATIONS } else { i32::MIN },
        ..DescribeClusterResponse::default()
    }
}

/// Kafka's number of a group as a coordinator's key.
const GROUP: i8 = 0;

pub(super) async fn find_coordinator<D: Disk>(
    call: &Call<D>,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let node = call.shard.node();
    let found = |key: &Str| coordinator(node, key, request.key_type);
    if call.version() >= 4 {
        return FindCoordinatorResponse {
            coordinators: request.coordinator_keys.iter().map(found).collect(),
            ..FindCoordinatorResponse::default()
        };
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = found(&request.key);
    FindCoordinatorResponse {
        node_id,
        host,
        port,
        error_code,
        error_message,
        ..FindCoordinatorResponse::default()
    }
}

fn coordinator(node: &Node, key: &Str, key_type: i8) -> Coordinator {
    if key_type != GROUP {
        return Coordinator {
            key: key.clone(),
            node_id: -1,
            port: -1,
            error_code: ErrorCode::InvalidRequest.code(),
            error_message: Some(Str::from_static(
                "Only groups (key type 0) have a coordinator here; transactions are not offered.",
            )),
            ..Coordinator::default()
        };
    }
    let endpoint = node.endpoint(coordinator_shard(node, key));
    Coordinator {
        key: key.clone(),
        node_id: endpoint.broker_id,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        ..Coordinator::default()
    }
}

/// The shard that owns a group: that of its partition of the offsets topic. The topic's
/// partitions are dealt to shards by index, so this holds before the topic exists.
fn coordinator_shard(node: &Node, group: &str) -> u16 {
    let metadata = node.exchange.metadata();
    let topic = metadata.topic(crate::shard::metadata::OFFSETS_TOPIC);
    let configured = usize::try_from(node.config.offsets_topic_partitions).unwrap_or(1);
    let partitions = topic.map_or(configured, |topic| topic.partitions.len());
    // Kafka's Utils.abs clears the sign bit.
    let hash = usize::try_from(java_hash(group) & i32::MAX).unwrap_or_default();
    let partition = hash % partitions.max(1);
    match topic {
        Some(topic) => topic.partitions[partition].shard,
        None => u16::try_from(partition % node.endpoints.len()).unwrap_or_default(),
    }
}

/// Java's `String.hashCode`, over UTF-16 units: how Kafka spreads groups over partitions.
fn java_hash(text: &str) -> i32 {
    let add = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    text.encode_utf16().fold(0, add)
}

pub(super) async fn init_producer_id<D: Disk>(
    call: &Call<D>,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let given = match request.transactional_id {
        None => producer_id(call, &call.shard).await,
        // Refused for good, in every version: a retriable code would keep the client waiting.
        Some(_) => Err(ErrorCode::InvalidRequest),
    };
    match given {
        Ok(producer_id) => {
            InitProducerIdResponse { producer_id, ..InitProducerIdResponse::default() }
        }
        Err(code) => InitProducerIdResponse {
            error_code: code.code(),
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        },
    }
}

async fn producer_id<D: Disk>(call: &Call<D>, shard: &Shard<D>) -> Result<i64, ErrorCode> {
    let given = call.within(REQUEST_TIMEOUT_MS_MAX, shard.next_producer_id()).await;
    given.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_hash_as_in_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("my-group"), -1_906_497_762);
        assert_eq!(java_hash("größe"), {
            let units: Vec<u16> = "größe".encode_utf16().collect();
            units.iter().fold(0i32, |h, u| h.wrapping_mul(31).wrapping_add(i32::from(*u)))
        });
    }
}
