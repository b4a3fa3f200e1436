//! Bytes written by hand from the protocol's tables, for the versions that no current codec has
//! (Apache Kafka 4 dropped them; kafka-node 5.0.0 sends them), and for the known traps.

use bytes::Bytes;

use crate::{
    create_topics::*, delete_topics::*, describe_acls::*, describe_configs::*,
    describe_log_dirs::*, fetch::*, list_offsets::*, offset_commit::*, offset_fetch::*,
    offset_for_leader_epoch::*, produce::*, *,
};

/// Hexadecimal digits as they are, `'text'` as its characters; blanks and line ends only separate.
fn bytes(golden: &str) -> Bytes {
    let mut out = vec![];
    for (i, part) in golden.split('\'').enumerate() {
        if i % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
        } else {
            let digits: Vec<u8> = part.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            let pairs = digits.chunks_exact(2).map(|pair| str::from_utf8(pair).unwrap());
            out.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
        }
    }
    out.into()
}

fn golden<M: Message>(versions: &[i16], message: &M, golden: &str) {
    let golden = bytes(golden);
    for version in versions {
        let mut out = GatherBuf::new();
        message.encode(&mut out, *version).unwrap();
        assert_eq!(out.finish().unwrap().concat(), golden, "version {version}");
        let mut r = Reader::new(golden.clone());
        assert_eq!(&M::decode(&mut r, *version).unwrap(), message, "version {version}");
        assert_eq!(r.remaining(), 0, "version {version}");
    }
}

#[test]
fn produce_0_to_2() {
    let set = Bytes::from_static(b"set");
    let partition_data = vec![PartitionProduceData { index: 5, records: Some(set.into()) }];
    let request = ProduceRequest {
        acks: 1,
        timeout_ms: 100,
        topic_data: vec![TopicProduceData {
            name: "logs".into(),
            partition_data,
            ..Default::default()
        }],
        ..Default::default()
    };
    let layout = "0001 00000064 00000001 0004'logs' 00000001 00000005 00000003'set'";
    golden(&[0, 1, 2], &request, layout);

    let mut partition =
        PartitionProduceResponse { index: 5, error_code: 0, base_offset: 9, ..Default::default() };
    let response = |partition: &PartitionProduceResponse, throttle_time_ms| ProduceResponse {
        responses: vec![TopicProduceResponse {
            name: "logs".into(),
            partition_responses: vec![partition.clone()],
            ..Default::default()
        }],
        throttle_time_ms,
        ..Default::default()
    };
    let v0 = "00000001 0004'logs' 00000001 00000005 0000 0000000000000009";
    golden(&[0], &response(&partition, 0), v0);
    golden(&[1], &response(&partition, 2), &format!("{v0} 00000002"));
    partition.log_append_time_ms = 7;
    golden(&[2], &response(&partition, 2), &format!("{v0} 0000000000000007 00000002"));
}

