//! Kafka's APIs, one file each or per family: decode, call partitions or the controller, encode.
//! Holds no state; never touches sockets or files.

mod api_versions;
mod call;
mod cluster;
mod configs;
mod describe_topics;
mod errors;
mod fetch;
mod fetch_read;
mod legacy;
mod locate;
mod log_dirs;
mod metadata;
mod offsets;
mod produce;
#[cfg(test)]
mod tests;
mod topics;

use std::pin::Pin;

use bytes::Bytes;
use kafka_wire::{ApiKey, RequestHeader, api_versions::encode_unsupported_version, decode_header};

pub use self::api_versions::served;
use self::call::Call;
use crate::{limits::CLIENT_ID_SHOWN_BYTES_MAX, ring::disk::Disk, shard::Shard};

/// What a connection does for one request.
#[derive(Debug)]
pub enum Answer {
    /// Send these buffers: a whole frame with its size in front.
    Reply(Vec<Bytes>),
    /// Send nothing (Produce with `acks=0`).
    Nothing,
    /// End the connection: the request has no valid answer. The reason goes to the log.
    Close(String),
}

/// Begins to answer one frame (without its size). The first poll does everything that depends on
/// the order of requests (decode, append); the rest may finish in any order.
pub fn begin<D: Disk>(shard: &Shard<D>, frame: Bytes) -> Pin<Box<dyn Future<Output = Answer>>> {
    Box::pin(serve(shard.clone(), frame))
}

async fn serve<D: Disk>(shard: Shard<D>, frame: Bytes) -> Answer {
    let mut body = frame;
    let header = match decode_header(&mut body) {
        Ok(header) => header,
        Err(error) => return Answer::Close(format!("request header that cannot be read: {error}")),
    };
    let key = ApiKey::from_code(header.api_key);
    let Some((key, versions)) = key.and_then(|key| Some((key, served(key)?))) else {
        return Answer::Close(format!("API {} is not served {}", header.api_key, shown(&header)));
    };
    if !versions.contains(&header.api_version) {
        if key == ApiKey::ApiVersions {
            return Answer::Reply(encode_unsupported_version(header.correlation_id));
        }
        return Answer::Close(format!(
            "{} v{} is not served {}",
            key.name(),
            header.api_version,
            shown(&header)
        ));
    }
    dispatch(key, Call { shard, header, body }).await
}

async fn dispatch<D: Disk>(key: ApiKey, call: Call<D>) -> Answer {
    match key {
        ApiKey::Produce => produce::serve(call).await,
        ApiKey::Fetch => fetch::serve(call).await,
        ApiKey::ListOffsets => call.answer(offsets::list).await,
        ApiKey::OffsetForLeaderEpoch => call.answer(offsets::epoch_ends).await,
        ApiKey::DeleteRecords => call.answer(offsets::delete_records).await,
        ApiKey::DescribeLogDirs => call.answer(log_dirs::serve).await,
        ApiKey::ApiVersions => call.answer(api_versions::serve).await,
        ApiKey::Metadata => call.answer(metadata::serve).await,
        ApiKey::CreateTopics => call.answer(topics::create).await,
        ApiKey::DeleteTopics => call.answer(topics::delete).await,
        ApiKey::CreatePartitions => call.answer(topics::grow).await,
        ApiKey::DescribeConfigs => call.answer(configs::describe_configs).await,
        ApiKey::IncrementalAlterConfigs => call.answer(configs::alter_incrementally).await,
        ApiKey::AlterConfigs => call.answer(configs::alter_all).await,
        ApiKey::DescribeCluster => call.answer(cluster::describe_cluster).await,
        ApiKey::FindCoordinator => call.answer(cluster::find_coordinator).await,
        ApiKey::InitProducerId => call.answer(cluster::init_producer_id).await,
        ApiKey::DescribeTopicPartitions => call.answer(describe_topics::serve).await,
        other => unreachable!("{} is in the table of served APIs but has no handler", other.name()),
    }
}

fn shown(header: &RequestHeader) -> String {
    let Some(client) = &header.client_id else { return "(client without a name)".to_owned() };
    let cut: String = client.chars().take(CLIENT_ID_SHOWN_BYTES_MAX).collect();
    format!("(client {cut:?})")
}
