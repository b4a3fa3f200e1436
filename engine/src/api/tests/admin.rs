//! Metadata and the APIs that change or describe topics and the cluster.

use kafka_wire::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeTopicPartitionsRequest, ErrorCode, FindCoordinatorRequest, InitProducerIdRequest,
    MetadataRequest, MetadataResponse, Str, Uuid,
    create_partitions::CreatePartitionsTopic,
    create_topics::{CreatableReplicaAssignment, CreatableTopic},
    delete_topics::DeleteTopicState,
    describe_topic_partitions::TopicRequest,
    metadata::MetadataRequestTopic,
};

use super::fixture::Fixture;

fn metadata(names: &[&str]) -> MetadataRequest {
    let named = |name: &&str| MetadataRequestTopic {
        name: Some(Str::from(*name)),
        ..MetadataRequestTopic::default()
    };
    let topics = Some(names.iter().map(named).collect());
    MetadataRequest { topics, allow_auto_topic_creation: false, ..MetadataRequest::default() }
}

fn all(version: i16) -> MetadataRequest {
    let topics = if version == 0 { Some(Vec::new()) } else { None };
    MetadataRequest { topics, ..MetadataRequest::default() }
}

#[test]
fn metadata_shows_each_shard_as_a_broker_in_every_version() {
    let fixture = Fixture::new(3, &["node.id=2", "node.name=left"]);
    let id = fixture.create("t", 5, &[]);
    for version in 0..=13 {
        let response: MetadataResponse = fixture.ask(1, version, &all(version));
        let brokers: Vec<_> = response.brokers.iter().map(|b| (b.node_id, b.port)).collect();
        assert_eq!(brokers, [(2000, 9092), (2001, 9093), (2002, 9094)]);
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 5));
        let leaders: Vec<_> = topic.partitions.iter().map(|p| p.leader_id).collect();
        assert_eq!(leaders, [2000, 2001, 2002, 2000, 2001]);
        assert!(topic.partitions.iter().all(|p| p.replica_nodes == [p.leader_id]));
        if version >= 1 {
            assert_eq!(response.controller_id, 2000);
            assert_eq!(response.brokers[0].rack.as_deref(), Some("left"));
        }
        if version >= 2 {
            assert_eq!(response.cluster_id.as_deref(), Some("cluster-of-the-tests"));
        }
        if version >= 10 {
            assert_eq!(topic.topic_id, id);
        }
    }
}

#[test]
fn unknown_topics_are_created_only_when_both_sides_agree() {
    let fixture = Fixture::new(2, &["num.partitions=4"]);
    let refused = fixture.ask(1, 9, &metadata(&["new"]));
    assert_eq!(refused.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
    let request = MetadataRequest { allow_auto_topic_creation: true, ..metadata(&["new", "b/d"]) };
    let created = fixture.ask(1, 9, &request);
    assert_eq!((created.topics[0].error_code, created.topics[0].partitions.len()), (0, 4));
    assert_eq!(created.topics[1].error_code, ErrorCode::InvalidTopicException.code());
    let fixture = Fixture::new(1, &["auto.create.topics.enable=false"]);
    let refused = fixture.ask(0, 9, &request);
    assert_eq!(refused.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
}

#[test]
fn topics_are_found_by_id_from_version_10_on() {
    let fixture = Fixture::new(1, &[]);
    let id = fixture.create("t", 1, &[]);
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: None }]),
        ..MetadataRequest::default()
    };
    assert_eq!(fixture.ask(0, 12, &by_id(id)).topics[0].name.as_deref(), Some("t"));
    let unknown = fixture.ask(0, 12, &by_id(Uuid([7; 16])));
    assert_eq!(unknown.topics[0].error_code, ErrorCode::UnknownTopicId.code());
}

fn creatable(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    let name = Str::from(name);
    CreatableTopic { name, num_partitions, replication_factor, ..CreatableTopic::default() }
}

