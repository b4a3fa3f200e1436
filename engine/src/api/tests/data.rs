//! Produce, Fetch and the lookups of offsets.

use bytes::Bytes;
use kafka_wire::{
    DeleteRecordsRequest, DescribeLogDirsRequest, ErrorCode, FetchRequest, FetchResponse,
    ListOffsetsRequest, OffsetForLeaderEpochRequest, ProduceRequest, ProduceResponse, Str, Uuid,
    delete_records::{DeleteRecordsPartition, DeleteRecordsTopic},
    fetch::{FetchPartition, FetchTopic, PartitionData},
    list_offsets::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    produce::{PartitionProduceData, TopicProduceData},
};
use log_format::{BatchBuilder, Batches, Compression, Headers};

use super::fixture::{Fixture, frame};
use crate::{api::Answer, clock};

/// A batch of `count` records with timestamps from `now` on.
fn batch(count: i64, now: i64) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for number in 0..count {
        builder.push(now + number, Some(b"key"), Some(b"value"), Headers::NONE);
    }
    builder.build()
}

fn now() -> i64 {
    clock::now_ms().0
}

fn produce(version: i16, id: Uuid, parts: &[(i32, Bytes)], acks: i16) -> ProduceRequest {
    let data = |(index, records): &(i32, Bytes)| PartitionProduceData {
        index: *index,
        records: Some(records.clone().into()),
    };
    let (name, topic_id) = named(version, id);
    let partition_data = parts.iter().map(data).collect();
    ProduceRequest {
        acks,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData { name, topic_id, partition_data }],
        ..ProduceRequest::default()
    }
}

/// The topic "t", as versions name it.
fn named(version: i16, id: Uuid) -> (Str, Uuid) {
    if version >= 13 { (Str::default(), id) } else { (Str::from("t"), Uuid::ZERO) }
}

fn codes(response: &ProduceResponse) -> Vec<ErrorCode> {
    let parts = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    parts.map(|part| ErrorCode::from(part.error_code)).collect()
}

fn fetch(version: i16, id: Uuid, parts: &[(i32, i64)]) -> FetchRequest {
    let part = |(partition, fetch_offset): &(i32, i64)| FetchPartition {
        partition: *partition,
        fetch_offset: *fetch_offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let (topic, topic_id) = named(version, id);
    FetchRequest {
        max_wait_ms: 5,
        min_bytes: 1,
        topics: vec![FetchTopic { topic, topic_id, partitions: parts.iter().map(part).collect() }],
        ..FetchRequest::default()
    }
}

fn first(response: &FetchResponse) -> &PartitionData {
    &response.responses[0].partitions[0]
}

/// Offsets of the records in an answer.
fn offsets(part: &PartitionData) -> Vec<i64> {
    Batches::new(part.records.to_bytes())
        .map(Result::unwrap)
        .flat_map(|batch| batch.header.base_offset..batch.header.next_offset())
        .collect()
}

#[test]
fn every_version_of_produce_is_read_back_by_every_version_of_fetch() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 2, &[]);
    let mut end = 0;
    for version in 3..=13 {
        let acks = if version % 2 == 0 { 1 } else { -1 };
        let request = produce(version, id, &[(0, batch(2, now())), (1, batch(1, now()))], acks);
        let response = fixture.ask(0, version, &request);
        assert_eq!(codes(&response), [ErrorCode::None; 2], "version {version}");
        let part = &response.responses[0].partition_responses[0];
        assert_eq!((part.base_offset, part.log_append_time_ms), (end, -1));
        end += 2;
    }
    for version in 4..=18 {
        let response = fixture.ask(0, version, &fetch(version, id, &[(0, 3), (1, 0)]));
        let part = first(&response);
        assert_eq!((part.error_code, part.high_watermark), (0, end), "version {version}");
        assert_eq!(part.last_stable_offset, end);
        // Whole batches: the first one begins before the offset asked for.
        assert_eq!(offsets(part), (2..end).collect::<Vec<_>>());
        assert_eq!(offsets(&response.responses[0].partitions[1]).len(), 11);
    }
}

#[test]
fn records_survive_a_crash_and_a_restart() {
    let fixture = Fixture::new(2, &[]);
    let id = fixture.create("t", 2, &[]);
    for (shard, partition) in [(0, 0), (1, 1)] {
        let request = produce(9, id, &[(partition, batch(5, now()))], 1);
        assert_eq!(codes(&fixture.ask(shard, 9, &request)), [ErrorCode::None]);
    }
    let disk = fixture.disk.crash(7);
    drop(fixture);
    let fixture = Fixture::on(disk, 2, &[]);
    for shard in 0..2 {
        let partition = i32::try_from(shard).unwrap();
        let response = fixture.ask(shard, 11, &fetch(11, id, &[(partition, 0)]));
        assert_eq!(offsets(first(&response)), [0, 1, 2, 3, 4]);
        fixture.run(fixture.shards[shard].stop());
    }
    let disk = fixture.disk.crash(8);
    drop(fixture);
    // One shard less: it takes over the other one's partition.
    let fixture = Fixture::on(disk, 1, &[]);
    for partition in 0..2 {
        let response = fixture.ask(0, 11, &fetch(11, id, &[(partition, 0)]));
        assert_eq!(offsets(first(&response)), [0, 1, 2, 3, 4], "partition {partition}");
    }
}

