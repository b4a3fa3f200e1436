//! What the encoder copies, what it keeps by reference, and what it refuses to lose.

use bytes::Bytes;

use super::round_trip::{encoded, unframed};
use crate::{fetch::*, *};

fn fetch_response(records: &[Bytes]) -> FetchResponse {
    let partition = |(index, records): (i32, &Bytes)| PartitionData {
        partition_index: index,
        records: records.clone().into(),
        ..Default::default()
    };
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: "logs".into(),
            partitions: (0..).zip(records).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn large_record_sets_go_out_by_reference_and_small_ones_are_copied() {
    let large = Bytes::from(vec![1; BY_REFERENCE_BYTES_MIN]);
    let small = Bytes::from(vec![2; BY_REFERENCE_BYTES_MIN - 1]);
    let response = fetch_response(&[large.clone(), small.clone(), large.clone()]);
    for version in ApiKey::Fetch.versions() {
        let parts = encode_response(ApiKey::Fetch, version, 7, &response).unwrap();
        let same = |part: &&Bytes| part.as_ptr() == large.as_ptr();
        assert_eq!(parts.iter().filter(same).count(), 2, "version {version}");
        assert!(parts.iter().all(|part| part.as_ptr() != small.as_ptr()));
        assert!(parts.iter().all(|part| !part.is_empty()));
        let (_, back) = decode_response::<FetchRequest>(unframed(&parts), version).unwrap();
        let sets = back.responses[0].partitions.iter().map(|p| p.records.to_bytes());
        assert_eq!(sets.collect::<Vec<_>>(), [large.clone(), small.clone(), large.clone()]);
    }
}

#[test]
fn a_record_set_of_several_buffers_is_one_field() {
    let chunks = [Bytes::from(vec![1; 3000]), Bytes::from(vec![2; 10]), Bytes::from(vec![3; 2000])];
    let mut response = fetch_response(&[Bytes::new()]);
    response.responses[0].partitions[0].records = chunks.iter().cloned().collect();
    let parts = encode_response(ApiKey::Fetch, 11, 7, &response).unwrap();
    assert_eq!(parts.len(), 4, "fields, chunk, copied chunk, chunk");
    let (_, back) = decode_response::<FetchRequest>(unframed(&parts), 11).unwrap();
    assert_eq!(back, response);
}

#[test]
fn decoding_copies_neither_strings_nor_record_sets() {
    let request = ProduceRequest {
        topic_data: vec![produce::TopicProduceData {
            name: "logs".into(),
            partition_data: vec![produce::PartitionProduceData {
                index: 0,
                records: Some(Bytes::from(vec![1; 100]).into()),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let frame = encoded(&request, 9);
    let inside = |part: &[u8]| frame.as_ptr_range().contains(&part.as_ptr());
    let back = ProduceRequest::decode(&mut Reader::new(frame.clone()), 9).unwrap();
    let topic = &back.topic_data[0];
    assert!(inside(topic.name.as_bytes()));
    assert!(inside(&topic.partition_data[0].records.as_ref().unwrap().parts()[0]));
}

fn refused(message: &impl Message, version: i16) -> EncodeError {
    message.encode(&mut GatherBuf::new(), version).unwrap_err()
}

#[test]
fn values_that_a_version_would_lose_are_refused_unless_ignorable() {
    let transactional = ProduceRequest { transactional_id: Some("t".into()), ..Default::default() };
    let field = "ProduceRequest.transactional_id";
    assert_eq!(refused(&transactional, 2), EncodeError::NotRepresentable { field, version: 2 });
    assert!(transactional.encode(&mut GatherBuf::new(), 3).is_ok());

    // Tagged fields too: version 10 brought `current_leader`.
    let mut response = ProduceResponse::default();
    response.node_endpoints.push(produce::NodeEndpoint::default());
    let field = "ProduceResponse.node_endpoints";
    assert_eq!(refused(&response, 9), EncodeError::NotRepresentable { field, version: 9 });

    let limited = FetchRequest { max_bytes: 1, ..Default::default() };
    assert!(limited.encode(&mut GatherBuf::new(), 2).is_ok(), "max_bytes is ignorable");
}

#[test]
fn null_is_refused_where_a_version_has_none() {
    let all_topics = MetadataRequest::default();
    assert_eq!(refused(&all_topics, 0), EncodeError::UnexpectedNull { version: 0 });
    assert_eq!(encoded(&all_topics, 1), &(-1_i32).to_be_bytes()[..]);
}

#[test]
fn impossible_sizes_and_versions_are_refused() {
    let name = Str::from("x".repeat(STRING_BYTES_MAX + 1));
    let request = DeleteTopicsRequest { topic_names: vec![name], ..Default::default() };
    for version in [0, 5] {
        assert_eq!(refused(&request, version), EncodeError::StringTooLong(STRING_BYTES_MAX + 1));
    }
    assert_eq!(
        refused(&request, 7),
        EncodeError::UnsupportedVersion { key: ApiKey::DeleteTopics, version: 7 }
    );
}
