//! DescribeLogDirs: sizes of the partitions of this shard, which clients see as a broker.

use std::collections::HashMap;

use kafka_wire::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, ErrorCode, Str,
    describe_log_dirs::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
};

use crate::{ring::disk::Disk, shard::Hosted};

use super::call::Call;

pub(super) async fn serve<D: Disk>(
    call: &Call<D>,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let dir = call.shard.node().partitions_dir();
    let free = call.shard.disk().free_bytes(&dir).await;
    let wanted: Option<HashMap<Str, Vec<i32>>> = request
        .topics
        .map(|topics| topics.into_iter().map(|topic| (topic.topic, topic.partitions)).collect());
    let mut topics: Vec<DescribeLogDirsTopic> =
        call.shard.topics().iter().filter_map(|hosted| describe(hosted, wanted.as_ref())).collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    let error = if free.is_ok() { ErrorCode::None } else { ErrorCode::KafkaStorageError };
    let result = DescribeLogDirsResult {
        error_code: error.code(),
        log_dir: Str::from(dir.display().to_string()),
        topics,
        usable_bytes: free.ok().and_then(|free| i64::try_from(free).ok()).unwrap_or(-1),
        ..DescribeLogDirsResult::default()
    };
    DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() }
}

fn describe<D: Disk>(
    hosted: &Hosted<D>,
    wanted: Option<&HashMap<Str, Vec<i32>>>,
) -> Option<DescribeLogDirsTopic> {
    let named = match wanted {
        Some(wanted) => Some(wanted.get(&hosted.topic.name)?),
        None => None,
    };
    let here = hosted.partitions();
    let here = here.filter(|(index, _)| named.is_none_or(|named| named.contains(index)));
    let partitions: Vec<_> = here
        .map(|(partition_index, partition)| DescribeLogDirsPartition {
            partition_index,
            partition_size: i64::try_from(partition.log().size_bytes()).unwrap_or(i64::MAX),
            offset_lag: 0,
            is_future_key: false,
        })
        .collect();
    if partitions.is_empty() {
        return None;
    }
    Some(DescribeLogDirsTopic { name: hosted.topic.name.clone(), partitions })
}
