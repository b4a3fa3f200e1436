//! Tests that run over every message and version.

mod debug_tree;
mod differential;
mod encoding;
mod every_message;
mod golden;
mod hostile;
mod round_trip;
pub(crate) mod sample;
