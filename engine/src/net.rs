//! Connections: accept, read frames, keep answers in the order of requests, send gathered.
//! Knows frames, never what is in them; the API layer answers through [`Service`].

pub mod budget;
pub mod connection;
pub mod frames;
pub mod listener;

use std::{future::Future, net::SocketAddr, pin::Pin};

use bytes::Bytes;

use crate::api::Answer;

/// A request being answered.
pub type Answering = Pin<Box<dyn Future<Output = Answer>>>;

/// Who answers requests.
pub trait Service: 'static {
    /// Begins to answer one frame (without its size). The first poll does everything that depends
    /// on the order of requests; the rest may take as long as it needs.
    fn begin(&self, peer: SocketAddr, frame: Bytes) -> Answering;
}
