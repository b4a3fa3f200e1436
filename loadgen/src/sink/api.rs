//! Owns the sink's answers to everything but Produce, through `kafka-protocol`. Never on a hot path
//! except Fetch, whose long poll waits here.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, FetchRequest, FetchResponse, InitProducerIdRequest,
    InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse, ProducerId, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::{Keep, Shared};
use crate::control::EARLIEST;
use crate::units::{from_i32, to_i32, to_usize};
use crate::wire;

/// APIs that the sink offers, in the versions that the client speaks.
const OFFERED: [i16; 8] = [0, 1, 2, 3, 18, 19, 20, 22];
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const UNSUPPORTED_VERSION: i16 = 35;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_REQUEST: i16 = 42;

impl Shared {
    /// Appends the answer's body. Always answers, or fails and with it the connection.
    pub(super) fn other(
        &self,
        node: usize,
        (api_key, version): (i16, i16),
        frame: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<bool> {
        let (min, max) = wire::spoken(api_key);
        if api_key == 18 {
            let code = if version == 0 { 0 } else { UNSUPPORTED_VERSION };
            api_versions(code).encode(output, 0)?;
            return Ok(true);
        }
        if !OFFERED.contains(&api_key) || !(min..=max).contains(&version) {
            bail!("{} v{version} is not served", wire::api_name(api_key));
        }
        let mut body = frame;
        RequestHeader::decode(&mut body, 1)?;
        match api_key {
            1 => {
                self.fetch(node, &FetchRequest::decode(&mut body, version)?).encode(output, version)
            }
            2 => self
                .offsets(&ListOffsetsRequest::decode(&mut body, version)?)
                .encode(output, version),
            3 => {
                self.metadata(&MetadataRequest::decode(&mut body, version)?).encode(output, version)
            }
            19 => self
                .create_all(&CreateTopicsRequest::decode(&mut body, version)?)
                .encode(output, version),
            20 => self
                .delete_all(&DeleteTopicsRequest::decode(&mut body, version)?)
                .encode(output, version),
            22 => self
                .producer_id(&InitProducerIdRequest::decode(&mut body, version)?)
                .encode(output, version),
            other => bail!("API {other} has no handler"),
        }
        .context("encode the answer")?;
        Ok(true)
    }

    fn producer_id(&self, request: &InitProducerIdRequest) -> InitProducerIdResponse {
        let answer = InitProducerIdResponse::default();
        // Transactions are not served; an empty name is as wrong here as in Kafka.
        if request.transactional_id.is_some() {
            return answer.with_error_code(INVALID_REQUEST).with_producer_id(ProducerId(-1));
        }
        let id = self.next_producer_id.fetch_add(1, Ordering::AcqRel);
        answer.with_producer_id(ProducerId(id)).with_producer_epoch(0)
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = self
            .addresses
            .iter()
            .enumerate()
            .map(|(node, address)| {
                MetadataResponseBroker::default()
                    .with_node_id(BrokerId(to_i32(node)))
                    .with_host(StrBytes::from_string(address.ip().to_string()))
                    .with_port(i32::from(address.port()))
            })
            .collect();
        let wanted = request.topics.iter().flatten().filter_map(|topic| topic.name.as_ref());
        let topics = wanted.map(|name| self.describe(name)).collect();
        MetadataResponse::default()
            .with_brokers(brokers)
            .with_cluster_id(Some(StrBytes::from_static_str("ringlog-loadgen-sink")))
            .with_controller_id(BrokerId(0))
            .with_topics(topics)
    }

    fn describe(&self, name: &TopicName) -> MetadataResponseTopic {
        let known = self.topics().get(name.as_str()).map(Vec::len);
        if known.is_none() && self.config.auto_create {
            self.create(name.as_str(), self.config.partitions);
        }
        let auto = self.config.auto_create.then_some(self.config.partitions);
        let topic = MetadataResponseTopic::default().with_name(Some(name.clone()));
        let Some(count) = known.or(auto) else {
            return topic.with_error_code(UNKNOWN_TOPIC_OR_PARTITION);
        };
        let partitions = (0..count)
            .map(|index| {
                let leader = BrokerId(to_i32(self.leader(index)));
                MetadataResponsePartition::default()
                    .with_partition_index(to_i32(index))
                    .with_leader_id(leader)
                    .with_replica_nodes(vec![leader])
                    .with_isr_nodes(vec![leader])
            })
            .collect();
        topic.with_partitions(partitions)
    }

    fn create_all(&self, request: &CreateTopicsRequest) -> CreateTopicsResponse {
        let results = request
            .topics
            .iter()
            .map(|topic| {
                let name = topic.name.as_str();
                let exists = self.topics().contains_key(name);
                if !exists {
                    let count = usize::try_from(topic.num_partitions).ok().filter(|n| *n > 0);
                    self.create(name, count.unwrap_or(self.config.partitions));
                }
                CreatableTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_error_code(if exists { TOPIC_ALREADY_EXISTS } else { 0 })
            })
            .collect();
        CreateTopicsResponse::default().with_topics(results)
    }

    fn delete_all(&self, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
        let results = request
            .topic_names
            .iter()
            .map(|name| {
                let known = self.topics().remove(name.as_str()).is_some();
                DeletableTopicResult::default()
                    .with_name(Some(name.clone()))
                    .with_error_code(if known { 0 } else { UNKNOWN_TOPIC_OR_PARTITION })
            })
            .collect();
        DeleteTopicsResponse::default().with_responses(results)
    }

    fn offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request
            .topics
            .iter()
            .map(|topic| {
                let partitions = topic
                    .partitions
                    .iter()
                    .map(|partition| {
                        let index = partition.partition_index;
                        let answer =
                            ListOffsetsPartitionResponse::default().with_partition_index(index);
                        match self.log(topic.name.as_str(), index).map(|log| log.bounds()) {
                            None => answer.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
                            Some((start, _)) if partition.timestamp == EARLIEST => {
                                answer.with_offset(start)
                            }
                            Some((_, end)) => answer.with_offset(end),
                        }
                    })
                    .collect();
                ListOffsetsTopicResponse::default()
                    .with_name(topic.name.clone())
                    .with_partitions(partitions)
            })
            .collect();
        ListOffsetsResponse::default().with_topics(topics)
    }

