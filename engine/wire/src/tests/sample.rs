//! Random messages that a given version can carry. `schema!` derives [`Sample`] for structures.

use bytes::Bytes;

use crate::{BY_REFERENCE_BYTES_MIN, Records, Str, Uuid};

/// Seeded numbers (splitmix64): the same seed makes the same message.
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % end as u64).expect("below a usize")
    }

    fn bytes(&mut self, length: usize) -> Bytes {
        (0..length).map(|_| self.bits().to_be_bytes()[0]).collect()
    }
}

pub(crate) trait Sample {
    fn sample(source: &mut Source, version: i16) -> Self;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Sample for $type {
            fn sample(source: &mut Source, _: i16) -> Self {
                let bytes = source.bits().to_be_bytes();
                let (all, _) = bytes.split_first_chunk().expect("eight bytes suffice");
                Self::from_be_bytes(*all)
            }
        }
    )*};
}
numbers!(i8 i16 u16 i32 i64);

impl Sample for f64 {
    fn sample(source: &mut Source, version: i16) -> Self {
        // Finite, so that it equals itself.
        Self::from(i32::sample(source, version)) / 8.0
    }
}

impl Sample for bool {
    fn sample(source: &mut Source, _: i16) -> Self {
        source.below(2) == 0
    }
}

impl Sample for Uuid {
    fn sample(source: &mut Source, _: i16) -> Self {
        Self(std::array::from_fn(|_| source.bits().to_be_bytes()[0]))
    }
}

impl Sample for Str {
    fn sample(source: &mut Source, _: i16) -> Self {
        match source.below(6) {
            0 => Self::default(),
            // Lengths around the second byte of a varint.
            1 => Self::from("x".repeat(125 + source.below(5))),
            2 => Self::from("größe-寸法"),
            _ => Self::from(format!("name-{}", source.below(1000))),
        }
    }
}

impl Sample for Bytes {
    fn sample(source: &mut Source, _: i16) -> Self {
        let length = [0, 1, 126, 127, 128, BY_REFERENCE_BYTES_MIN, 5000][source.below(7)];
        source.bytes(length)
    }
}

impl Sample for Records {
    fn sample(source: &mut Source, version: i16) -> Self {
        (0..source.below(4)).map(|_| Bytes::sample(source, version)).collect()
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(source: &mut Source, version: i16) -> Self {
        (0..source.below(4)).map(|_| T::sample(source, version)).collect()
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(source: &mut Source, version: i16) -> Self {
        (source.below(4) != 0).then(|| T::sample(source, version))
    }
}

/// A field that can be null in some versions: `null` says whether in this one.
pub(crate) fn sample_maybe_null<T: Sample>(
    source: &mut Source,
    version: i16,
    null: bool,
) -> Option<T> {
    if null { Option::sample(source, version) } else { Some(T::sample(source, version)) }
}
