//! CreateTopics, DeleteTopics, CreatePartitions: translated to changes for the controller.

use std::{collections::HashSet, sync::Arc};

use kafka_wire::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, ErrorCode, Str, Uuid,
    create_partitions::{CreatePartitionsTopic, CreatePartitionsTopicResult},
    create_topics::{CreatableTopic, CreatableTopicConfigs, CreatableTopicResult},
    delete_topics::{DeletableTopicResult, DeleteTopicState},
};

use crate::{
    config::{Settings, describe},
    limits::CONTROL_TOPICS_PER_REQUEST_MAX,
    ring::disk::Disk,
    shard::{
        change::{Change, MorePartitions, NewTopic, Outcome, Refusal},
        metadata::Topic,
    },
};

use super::{call::Call, configs::source_code};

pub(super) async fn create<D: Disk>(
    call: &Call<D>,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    // Each topic is either refused by its own contradiction, or goes to the controller.
    let checked: Vec<Result<NewTopic, Refusal>> = request.topics.into_iter().map(new).collect();
    let valid = checked.iter().flatten().cloned().collect();
    let outcome = ask(call, Change::Create(valid), request.validate_only, request.timeout_ms).await;
    let mut decided = outcome.into_iter();
    let results = names.into_iter().zip(checked).map(|(name, checked)| {
        let result = checked.and_then(|_| decided.next().unwrap_or_else(|| Err(no_answer())));
        created(&call.shard.node().config.settings, name, result, request.validate_only)
    });
    CreateTopicsResponse { topics: results.collect(), ..CreateTopicsResponse::default() }
}

fn new(topic: CreatableTopic) -> Result<NewTopic, Refusal> {
    let assigned = !topic.assignments.is_empty();
    if assigned && (topic.num_partitions != -1 || topic.replication_factor != -1) {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "Both numPartitions or replicationFactor and replicasAssignments were set; \
             use one or the other.",
        ));
    }
    Ok(NewTopic {
        name: topic.name,
        partitions: Some(topic.num_partitions).filter(|count| *count != -1),
        replication_factor: Some(topic.replication_factor).filter(|factor| *factor != -1),
        assignments: topic
            .assignments
            .into_iter()
            .map(|assignment| (assignment.partition_index, assignment.broker_ids))
            .collect(),
        configs: topic.configs.into_iter().map(|config| (config.name, config.value)).collect(),
    })
}

fn created(
    settings: &Settings,
    name: Str,
    result: Result<Arc<Topic>, Refusal>,
    validate_only: bool,
) -> CreatableTopicResult {
    match result {
        Ok(topic) => CreatableTopicResult {
            name,
            topic_id: if validate_only { Uuid::ZERO } else { topic.id },
            num_partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
            replication_factor: 1,
            configs: Some(created_configs(settings, &topic)),
            ..CreatableTopicResult::default()
        },
        Err(refusal) => CreatableTopicResult {
            name,
            error_code: refusal.code.code(),
            error_message: Some(refusal.message.into()),
            ..CreatableTopicResult::default()
        },
    }
}

fn created_configs(settings: &Settings, topic: &Topic) -> Vec<CreatableTopicConfigs> {
    let rows = describe(settings, &topic.overrides).into_iter();
    rows.map(|row| CreatableTopicConfigs {
        name: Str::from_static(row.key.name),
        value: Some(row.value.into()),
        config_source: source_code(row.source),
        ..CreatableTopicConfigs::default()
    })
    .collect()
}