#[test]
fn create_topics_answers_each_topic_in_every_version() {
    for version in 0..=7 {
        let fixture = Fixture::new(2, &[]);
        fixture.create("there", 1, &[]);
        fixture.create("a.b", 1, &[]);
        let long = "x".repeat(250);
        let topics = vec![
            creatable("good", 3, 1),
            creatable("there", 1, 1),
            creatable("a_b", 1, 1),
            creatable(&long, 1, 1),
            creatable("..", 1, 1),
            creatable("none", 0, 1),
            creatable("copies", 1, 3),
            creatable("defaults", -1, -1),
        ];
        let request = CreateTopicsRequest { topics, ..CreateTopicsRequest::default() };
        let response = fixture.ask(1, version, &request);
        let codes: Vec<_> = response.topics.iter().map(|t| ErrorCode::from(t.error_code)).collect();
        assert_eq!(
            codes,
            [
                ErrorCode::None,
                ErrorCode::TopicAlreadyExists,
                ErrorCode::InvalidTopicException,
                ErrorCode::InvalidTopicException,
                ErrorCode::InvalidTopicException,
                ErrorCode::InvalidPartitions,
                ErrorCode::InvalidReplicationFactor,
                ErrorCode::None,
            ]
        );
        if version >= 1 {
            let message = response.topics[6].error_message.clone().unwrap();
            assert!(message.contains("1 node"), "{message}");
        }
        if version >= 5 {
            assert_eq!(response.topics[0].num_partitions, 3);
            assert!(!response.topics[0].configs.as_ref().unwrap().is_empty());
        }
        assert_eq!(response.topics[0].topic_id.is_zero(), version < 7);
    }
}

#[test]
fn validate_only_changes_nothing() {
    let fixture = Fixture::new(1, &[]);
    let request = CreateTopicsRequest {
        topics: vec![creatable("t", 1, 1)],
        validate_only: true,
        ..CreateTopicsRequest::default()
    };
    assert_eq!(fixture.ask(0, 7, &request).topics[0].error_code, 0);
    assert!(fixture.ask(0, 9, &all(9)).topics.is_empty());
}

#[test]
fn manual_assignments_name_shards_and_contradictions_are_refused() {
    let fixture = Fixture::new(2, &[]);
    let assign = |pairs: &[(i32, &[i32])]| CreatableTopic {
        assignments: pairs
            .iter()
            .map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: broker_ids.to_vec(),
            })
            .collect(),
        ..creatable("t", -1, -1)
    };
    let ask = |topic: CreatableTopic| {
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        ErrorCode::from(fixture.ask(0, 5, &request).topics[0].error_code)
    };
    assert_eq!(ask(assign(&[(0, &[1001]), (2, &[1000])])), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(ask(assign(&[(0, &[1001, 1000])])), ErrorCode::InvalidReplicaAssignment);
    assert_eq!(ask(assign(&[(0, &[7])])), ErrorCode::InvalidReplicaAssignment);
    let both = CreatableTopic { num_partitions: 1, ..assign(&[(0, &[1001])]) };
    assert_eq!(ask(both), ErrorCode::InvalidRequest);
    assert_eq!(ask(assign(&[(0, &[1001]), (1, &[1001])])), ErrorCode::None);
    let topics = fixture.ask(0, 9, &all(9)).topics;
    assert!(topics[0].partitions.iter().all(|partition| partition.leader_id == 1001));
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let fixture = Fixture::new(2, &[]);
    for version in 0..=6 {
        let (first, second) = (fixture.create("a", 2, &[]), fixture.create("b", 1, &[]));
        let by_name =
            |name: &str| DeleteTopicState { name: Some(name.into()), ..Default::default() };
        let request = if version >= 6 {
            let by_id = DeleteTopicState { name: None, topic_id: second };
            let unknown = DeleteTopicState { name: None, topic_id: Uuid([7; 16]) };
            let topics = vec![by_name("a"), by_id, by_name("no"), unknown];
            DeleteTopicsRequest { topics, ..Default::default() }
        } else {
            let topic_names = vec!["a".into(), "b".into(), "no".into()];
            DeleteTopicsRequest { topic_names, ..Default::default() }
        };
        let request = DeleteTopicsRequest { timeout_ms: 5000, ..request };
        let response = fixture.ask(1, version, &request);
        let codes: Vec<_> =
            response.responses.iter().map(|r| ErrorCode::from(r.error_code)).collect();
        let unknown = ErrorCode::UnknownTopicOrPartition;
        assert_eq!(codes[..3], [ErrorCode::None, ErrorCode::None, unknown]);
        if version >= 6 {
            assert_eq!(codes[3], ErrorCode::UnknownTopicId);
            assert_eq!(response.responses[1].name.as_deref(), Some("b"));
            assert_eq!(response.responses[0].topic_id, first);
        }
        assert!(fixture.ask(0, 9, &all(9)).topics.is_empty());
    }
}

#[test]
fn partitions_are_added_never_removed() {
    let fixture = Fixture::new(2, &[]);
    fixture.create("t", 1, &[]);
    for version in 0..=3 {
        let count = 2 + i32::from(version);
        let topic = |name: &str, count| CreatePartitionsTopic {
            name: Str::from(name),
            count,
            assignments: None,
        };
        let topics = vec![topic("t", count), topic("no", 2)];
        let request = CreatePartitionsRequest { topics, timeout_ms: 5000, validate_only: false };
        let response = fixture.ask(0, version, &request);
        assert_eq!(response.results[0].error_code, 0);
        assert_eq!(response.results[1].error_code, ErrorCode::UnknownTopicOrPartition.code());
        let fewer = CreatePartitionsRequest { topics: vec![topic("t", 1)], ..request };
        let refused = fixture.ask(0, version, &fewer);
        assert_eq!(refused.results[0].error_code, ErrorCode::InvalidPartitions.code());
        let topics = fixture.ask(0, 9, &all(9)).topics;
        assert_eq!(i32::try_from(topics[0].partitions.len()).unwrap(), count);
    }
}

