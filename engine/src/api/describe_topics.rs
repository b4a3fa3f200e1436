//! DescribeTopicPartitions: pages through partitions in name order (KIP-966).

use std::sync::Arc;

use kafka_wire::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ErrorCode, Str, Uuid,
    describe_topic_partitions::{
        Cursor, DescribeTopicPartitionsResponsePartition as Partition,
        DescribeTopicPartitionsResponseTopic as Answered,
    },
};

use crate::{
    limits::DESCRIBE_PARTITIONS_MAX,
    ring::disk::Disk,
    shard::{
        metadata::{Metadata, Topic},
        node::Node,
    },
};

use super::{call::Call, metadata::TOPIC_OPERATIONS};

pub(super) async fn serve<D: Disk>(
    call: &Call<D>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let node = call.shard.node();
    let metadata = node.exchange.metadata();
    let wanted = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let mut page = Page {
        node,
        room: wanted.clamp(1, DESCRIBE_PARTITIONS_MAX),
        topics: Vec::new(),
        next: None,
    };
    let (first, mut from) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    for (name, topic) in wanted_topics(&metadata, &request, first) {
        if request.cursor.as_ref().is_some_and(|cursor| cursor.topic_name != *name) {
            from = 0;
        }
        match topic {
            Some(topic) if !page.add(topic, from) => break,
            Some(_) => {}
            None => page.topics.push(unknown(name)),
        }
    }
    DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor: page.next,
        ..DescribeTopicPartitionsResponse::default()
    }
}

/// The named topics, or all, in name order from `first` on.
fn wanted_topics<'a>(
    metadata: &'a Metadata,
    request: &DescribeTopicPartitionsRequest,
    first: &str,
) -> Vec<(Str, Option<&'a Arc<Topic>>)> {
    if request.topics.is_empty() {
        let all = metadata.topics_from(first).take(DESCRIBE_PARTITIONS_MAX + 1);
        return all.map(|topic| (topic.name.clone(), Some(topic))).collect();
    }
    let mut names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| name.as_str() >= first);
    names.into_iter().map(|name| (name.clone(), metadata.topic(&name))).collect()
}

/// The answer being filled.
struct Page<'a> {
    node: &'a Node,
    /// Partitions that still fit.
    room: usize,
    topics: Vec<Answered>,
    next: Option<Cursor>,
}

impl Page<'_> {
    /// Adds what fits of a topic; false when the page is full.
    fn add(&mut self, topic: &Topic, from: i32) -> bool {
        if self.room == 0 {
            self.next =
                Some(Cursor { topic_name: topic.name.clone(), partition_index: from.max(0) });
            return false;
        }
        let from = usize::try_from(from).unwrap_or_default();
        let places = topic.partitions.iter().enumerate().skip(from).take(self.room);
        let partitions: Vec<Partition> = places
            .map(|(index, place)| {
                let broker_id = self.node.endpoint(place.shard).broker_id;
                Partition {
                    partition_index: i32::try_from(index).unwrap_or(i32::MAX),
                    leader_id: broker_id,
                    leader_epoch: place.leader_epoch.0,
                    replica_nodes: vec![broker_id],
                    isr_nodes: vec![broker_id],
                    eligible_leader_replicas: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    ..Partition::default()
                }
            })
            .collect();
        self.room -= partitions.len();
        let end = from + partitions.len();
        self.topics.push(Answered {
            name: Some(topic.name.clone()),
            topic_id: topic.id,
            is_internal: topic.is_internal(),
            partitions,
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..Answered::default()
        });
        if end < topic.partitions.len() {
            let partition_index = i32::try_from(end).unwrap_or(i32::MAX);
            self.next = Some(Cursor { topic_name: topic.name.clone(), partition_index });
            return false;
        }
        true
    }
}

fn unknown(name: Str) -> Answered {
    Answered {
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        name: Some(name),
        topic_id: Uuid::ZERO,
        ..Answered::default()
    }
}
