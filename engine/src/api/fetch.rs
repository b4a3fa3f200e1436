//! Fetch: long poll over many partitions, with sessions (KIP-227). Reads are in
//! `api/fetch_read.rs`; this file decides what is read, how long to wait and what to tell.

use std::{collections::HashMap, pin::pin, time::Duration};

use futures_util::future::{Either, select};
use kafka_wire::{
    ErrorCode, FetchRequest, FetchResponse, Records,
    fetch::{
        FetchTopic, FetchableTopicResponse, ForgottenTopic, LeaderIdAndEpoch, NodeEndpoint,
        PartitionData,
    },
};

use crate::{
    clock,
    limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX},
    partition::{FetchWaiter, Watch},
    ring::disk::Disk,
    shard::fetch_sessions::{PartitionKey, Plan, SessionClaim, SessionError, Told, Wanted},
};

use super::{
    Answer,
    call::Call,
    errors::Failure,
    fetch_read::{Limits, Round, Target},
    legacy,
    locate::leaders,
};

/// Read committed, as the request says it.
const READ_COMMITTED: i8 = 1;

pub(super) async fn serve<D: Disk>(call: Call<D>) -> Answer {
    let request: FetchRequest = match call.decode() {
        Ok(request) => request,
        Err(close) => return close,
    };
    match legacy::check_topics(&call, &request.topics, |topic| topic.partitions.len()) {
        Ok(()) => call.reply(&answer(&call, request).await),
        Err(close) => close,
    }
}

async fn answer<D: Disk>(call: &Call<D>, request: FetchRequest) -> FetchResponse {
    let plan = match plan(call, &request) {
        Ok(plan) => plan,
        Err(error) => return session_failed(error),
    };
    let by_id = call.version() >= 13;
    let targets: Vec<Target<D>> = plan
        .partitions
        .iter()
        .map(|(key, wanted)| Target::find(call, key, *wanted, by_id))
        .collect();
    let limits = Limits {
        bytes_max: usize::try_from(request.max_bytes).unwrap_or_default().min(FETCH_BYTES_MAX),
        bytes_min: usize::try_from(request.min_bytes).unwrap_or_default(),
    };
    let round = read(call, &targets, limits, request.max_wait_ms).await;
    respond(call, &plan, round, request.isolation_level == READ_COMMITTED)
}

fn plan<D: Disk>(call: &Call<D>, request: &FetchRequest) -> Result<Plan, SessionError> {
    let wanted = request.topics.iter().flat_map(wanted_of).collect();
    let forgotten: Vec<PartitionKey> =
        request.forgotten_topics_data.iter().flat_map(forgotten_of).collect();
    let claim = SessionClaim {
        id: request.session_id,
        epoch: request.session_epoch,
        by_id: call.version() >= 13,
    };
    call.shard.fetch_sessions().plan(claim, wanted, &forgotten, clock::now_ms())
}

fn wanted_of(topic: &FetchTopic) -> impl Iterator<Item = (PartitionKey, Wanted)> {
    topic.partitions.iter().map(|partition| {
        let key = PartitionKey {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            index: partition.partition,
        };
        let wanted = Wanted {
            fetch_offset: partition.fetch_offset,
            bytes_max: partition.partition_max_bytes,
            leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        };
        (key, wanted)
    })
}

fn forgotten_of(topic: &ForgottenTopic) -> impl Iterator<Item = PartitionKey> {
    topic.partitions.iter().map(|index| PartitionKey {
        topic: topic.topic.clone(),
        topic_id: topic.topic_id,
        index: *index,
    })
}

fn session_failed(error: SessionError) -> FetchResponse {
    let code = match error {
        SessionError::NotFound => ErrorCode::FetchSessionIdNotFound,
        SessionError::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIdMix => ErrorCode::FetchSessionTopicIdError,
    };
    FetchResponse { error_code: code.code(), ..FetchResponse::default() }
}