#[test]
fn fetch_0_to_3() {
    let mut request = FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic: "logs".into(),
            partitions: vec![FetchPartition {
                partition: 5,
                fetch_offset: 9,
                partition_max_bytes: 0x10_0000,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let topics = "00000001 0004'logs' 00000001 00000005 0000000000000009 00100000";
    golden(&[0, 1, 2], &request, &format!("ffffffff 00000064 00000001 {topics}"));
    request.max_bytes = 0x20_0000;
    golden(&[3], &request, &format!("ffffffff 00000064 00000001 00200000 {topics}"));

    let mut response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "logs".into(),
            partitions: vec![PartitionData {
                partition_index: 5,
                high_watermark: 10,
                records: Bytes::from_static(b"set").into(),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let v0 = "00000001 0004'logs' 00000001 00000005 0000 000000000000000a 00000003'set'";
    golden(&[0], &response, v0);
    response.throttle_time_ms = 3;
    golden(&[1, 2, 3], &response, &format!("00000003 {v0}"));
}

#[test]
fn an_empty_fetch_carries_a_record_set_of_no_bytes() {
    let partition = PartitionData { partition_index: 5, ..Default::default() };
    let response = |partition| FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "logs".into(),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    let head = "00000000 00000001 0004'logs' 00000001 00000005 0000 0000000000000000
                ffffffffffffffff ffffffff";
    golden(&[4], &response(partition), &format!("{head} 00000000"));
    // A broker that sends null is understood, as empty.
    let null = bytes(&format!("{head} ffffffff"));
    let read = FetchResponse::decode(&mut Reader::new(null), 4).unwrap();
    assert!(read.responses[0].partitions[0].records.is_empty());
}

#[test]
fn list_offsets_0() {
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "logs".into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 5,
                timestamp: -1,
                max_num_offsets: 2,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let layout = "ffffffff 00000001 0004'logs' 00000001 00000005 ffffffffffffffff 00000002";
    golden(&[0], &request, layout);

    let response = ListOffsetsResponse {
        topics: vec![ListOffsetsTopicResponse {
            name: "logs".into(),
            partitions: vec![ListOffsetsPartitionResponse {
                partition_index: 5,
                old_style_offsets: vec![8, 0],
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    golden(
        &[0],
        &response,
        "00000001 0004'logs' 00000001 00000005 0000
         00000002 0000000000000008 0000000000000000",
    );
}

#[test]
fn create_and_delete_topics_0_and_1() {
    let mut request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "logs".into(),
            num_partitions: 6,
            replication_factor: 1,
            assignments: vec![CreatableReplicaAssignment {
                partition_index: 0,
                broker_ids: vec![3],
            }],
            configs: vec![CreatableTopicConfig { name: "a".into(), value: None }],
        }],
        timeout_ms: 500,
        ..Default::default()
    };
    let v0 = "00000001 0004'logs' 00000006 0001 00000001 00000000 00000001 00000003
              00000001 0001'a' ffff 000001f4";
    golden(&[0], &request, v0);
    request.validate_only = true;
    golden(&[1], &request, &format!("{v0} 01"));

    let mut result =
        CreatableTopicResult { name: "logs".into(), error_code: 36, ..Default::default() };
    let response = |result: &CreatableTopicResult| CreateTopicsResponse {
        topics: vec![result.clone()],
        ..Default::default()
    };
    golden(&[0], &response(&result), "00000001 0004'logs' 0024");
    result.error_message = Some("exists".into());
    golden(&[1], &response(&result), "00000001 0004'logs' 0024 0006'exists'");

    let request = DeleteTopicsRequest {
        topic_names: vec!["logs".into()],
        timeout_ms: 500,
        ..Default::default()
    };
    golden(&[0, 1], &request, "00000001 0004'logs' 000001f4");
    let response = DeleteTopicsResponse {
        responses: vec![DeletableTopicResult {
            name: Some("logs".into()),
            error_code: 3,
            ..Default::default()
        }],
        ..Default::default()
    };
    golden(&[0], &response, "00000001 0004'logs' 0003");
}

#[test]
fn offset_commit_0_and_1_and_offset_fetch_0() {
    let request = |commit_timestamp, generation, member: &str| OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member.into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "logs".into(),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: 5,
                committed_offset: 9,
                commit_timestamp,
                committed_metadata: Some("m".into()),
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let topic = "00000001 0004'logs' 00000001 00000005 0000000000000009";
    golden(&[0], &request(-1, -1, ""), &format!("0001'g' {topic} 0001'm'"));
    golden(
        &[1],
        &request(4, 2, "me"),
        &format!("0001'g' 00000002 0002'me' {topic} 0000000000000004 0001'm'"),
    );
    let response = OffsetCommitResponse {
        topics: vec![OffsetCommitResponseTopic {
            name: "logs".into(),
            partitions: vec![OffsetCommitResponsePartition { partition_index: 5, error_code: 0 }],
        }],
        ..Default::default()
    };
    golden(&[0, 1, 2], &response, "00000001 0004'logs' 00000001 00000005 0000");

    let request = OffsetFetchRequest {
        group_id: "g".into(),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: "logs".into(),
            partition_indexes: vec![5],
        }]),
        ..Default::default()
    };
    golden(&[0, 1], &request, "0001'g' 00000001 0004'logs' 00000001 00000005");
    let response = OffsetFetchResponse {
        topics: vec![OffsetFetchResponseTopic {
            name: "logs".into(),
            partitions: vec![OffsetFetchResponsePartition {
                partition_index: 5,
                committed_offset: -1,
                metadata: Some(Str::default()),
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let layout = "00000001 0004'logs' 00000001 00000005 ffffffffffffffff 0000 0000";
    golden(&[0, 1], &response, layout);
}

#[test]
fn describe_configs_0() {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: 2,
            resource_name: "logs".into(),
            configuration_keys: None,
        }],
        ..Default::default()
    };
    golden(&[0], &request, "00000001 02 0004'logs' ffffffff");
    let response = DescribeConfigsResponse {
        results: vec![DescribeConfigsResult {
            resource_type: 2,
            resource_name: "logs".into(),
            configs: vec![DescribeConfigsResourceResult {
                name: "a".into(),
                value: Some("b".into()),
                is_default: true,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    golden(
        &[0],
        &response,
        "00000000 00000001 0000 ffff 02 0004'logs' 00000001 0001'a' 0001'b' 00 01 00",
    );
}

#[test]
fn offset_for_leader_epoch_0_and_1() {
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: "logs".into(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 5,
                leader_epoch: 2,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    golden(&[0, 1], &request, "00000001 0004'logs' 00000001 00000005 00000002");
    let response = |leader_epoch| OffsetForLeaderEpochResponse {
        topics: vec![OffsetForLeaderTopicResult {
            topic: "logs".into(),
            partitions: vec![offset_for_leader_epoch::EpochEndOffset {
                partition: 5,
                leader_epoch,
                end_offset: 9,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let head = "00000001 0004'logs' 00000001 0000 00000005";
    golden(&[0], &response(-1), &format!("{head} 0000000000000009"));
    golden(&[1], &response(2), &format!("{head} 00000002 0000000000000009"));
}

#[test]
fn describe_log_dirs_0_and_describe_acls_0() {
    golden(&[0, 1], &DescribeLogDirsRequest::default(), "ffffffff");
    let response = DescribeLogDirsResponse {
        results: vec![DescribeLogDirsResult { log_dir: "/d".into(), ..Default::default() }],
        ..Default::default()
    };
    golden(&[0, 1], &response, "00000000 00000001 0000 0002'/d' 00000000");

    let request = DescribeAclsRequest {
        resource_type_filter: 2,
        resource_name_filter: Some("logs".into()),
        operation: 1,
        permission_type: 1,
        ..Default::default()
    };
    golden(&[0], &request, "02 0004'logs' ffff ffff 01 01");
    let response = DescribeAclsResponse { error_code: 54, ..Default::default() };
    golden(&[0, 1], &response, "00000000 0036 ffff 00000000");
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let parts = api_versions::encode_unsupported_version(7);
    let expected = bytes("00000010 00000007 0023 00000001 0012 0000 0004");
    assert_eq!(parts, std::slice::from_ref(&expected));

    let (id, response) = decode_response::<ApiVersionsRequest>(expected.slice(4..), 4).unwrap();
    assert_eq!((id, response.error_code), (7, ErrorCode::UnsupportedVersion.code()));
    assert_eq!(response.api_keys[0].max_version, 4);
}

/// What the Java client 3 and later sends first.
#[test]
fn api_versions_3_with_its_flexible_header() {
    let header = RequestHeader {
        api_key: 18,
        api_version: 3,
        correlation_id: 1,
        client_id: Some("c".into()),
    };
    let request = ApiVersionsRequest {
        client_software_name: "x".into(),
        client_software_version: "4".into(),
    };
    let expected = bytes("00000011 0012 0003 00000001 0001'c' 00 02'x' 02'4' 00");
    assert_eq!(encode_request(&header, &request).unwrap(), [expected]);
}

#[test]
fn fetch_12_has_the_cluster_id_as_a_tagged_field() {
    let request = FetchRequest { cluster_id: Some("id".into()), ..Default::default() };
    golden(
        &[12],
        &request,
        "ffffffff 00000000 00000000 7fffffff 00 00000000 ffffffff 01 01 01
         01 00 03 03'id'",
    );
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let frame = bytes("02'x' 02'4' 02 05 03'abc' 7f 00");
    let mut r = Reader::new(frame);
    let request = ApiVersionsRequest::decode(&mut r, 3).unwrap();
    assert_eq!((&*request.client_software_name, r.remaining()), ("x", 0));
}
