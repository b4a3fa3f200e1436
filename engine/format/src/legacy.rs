//! Message sets of magic 0 and 1, which clients older than Kafka 0.11 speak, and their conversion
//! to record batches and back. Pure; assigns no offsets of the log and answers no request.
//!
//! ```text
//! set:      message after message; the last one may be cut off
//! message:  | offset 8 | size 4 (of what follows) | crc 4 (CRC-32 of what follows) | magic 1
//!           | attributes 1 | timestamp 8 (magic 1 only, ms) | key_length 4 (-1: null) | key …
//!           | value_length 4 (-1: null) | value … |
//! attributes: | 7..4: unused | 3: timestamp type (magic 1) | 2..0: compression, up to 3 (lz4) |
//! ```
//! A message with a compression is a *wrapper*: its value is a compressed set of plain messages.
//! Its offset is the last inner one. Inner offsets are absolute in magic 0, and relative (any
//! numbers with the right distances) in magic 1; kafka-node leaves all of them 0.
//!
//! Source: KIP-31, KIP-32, and `LegacyRecord` of Apache Kafka.

mod down;
mod lz4;
mod message;
mod set;
#[cfg(test)]
mod tests;
mod up;

pub use down::{DownConversion, DownConverted, down_convert};
pub use message::{LegacyMagic, Message};
pub use set::{Entries, Entry, Wrapper};
pub use up::up_convert;
