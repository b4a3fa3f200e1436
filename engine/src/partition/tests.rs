//! Tests of a whole partition, over the real log, on the simulated disk.

mod bench;
mod crash;
mod faults;
mod flow;