/// Reads until there is enough, something went wrong, or the time is up.
async fn read<D: Disk>(
    call: &Call<D>,
    targets: &[Target<D>],
    limits: Limits,
    max_wait_ms: i32,
) -> Round {
    let first = Round::read(call, targets, limits).await;
    if max_wait_ms <= 0 || first.is_enough(limits) {
        return first;
    }
    // Registered before the next read, so that no append is missed between it and the wait.
    let waiter = FetchWaiter::new();
    let watches: Option<Vec<Watch>> =
        targets.iter().filter_map(Target::partition).map(|p| p.watch(&waiter)).collect();
    if watches.is_none() {
        return first;
    }
    let wait = u64::try_from(max_wait_ms.min(FETCH_WAIT_MS_MAX)).unwrap_or_default();
    let mut timer = pin!(call.shard.sleep(Duration::from_millis(wait)));
    loop {
        let round = Round::read(call, targets, limits).await;
        if round.is_enough(limits) {
            return round;
        }
        let woken = pin!(waiter.woken());
        if let Either::Right(_) = select(woken, timer.as_mut()).await {
            return round;
        }
    }
}

fn respond<D: Disk>(
    call: &Call<D>,
    plan: &Plan,
    round: Round,
    read_committed: bool,
) -> FetchResponse {
    let mut sessions = call.shard.fetch_sessions();
    let mut topics = Topics::default();
    let mut leaders = Vec::new();
    for ((key, _), found) in plan.partitions.iter().zip(round.results) {
        let (data, told) = match found {
            Ok(found) => {
                let told =
                    Told { high_watermark: found.high_watermark.0, log_start: found.log_start.0 };
                let no_news = found.bytes == 0 && sessions.told(plan.session_id, key) == told;
                if plan.incremental && no_news {
                    continue;
                }
                if found.bytes > 0 {
                    sessions.turn(plan.session_id, key);
                }
                (served(key.index, told, found.buffers, read_committed), Some(told))
            }
            Err(failure) => {
                leaders.extend(failure.leader.map(|leader| leader.shard));
                (refused(call, key.index, &failure), None)
            }
        };
        sessions.tell(plan.session_id, key, told);
        topics.add(key, data);
    }
    FetchResponse {
        session_id: plan.session_id,
        responses: topics.responses,
        node_endpoints: endpoints(call, leaders),
        ..FetchResponse::default()
    }
}

/// Answers grouped by topic, in the order in which topics were first met.
#[derive(Default)]
struct Topics {
    responses: Vec<FetchableTopicResponse>,
    places: HashMap<PartitionKey, usize>,
}

impl Topics {
    fn add(&mut self, key: &PartitionKey, data: PartitionData) {
        let topic = PartitionKey { index: 0, ..key.clone() };
        let is_last = self
            .responses
            .last()
            .is_some_and(|last| last.topic == topic.topic && last.topic_id == topic.topic_id);
        let place = if is_last {
            self.responses.len() - 1
        } else {
            let responses = &mut self.responses;
            *self.places.entry(topic).or_insert_with_key(|topic| {
                responses.push(FetchableTopicResponse {
                    topic: topic.topic.clone(),
                    topic_id: topic.topic_id,
                    partitions: Vec::new(),
                });
                responses.len() - 1
            })
        };
        self.responses[place].partitions.push(data);
    }
}

fn served(
    partition_index: i32,
    told: Told,
    buffers: Vec<bytes::Bytes>,
    read_committed: bool,
) -> PartitionData {
    PartitionData {
        partition_index,
        high_watermark: told.high_watermark,
        // Without transactions everything below the high watermark is stable.
        last_stable_offset: told.high_watermark,
        log_start_offset: told.log_start,
        aborted_transactions: read_committed.then(Vec::new),
        preferred_read_replica: -1,
        records: buffers.into_iter().collect::<Records>(),
        ..PartitionData::default()
    }
}

fn refused<D: Disk>(call: &Call<D>, partition_index: i32, failure: &Failure) -> PartitionData {
    let has_hints = call.version() >= 12;
    let leader = failure.leader.filter(|_| has_hints).map(|place| LeaderIdAndEpoch {
        leader_id: call.shard.node().endpoint(place.shard).broker_id,
        leader_epoch: place.leader_epoch.0,
    });
    PartitionData {
        partition_index,
        error_code: failure.code.code(),
        high_watermark: -1,
        preferred_read_replica: -1,
        current_leader: leader.unwrap_or_default(),
        ..PartitionData::default()
    }
}

fn endpoints<D: Disk>(call: &Call<D>, shards: Vec<u16>) -> Vec<NodeEndpoint> {
    let hints = leaders(call, shards, 16).into_iter();
    hints
        .map(|leader| NodeEndpoint {
            node_id: leader.broker_id,
            host: leader.host.clone(),
            port: i32::from(leader.port),
            rack: Some(call.shard.node().rack.clone()),
        })
        .collect()
}
