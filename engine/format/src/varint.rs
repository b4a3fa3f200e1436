//! Zig-zag varints of records, as Protocol Buffers write them: seven bits a byte, lowest first,
//! the high bit set on all bytes but the last.

use crate::error::FormatError;

const VARINT_BYTES_MAX: usize = 5;
const VARLONG_BYTES_MAX: usize = 10;

/// Appends `value`.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_varlong(out, value.into());
}

/// Appends `value`. Small `i32` values have the same bytes as [`put_varint`] gives.
pub(crate) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push((rest & 0x7f) as u8);
}

/// Bytes that [`put_varlong`] appends for `value`.
pub(crate) fn varlong_bytes(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let bits = (u64::BITS - zigzag.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// Takes one varint off the front of `bytes`.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Result<i32, FormatError> {
    let value = take_zigzag(bytes, VARINT_BYTES_MAX)?;
    i32::try_from(value).map_err(|_| FormatError::Malformed("varint does not fit 32 bits"))
}

/// Takes one varlong off the front of `bytes`.
pub(crate) fn take_varlong(bytes: &mut &[u8]) -> Result<i64, FormatError> {
    take_zigzag(bytes, VARLONG_BYTES_MAX)
}

fn take_zigzag(bytes: &mut &[u8], bytes_max: usize) -> Result<i64, FormatError> {
    let mut raw = 0u64;
    for at in 0..bytes_max {
        let Some(&byte) = bytes.get(at) else {
            return Err(FormatError::Truncated { needed_bytes: at + 1, have_bytes: bytes.len() });
        };
        raw |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Ok((raw >> 1).cast_signed() ^ -((raw & 1).cast_signed()));
        }
    }
    Err(FormatError::Malformed("varint too long"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(take_varint(&mut &out[..]), Ok(value));
        }
    }

    #[test]
    fn endless_and_cut_varints_are_refused() {
        assert!(take_varint(&mut &[0xff; 6][..]).is_err());
        assert!(take_varlong(&mut &[0xff; 11][..]).is_err());
        assert!(matches!(take_varint(&mut &[0x80][..]), Err(FormatError::Truncated { .. })));
        assert!(take_varint(&mut &[0xff, 0xff, 0xff, 0xff, 0x7f][..]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(value: i64) {
            let mut out = Vec::new();
            put_varlong(&mut out, value);
            prop_assert_eq!(out.len(), varlong_bytes(value));
            let mut rest = &out[..];
            prop_assert_eq!(take_varlong(&mut rest), Ok(value));
            prop_assert!(rest.is_empty());
        }
    }
}
