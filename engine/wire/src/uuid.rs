//! Topic and directory ids. Only their 16 bytes and Kafka's way to print them.

use std::{fmt, str::FromStr};

/// A topic id (KIP-516). Zero means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(
    /// Big-endian, as on the wire.
    pub [u8; 16],
);

impl Uuid {
    /// No id.
    pub const ZERO: Self = Self([0; 16]);

    /// True for "no id".
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// Characters of a printed id: 128 bits in URL-safe base64 without padding.
const TEXT_CHARS: usize = 22;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// As Kafka prints ids: URL-safe base64 without padding, 22 characters.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 128 bits are 21 groups of six and two bits more, which go out as a group with four zeros.
        let bits = u128::from_be_bytes(self.0);
        for group in 0..TEXT_CHARS {
            let six = if group < 21 { bits >> (122 - 6 * group) } else { bits << 4 };
            let index = usize::from(six.to_le_bytes()[0] & 0x3f);
            write!(f, "{}", char::from(ALPHABET[index]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 22 characters of URL-safe base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 22 characters of A-Z a-z 0-9 - _")]
pub struct NotAnId;

impl FromStr for Uuid {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let (groups, last) = text.as_bytes().split_last_chunk::<1>().ok_or(NotAnId)?;
        if groups.len() != TEXT_CHARS - 1 {
            return Err(NotAnId);
        }
        let value = |c: u8| ALPHABET.iter().position(|a| *a == c).ok_or(NotAnId);
        let mut bits = 0_u128;
        for c in groups {
            bits = bits << 6 | value(*c)? as u128;
        }
        let last = value(last[0])?;
        if last & 0x0f != 0 {
            return Err(NotAnId);
        }
        Ok(Self((bits << 2 | (last >> 4) as u128).to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        // Kafka's Uuid.METADATA_TOPIC_ID and its neighbour.
        assert_eq!(Uuid(1_u128.to_be_bytes()).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn reads_what_it_prints() {
        let id = Uuid(*b"\x00\x01\xfe\xffringlog-id12");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("short".parse::<Uuid>(), Err(NotAnId));
        assert_eq!("".parse::<Uuid>(), Err(NotAnId));
        assert_eq!("AAAAAAAAAAAAAAAAAAAAAB".parse::<Uuid>(), Err(NotAnId));
    }
}
