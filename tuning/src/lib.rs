//! `ringlog-tune`: shows what on a Linux host costs a latency-critical broker time, changes what may
//! be changed, and takes every change back.
//!
//! The library is the tool without its command line: every read and write of the host goes through a
//! [`tree::Tree`], so that all of it runs on a recorded machine as well as on this one. It knows no
//! other crate of Ringlog.
#![forbid(unsafe_code)]

pub mod apply;
pub mod check;
pub mod cpuset;
pub mod error;
pub mod host;
pub mod item;
pub mod items;
pub mod journal;
pub mod kernel_line;
pub mod measure;
pub mod persist;
pub mod plan;
pub mod record;
pub mod render;
pub mod tree;
pub mod treefile;
pub mod undo;
pub mod value;
pub mod verify;
