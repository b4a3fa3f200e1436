//! Sets that lie: an error, no panic, and no memory for what is merely claimed.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

#[test]
fn what_is_wrong_is_refused() {
    let plain = encode(&[PLAIN]);
    let v0 = encode(&[Message { magic: LegacyMagic::V0, ..PLAIN }]);
    let wrapper = Message { compression: Compression::Gzip, ..PLAIN };
    let malformed = |set: &Bytes| match up_convert(set, MAX) {
        Err(FormatError::Malformed(why)) => why,
        other => panic!("{other:?}"),
    };
    let nested = wrap(wrapper, &wrap(wrapper, &plain));
    assert_eq!(malformed(&nested), "a wrapper inside a wrapper");
    assert_eq!(malformed(&wrap(wrapper, &v0)), "messages of a wrapper have its format");
    assert_eq!(malformed(&wrap(wrapper, &[])), "wrapper without messages");
    let cut = &plain[..plain.len() - 1];
    assert_eq!(malformed(&wrap(wrapper, cut)), "a message of a wrapper is cut off");
    let null = encode(&[Message { value: None, ..wrapper }]);
    assert_eq!(malformed(&null), "wrapper without a value");

    let zstd = encode(&[Message { compression: Compression::Zstd, ..PLAIN }]);
    assert_eq!(up_convert(&zstd, MAX), Err(FormatError::BadCompression { id: 4 }));
    let garbage = encode(&[wrapper]);
    assert_eq!(up_convert(&garbage, MAX), Err(FormatError::BrokenCompression { codec: "gzip" }));
}

/// `plain` with a field overwritten and the CRC made right again.
fn forged(plain: Message<'_>, at: usize, field: &[u8]) -> Bytes {
    let mut set = encode(&[plain]).to_vec();
    set[at..at + field.len()].copy_from_slice(field);
    let mut crc = flate2::Crc::new();
    crc.update(&set[16..]);
    set[12..16].copy_from_slice(&crc.sum().to_be_bytes());
    set.into()
}

#[test]
fn lying_sizes_are_refused() {
    for size in [i32::MIN, -1, 0, 13] {
        let error = up_convert(&forged(PLAIN, 8, &size.to_be_bytes()), MAX).unwrap_err();
        assert!(matches!(error, FormatError::BadLength { .. }), "{size}: {error}");
    }
    // A message that claims more than there is counts as cut off.
    let error = up_convert(&forged(PLAIN, 8, &i32::MAX.to_be_bytes()), MAX).unwrap_err();
    assert!(matches!(error, FormatError::Truncated { .. }));
    for length in [i32::MIN, -2, 0, 2, i32::MAX] {
        let key_length_at = 26;
        let set = forged(PLAIN, key_length_at, &length.to_be_bytes());
        assert!(up_convert(&set, MAX).is_err(), "key length {length}");
        let value_length_at = 31;
        let set = forged(PLAIN, value_length_at, &length.to_be_bytes());
        assert!(up_convert(&set, MAX).is_err(), "value length {length}");
    }
    // Magic 1 in a message that is too small to hold its timestamp.
    let v0 = Message { magic: LegacyMagic::V0, key: None, value: None, ..PLAIN };
    assert!(up_convert(&forged(v0, 16, &[1]), MAX).is_err());
    assert_eq!(up_convert(&forged(v0, 16, &[2]), MAX), Err(FormatError::BadMagic { magic: 2 }));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let set = encode(&[PLAIN]);
    for at in 8..set.len() {
        for bit in 0..8 {
            let mut flipped = set.to_vec();
            flipped[at] ^= 1 << bit;
            assert!(up_convert(&flipped.into(), MAX).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn two_gigabytes_in_a_snappy_block_are_a_mere_claim() {
    // The length of the uncompressed data, 2^31 - 1, as a varint, and three bytes of nothing.
    let block = [0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0];
    let compression = Compression::Snappy;
    let set = encode(&[Message { compression, value: Some(&block), ..PLAIN }]);
    assert_eq!(up_convert(&set, MAX), Err(FormatError::TooLarge { max_bytes: MAX }));
}

#[test]
fn bombs_are_counted_together() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let zeros = vec![0; 100_000];
        let inner = encode(&[Message { value: Some(&zeros), ..PLAIN }]);
        let one = wrap(Message { compression, ..PLAIN }, &inner);
        let two = Bytes::from([&one[..], &one[..]].concat());
        assert!(up_convert(&one, 150_000).is_ok());
        let refused = up_convert(&two, 150_000);
        assert!(matches!(refused, Err(FormatError::TooLarge { .. })), "{compression:?}");
        assert!(up_convert(&two, 250_000).is_ok());
    }
}

proptest! {
    #[test]
    fn hostile_bytes_are_an_error(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(up_convert(&bytes.into(), 1000).is_err());
    }

    /// Passes the CRC, so that what lies behind it is reached.
    #[test]
    fn forged_messages_never_panic(
        codec in 0..4i16,
        inner in vec(any::<u8>(), 0..100),
        (at, field) in (any::<Index>(), any::<[u8; 4]>()),
    ) {
        let compression = Compression::from_attributes(codec).unwrap();
        let set = wrap(Message { compression, ..PLAIN }, &inner);
        // Too short for an inner message, or nothing of sense; either way an answer.
        let _answer = up_convert(&set, 1000);
        let wrapper = Message { compression, value: Some(&inner), ..PLAIN };
        let at = 16 + at.index(encode(&[wrapper]).len() - 20);
        let _answer = up_convert(&forged(wrapper, at, &field), 1000);
        let _answer = set_rows(&forged(wrapper, at, &field));
    }

    #[test]
    fn hostile_batches_never_panic(bytes in vec(any::<u8>(), 0..200), from_offset in any::<i64>()) {
        let wish = DownConversion {
            magic: LegacyMagic::V1,
            from_offset,
            bytes_max: 100,
            decompressed_bytes_max: 1000,
        };
        if let Ok(got) = down_convert(bytes.into(), &wish) {
            prop_assert!(got.messages.is_empty(), "no batch comes about by chance");
        }
    }
}
