//! Owns record keys: how often each is used and which partition it belongs to (Kafka's murmur2
//! partitioner). Never touches a batch; see `template.rs`.

use serde::{Deserialize, Serialize};

/// Bytes of a key: 16 hexadecimal digits.
pub const KEY_BYTES: usize = 16;
/// The most distinct keys: the table is kept in memory.
pub const KEYS_MAX: usize = 1_000_000;

/// How keys are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum KeyChoice {
    /// No key: partitions take turns.
    None,
    /// Every key equally often.
    Uniform,
    /// The n-th key 1/n as often as the first (exponent 1), as hot keys are in practice.
    Zipf,
}

/// The keys of a run, by partition.
#[derive(Debug)]
pub struct KeyTable {
    /// Cumulative weight of the partitions, ending in 1.
    partition_ends: Vec<f64>,
    /// For each partition: cumulative weight and key, ending in 1.
    keys: Vec<Vec<(f64, [u8; KEY_BYTES])>>,
}

impl KeyTable {
    /// Spreads `count` keys over `partitions` as Kafka's default partitioner does.
    pub fn new(choice: KeyChoice, count: usize, partitions: usize) -> KeyTable {
        let mut keys: Vec<Vec<(f64, [u8; KEY_BYTES])>> = vec![Vec::new(); partitions];
        for rank in 0..count {
            let weight = match choice {
                KeyChoice::Zipf => 1.0 / (rank as f64 + 1.0),
                KeyChoice::Uniform | KeyChoice::None => 1.0,
            };
            let key = key_bytes(rank);
            keys[partition_of(&key, partitions)].push((weight, key));
        }
        let weights: Vec<f64> =
            keys.iter().map(|of| of.iter().map(|(weight, _)| weight).sum()).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let partition_ends = weights
            .iter()
            .map(|weight| {
                sum += weight / total;
                sum
            })
            .collect();
        for (of, total) in keys.iter_mut().zip(weights) {
            let mut sum = 0.0;
            for (weight, _) in of {
                sum += *weight / total;
                *weight = sum;
            }
        }
        KeyTable { partition_ends, keys }
    }

    /// The partition of a record whose key is drawn at random.
    pub fn draw_partition(&self, random: &mut fastrand::Rng) -> usize {
        let at = random.f64() * self.partition_ends.last().copied().unwrap_or(1.0);
        // `<=` skips partitions without keys, whose end equals their predecessor's.
        self.partition_ends.partition_point(|end| *end <= at).min(self.partition_ends.len() - 1)
    }

    /// A key of `partition`, drawn by its weight; `None` when no key hashes there.
    pub fn draw_key(
        &self,
        partition: usize,
        random: &mut fastrand::Rng,
    ) -> Option<&[u8; KEY_BYTES]> {
        let keys = self.keys.get(partition)?;
        let at = random.f64();
        let index = keys.partition_point(|(end, _)| *end <= at).min(keys.len().checked_sub(1)?);
        keys.get(index).map(|(_, key)| key)
    }
}

fn key_bytes(rank: usize) -> [u8; KEY_BYTES] {
    let text = format!("{rank:016x}");
    *text.as_bytes().first_chunk().expect("sixteen digits were formatted")
}

/// Kafka's `DefaultPartitioner` for a keyed record: `toPositive(murmur2(key)) % partitions`.
pub fn partition_of(key: &[u8], partitions: usize) -> usize {
    let positive = murmur2(key) & 0x7fff_ffff;
    crate::units::to_usize(u64::from(positive)) % partitions
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash: u32 = 0x9747_b28c ^ crate::units::to_u32(data.len());
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values are those of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_kafkas() {
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn zipf_draws_the_first_key_far_more_often_and_keeps_partitions() {
        let table = KeyTable::new(KeyChoice::Zipf, 1000, 8);
        let mut random = fastrand::Rng::with_seed(3);
        let first = key_bytes(0);
        let mut hits = 0;
        for _ in 0..20_000 {
            let partition = table.draw_partition(&mut random);
            let key = table.draw_key(partition, &mut random).unwrap();
            assert_eq!(partition_of(key, 8), partition);
            hits += usize::from(*key == first);
        }
        // The first of 1000 zipf keys has 1/H(1000) = 13.4 % of the draws.
        assert!((2_400..2_960).contains(&hits), "{hits} of 20000");
    }

    #[test]
    fn a_partition_without_keys_is_never_drawn() {
        let table = KeyTable::new(KeyChoice::Uniform, 2, 64);
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let partition = table.draw_partition(&mut random);
            assert!(table.draw_key(partition, &mut random).is_some());
        }
    }
}
