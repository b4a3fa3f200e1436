//! The memory that answers read from files may hold until they are sent. Owns one counter.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;

use crate::limits::FETCH_READ_BYTES_MIN;

/// A shard's budget. Clones share it.
#[derive(Clone, Debug)]
pub struct FetchMemory {
    /// Below zero only by batches that are larger than what was granted for them.
    free: Arc<AtomicI64>,
}

/// A part of the budget, given back when it is dropped: with the last buffer it is attached to.
#[derive(Debug)]
pub struct Permit {
    memory: FetchMemory,
    bytes: usize,
}

/// A buffer that carries its permit. Buffers may be dropped on any thread.
struct Counted {
    buffer: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl FetchMemory {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        Self { free: Arc::new(AtomicI64::new(i64::try_from(bytes).unwrap_or(i64::MAX))) }
    }

    /// Up to `wanted` bytes, less when little is free; None when less than a useful read is.
    pub fn take(&self, wanted: usize) -> Option<Permit> {
        let free = usize::try_from(self.free.load(Ordering::Relaxed)).unwrap_or_default();
        if free < FETCH_READ_BYTES_MIN {
            return None;
        }
        let bytes = wanted.max(FETCH_READ_BYTES_MIN).min(free);
        self.add(bytes, -1);
        Some(Permit { memory: self.clone(), bytes })
    }

    fn add(&self, bytes: usize, sign: i64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.free.fetch_add(sign * bytes, Ordering::Relaxed);
    }
}

impl Permit {
    /// How much was granted.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts `buffers` as what was really read; the budget has it back when all are dropped.
    pub fn attach(mut self, buffers: Vec<Bytes>) -> Vec<Bytes> {
        let read = buffers.iter().map(Bytes::len).sum();
        self.memory.add(self.bytes, 1);
        self.memory.add(read, -1);
        self.bytes = read;
        let permit = Arc::new(self);
        let counted = |buffer| Bytes::from_owner(Counted { buffer, _permit: Arc::clone(&permit) });
        buffers.into_iter().map(counted).collect()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.memory.add(self.bytes, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_with_the_last_buffer() {
        let memory = FetchMemory::new(3 * FETCH_READ_BYTES_MIN as u64);
        let permit = memory.take(2 * FETCH_READ_BYTES_MIN).unwrap();
        assert_eq!(permit.bytes(), 2 * FETCH_READ_BYTES_MIN);
        let rest = memory.take(usize::MAX).unwrap();
        assert_eq!(rest.bytes(), FETCH_READ_BYTES_MIN);
        assert!(memory.take(1).is_none());
        drop(rest);
        let mut buffers = permit.attach(vec![Bytes::from(vec![1; 5]), Bytes::from(vec![2; 7])]);
        let free = || memory.free.load(Ordering::Relaxed);
        assert_eq!(free(), 3 * i64::try_from(FETCH_READ_BYTES_MIN).unwrap() - 12);
        assert_eq!(buffers.pop().unwrap(), vec![2; 7]);
        assert_eq!(free(), 3 * i64::try_from(FETCH_READ_BYTES_MIN).unwrap() - 12);
        drop(buffers);
        assert_eq!(free(), 3 * i64::try_from(FETCH_READ_BYTES_MIN).unwrap());
    }
}
