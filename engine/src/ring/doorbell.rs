//! Wakes a shard from another thread: an eventfd that the shard's ring reads.
//! Carries no data; the queue beside it does.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
};

use io_uring::{opcode, types};
use rustix::event::{EventfdFlags, eventfd};

use super::driver::Ring;

/// The side that rings; cheap to clone, any thread.
#[derive(Clone, Debug)]
pub struct Doorbell {
    fd: Arc<OwnedFd>,
}

impl Doorbell {
    /// Opens a doorbell.
    ///
    /// # Errors
    /// The process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?) })
    }

    /// Rings. Never blocks in practice: the counter would have to reach 2^64 - 1 first.
    pub fn ring(&self) {
        #[expect(clippy::host_endian_bytes, reason = "eventfd(2) counts in the host's order")]
        let one = 1u64.to_ne_bytes();
        // The only other error is a closed descriptor, which this type owns.
        let written = rustix::io::write(&self.fd, &one);
        debug_assert!(written.is_ok(), "eventfd write: {written:?}");
    }

    /// Waits until somebody has rung since the last call.
    ///
    /// # Errors
    /// The kernel refused the read.
    pub async fn answered(&self, ring: &Ring) -> io::Result<()> {
        let mut count = Box::new([0u8; 8]);
        let entry =
            opcode::Read::new(types::Fd(self.fd.as_raw_fd()), count.as_mut_ptr(), 8).build();
        let hold = Box::new((count, Arc::clone(&self.fd)));
        // SAFETY: the buffer is boxed and held by the slot, as is the descriptor.
        let mut op = unsafe { ring.start(entry, hold) };
        op.cancel = true;
        op.await.0.into_result().map(drop)
    }
}
