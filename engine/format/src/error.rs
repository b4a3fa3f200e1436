//! What can be wrong with bytes. One enum for the crate: every variant says what was expected.

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes end before the structure does.
    #[error("truncated: {needed_bytes} bytes needed, {have_bytes} left")]
    Truncated {
        /// Bytes the structure needs, counted from its start.
        needed_bytes: usize,
        /// Bytes there are.
        have_bytes: usize,
    },
    /// The format version (byte 16 of a batch or message) is not one that is accepted here.
    #[error("record format (magic) {magic} is not accepted here")]
    BadMagic {
        /// The byte found.
        magic: i8,
    },
    /// A length field is negative, too small for its own header, or above the stated limit.
    #[error("length {length} is outside {min}..={max}")]
    BadLength {
        /// The length found, in bytes.
        length: i64,
        /// Smallest acceptable length, in bytes.
        min: i64,
        /// Largest acceptable length, in bytes.
        max: i64,
    },
    /// The checksum does not fit the bytes.
    #[error("checksum {stored:#010x} stored, {computed:#010x} computed")]
    BadCrc {
        /// Checksum in the header.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// Record count and offsets contradict each other.
    #[error("{records_count} records with last offset delta {last_offset_delta}")]
    BadCounts {
        /// Records the header claims.
        records_count: i32,
        /// Last offset minus base offset.
        last_offset_delta: i32,
    },
    /// The attributes name a compression that does not exist.
    #[error("compression id {id} does not exist")]
    BadCompression {
        /// The id found, 5 to 7.
        id: i16,
    },
    /// A field's content is impossible.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Decompressed or decoded data would be larger than the caller allows.
    #[error("more than the allowed {max_bytes} bytes after decompression")]
    TooLarge {
        /// The caller's limit.
        max_bytes: usize,
    },
    /// The compressed data cannot be read.
    #[error("broken {codec} data")]
    BrokenCompression {
        /// Name of the codec.
        codec: &'static str,
    },
}
