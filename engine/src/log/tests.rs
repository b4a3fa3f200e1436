//! Tests of the log as a whole, on the simulated disk.

mod basics;
mod bench;
mod faults;
mod simulation;
mod window_use;
