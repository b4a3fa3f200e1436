//! Bytes of requests a shard holds at one time, over all its connections. A reader that gets no
//! more room stops reading its socket; nothing is dropped and nobody else is touched.
//!
//! Half of the account is open to every connection. The other half is for finishing requests begun
//! and for connections that hold nothing, so that neither half-received requests nor a client
//! that does not read its answers locks others out. Who stands still is closed by the sweeper and
//! gives its bytes back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The account of a shard. Counters are atomic only because frames travel as `Bytes`, whose owner
/// must be `Send`; all of it stays on one thread.
#[derive(Clone, Debug)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Budget {
    /// An empty account of `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self { used: Arc::new(AtomicUsize::new(0)), max_bytes }
    }

    /// True while bytes may be received, by a connection that may use the `reserve` or not.
    pub fn has_room(&self, reserve: bool) -> bool {
        let max_bytes = if reserve { self.max_bytes } else { self.max_bytes / 2 };
        self.used_bytes() < max_bytes
    }

    /// Bytes held now.
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// An empty charge on this account.
    pub fn charge(&self) -> Charge {
        Charge { used: Arc::clone(&self.used), bytes: 0 }
    }
}

/// Bytes charged to a [`Budget`]; given back on drop.
#[derive(Debug)]
pub struct Charge {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Charge {
    /// Charges `bytes` more. What has arrived is always charged, also beyond the budget: the
    /// overshoot is at most what the receive buffers hold.
    pub fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
