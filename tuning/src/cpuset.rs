//! Owns sets of CPU numbers and the two ways the kernel writes them: lists (`0-3,8`) and hexadecimal
//! masks in comma-separated groups of 32 bits (`00000000,0000000f`). Never reads a file.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The largest CPU number accepted plus one; the kernel's own limit is `CONFIG_NR_CPUS` <= 8192.
pub const CPU_COUNT_MAX: u32 = 8192;

/// A set of CPU numbers, ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(BTreeSet<u32>);

impl CpuSet {
    /// Reads a mask as in `/proc/irq/N/smp_affinity` or `rps_cpus`. `None` when it is no mask.
    pub fn from_mask(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|c| *c != ',').collect();
        if digits.is_empty() || digits.len() > (CPU_COUNT_MAX / 4) as usize {
            return None;
        }
        let mut cpus = BTreeSet::new();
        for (place, digit) in (0u32..).zip(digits.chars().rev()) {
            let bits = digit.to_digit(16)?;
            cpus.extend((0..4).filter(|bit| bits & (1 << bit) != 0).map(|bit| place * 4 + bit));
        }
        Some(Self(cpus))
    }

    /// The mask of this set, in groups of 32 bits, no leading empty groups; `0` for the empty set.
    pub fn mask(&self) -> String {
        let mut groups = vec![0u32; self.0.last().map_or(1, |last| (last / 32 + 1) as usize)];
        for cpu in &self.0 {
            groups[(cpu / 32) as usize] |= 1 << (cpu % 32);
        }
        let mut text = String::new();
        for (index, group) in groups.iter().rev().enumerate() {
            let part = if index == 0 { format!("{group:x}") } else { format!(",{group:08x}") };
            text.push_str(&part);
        }
        text
    }

    /// Whether no CPU is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many CPUs are in the set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.contains(&cpu)
    }

    /// The CPUs, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    /// CPUs in this set that are not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// CPUs in both sets.
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether every CPU of this set is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl FromStr for CpuSet {
    type Err = String;

    /// Reads a list such as `2-9,12`; empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no CPU list; write it like 2-9,12");
        let mut cpus = BTreeSet::new();
        for part in text.trim().split(',').filter(|part| !part.trim().is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u32 = first.trim().parse().map_err(|_| wrong())?;
            let last: u32 = last.trim().parse().map_err(|_| wrong())?;
            if first > last || last >= CPU_COUNT_MAX {
                return Err(wrong());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while rest.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            if first == last {
                write!(out, "{separator}{first}")?;
            } else {
                write!(out, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!("0-1,4\n".parse::<CpuSet>().unwrap().to_string(), "0-1,4");
        assert_eq!(CpuSet::from_mask("00000001,00000003\n").unwrap().to_string(), "0-1,32");
        assert_eq!("".parse::<CpuSet>().unwrap().mask(), "0");
        for wrong in ["a", "3-1", "1-", "99999", "-"] {
            assert!(wrong.parse::<CpuSet>().is_err(), "{wrong}");
        }
        assert_eq!(CpuSet::from_mask("xyz"), None);
    }

    proptest! {
        #[test]
        fn list_and_mask_round_trip(cpus in prop::collection::btree_set(0u32..300, 0..40)) {
            let set: CpuSet = cpus.into_iter().collect();
            prop_assert_eq!(&set.to_string().parse::<CpuSet>().unwrap(), &set);
            prop_assert_eq!(&CpuSet::from_mask(&set.mask()).unwrap(), &set);
        }
    }
}
