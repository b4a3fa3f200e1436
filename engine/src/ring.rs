//! The I/O core: disk, network and memory that the kernel reads and writes.
//! The only folder that may hold `unsafe`; knows nothing of logs or requests.
#![expect(
    unsafe_code,
    reason = "memory and descriptors shared with the kernel; each block has its proof"
)]

pub mod buffers;
pub mod disk;
pub mod doorbell;
pub mod driver;
pub mod executor;
pub mod files;
pub mod probe;
#[cfg(any(test, feature = "simulation"))]
pub mod sim_disk;
pub mod sockets;
pub mod window;
