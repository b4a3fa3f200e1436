//! Owns what stands in a record's value: the stamp that says who sent it, when it should have been
//! sent and what it must contain, and the filler after it. Never sends anything.
//!
//! ```text
//! | magic "RLg1" 4 | run_id 4 | producer 4 | sequence 8 | intended_ns 8 | crc32c 4 | filler … |
//! ```
//! The checksum covers the whole value with its own four bytes as zero. Only `verify` fills it.

/// Bytes of the stamp: the smallest record that can carry one.
pub const STAMP_BYTES: usize = 32;
const MAGIC: [u8; 4] = *b"RLg1";
const CRC_AT: usize = 28;

/// Who sent a record, and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Random per run, so that records of another run are told apart.
    pub run_id: u32,
    /// Index of the producer within the run.
    pub producer: u32,
    /// Position among this producer's records of one partition, from 0, without gaps.
    pub sequence: u64,
    /// Intended send time on the run's clock.
    pub intended_ns: u64,
}

/// What a consumed value turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A stamp whose checksum (if asked for) holds.
    Whole(Stamp),
    /// It carries the magic but its bytes were changed.
    Damaged,
    /// Not written by this tool.
    Foreign,
}

impl Stamp {
    /// Writes the stamp over the first [`STAMP_BYTES`] of `value`, without a checksum.
    pub fn write(&self, value: &mut [u8]) {
        value[..4].copy_from_slice(&MAGIC);
        value[4..8].copy_from_slice(&self.run_id.to_be_bytes());
        value[8..12].copy_from_slice(&self.producer.to_be_bytes());
        value[12..20].copy_from_slice(&self.sequence.to_be_bytes());
        value[20..28].copy_from_slice(&self.intended_ns.to_be_bytes());
        value[CRC_AT..STAMP_BYTES].fill(0);
    }

    /// Writes the stamp and the checksum of the whole value.
    pub fn write_sealed(&self, value: &mut [u8]) {
        self.write(value);
        let crc = crc32c::crc32c(value);
        value[CRC_AT..STAMP_BYTES].copy_from_slice(&crc.to_be_bytes());
    }

    /// Reads a stamp without checking the rest of the value.
    pub fn read(value: &[u8]) -> Option<Stamp> {
        let head = value.first_chunk::<STAMP_BYTES>()?;
        if head[..4] != MAGIC {
            return None;
        }
        Some(Stamp {
            run_id: u32::from_be_bytes(part(head, 4)),
            producer: u32::from_be_bytes(part(head, 8)),
            sequence: u64::from_be_bytes(part(head, 12)),
            intended_ns: u64::from_be_bytes(part(head, 20)),
        })
    }

    /// Reads a sealed stamp and checks every byte of the value.
    pub fn read_sealed(value: &[u8]) -> Reading {
        let Some(stamp) = Stamp::read(value) else { return Reading::Foreign };
        let stored = u32::from_be_bytes(part(value, CRC_AT));
        let crc = crc32c::crc32c(&value[..CRC_AT]);
        let crc = crc32c::crc32c_append(crc, &[0; 4]);
        let crc = crc32c::crc32c_append(crc, &value[STAMP_BYTES..]);
        if crc == stored { Reading::Whole(stamp) } else { Reading::Damaged }
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk::<N>().expect("the caller checked the length of the stamp")
}

/// Fills a value with bytes that do not compress, from the run's seed.
pub fn filler(bytes: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut value = vec![0; bytes];
    random.fill(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_is_whole_until_any_bit_changes() {
        let mut random = fastrand::Rng::with_seed(7);
        let stamp = Stamp { run_id: 9, producer: 3, sequence: 1 << 40, intended_ns: 123_456_789 };
        let mut value = filler(100, &mut random);
        stamp.write_sealed(&mut value);
        assert_eq!(Stamp::read_sealed(&value), Reading::Whole(stamp));
        for bit in 32..value.len() * 8 {
            value[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Stamp::read_sealed(&value), Reading::Damaged, "bit {bit}");
            value[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Stamp::read_sealed(b"short"), Reading::Foreign);
    }
}
