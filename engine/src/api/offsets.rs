//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords: offsets of partitions, looked up and moved.

use kafka_wire::{
    DeleteRecordsRequest, DeleteRecordsResponse, ErrorCode, ListOffsetsRequest,
    ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, Str,
    delete_records::{
        DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
    },
    list_offsets::{ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    offset_for_leader_epoch::{
        EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopicResult,
    },
};

use crate::{
    partition::Partition,
    ring::disk::Disk,
    types::{LeaderEpoch, Offset, TimestampMs},
};

use super::{call::Call, errors::Failure, locate::check_epoch};

/// Asks for the high watermark.
const LATEST: i64 = -1;
/// Asks for the log start.
const EARLIEST: i64 = -2;
/// Asks for the record with the largest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// Asks for the first offset on this node's own disk (KIP-405): here the log start.
const EARLIEST_LOCAL: i64 = -4;

/// A place in the log and the record's time there, if it was found by its time.
struct Found {
    offset: Offset,
    timestamp: TimestampMs,
}

const NOT_FOUND: Found = Found { offset: Offset(-1), timestamp: TimestampMs(-1) };

pub(super) async fn list<D: Disk>(
    call: &Call<D>,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let listed = list_one(call, &topic.name, wanted).await;
            partitions.push(listed.unwrap_or_else(|failure| ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                error_code: failure.code.code(),
                ..ListOffsetsPartitionResponse::default()
            }));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    ListOffsetsResponse { topics, ..ListOffsetsResponse::default() }
}

async fn list_one<D: Disk>(
    call: &Call<D>,
    topic: &Str,
    wanted: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, Failure> {
    let partition = call.partition(topic, wanted.partition_index)?;
    check_epoch(&partition, wanted.current_leader_epoch)?;
    let answer = ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        ..ListOffsetsPartitionResponse::default()
    };
    if call.version() == 0 {
        let old_style_offsets = old_style(&partition, wanted).await?;
        return Ok(ListOffsetsPartitionResponse { old_style_offsets, ..answer });
    }
    let found = look_up(call.version(), &partition, wanted.timestamp).await?;
    let leader_epoch = match found.offset {
        _ if call.version() < 4 => -1,
        Offset(-1) => -1,
        offset => partition.epoch_of(offset).0,
    };
    Ok(ListOffsetsPartitionResponse {
        timestamp: found.timestamp.0,
        offset: found.offset.0,
        leader_epoch,
        ..answer
    })
}

async fn look_up<D: Disk>(
    version: i16,
    partition: &Partition<D>,
    timestamp: i64,
) -> Result<Found, Failure> {
    let at = |offset| Found { offset, timestamp: TimestampMs(-1) };
    let record = match timestamp {
        LATEST => return Ok(at(partition.high_watermark())),
        EARLIEST => return Ok(at(partition.offsets().log_start())),
        EARLIEST_LOCAL if version >= 8 => return Ok(at(partition.offsets().log_start())),
        MAX_TIMESTAMP if version >= 7 => partition.max_timestamp().await?,
        timestamp if timestamp < 0 => return Err(ErrorCode::InvalidRequest.into()),
        timestamp => partition.offset_for_timestamp(TimestampMs(timestamp)).await?,
    };
    let found = |record: crate::log::FoundRecord| Found {
        offset: record.offset,
        timestamp: record.timestamp,
    };
    Ok(record.map_or(NOT_FOUND, found))
}

/// Version 0 lists where segments begin, newest first, none of them after the time asked for; for
/// the latest the end comes first.
async fn old_style<D: Disk>(
    partition: &Partition<D>,
    wanted: &ListOffsetsPartition,
) -> Result<Vec<i64>, Failure> {
    let count = usize::try_from(wanted.max_num_offsets).unwrap_or_default();
    let offsets = partition.offsets();
    let (log_start, end) = (offsets.log_start(), offsets.high_watermark());
    if wanted.timestamp == EARLIEST {
        return Ok([log_start.0].into_iter().take(count).collect());
    }
    let newest = match wanted.timestamp {
        LATEST => None,
        timestamp if timestamp < 0 => return Err(ErrorCode::InvalidRequest.into()),
        timestamp => partition.offset_for_timestamp(TimestampMs(timestamp)).await?,
    };
    let newest = newest.map_or(end, |record| record.offset);
    let bases = partition.log().segments().into_iter().rev().map(|segment| segment.base);
    let bases = bases.map(|base| base.max(log_start)).filter(|base| *base <= newest);
    let mut listed: Vec<i64> = bases.map(|base| base.0).collect();
    if newest == end {
        listed.insert(0, end.0);
    }
    listed.dedup();
    listed.truncate(count);
    Ok(listed)
}

pub(super) async fn epoch_ends<D: Disk>(
    call: &Call<D>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let end = |wanted: &OffsetForLeaderPartition| {
            epoch_end(call, &topic.topic, wanted).unwrap_or_else(|failure| EpochEndOffset {
                error_code: failure.code.code(),
                partition: wanted.partition,
                ..EpochEndOffset::default()
            })
        };
        let partitions = topic.partitions.iter().map(end).collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    }
}

fn epoch_end<D: Disk>(
    call: &Call<D>,
    topic: &Str,
    wanted: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, Failure> {
    let partition = call.partition(topic, wanted.partition)?;
    check_epoch(&partition, wanted.current_leader_epoch)?;
    let answer = EpochEndOffset { partition: wanted.partition, ..EpochEndOffset::default() };
    let end = partition.end_offset_for_epoch(LeaderEpoch(wanted.leader_epoch));
    Ok(match end {
        Some((epoch, end)) => EpochEndOffset { leader_epoch: epoch.0, end_offset: end.0, ..answer },
        None => answer,
    })
}

pub(super) async fn delete_records<D: Disk>(
    call: &Call<D>,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let deleted = delete_one(call, &topic.name, wanted);
            let deleted = call.within(request.timeout_ms, deleted).await;
            let deleted = deleted.unwrap_or_else(|| Err(ErrorCode::RequestTimedOut.into()));
            partitions.push(DeleteRecordsPartitionResult {
                partition_index: wanted.partition_index,
                low_watermark: deleted.as_ref().map_or(-1, |log_start| log_start.0),
                error_code: deleted.map_or_else(|failure| failure.code.code(), |_| 0),
            });
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
}

async fn delete_one<D: Disk>(
    call: &Call<D>,
    topic: &Str,
    wanted: &DeleteRecordsPartition,
) -> Result<Offset, Failure> {
    let partition = call.partition(topic, wanted.partition_index)?;
    // -1 is the high watermark.
    let before = Some(Offset(wanted.offset)).filter(|before| before.0 != -1);
    Ok(partition.delete_records(before).await?)
}