#[test]
fn topics_and_producer_ids_survive_a_crash() {
    let fixture = Fixture::new(2, &[]);
    let id = fixture.create("t", 3, &[("retention.ms", "5000")]);
    let last = fixture.ask(0, 4, &InitProducerIdRequest::default()).producer_id;
    let Fixture { disk, .. } = fixture;
    let fixture = Fixture::on(disk.crash(3), 2, &[]);
    let topic = &fixture.ask(0, 12, &all(12)).topics[0];
    assert_eq!((topic.topic_id, topic.partitions.len()), (id, 3));
    assert!(fixture.ask(0, 4, &InitProducerIdRequest::default()).producer_id > last);
}

#[test]
fn producer_ids_are_unique_over_shards() {
    let fixture = Fixture::new(2, &[]);
    let mut seen = std::collections::HashSet::new();
    for version in 0..=5 {
        for shard in 0..2 {
            for _ in 0..400 {
                let given = fixture.ask(shard, version, &InitProducerIdRequest::default());
                assert_eq!((given.error_code, given.producer_epoch), (0, 0));
                assert!(seen.insert(given.producer_id));
            }
        }
    }
    let transactional =
        InitProducerIdRequest { transactional_id: Some("tx".into()), ..Default::default() };
    let refused = fixture.ask(0, 3, &transactional);
    assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn coordinators_are_the_same_whoever_is_asked() {
    let fixture = Fixture::new(3, &[]);
    for version in 0..=6 {
        let request = if version >= 4 {
            FindCoordinatorRequest { coordinator_keys: vec!["g1".into()], ..Default::default() }
        } else {
            FindCoordinatorRequest { key: "g1".into(), ..Default::default() }
        };
        let answers = [0, 2].map(|shard| {
            let response = fixture.ask(shard, version, &request);
            match response.coordinators.first() {
                Some(found) => (found.error_code, found.node_id, found.port),
                None => (response.error_code, response.node_id, response.port),
            }
        });
        // "g1" hashes to 3242: partition 42 of 50, dealt to shard 0.
        assert_eq!(answers, [(0, 1000, 9092); 2], "version {version}");
    }
    let transaction = FindCoordinatorRequest { key: "t".into(), key_type: 1, ..Default::default() };
    let refused = fixture.ask(0, 2, &transaction);
    assert_eq!(refused.error_code, ErrorCode::InvalidRequest.code());
}

#[test]
fn describe_cluster_lists_the_shards() {
    let fixture = Fixture::new(2, &[]);
    for version in 0..=2 {
        let response = fixture.ask(0, version, &DescribeClusterRequest::default());
        assert_eq!((response.error_code, response.brokers.len()), (0, 2));
        assert_eq!(response.controller_id, 1000);
    }
    let controllers = DescribeClusterRequest { endpoint_type: 2, ..Default::default() };
    let refused = fixture.ask(0, 1, &controllers);
    assert_eq!(refused.error_code, ErrorCode::MismatchedEndpointType.code());
}

#[test]
fn partitions_are_described_page_by_page() {
    let fixture = Fixture::new(2, &[]);
    for (name, partitions) in [("a", 3), ("b", 2), ("c", 4)] {
        fixture.create(name, partitions, &[]);
    }
    let mut request =
        DescribeTopicPartitionsRequest { response_partition_limit: 4, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let response = fixture.ask(0, 0, &request);
        for topic in &response.topics {
            let name = topic.name.clone().unwrap();
            seen.extend(topic.partitions.iter().map(|p| (name.to_string(), p.partition_index)));
        }
        match response.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => break,
        }
        assert!(seen.len() < 20, "pages come to an end");
    }
    let expected: Vec<_> = [("a", 3), ("b", 2), ("c", 4)]
        .iter()
        .flat_map(|(name, count)| (0..*count).map(|index| ((*name).to_owned(), index)))
        .collect();
    assert_eq!(seen, expected);
    let unknown = DescribeTopicPartitionsRequest {
        topics: vec![TopicRequest { name: "no".into() }],
        ..Default::default()
    };
    let response = fixture.ask(0, 0, &unknown);
    assert_eq!(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition.code());
}
