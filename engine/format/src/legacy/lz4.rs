//! The checksum in the header of an LZ4 frame. Clients that write magic 0 computed it over the
//! frame's magic number too (KAFKA-3160), so a correct reader refuses their frames.
//!
//! ```text
//! | magic 4 | flags 1 | block descriptor 1 | content size 8 (if flags bit 3)
//! | dictionary id 4 (if flags bit 0) | header checksum 1 | blocks … |
//! ```
//! The checksum is the second byte of xxHash32, seed 0, of the bytes from `flags` to itself.

use bytes::Bytes;

const FLAGS_AT: usize = 4;
const DESCRIPTOR_BYTES_MIN: usize = 2;
const CONTENT_SIZE_BIT: u8 = 0x08;
const CONTENT_SIZE_BYTES: usize = 8;
const DICTIONARY_BIT: u8 = 0x01;
const DICTIONARY_BYTES: usize = 4;

/// `frame` with the right header checksum, whatever it had. A frame too short for one is returned
/// as it is.
pub(super) fn with_right_checksum(frame: Bytes) -> Bytes {
    let Some(at) = checksum_at(&frame) else { return frame };
    let right = checksum(&frame[FLAGS_AT..at]);
    if frame[at] == right {
        return frame;
    }
    let mut changed = frame.to_vec();
    changed[at] = right;
    changed.into()
}

fn checksum_at(frame: &[u8]) -> Option<usize> {
    let flags = *frame.get(FLAGS_AT)?;
    let mut at = FLAGS_AT + DESCRIPTOR_BYTES_MIN;
    if flags & CONTENT_SIZE_BIT != 0 {
        at += CONTENT_SIZE_BYTES;
    }
    if flags & DICTIONARY_BIT != 0 {
        at += DICTIONARY_BYTES;
    }
    (at < frame.len()).then_some(at)
}

fn checksum(descriptor: &[u8]) -> u8 {
    let [_, _, checksum, _] = twox_hash::XxHash32::oneshot(0, descriptor).to_be_bytes();
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        batch::Compression,
        compress::{compress, decompress},
    };

    /// What old clients wrote: the checksum over the frame's magic number too.
    fn with_old_checksum(data: &[u8]) -> Bytes {
        let mut frame = compress(Compression::Lz4, data);
        let at = checksum_at(&frame).unwrap();
        frame[at] = checksum(&frame[..at]);
        frame.into()
    }

    #[test]
    fn the_old_checksum_is_replaced_by_the_right_one() {
        let data = [7; 1000];
        let right = Bytes::from(compress(Compression::Lz4, &data));
        let old = with_old_checksum(&data);
        assert_ne!(old, right);
        assert!(decompress(Compression::Lz4, &old, 1000).is_err());
        assert_eq!(with_right_checksum(old), right);
        assert_eq!(with_right_checksum(right.clone()).as_ptr(), right.as_ptr(), "not copied");
    }

    #[test]
    fn short_frames_stay_as_they_are() {
        for length in 0..7 {
            let frame = Bytes::from(vec![0xff; length]);
            assert_eq!(with_right_checksum(frame.clone()), frame);
        }
    }
}
