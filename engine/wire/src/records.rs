//! A record set as the protocol sees it: opaque bytes in one or several buffers.

use std::fmt;

use bytes::Bytes;

/// Record batches (or a legacy message set) of one partition, as a list of buffers.
///
/// Encoding keeps the buffers by reference, so that a fetch answer goes from the log's chunks to
/// the socket without a copy. Decoding yields one slice of the frame.
#[derive(Clone, Default)]
pub struct Records {
    parts: Parts,
    len: usize,
}

/// One buffer is the rule, and needs no list.
#[derive(Clone)]
enum Parts {
    One(Bytes),
    Many(Vec<Bytes>),
}

impl Default for Parts {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl Records {
    /// A record set of no bytes, which is what an empty fetch carries (never null).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The buffers in order.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        match &self.parts {
            Parts::One(part) => std::slice::from_ref(part),
            Parts::Many(parts) => parts,
        }
    }

    /// Appends a buffer.
    pub fn push(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        let first = self.is_empty();
        self.len += part.len();
        match &mut self.parts {
            Parts::Many(parts) => parts.push(part),
            Parts::One(one) if first => *one = part,
            Parts::One(one) => self.parts = Parts::Many(vec![std::mem::take(one), part]),
        }
    }

    /// All bytes in one buffer: shared if there is only one, else copied.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.parts {
            Parts::One(part) => part.clone(),
            Parts::Many(parts) => parts.concat().into(),
        }
    }
}

impl From<Bytes> for Records {
    fn from(part: Bytes) -> Self {
        Self { len: part.len(), parts: Parts::One(part) }
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        let mut records = Self::new();
        parts.into_iter().for_each(|part| records.push(part));
        records
    }
}

/// The same bytes, however they are split.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.parts().iter().flatten().eq(other.parts().iter().flatten())
    }
}

impl Eq for Records {}

/// The length only: nobody wants a mebibyte in a log line.
impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_by_content_not_by_split() {
        let split: Records = ["ab", "", "cde"].map(Bytes::from).into_iter().collect();
        let whole = Records::from(Bytes::from_static(b"abcde"));
        assert_eq!(split, whole);
        assert_eq!(split.parts().len(), 2);
        assert_eq!(split.len(), 5);
        assert_eq!(split.to_bytes(), whole.to_bytes());
        assert_ne!(split, Records::from(Bytes::from_static(b"abcdf")));
    }

    #[test]
    fn one_buffer_is_shared_not_copied() {
        let part = Bytes::from(vec![7; 100]);
        assert_eq!(Records::from(part.clone()).to_bytes().as_ptr(), part.as_ptr());
    }
}
