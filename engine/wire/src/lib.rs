//! Kafka requests and responses of every version Ringlog advertises.
//! Knows bytes and field layouts; never sockets, files or the disk format.
//!
//! - Broker: [`decode_header`], then `ProduceRequest::decode(&mut Reader::new(body), version)`,
//!   then [`encode_response`], whose buffers go to a gather send as they are.
//! - Client: [`encode_request`], [`decode_response`].
//! - Messages are plain structs with Kafka's names (`..Default::default()` for the rest), one file
//!   per API under `messages/`. Error codes in them are plain numbers: see [`ErrorCode`].
//!
//! Decoding never panics, never allocates more than the frame can honestly ask for, and copies no
//! strings, byte fields or record sets: they are slices of the frame. Bytes after a message are
//! ignored, as Kafka does.
#![forbid(unsafe_code)]

mod api_key;
mod error;
mod error_code;
mod field;
mod gather;
mod header;
mod message;
mod messages;
mod reader;
mod records;
mod schema;
mod string;
#[cfg(test)]
mod tests;
mod uuid;

pub use api_key::ApiKey;
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use field::{Field, Nullable};
pub use gather::{BY_REFERENCE_BYTES_MIN, GatherBuf};
pub use header::{RequestHeader, decode_header};
pub use message::{Message, Request, decode_response, encode_request, encode_response};
pub use messages::*;
pub use reader::{ELEMENT_MEMORY_BYTES_MAX, ELEMENT_MEMORY_FACTOR, Reader, STRING_BYTES_MAX};
pub use records::Records;
pub use string::Str;
pub use uuid::{NotAnId, Uuid};
