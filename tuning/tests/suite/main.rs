//! Tests of the whole tool on recorded machines: golden outputs, failures injected at every step of
//! apply and undo, and the program itself.
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod cases;
mod golden;
mod kernel;
mod properties;
mod support;