#[test]
fn each_partition_of_a_produce_fails_by_itself() {
    let fixture = Fixture::new(2, &[]);
    let id = fixture.create("t", 2, &[("max.message.bytes", "200")]);
    let mut damaged = batch(1, now()).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let mut large = BatchBuilder::new(Compression::None);
    large.push(now(), None, Some(&[0; 300]), Headers::NONE);
    let parts = [
        (0, Bytes::from(damaged)),
        (0, large.build()),
        (0, Bytes::new()),
        (0, batch(1, now() + 10_000_000)),
        (1, batch(1, now())),
        (7, batch(1, now())),
        (0, batch(1, now())),
    ];
    let response = fixture.ask(0, 12, &produce(12, id, &parts, 1));
    assert_eq!(
        codes(&response),
        [
            ErrorCode::CorruptMessage,
            ErrorCode::MessageTooLarge,
            ErrorCode::InvalidRecord,
            ErrorCode::InvalidTimestamp,
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::UnknownTopicOrPartition,
            ErrorCode::None,
        ]
    );
    let parts = &response.responses[0].partition_responses;
    assert_eq!(parts[4].current_leader.leader_id, 1001);
    assert_eq!(response.node_endpoints[0].port, 9093);
    assert_eq!(parts[3].record_errors[0].batch_index, 0);
    assert!(parts[1].error_message.is_some());
    let unknown = fixture.ask(0, 13, &produce(13, Uuid([7; 16]), &[(0, batch(1, now()))], 1));
    assert_eq!(codes(&unknown), [ErrorCode::UnknownTopicId]);
    let wrong = fixture.ask(0, 12, &produce(12, id, &[(0, batch(1, now()))], 5));
    assert_eq!(codes(&wrong), [ErrorCode::InvalidRequiredAcks]);
}

#[test]
fn acks_0_is_never_answered_and_an_error_ends_the_connection() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    let good = produce(7, id, &[(0, batch(1, now()))], 0);
    assert!(matches!(fixture.frame(0, frame(7, &good)), Answer::Nothing));
    let bad = produce(7, id, &[(9, batch(1, now()))], 0);
    assert!(matches!(fixture.frame(0, frame(7, &bad)), Answer::Close(_)));
    // It is written all the same: the fetch waits for it.
    let request = FetchRequest { max_wait_ms: 1000, ..fetch(11, id, &[(0, 0)]) };
    assert_eq!(offsets(first(&fixture.ask(0, 11, &request))), [0]);
}

#[test]
fn too_few_replicas_refuse_acks_all_only() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[("min.insync.replicas", "2")]);
    let all = fixture.ask(0, 9, &produce(9, id, &[(0, batch(1, now()))], -1));
    assert_eq!(codes(&all), [ErrorCode::NotEnoughReplicas]);
    let leader = fixture.ask(0, 9, &produce(9, id, &[(0, batch(1, now()))], 1));
    assert_eq!(codes(&leader), [ErrorCode::None]);
}

#[test]
fn log_append_time_is_told_and_stored() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let before = now();
    let response = fixture.ask(0, 9, &produce(9, id, &[(0, batch(1, 5))], 1));
    let told = response.responses[0].partition_responses[0].log_append_time_ms;
    assert!((before..=now()).contains(&told));
    let read = fixture.ask(0, 11, &fetch(11, id, &[(0, 0)]));
    let batch = Batches::new(first(&read).records.to_bytes()).next().unwrap().unwrap();
    assert_eq!(batch.header.max_timestamp, told);
}

#[test]
fn an_empty_fetch_waits_and_carries_a_record_set_of_length_zero() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    for version in 4..=18 {
        let part = fixture.ask(0, version, &fetch(version, id, &[(0, 0)]));
        let part = first(&part);
        assert_eq!((part.error_code, part.records.len(), part.high_watermark), (0, 0, 0));
    }
}

