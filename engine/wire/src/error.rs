//! What can go wrong with bytes from the network, and with values that a version cannot carry.
//! Never the error codes *inside* answers: see `error_code.rs`.

use crate::ApiKey;

/// Why bytes are not the message they claim to be. The sender's fault: answer or close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends before the field does.
    #[error("truncated: {needed} more bytes needed, {remaining} left")]
    Truncated {
        /// Bytes the field takes.
        needed: usize,
        /// Bytes the frame still has.
        remaining: usize,
    },
    /// A length or count below -1 (-1 is null).
    #[error("negative length {0}")]
    NegativeLength(i32),
    /// An array that announces more elements than the frame has bytes left.
    #[error("array of {count} elements in {remaining} bytes")]
    CountTooLarge {
        /// Elements announced.
        count: usize,
        /// Bytes the frame still has.
        remaining: usize,
    },
    /// The elements of one frame would take more memory than its budget (see [`crate::Reader`]).
    #[error(
        "elements need {needed_bytes} bytes of memory, {left_bytes} of the frame's budget left"
    )]
    ElementMemory {
        /// Memory the next array would take.
        needed_bytes: usize,
        /// What the budget still allows.
        left_bytes: usize,
    },
    /// A variable-length number of more than 32 bits.
    #[error("variable-length integer does not fit 32 bits")]
    VarintTooLong,
    /// A string longer than the 32,767 bytes that Kafka allows in every version.
    #[error("string of {0} bytes, at most 32767 allowed")]
    StringTooLong(usize),
    /// A string that is not UTF-8. (The Java broker replaces such bytes; a changed topic name or
    /// group id helps nobody, so we refuse.)
    #[error("string is not UTF-8")]
    NotUtf8,
    /// Null where this version has no null.
    #[error("null in a field that cannot be null")]
    UnexpectedNull,
    /// The mark in front of a nullable structure is neither -1 nor 1.
    #[error("presence mark {0} of a nullable structure")]
    PresenceMark(i8),
    /// A known tagged field whose content does not fill its announced size.
    #[error("tagged field {tag} does not fill its announced size")]
    TagSize {
        /// Number of the tag.
        tag: u32,
    },
    /// This version of the API is not one of [`ApiKey::versions`].
    #[error("{key:?} has no version {version}")]
    UnsupportedVersion {
        /// The API.
        key: ApiKey,
        /// The version asked for.
        version: i16,
    },
}

/// Why a value cannot be written in a version. Our fault (or our CLI's user's), never the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The field is set, this version does not have it, and losing it would change the meaning.
    #[error("version {version} cannot carry {field}")]
    NotRepresentable {
        /// `Struct.field`.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Null in a version that has no null for the field.
    #[error("version {version} cannot carry a null here")]
    UnexpectedNull {
        /// The version asked for.
        version: i16,
    },
    /// A string longer than 32,767 bytes.
    #[error("string of {0} bytes, at most 32767 allowed")]
    StringTooLong(usize),
    /// An array, byte field or frame longer than 2 GiB.
    #[error("{0} bytes or elements, at most 2147483647 allowed")]
    TooLarge(usize),
    /// This version of the API is not one of [`ApiKey::versions`].
    #[error("{key:?} has no version {version}")]
    UnsupportedVersion {
        /// The API.
        key: ApiKey,
        /// The version asked for.
        version: i16,
    },
}
