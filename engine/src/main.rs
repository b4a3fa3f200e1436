//! The command line of the broker.

fn main() {}