pub(super) async fn delete<D: Disk>(
    call: &Call<D>,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO });
    let wanted: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let metadata = call.shard.node().exchange.metadata();
    let mut named = HashSet::new();
    let found: Vec<Result<Arc<Topic>, ErrorCode>> = wanted
        .iter()
        .map(|wanted| {
            if !call.shard.node().config.delete_topics {
                return Err(ErrorCode::TopicDeletionDisabled);
            }
            let (topic, unknown) = match &wanted.name {
                Some(name) => (metadata.topic(name), ErrorCode::UnknownTopicOrPartition),
                None => (metadata.topic_by_id(wanted.topic_id), ErrorCode::UnknownTopicId),
            };
            let topic = topic.ok_or(unknown)?;
            if named.insert(topic.id) {
                Ok(Arc::clone(topic))
            } else {
                Err(ErrorCode::InvalidRequest)
            }
        })
        .collect();
    let ids = found.iter().flatten().map(|topic| topic.id).collect();
    let mut decided = ask(call, Change::Delete(ids), false, request.timeout_ms).await.into_iter();
    let responses = wanted.into_iter().zip(found).map(|(wanted, found)| {
        let name = found.as_ref().ok().map(|topic| topic.name.clone());
        let topic_id = found.as_ref().map_or(wanted.topic_id, |topic| topic.id);
        let result = found
            .map_err(|code| Refusal::new(code, code.message()))
            .and_then(|_| decided.next().unwrap_or_else(|| Err(no_answer())));
        let refusal = result.err();
        DeletableTopicResult {
            name: wanted.name.or(name),
            topic_id,
            error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.code()),
            error_message: refusal.map(|refusal| refusal.message.into()),
        }
    });
    DeleteTopicsResponse { responses: responses.collect(), ..DeleteTopicsResponse::default() }
}

pub(super) async fn grow<D: Disk>(
    call: &Call<D>,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let names: Vec<Str> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let mut named = HashSet::new();
    let checked: Vec<Result<MorePartitions, Refusal>> = request
        .topics
        .into_iter()
        .map(|topic| match named.insert(topic.name.clone()) {
            true => Ok(more(topic)),
            false => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "The request names this topic more than once.",
            )),
        })
        .collect();
    let valid = checked.iter().flatten().cloned().collect();
    let outcome = ask(call, Change::Grow(valid), request.validate_only, request.timeout_ms).await;
    let mut decided = outcome.into_iter();
    let results = names.into_iter().zip(checked).map(|(name, checked)| {
        let result = checked.and_then(|_| decided.next().unwrap_or_else(|| Err(no_answer())));
        let refusal = result.err();
        CreatePartitionsTopicResult {
            name,
            error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.code()),
            error_message: refusal.map(|refusal| refusal.message.into()),
        }
    });
    CreatePartitionsResponse { results: results.collect(), ..CreatePartitionsResponse::default() }
}

fn more(topic: CreatePartitionsTopic) -> MorePartitions {
    let assignments = topic.assignments.unwrap_or_default().into_iter();
    MorePartitions {
        topic: topic.name,
        count: topic.count,
        assignments: assignments.map(|assignment| assignment.broker_ids).collect(),
    }
}

/// One result per topic of `change`, also when the change as a whole failed.
pub(super) async fn ask<D: Disk>(
    call: &Call<D>,
    change: Change,
    validate_only: bool,
    timeout_ms: i32,
) -> Vec<Result<Arc<Topic>, Refusal>> {
    let count = match &change {
        Change::Create(topics) => topics.len(),
        Change::Delete(ids) => ids.len(),
        Change::Grow(topics) => topics.len(),
        Change::Configure(changes) => changes.len(),
        Change::ReserveProducerIds => 0,
    };
    if count == 0 {
        return Vec::new();
    }
    if count > CONTROL_TOPICS_PER_REQUEST_MAX {
        let message = format!("More than {CONTROL_TOPICS_PER_REQUEST_MAX} topics in one request.");
        return vec![Err(Refusal::new(ErrorCode::InvalidRequest, message)); count];
    }
    match call.change(change, validate_only, timeout_ms).await {
        Outcome::Topics(results) => results,
        Outcome::Failed(refusal) => vec![Err(refusal); count],
        Outcome::ProducerIds(_) => vec![Err(no_answer()); count],
    }
}

fn no_answer() -> Refusal {
    Refusal::new(ErrorCode::UnknownServerError, "The controller gave no result for this topic.")
}
