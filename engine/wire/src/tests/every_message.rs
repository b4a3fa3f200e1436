//! The list that the tests of this folder walk. A test keeps it complete.

use crate::*;

/// Calls `$macro! { [$first] ProduceRequest, ProduceResponse; … }` with every API.
macro_rules! for_every_api {
    ($macro:ident $($first:tt)*) => {
        $macro! {
            [$($first)*]
            AlterConfigsRequest, AlterConfigsResponse;
            AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
            ApiVersionsRequest, ApiVersionsResponse;
            CreatePartitionsRequest, CreatePartitionsResponse;
            CreateTopicsRequest, CreateTopicsResponse;
            DeleteGroupsRequest, DeleteGroupsResponse;
            DeleteRecordsRequest, DeleteRecordsResponse;
            DeleteTopicsRequest, DeleteTopicsResponse;
            DescribeAclsRequest, DescribeAclsResponse;
            DescribeClientQuotasRequest, DescribeClientQuotasResponse;
            DescribeClusterRequest, DescribeClusterResponse;
            DescribeConfigsRequest, DescribeConfigsResponse;
            DescribeGroupsRequest, DescribeGroupsResponse;
            DescribeLogDirsRequest, DescribeLogDirsResponse;
            DescribeProducersRequest, DescribeProducersResponse;
            DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
            ElectLeadersRequest, ElectLeadersResponse;
            FetchRequest, FetchResponse;
            FindCoordinatorRequest, FindCoordinatorResponse;
            HeartbeatRequest, HeartbeatResponse;
            IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
            InitProducerIdRequest, InitProducerIdResponse;
            JoinGroupRequest, JoinGroupResponse;
            LeaveGroupRequest, LeaveGroupResponse;
            ListGroupsRequest, ListGroupsResponse;
            ListOffsetsRequest, ListOffsetsResponse;
            ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
            MetadataRequest, MetadataResponse;
            OffsetCommitRequest, OffsetCommitResponse;
            OffsetDeleteRequest, OffsetDeleteResponse;
            OffsetFetchRequest, OffsetFetchResponse;
            OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            ProduceRequest, ProduceResponse;
            SaslAuthenticateRequest, SaslAuthenticateResponse;
            SaslHandshakeRequest, SaslHandshakeResponse;
            SyncGroupRequest, SyncGroupResponse;
            UpdateFeaturesRequest, UpdateFeaturesResponse;
        }
    };
}

/// Calls `$check::<ProduceRequest>($arguments)` and so on for every request and response.
macro_rules! for_every_message {
    ($check:ident $arguments:tt) => {
        $crate::tests::every_message::for_every_api!(call_each $check $arguments)
    };
}

macro_rules! call_each {
    (
        [$check:ident $arguments:tt]
        $($request:ident, $response:ident;)*
    ) => {{$(
        $check::<$crate::$request> $arguments;
        $check::<$crate::$response> $arguments;
    )*}};
}
pub(super) use {call_each, for_every_api, for_every_message};

#[test]
fn no_api_is_left_out() {
    macro_rules! keys {
        ([] $($request:ident, $response:ident;)*) => {
            vec![$($request::KEY, $response::KEY),*]
        };
    }
    let mut listed: Vec<ApiKey> = for_every_api!(keys);
    listed.sort();
    let pairs: Vec<ApiKey> = ApiKey::ALL.iter().flat_map(|key| [*key, *key]).collect();
    assert_eq!(listed, pairs);
}

#[test]
fn every_version_says_whether_it_is_flexible() {
    for key in ApiKey::ALL {
        let (first, last) = key.versions().into_inner();
        assert_eq!(first, 0, "{key:?}: sampled messages and minima assume version 0");
        assert!(last >= key.flexible_from() || key.flexible_from() == i16::MAX, "{key:?}");
    }
}
