//! Kafka requests and responses of every version Ringlog advertises.
//! Knows bytes and field layouts; never sockets, files or the disk format.
#![forbid(unsafe_code)]