#[test]
fn a_waiting_fetch_is_woken_by_the_append() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    let waiting = FetchRequest { max_wait_ms: 300_000, ..fetch(11, id, &[(0, 0)]) };
    let fetching = crate::api::begin(&fixture.shards[0], frame(11, &waiting));
    let producing = async {
        // The fetch has been waiting for a while when the record comes.
        fixture.shards[0].sleep(std::time::Duration::from_millis(5)).await;
        let request = produce(9, id, &[(0, batch(1, now()))], 1);
        crate::api::begin(&fixture.shards[0], frame(9, &request)).await
    };
    let timer = fixture.shards[0].sleep(std::time::Duration::from_millis(200));
    let both = futures_util::future::join(fetching, producing);
    let done = fixture.run(futures_util::future::select(Box::pin(both), Box::pin(timer)));
    let futures_util::future::Either::Left(((Answer::Reply(parts), _), _)) = done else {
        panic!("the fetch was not woken");
    };
    let body = Bytes::from(parts.concat()).slice(4..);
    let (_, response) = kafka_wire::decode_response::<FetchRequest>(body, 11).unwrap();
    assert_eq!(offsets(first(&response)), [0]);
}

#[test]
fn limits_of_bytes_are_kept_but_one_batch_always_comes() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 2, &[]);
    let one = batch(10, now());
    for _ in 0..4 {
        let parts = [(0, one.clone()), (1, one.clone())];
        fixture.ask(0, 9, &produce(9, id, &parts, 1));
    }
    let mut tiny = fetch(11, id, &[(0, 0), (1, 0)]);
    tiny.max_bytes = 1;
    let response = fixture.ask(0, 11, &tiny);
    let parts = &response.responses[0].partitions;
    assert_eq!((parts[0].records.len(), parts[1].records.len()), (one.len(), 0));
    let mut two = fetch(11, id, &[(0, 0), (1, 0)]);
    two.topics[0].partitions[0].partition_max_bytes = i32::try_from(2 * one.len() + 5).unwrap();
    let response = fixture.ask(0, 11, &two);
    let parts = &response.responses[0].partitions;
    assert_eq!((parts[0].records.len(), parts[1].records.len()), (2 * one.len(), 4 * one.len()));
}

#[test]
fn a_fetch_tells_why_each_partition_cannot_be_read() {
    let fixture = Fixture::new(2, &[]);
    let id = fixture.create("t", 2, &[]);
    let mut request = fetch(16, id, &[(0, 5), (1, 0), (9, 0), (0, 0), (0, 0)]);
    request.topics[0].partitions[3].current_leader_epoch = 3;
    let response = fixture.ask(0, 16, &request);
    let parts = &response.responses[0].partitions;
    let codes: Vec<_> = parts.iter().map(|part| ErrorCode::from(part.error_code)).collect();
    assert_eq!(
        codes,
        [
            ErrorCode::OffsetOutOfRange,
            ErrorCode::NotLeaderOrFollower,
            ErrorCode::UnknownTopicOrPartition,
            ErrorCode::UnknownLeaderEpoch,
            ErrorCode::None,
        ]
    );
    assert_eq!(parts[1].current_leader.leader_id, 1001);
    assert_eq!(response.node_endpoints[0].node_id, 1001);
    let unknown = fixture.ask(0, 13, &fetch(13, Uuid([7; 16]), &[(0, 0)]));
    assert_eq!(first(&unknown).error_code, ErrorCode::UnknownTopicId.code());
}

#[test]
fn a_session_tells_only_news() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 2, &[]);
    for version in 7..=18 {
        // One record came per version before this one.
        let end = i64::from(version - 7);
        let full = FetchRequest { session_epoch: 0, ..fetch(version, id, &[(0, 0), (1, end)]) };
        let opened = fixture.ask(0, version, &full);
        assert!(opened.session_id > 0 && opened.responses[0].partitions.len() == 2);
        let next = |session_epoch| FetchRequest {
            session_id: opened.session_id,
            session_epoch,
            max_wait_ms: 1,
            min_bytes: 1,
            ..FetchRequest::default()
        };
        let quiet = fixture.ask(0, version, &next(1));
        assert_eq!((quiet.error_code, quiet.responses.len()), (0, 0));
        let request = produce(9, id, &[(1, batch(1, now()))], 1);
        assert_eq!(codes(&fixture.ask(0, 9, &request)), [ErrorCode::None]);
        let news = fixture.ask(0, version, &next(2));
        let told: Vec<_> = news.responses[0].partitions.iter().map(|p| p.partition_index).collect();
        assert_eq!(told, [1], "version {version}");
        let wrong = fixture.ask(0, version, &next(9));
        assert_eq!(wrong.error_code, ErrorCode::InvalidFetchSessionEpoch.code());
    }
}

fn list(version: i16, timestamp: i64) -> ListOffsetsRequest {
    let max_num_offsets = if version == 0 { 10 } else { 1 };
    let partition =
        ListOffsetsPartition { timestamp, max_num_offsets, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }
}

