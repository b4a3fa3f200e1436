//! The I/O core: disk, network and memory that the kernel reads and writes.
//! The only folder that may hold `unsafe`; knows nothing of logs or requests.

pub mod disk;
