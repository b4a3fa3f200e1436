//! A string that is a slice of a received frame. Checked once, shared without copying.

use std::{borrow::Borrow, cmp::Ordering, fmt, hash, ops::Deref, str};

use bytes::Bytes;

/// UTF-8 text over [`Bytes`]: cloning shares, decoding slices the frame.
///
/// It keeps its frame alive. State that outlives the request stores [`Str::detached`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Str(
    /// Always UTF-8: checked by every constructor.
    Bytes,
);

impl Str {
    /// Text without an allocation.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text if `bytes` is UTF-8.
    ///
    /// # Errors
    /// Where the first bad byte is.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, str::Utf8Error> {
        str::from_utf8(&bytes)?;
        Ok(Self(bytes))
    }

    /// The text. Checked again, because only `unsafe` could skip it: a few ns for a topic name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("every constructor checks")
    }

    /// The text's bytes, without the check that [`Str::as_str`] costs.
    #[must_use]
    pub fn utf8(&self) -> &Bytes {
        &self.0
    }

    /// A copy that does not keep the frame alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Bytes::from(text.into_bytes()))
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> Ordering {
        // UTF-8 sorts as its bytes do.
        self.0.cmp(&other.0)
    }
}

// As `str` hashes, or `Borrow<str>` would find nothing in a map.
impl hash::Hash for Str {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_map_keyed_by_str_is_searched_with_a_plain_string() {
        let map = HashMap::from([(Str::from("größe"), 1)]);
        assert_eq!(map.get("größe"), Some(&1));
    }

    #[test]
    fn sorts_as_str_does() {
        let mut ours = ["b", "", "ä", "a", "aa"].map(Str::from);
        let mut std = ["b", "", "ä", "a", "aa"];
        ours.sort();
        std.sort_unstable();
        assert_eq!(ours, std);
    }

    #[test]
    fn refuses_bytes_that_are_not_text() {
        assert!(Str::from_utf8(Bytes::from_static(&[0xff])).is_err());
    }

    #[test]
    fn a_detached_copy_lies_elsewhere() {
        let text = Str::from("topic");
        assert_ne!(text.as_ptr(), text.detached().as_ptr());
        assert_eq!(text, text.detached());
    }
}
