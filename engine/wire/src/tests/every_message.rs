//! The list that the tests of this folder walk. A test keeps it complete.

use crate::ApiKey;

/// Calls `$macro! { [$first] Produce: ProduceRequest, ProduceResponse; … }` with every API.
macro_rules! for_every_api {
    ($macro:ident $($first:tt)*) => {
        $macro! {
            [$($first)*]
            AlterConfigs: AlterConfigsRequest, AlterConfigsResponse;
            AlterPartitionReassignments: AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
            ApiVersions: ApiVersionsRequest, ApiVersionsResponse;
            CreatePartitions: CreatePartitionsRequest, CreatePartitionsResponse;
            CreateTopics: CreateTopicsRequest, CreateTopicsResponse;
            DeleteGroups: DeleteGroupsRequest, DeleteGroupsResponse;
            DeleteRecords: DeleteRecordsRequest, DeleteRecordsResponse;
            DeleteTopics: DeleteTopicsRequest, DeleteTopicsResponse;
            DescribeAcls: DescribeAclsRequest, DescribeAclsResponse;
            DescribeClientQuotas: DescribeClientQuotasRequest, DescribeClientQuotasResponse;
            DescribeCluster: DescribeClusterRequest, DescribeClusterResponse;
            DescribeConfigs: DescribeConfigsRequest, DescribeConfigsResponse;
            DescribeGroups: DescribeGroupsRequest, DescribeGroupsResponse;
            DescribeLogDirs: DescribeLogDirsRequest, DescribeLogDirsResponse;
            DescribeProducers: DescribeProducersRequest, DescribeProducersResponse;
            DescribeTopicPartitions: DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
            ElectLeaders: ElectLeadersRequest, ElectLeadersResponse;
            Fetch: FetchRequest, FetchResponse;
            FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse;
            Heartbeat: HeartbeatRequest, HeartbeatResponse;
            IncrementalAlterConfigs: IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
            InitProducerId: InitProducerIdRequest, InitProducerIdResponse;
            JoinGroup: JoinGroupRequest, JoinGroupResponse;
            LeaveGroup: LeaveGroupRequest, LeaveGroupResponse;
            ListGroups: ListGroupsRequest, ListGroupsResponse;
            ListOffsets: ListOffsetsRequest, ListOffsetsResponse;
            ListPartitionReassignments: ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
            Metadata: MetadataRequest, MetadataResponse;
            OffsetCommit: OffsetCommitRequest, OffsetCommitResponse;
            OffsetDelete: OffsetDeleteRequest, OffsetDeleteResponse;
            OffsetFetch: OffsetFetchRequest, OffsetFetchResponse;
            OffsetForLeaderEpoch: OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            Produce: ProduceRequest, ProduceResponse;
            SaslAuthenticate: SaslAuthenticateRequest, SaslAuthenticateResponse;
            SaslHandshake: SaslHandshakeRequest, SaslHandshakeResponse;
            SyncGroup: SyncGroupRequest, SyncGroupResponse;
            UpdateFeatures: UpdateFeaturesRequest, UpdateFeaturesResponse;
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
        $($key:ident: $request:ident, $response:ident;)*
    ) => {{$(
        $check::<$crate::$request> $arguments;
        $check::<$crate::$response> $arguments;
    )*}};
}
pub(super) use {call_each, for_every_api, for_every_message};

#[test]
fn no_api_is_left_out() {
    macro_rules! keys {
        ([] $($key:ident: $request:ident, $response:ident;)*) => {
            vec![$(ApiKey::$key),*]
        };
    }
    let mut listed: Vec<ApiKey> = for_every_api!(keys);
    listed.sort();
    assert_eq!(listed, ApiKey::ALL);
}

#[test]
fn every_version_says_whether_it_is_flexible() {
    for key in ApiKey::ALL {
        let (first, last) = key.versions().into_inner();
        assert_eq!(first, 0, "{key:?}: sampled messages and minima assume version 0");
        assert!(last >= key.flexible_from() || key.flexible_from() == i16::MAX, "{key:?}");
    }
}
