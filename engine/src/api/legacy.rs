//! Clients that speak message sets of magic 0 and 1: Produce versions 0 to 2, Fetch versions 0 to
//! 3. Converts at the edge, off the zero-copy path; the log holds record batches only.

use bytes::{Bytes, BytesMut};
use log_format::{
    batch::MAGIC_V2,
    batches::peek_magic,
    legacy::{DownConversion, LegacyMagic, down_convert, up_convert},
};

use crate::{
    limits::{DECOMPRESSED_BATCH_BYTES_MAX, LEGACY_DECOMPRESSED_BYTES_MAX, LEGACY_READS_MAX},
    partition::{Partition, PartitionRead, ReadWish},
    ring::disk::Disk,
    types::Offset,
};

use super::{Answer, call::Call, errors::Failure, fetch_read};

/// Last version of Produce that carries message sets.
const PRODUCE_SETS_MAX: i16 = 2;
/// Last version of Produce and Fetch that kafka-node speaks.
const KAFKA_NODE_MAX: i16 = 2;

/// Refuses a request that names no partitions where the answer would name none: kafka-node never
/// returns from decoding an empty array.
pub(super) fn check_topics<D: Disk, T>(
    call: &Call<D>,
    topics: &[T],
    partitions: impl Fn(&T) -> usize,
) -> Result<(), Answer> {
    let is_empty = topics.is_empty() || topics.iter().any(|topic| partitions(topic) == 0);
    if is_empty && call.version() <= KAFKA_NODE_MAX {
        return Err(Answer::Close("an old Produce or Fetch without partitions".to_owned()));
    }
    Ok(())
}

/// The batch to append for the `records` of a Produce. A client may send batches in old versions
/// too.
pub(super) fn batch_of(version: i16, records: Bytes) -> Result<Bytes, Failure> {
    if version > PRODUCE_SETS_MAX || peek_magic(&records) == Some(MAGIC_V2) {
        return Ok(records);
    }
    Ok(up_convert(&records, LEGACY_DECOMPRESSED_BYTES_MAX)?)
}

/// The format a Fetch is answered with; `None`: as it is stored.
pub(super) fn fetched_magic(version: i16) -> Option<LegacyMagic> {
    match version {
        0 | 1 => Some(LegacyMagic::V0),
        2 | 3 => Some(LegacyMagic::V1),
        _ => None,
    }
}

/// As [`fetch_read::read`], with messages from the very offset wished for. Reads on over batches
/// that hold nothing for the client, which could not get past them by itself.
pub(super) async fn read<D: Disk>(
    call: &Call<D>,
    partition: &Partition<D>,
    mut wish: ReadWish,
    magic: LegacyMagic,
) -> Result<PartitionRead, Failure> {
    let Some(permit) = call.shard.fetch_memory().take(wish.bytes_max) else {
        return Ok(fetch_read::nothing_now(partition, wish));
    };
    wish.bytes_max = wish.bytes_max.min(permit.bytes());
    for _ in 0..LEGACY_READS_MAX {
        let read = fetch_read::read(call, partition, wish).await?;
        if read.bytes == 0 {
            return Ok(read);
        }
        let conversion = DownConversion {
            magic,
            from_offset: wish.from.0,
            bytes_max: wish.bytes_max,
            decompressed_bytes_max: DECOMPRESSED_BATCH_BYTES_MAX,
        };
        let found = down_convert(joined(&read.buffers), &conversion)?;
        if !found.messages.is_empty() {
            let bytes = found.messages.len();
            let next_offset = Offset(found.next_offset);
            let buffers = permit.attach(vec![found.messages]);
            return Ok(PartitionRead { buffers, bytes, next_offset, ..read });
        }
        wish.from = Offset(found.next_offset);
    }
    Ok(fetch_read::nothing_now(partition, wish))
}

/// A batch may span buffers; conversion wants it whole.
fn joined(buffers: &[Bytes]) -> Bytes {
    if let [one] = buffers {
        return one.clone();
    }
    let mut whole = BytesMut::with_capacity(buffers.iter().map(Bytes::len).sum());
    buffers.iter().for_each(|buffer| whole.extend_from_slice(buffer));
    whole.freeze()
}
