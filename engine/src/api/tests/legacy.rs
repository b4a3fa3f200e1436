//! Old clients: message sets in and out, and the answers kafka-node needs.

use bytes::Bytes;
use kafka_wire::{
    CreateTopicsRequest, DescribeConfigsRequest, ErrorCode, FetchRequest, FetchResponse,
    ListOffsetsRequest, MetadataRequest, ProduceRequest, Str,
    create_topics::CreatableTopic,
    describe_configs::DescribeConfigsResource,
    fetch::{FetchPartition, FetchTopic},
    list_offsets::{ListOffsetsPartition, ListOffsetsTopic},
    produce::{PartitionProduceData, TopicProduceData},
};
use log_format::{
    BatchBuilder, Batches, Compression, Headers, Records, TimestampType,
    compress::compress,
    legacy::{Entries, Entry, LegacyMagic, Message},
};

use super::fixture::{Fixture, frame};
use crate::{api::Answer, clock};

const CAP: usize = 1 << 20;

fn produce(records: Bytes) -> ProduceRequest {
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(records.into()) }];
    let topic = TopicProduceData { name: "t".into(), partition_data, ..Default::default() };
    ProduceRequest { acks: 1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn fetch(fetch_offset: i64, partition_max_bytes: i32) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset, partition_max_bytes, ..FetchPartition::default() };
    let topic =
        FetchTopic { topic: "t".into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { max_wait_ms: 5, min_bytes: 1, topics: vec![topic], ..Default::default() }
}

fn message(magic: LegacyMagic, value: &[u8], timestamp_ms: i64) -> Message<'_> {
    Message {
        offset: 0,
        magic,
        compression: Compression::None,
        timestamp_type: TimestampType::CreateTime,
        timestamp_ms,
        key: Some(b"key"),
        value: Some(value),
    }
}

fn set(messages: &[Message<'_>]) -> Bytes {
    let mut out = Vec::new();
    messages.iter().for_each(|message| message.put(&mut out).unwrap());
    out.into()
}

/// Offset, time and value of the messages in an answer, none of them compressed.
fn messages(response: &FetchResponse) -> Vec<(i64, i64, String)> {
    let part = &response.responses[0].partitions[0];
    assert_eq!(part.error_code, 0);
    let entries = part.records.to_bytes();
    let rows = Entries::new(&entries, 0).map(|entry| {
        let Entry::Message(message) = entry.unwrap() else { panic!("compressed") };
        let value = String::from_utf8(message.value.unwrap().to_vec()).unwrap();
        (message.offset, message.timestamp_ms, value)
    });
    rows.collect()
}

/// Two messages, sent plainly or in a wrapper of kafka-node's kind: all its numbers are 0.
fn two(magic: LegacyMagic, compression: Compression, now: i64) -> Bytes {
    let plain = set(&[message(magic, b"a", now), message(magic, b"b", now + 1)]);
    if compression == Compression::None {
        return plain;
    }
    let value = compress(compression, &plain);
    set(&[Message { compression, value: Some(&value), ..message(magic, b"", 0) }])
}

#[test]
fn every_old_produce_is_read_by_every_fetch() {
    let now = clock::now_ms().0;
    let fixture = Fixture::new(1, &[]);
    fixture.create("t", 1, &[]);
    let mut end = 0;
    for version in 0..=2 {
        let magic = if version == 2 { LegacyMagic::V1 } else { LegacyMagic::V0 };
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy] {
            let request = produce(two(magic, compression, now));
            let response = fixture.ask(0, version, &request);
            let part = &response.responses[0].partition_responses[0];
            assert_eq!((part.error_code, part.base_offset), (0, end), "v{version}");
            end += 2;
        }
    }
    for version in 0..=3 {
        let got = messages(&fixture.ask(0, version, &fetch(0, 1 << 20)));
        let expected: Vec<_> = (0..end)
            .map(|offset| {
                let is_timed = version >= 2 && offset >= 12;
                let time = if is_timed { now + offset % 2 } else { -1 };
                (offset, time, if offset % 2 == 0 { "a" } else { "b" }.to_owned())
            })
            .collect();
        assert_eq!(got, expected, "v{version}");
        // From inside a batch, and of a limit smaller than one message.
        let got = messages(&fixture.ask(0, version, &fetch(5, 1)));
        assert_eq!(got, expected[5..6], "v{version}");
        let got = fixture.ask(0, version, &fetch(end, 1 << 20));
        assert_eq!(messages(&got), [], "v{version}");
        assert_eq!(got.responses[0].partitions[0].high_watermark, end);
    }
    let modern = fixture.ask(0, 11, &fetch(0, 1 << 20));
    let stored = modern.responses[0].partitions[0].records.to_bytes();
    let batches: Vec<_> = Batches::new(stored).map(Result::unwrap).collect();
    assert_eq!(batches.len(), 9);
    assert_eq!(batches[1].header.compression(), Compression::Gzip, "kept");
    assert_eq!(batches[8].header.max_timestamp, now + 1);
    assert_eq!(Records::open(&batches[8], CAP).unwrap().iter().count(), 2);
}

