//! Owns the sink's produce path, by hand on the raw bytes: the sink must never be the bottleneck of
//! a measurement of the generator. Reads Produce 3 to 7, writes its answer. Never decodes records.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};

use super::store::{DurableFile, count};
use super::{Keep, Shared, take_text};
use crate::wire::batch::HEADER_BYTES;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const CORRUPT_MESSAGE: i16 = 2;

impl Shared {
    /// Appends the answer's body. `false` when the client wants none.
    pub(super) fn produce(
        &self,
        node: usize,
        version: i16,
        frame: &[u8],
        output: &mut Vec<u8>,
        durable: &mut Option<DurableFile>,
    ) -> Result<bool> {
        if !(3..=7).contains(&version) {
            bail!("Produce v{version} is not served");
        }
        let mut rest = &frame[8..];
        take_text(&mut rest)?;
        take_text(&mut rest)?;
        let acks = i16::from_be_bytes(take(&mut rest)?);
        take::<4>(&mut rest)?;
        let topics = i32::from_be_bytes(take(&mut rest)?);
        output.extend_from_slice(&topics.to_be_bytes());
        for _ in 0..topics {
            let topic = take_text(&mut rest)?.context("topic without a name")?;
            output.extend_from_slice(&u16::try_from(topic.len())?.to_be_bytes());
            output.extend_from_slice(topic.as_bytes());
            let partitions = i32::from_be_bytes(take(&mut rest)?);
            output.extend_from_slice(&partitions.to_be_bytes());
            for _ in 0..partitions {
                let index: [u8; 4] = take(&mut rest)?;
                let length = usize::try_from(i32::from_be_bytes(take(&mut rest)?))?;
                let (records, tail) = rest.split_at_checked(length).context("cut off")?;
                rest = tail;
                let partition = i32::from_be_bytes(index);
                let (code, offset) = self.append(node, (topic, partition), records, durable)?;
                output.extend_from_slice(&index);
                output.extend_from_slice(&code.to_be_bytes());
                output.extend_from_slice(&offset.to_be_bytes());
                output.extend_from_slice(&(-1_i64).to_be_bytes());
                if version >= 5 {
                    output.extend_from_slice(&0_i64.to_be_bytes());
                }
            }
        }
        output.extend_from_slice(&0_i32.to_be_bytes());
        Ok(acks != 0)
    }

    fn append(
        &self,
        node: usize,
        (topic, partition): (&str, i32),
        records: &[u8],
        durable: &mut Option<DurableFile>,
    ) -> Result<(i16, i64)> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        if self.addresses.len() > 1 && self.leader(index) != node {
            return Ok((NOT_LEADER_OR_FOLLOWER, -1));
        }
        if records.len() < HEADER_BYTES {
            return Ok((CORRUPT_MESSAGE, -1));
        }
        match &self.config.keep {
            Keep::Nothing => Ok((0, self.discarded.fetch_add(count(records), Ordering::Relaxed))),
            Keep::Durable(folder) => {
                // Opened at the first produce: control connections need none.
                if durable.is_none() {
                    *durable = Some(DurableFile::open(folder)?);
                }
                durable.as_mut().context("the file was just opened")?.write(records)?;
                Ok((0, self.discarded.fetch_add(count(records), Ordering::Relaxed)))
            }
            Keep::Memory(_) => match self.log(topic, partition) {
                Some(log) => Ok(log.append(records)),
                None => Ok((UNKNOWN_TOPIC_OR_PARTITION, -1)),
            },
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>().context("request cut off")?;
    *rest = tail;
    Ok(*head)
}
