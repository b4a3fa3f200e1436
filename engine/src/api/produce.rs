//! Produce: appends one batch per partition, then waits for the acknowledgements. Everything up to
//! the wait happens at the first poll, in request order. The message sets of versions 0 to 2 become
//! batches in `api/legacy.rs`.

use kafka_wire::{
    ErrorCode, ProduceRequest, ProduceResponse, Str,
    produce::{
        BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
        PartitionProduceResponse, TopicProduceData, TopicProduceResponse,
    },
};

use crate::{
    clock,
    partition::{Acks, Appended},
    ring::disk::Disk,
    shard::{Hosted, Miss},
    types::TimestampMs,
};

use super::{Answer, call::Call, errors::Failure, legacy, locate::leaders};

/// A topic of the request with what became of its partitions.
struct Topic {
    request: TopicProduceData,
    results: Vec<(i32, Result<Appended, Failure>)>,
}

pub(super) async fn serve<D: Disk>(call: Call<D>) -> Answer {
    let request: ProduceRequest = match call.decode() {
        Ok(request) => request,
        Err(close) => return close,
    };
    if let Err(close) = legacy::check_topics(&call, &request.topic_data, |t| t.partition_data.len())
    {
        return close;
    }
    let acks = match request.acks {
        0 => Some(Acks::None),
        1 => Some(Acks::Leader),
        -1 => Some(Acks::All),
        _ => None,
    };
    let now = clock::now_ms();
    let mut topics: Vec<Topic> =
        request.topic_data.into_iter().map(|topic| append_topic(&call, topic, acks, now)).collect();
    if acks == Some(Acks::None) {
        return unanswered(&topics);
    }
    wait(&call, &topics, request.timeout_ms).await;
    topics.iter_mut().for_each(settle);
    call.reply(&response(&call, topics))
}

fn append_topic<D: Disk>(
    call: &Call<D>,
    mut request: TopicProduceData,
    acks: Option<Acks>,
    now: TimestampMs,
) -> Topic {
    let hosted = call.topic(&request.name, request.topic_id, call.version() >= 13);
    let partitions = std::mem::take(&mut request.partition_data).into_iter();
    let results = partitions.map(|data| {
        let index = data.index;
        let hosted = hosted.as_deref().map_err(|miss| *miss);
        (index, append(hosted, data, call.version(), acks, now))
    });
    Topic { results: results.collect(), request }
}

fn append<D: Disk>(
    hosted: Result<&Hosted<D>, Miss>,
    data: PartitionProduceData,
    version: i16,
    acks: Option<Acks>,
    now: TimestampMs,
) -> Result<Appended, Failure> {
    let acks = acks.ok_or(ErrorCode::InvalidRequiredAcks)?;
    let hosted = hosted?;
    let partition = hosted.partition(data.index)?;
    // One node is one replica in sync.
    if acks == Acks::All && hosted.topic.config.insync_replicas_min > 1 {
        return Err(ErrorCode::NotEnoughReplicas.into());
    }
    let batch = legacy::batch_of(version, data.records.unwrap_or_default().to_bytes())?;
    Ok(partition.append(&batch, acks, now)?)
}

/// With `acks=0` nothing is ever answered; after an error the connection ends, which is the only
/// sign there is, as in Kafka.
fn unanswered(topics: &[Topic]) -> Answer {
    let failures = topics.iter().flat_map(|topic| &topic.results);
    let failure = failures.filter_map(|(_, result)| result.as_ref().err()).next();
    match failure {
        None => Answer::Nothing,
        Some(failure) => Answer::Close(format!("Produce with acks=0: {}", failure.code.name())),
    }
}

/// Waits until all acknowledgements are known, at most for the client's timeout.
async fn wait<D: Disk>(call: &Call<D>, topics: &[Topic], timeout_ms: i32) {
    let appended = || {
        let results = topics.iter().flat_map(|topic| &topic.results);
        results.filter_map(|(_, result)| result.as_ref().ok())
    };
    if appended().all(|appended| appended.ack.outcome().is_some()) {
        return;
    }
    let all = async {
        for appended in appended() {
            // The outcome is looked at when all are known or the time is up.
            appended.ack.wait().await.ok();
        }
    };
    // `None` is the timeout, which shows as acknowledgements without an outcome.
    let _in_time = call.within(timeout_ms, all).await;
}

/// Turns appends whose acknowledgement failed or did not come into failures.
fn settle(topic: &mut Topic) {
    for (_, result) in &mut topic.results {
        let Ok(appended) = result else { continue };
        match appended.ack.outcome() {
            Some(Ok(())) => {}
            Some(Err(error)) => *result = Err(error.into()),
            None => *result = Err(ErrorCode::RequestTimedOut.into()),
        }
    }
}

fn response<D: Disk>(call: &Call<D>, topics: Vec<Topic>) -> ProduceResponse {
    let mut leaders = Vec::new();
    let responses = topics.into_iter().map(|topic| TopicProduceResponse {
        name: topic.request.name,
        topic_id: topic.request.topic_id,
        partition_responses: topic
            .results
            .into_iter()
            .map(|(index, result)| match result {
                Ok(appended) => PartitionProduceResponse {
                    index,
                    base_offset: appended.base_offset.0,
                    log_append_time_ms: appended.log_append_time.map_or(-1, |time| time.0),
                    log_start_offset: appended.log_start.0,
                    ..PartitionProduceResponse::default()
                },
                Err(failure) => {
                    leaders.extend(failure.leader.map(|leader| leader.shard));
                    refused(call, index, failure)
                }
            })
            .collect(),
    });
    let responses = responses.collect();
    ProduceResponse {
        responses,
        node_endpoints: endpoints(call, leaders),
        ..ProduceResponse::default()
    }
}

fn refused<D: Disk>(call: &Call<D>, index: i32, failure: Failure) -> PartitionProduceResponse {
    let has_hints = call.version() >= 10;
    let leader = failure.leader.filter(|_| has_hints).map(|place| LeaderIdAndEpoch {
        leader_id: call.shard.node().endpoint(place.shard).broker_id,
        leader_epoch: place.leader_epoch.0,
    });
    let message = failure.message.map(Str::from);
    let record_errors = failure.record.map(|batch_index| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: message.clone(),
    });
    PartitionProduceResponse {
        index,
        error_code: failure.code.code(),
        base_offset: -1,
        record_errors: record_errors.into_iter().collect(),
        error_message: message,
        current_leader: leader.unwrap_or_default(),
        ..PartitionProduceResponse::default()
    }
}

fn endpoints<D: Disk>(call: &Call<D>, shards: Vec<u16>) -> Vec<NodeEndpoint> {
    let hints = leaders(call, shards, 10).into_iter();
    hints
        .map(|leader| NodeEndpoint {
            node_id: leader.broker_id,
            host: leader.host.clone(),
            port: i32::from(leader.port),
            rack: Some(call.shard.node().rack.clone()),
        })
        .collect()
}
