//! Kafka's APIs, one file each or per family: decode, call partitions or the controller, encode.
//! Holds no state; never touches sockets or files.

use bytes::Bytes;

/// What a connection does for one request.
#[derive(Debug)]
pub enum Answer {
    /// Send these buffers: a whole frame with its size in front.
    Reply(Vec<Bytes>),
    /// Send nothing (Produce with `acks=0`).
    Nothing,
    /// End the connection: the request has no valid answer. The reason goes to the log.
    Close(String),
}
