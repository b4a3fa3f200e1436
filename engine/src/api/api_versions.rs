//! ApiVersions: what this broker serves. The table is the single source: a request outside it
//! never reaches a handler.

use std::ops::RangeInclusive;

use kafka_wire::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, ErrorCode, api_versions::ApiVersion,
};

use crate::ring::disk::Disk;

use super::call::Call;

/// Served APIs and their versions.
const SERVED: &[(ApiKey, RangeInclusive<i16>)] = &[
    (ApiKey::Produce, 0..=13),
    (ApiKey::Fetch, 0..=18),
    (ApiKey::ListOffsets, 0..=8),
    (ApiKey::Metadata, 0..=13),
    (ApiKey::FindCoordinator, 0..=6),
    (ApiKey::ApiVersions, 0..=4),
    (ApiKey::CreateTopics, 0..=7),
    (ApiKey::DeleteTopics, 0..=6),
    (ApiKey::DeleteRecords, 0..=2),
    (ApiKey::InitProducerId, 0..=5),
    (ApiKey::OffsetForLeaderEpoch, 0..=4),
    (ApiKey::DescribeConfigs, 0..=4),
    (ApiKey::AlterConfigs, 0..=2),
    (ApiKey::DescribeLogDirs, 0..=4),
    (ApiKey::CreatePartitions, 0..=3),
    (ApiKey::IncrementalAlterConfigs, 0..=1),
    (ApiKey::DescribeCluster, 0..=2),
    (ApiKey::DescribeTopicPartitions, 0..=0),
];

/// The versions served of an API; None when it is not served at all.
pub fn served(key: ApiKey) -> Option<&'static RangeInclusive<i16>> {
    SERVED.iter().find(|(served, _)| *served == key).map(|(_, versions)| versions)
}

fn advertised((key, versions): &(ApiKey, RangeInclusive<i16>)) -> ApiVersion {
    let (min_version, max_version) = (*versions.start(), *versions.end());
    ApiVersion { api_key: key.code(), min_version, max_version }
}

pub(super) async fn serve<D: Disk>(
    call: &Call<D>,
    request: ApiVersionsRequest,
) -> ApiVersionsResponse {
    let mut response = ApiVersionsResponse {
        api_keys: SERVED.iter().map(advertised).collect(),
        ..ApiVersionsResponse::default()
    };
    let named = [&request.client_software_name, &request.client_software_version];
    if call.version() >= 3 && !named.iter().all(|name| is_software_name(name)) {
        response.error_code = ErrorCode::InvalidRequest.code();
        response.api_keys.clear();
    }
    response
}

/// KIP-511: letters, digits, dots and dashes, not first and last; not empty.
fn is_software_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
    let edges = [name.bytes().next(), name.bytes().last()];
    name.bytes().all(is_inner) && edges.iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
}