#[test]
fn new_codecs_and_headers_reach_old_clients_as_plain_messages() {
    let now = clock::now_ms().0;
    let fixture = Fixture::new(1, &[]);
    fixture.create("t", 1, &[]);
    for compression in [Compression::Lz4, Compression::Zstd] {
        let mut builder = BatchBuilder::new(compression);
        let mut scratch = Vec::new();
        let headers = Headers::encode(&[(b"header", None)], &mut scratch);
        builder.push(now, None, Some(b"v"), headers);
        let response = fixture.ask(0, 9, &produce(builder.build()));
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
    let got = messages(&fixture.ask(0, 2, &fetch(0, 1 << 20)));
    assert_eq!(got, [(0, now, "v".to_owned()), (1, now, "v".to_owned())]);
}

#[test]
fn bad_message_sets_have_codes_old_clients_know() {
    let fixture = Fixture::new(1, &[]);
    fixture.create("t", 1, &[]);
    let code = |records: Bytes| {
        let response = fixture.ask(0, 2, &produce(records));
        ErrorCode::from(response.responses[0].partition_responses[0].error_code)
    };
    let now = clock::now_ms().0;
    let mut flipped = two(LegacyMagic::V1, Compression::None, now).to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(code(flipped.into()), ErrorCode::CorruptMessage);
    assert_eq!(code(Bytes::new()), ErrorCode::CorruptMessage);
    let zeros = vec![0; 17 << 20];
    let bomb = compress(Compression::Gzip, &set(&[message(LegacyMagic::V1, &zeros, now)]));
    let bomb = Message { compression: Compression::Gzip, ..message(LegacyMagic::V1, &bomb, 0) };
    assert_eq!(code(set(&[bomb])), ErrorCode::MessageTooLarge);
    // Nothing of them was kept.
    assert_eq!(messages(&fixture.ask(0, 2, &fetch(0, 1 << 20))), []);
}

#[test]
fn empty_arrays_are_never_sent_to_clients_that_loop_on_them() {
    let fixture = Fixture::new(1, &[]);
    let no_partitions = FetchTopic { topic: "t".into(), ..FetchTopic::default() };
    let empty_produce = TopicProduceData { name: "t".into(), ..TopicProduceData::default() };
    for version in 0..=2 {
        for topics in [vec![], vec![no_partitions.clone()]] {
            let request = FetchRequest { topics, ..FetchRequest::default() };
            let answer = fixture.frame(0, frame(version, &request));
            assert!(matches!(answer, Answer::Close(_)), "Fetch v{version}");
        }
        for topic_data in [vec![], vec![empty_produce.clone()]] {
            let request = ProduceRequest { acks: 1, topic_data, ..ProduceRequest::default() };
            let answer = fixture.frame(0, frame(version, &request));
            assert!(matches!(answer, Answer::Close(_)), "Produce v{version}");
        }
    }
}

#[test]
fn the_other_old_versions_of_kafka_node_work() {
    let fixture = Fixture::new(1, &[]);
    for (version, name) in [(0, "zero"), (1, "one")] {
        let topic = CreatableTopic {
            name: Str::from(name),
            num_partitions: 2,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() };
        assert_eq!(fixture.ask(0, version, &request).topics[0].error_code, 0);
    }
    for version in 0..=1 {
        // Version 0 names all topics by an empty list, version 1 by none.
        let topics = (version == 0).then(Vec::new);
        let response = fixture.ask(0, version, &MetadataRequest { topics, ..Default::default() });
        let mut names: Vec<_> = response.topics.iter().filter_map(|t| t.name.clone()).collect();
        names.sort_unstable();
        assert_eq!(names, ["one", "zero"], "v{version}");
    }
    let resource = DescribeConfigsResource {
        resource_type: 2,
        resource_name: "one".into(),
        ..DescribeConfigsResource::default()
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let response = fixture.ask(0, 0, &request);
    assert!(response.results[0].configs.iter().any(|c| &*c.name == "retention.ms"));

    fixture.create("t", 1, &[]);
    let now = clock::now_ms().0;
    fixture.ask(0, 2, &produce(two(LegacyMagic::V1, Compression::Gzip, now)));
    for (timestamp, expected) in [(-1, vec![2, 0]), (-2, vec![0])] {
        let partition = ListOffsetsPartition {
            timestamp,
            max_num_offsets: 5,
            ..ListOffsetsPartition::default()
        };
        let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
        let request =
            ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        let response = fixture.ask(0, 0, &request);
        let part = &response.topics[0].partitions[0];
        assert_eq!(part.error_code, 0);
        assert_eq!(part.old_style_offsets, expected, "timestamp {timestamp}");
    }
}
