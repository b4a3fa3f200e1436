//! Walks a record set batch by batch without copying. Never decompresses.

use bytes::Bytes;

use crate::{
    batch::{MAGIC_AT, RecordBatchHeader, verify_crc},
    error::FormatError,
};

/// One whole batch: its header, decoded, and its bytes, header included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The decoded header.
    pub header: RecordBatchHeader,
    /// The batch as it was sent or stored; shares memory with the record set.
    pub bytes: Bytes,
}

impl Batch {
    /// Takes the batch at the start of `bytes`, checks its header, length and CRC.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let batch = Self::decode_without_crc(bytes)?;
        verify_crc(&batch.bytes)?;
        Ok(batch)
    }

    /// As [`Batch::decode`], for bytes whose CRC was checked when they were read from the disk.
    pub fn decode_without_crc(bytes: &Bytes) -> Result<Self, FormatError> {
        let header = RecordBatchHeader::decode(bytes)?;
        let total_bytes = header.total_bytes();
        if bytes.len() < total_bytes {
            return Err(FormatError::Truncated {
                needed_bytes: total_bytes,
                have_bytes: bytes.len(),
            });
        }
        Ok(Self { header, bytes: bytes.slice(..total_bytes) })
    }
}

/// Iterator over the batches of a record set, each checked with [`Batch::decode`].
/// Ends after the first error.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    failed: bool,
}

impl Batches {
    /// Batches of `record_set`, the bytes of a Produce request or of a log.
    pub fn new(record_set: Bytes) -> Self {
        Self { rest: record_set, failed: false }
    }

    /// Bytes not yet handed out; after an error, the bytes from the bad batch on.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match Batch::decode(&self.rest) {
            Ok(batch) => {
                let _consumed = self.rest.split_to(batch.bytes.len());
                Some(Ok(batch))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

/// The format version of the first batch or message of a record set, whatever it is;
/// `None` when the bytes end before it. Tells the paths for magic 0/1 and for magic 2 apart.
pub fn peek_magic(record_set: &[u8]) -> Option<i8> {
    record_set.get(MAGIC_AT).map(|byte| byte.cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{BATCH_LENGTH_MIN, BATCH_OVERHEAD_BYTES, set_crc};

    /// A batch whose records are `payload` as it is.
    fn batch(base_offset: i64, records_count: i32, payload: &[u8]) -> Vec<u8> {
        let header = RecordBatchHeader {
            base_offset,
            batch_length: BATCH_LENGTH_MIN + i32::try_from(payload.len()).unwrap(),
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: records_count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count,
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(payload);
        set_crc(&mut bytes);
        bytes
    }

    #[test]
    fn splits_a_record_set_without_copying() {
        let set = Bytes::from([batch(0, 3, b"abc"), batch(3, 1, b"")].concat());
        let batches: Vec<Batch> = Batches::new(set.clone()).map(Result::unwrap).collect();
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[1].header.base_offset, batches[0].header.next_offset());
        assert_eq!(batches[0].bytes.as_ptr(), set.as_ptr());
    }

    #[test]
    fn stops_at_the_first_bad_batch_and_shows_where() {
        let mut second = batch(1, 1, b"xyz");
        *second.last_mut().unwrap() ^= 1;
        let set = Bytes::from([batch(0, 1, b"abc"), second.clone(), batch(2, 1, b"")].concat());
        let mut batches = Batches::new(set);
        assert!(batches.next().unwrap().is_ok());
        assert!(matches!(batches.next(), Some(Err(FormatError::BadCrc { .. }))));
        assert_eq!(batches.rest()[..second.len()], second[..]);
        assert_eq!(batches.next(), None);
    }

    #[test]
    fn every_cut_is_truncated() {
        let whole = batch(0, 1, b"some payload");
        for cut in 1..whole.len() {
            let mut batches = Batches::new(Bytes::copy_from_slice(&whole[..cut]));
            assert!(matches!(batches.next(), Some(Err(FormatError::Truncated { .. }))), "{cut}");
            assert_eq!(batches.next(), None);
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let count = Batches::new(bytes.into()).count();
            prop_assert!(count <= 300 / BATCH_OVERHEAD_BYTES);
        }
    }
}