#[test]
fn offsets_are_listed_in_every_version() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    let base = now();
    for number in 0..3 {
        let request = produce(9, id, &[(0, batch(10, base + 100 * number))], 1);
        fixture.ask(0, 9, &request);
    }
    for version in 0..=8 {
        let ask = |timestamp| {
            let response = fixture.ask(0, version, &list(version, timestamp));
            let part = &response.topics[0].partitions[0];
            assert_eq!(part.error_code, 0, "version {version}, {timestamp}");
            match version {
                0 => (part.old_style_offsets[0], -1),
                _ => (part.offset, part.timestamp),
            }
        };
        assert_eq!(ask(-1), (30, -1));
        assert_eq!(ask(-2), (0, -1));
        if version >= 1 {
            // Exact to the record, inside the second batch.
            assert_eq!(ask(base + 104), (14, base + 104));
            assert_eq!(ask(base + 50), (10, base + 100));
            assert_eq!(ask(base + 10_000), (-1, -1));
        }
        if version >= 7 {
            assert_eq!(ask(-3), (29, base + 209));
        }
    }
    let refused = fixture.ask(0, 5, &list(5, -3));
    assert_eq!(refused.topics[0].partitions[0].error_code, ErrorCode::InvalidRequest.code());
    let both = fixture.ask(0, 0, &list(0, -1));
    assert_eq!(both.topics[0].partitions[0].old_style_offsets, [30, 0]);
}

#[test]
fn deleted_records_are_gone_for_good() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    fixture.ask(0, 9, &produce(9, id, &[(0, batch(10, now()))], 1));
    let delete = |offset| DeleteRecordsRequest {
        timeout_ms: 5000,
        topics: vec![DeleteRecordsTopic {
            name: "t".into(),
            partitions: vec![DeleteRecordsPartition { partition_index: 0, offset }],
        }],
    };
    for (version, offset, expected) in [(0, 4, (4, 0)), (1, 3, (4, 0)), (2, 99, (-1, 1))] {
        let response = fixture.ask(0, version, &delete(offset));
        let part = &response.topics[0].partitions[0];
        assert_eq!((part.low_watermark, part.error_code), expected, "version {version}");
    }
    let gone = fixture.ask(0, 11, &fetch(11, id, &[(0, 3)]));
    assert_eq!(first(&gone).error_code, ErrorCode::OffsetOutOfRange.code());
    let disk = fixture.disk.crash(2);
    drop(fixture);
    let fixture = Fixture::on(disk, 1, &[]);
    let kept = fixture.ask(0, 5, &list(5, -2));
    assert_eq!(kept.topics[0].partitions[0].offset, 4);
    let all = fixture.ask(0, 2, &delete(-1));
    assert_eq!(all.topics[0].partitions[0].low_watermark, 10);
}

#[test]
fn epochs_end_where_the_log_ends() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    fixture.ask(0, 9, &produce(9, id, &[(0, batch(10, now()))], 1));
    for version in 0..=4 {
        let ask = |leader_epoch| {
            let partition = OffsetForLeaderPartition { leader_epoch, ..Default::default() };
            let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
            let request = OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] };
            let response = fixture.ask(0, version, &request);
            let part = response.topics[0].partitions[0].clone();
            (part.error_code, part.end_offset)
        };
        assert_eq!(ask(0), (0, 10));
        assert_eq!(ask(5), (0, -1));
    }
}

#[test]
fn log_dirs_show_sizes_of_this_shard_only() {
    let fixture = Fixture::new(2, &[]);
    let id = fixture.create("t", 2, &[]);
    let records = batch(10, now());
    fixture.ask(0, 9, &produce(9, id, &[(0, records.clone())], 1));
    for version in 0..=4 {
        let request = DescribeLogDirsRequest { topics: None };
        let response = fixture.ask(0, version, &request);
        let topic = &response.results[0].topics[0];
        assert_eq!((topic.name.as_str(), topic.partitions.len()), ("t", 1));
        assert_eq!(topic.partitions[0].partition_size, i64::try_from(records.len()).unwrap());
    }
}

#[test]
fn a_topic_made_anew_does_not_show_the_old_records() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    fixture.ask(0, 9, &produce(9, id, &[(0, batch(10, now()))], 1));
    let request = kafka_wire::DeleteTopicsRequest {
        topic_names: vec!["t".into()],
        timeout_ms: 5000,
        ..Default::default()
    };
    assert_eq!(fixture.ask(0, 3, &request).responses[0].error_code, 0);
    let again = fixture.create("t", 1, &[]);
    assert_ne!(again, id);
    let read = fixture.ask(0, 11, &fetch(11, again, &[(0, 0)]));
    assert_eq!((first(&read).error_code, first(&read).high_watermark), (0, 0));
    let old = fixture.ask(0, 13, &fetch(13, id, &[(0, 0)]));
    assert_eq!(first(&old).error_code, ErrorCode::UnknownTopicId.code());
}