    /// Asks every partition; when none has anything, waits on the first of them in short turns.
    fn fetch(&self, node: usize, request: &FetchRequest) -> FetchResponse {
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        let until = Instant::now() + wait;
        let count: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
        // With several partitions the wait must not hang on one of them.
        let turn = if count > 1 { Duration::from_millis(1) } else { wait };
        loop {
            let last = Instant::now() >= until;
            let mut patience = if last { Duration::ZERO } else { turn };
            let mut bytes_left = to_usize(u64::try_from(request.max_bytes).unwrap_or(0));
            let mut found = 0;
            let mut topics = Vec::with_capacity(request.topics.len());
            for topic in &request.topics {
                let mut partitions = Vec::with_capacity(topic.partitions.len());
                for wanted in &topic.partitions {
                    let data =
                        self.read(node, topic.topic.as_str(), wanted, (bytes_left, patience));
                    patience = Duration::ZERO;
                    let bytes = data.records.as_ref().map_or(0, Bytes::len);
                    found += bytes + usize::from(data.error_code != 0);
                    bytes_left = bytes_left.saturating_sub(bytes);
                    partitions.push(data);
                }
                topics.push(
                    FetchableTopicResponse::default()
                        .with_topic(topic.topic.clone())
                        .with_partitions(partitions),
                );
            }
            if found > 0 || last {
                return FetchResponse::default().with_responses(topics);
            }
        }
    }

    fn read(
        &self,
        node: usize,
        topic: &str,
        wanted: &FetchPartition,
        (bytes_max, wait): (usize, Duration),
    ) -> PartitionData {
        let data = PartitionData::default().with_partition_index(wanted.partition);
        let index = from_i32(wanted.partition).unwrap_or(usize::MAX);
        if self.addresses.len() > 1 && self.leader(index) != node {
            return data.with_error_code(NOT_LEADER_OR_FOLLOWER);
        }
        let log = match &self.config.keep {
            Keep::Memory(_) => self.log(topic, wanted.partition),
            Keep::Nothing | Keep::Durable(_) => None,
        };
        let Some(log) = log else { return data.with_error_code(UNKNOWN_TOPIC_OR_PARTITION) };
        let limit = bytes_max.min(from_i32(wanted.partition_max_bytes).unwrap_or(0));
        match log.read(wanted.fetch_offset, limit, wait) {
            None => data.with_error_code(OFFSET_OUT_OF_RANGE),
            Some(records) => {
                data.with_high_watermark(log.bounds().1).with_records(Some(Bytes::from(records)))
            }
        }
    }
}

fn api_versions(code: i16) -> ApiVersionsResponse {
    let keys = OFFERED
        .iter()
        .map(|key| {
            let (min, max) = wire::spoken(*key);
            ApiVersion::default().with_api_key(*key).with_min_version(min).with_max_version(max)
        })
        .collect();
    ApiVersionsResponse::default().with_error_code(code).with_api_keys(keys)
}
