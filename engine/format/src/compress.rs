//! The four compressions of a record set, each way. Decompression never yields more than the
//! caller's limit, and never allocates for what the data merely claim.

use std::io::{Read, Write};

use bytes::Bytes;

use crate::{batch::Compression, error::FormatError, field::get_i32};

/// zstd frames that ask for a larger window (2^n bytes) are refused: 8 MiB is what levels up to
/// 19 use; levels 20 to 22 may ask for 128 MiB, which a broker's memory budget cannot promise.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Bytes of data in one xerial block, as the Java library cuts them.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;

/// ```text
/// | magic 8 | version 4 | compatible version 4 | then blocks: | length 4 | raw snappy … |
/// ```
/// Numbers are big-endian; both versions are 1.
const XERIAL_HEADER: [u8; 16] =
    [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_MAGIC_BYTES: usize = 8;
const XERIAL_LENGTH_BYTES: usize = 4;

/// Compresses `data`; [`Compression::None`] copies it.
pub fn compress(compression: Compression, data: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => data.to_vec(),
        Compression::Gzip => compress_gzip(data),
        Compression::Snappy => compress_snappy(data),
        Compression::Lz4 => compress_lz4(data),
        Compression::Zstd => compress_zstd(data),
    }
}

/// Decompresses `data`, which may yield at most `bytes_max` bytes.
pub fn decompress(
    compression: Compression,
    data: &Bytes,
    bytes_max: usize,
) -> Result<Bytes, FormatError> {
    match compression {
        Compression::None if data.len() > bytes_max => {
            Err(FormatError::TooLarge { max_bytes: bytes_max })
        }
        Compression::None => Ok(data.clone()),
        Compression::Gzip => {
            read_capped("gzip", flate2::read::MultiGzDecoder::new(&data[..]), bytes_max)
        }
        Compression::Snappy => decompress_snappy(data, bytes_max),
        Compression::Lz4 => {
            read_capped("lz4", lz4_flex::frame::FrameDecoder::new(&data[..]), bytes_max)
        }
        Compression::Zstd => decompress_zstd(data, bytes_max),
    }
}

fn compress_gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).and_then(|()| encoder.finish()).expect("memory does not fail")
}

fn compress_lz4(data: &[u8]) -> Vec<u8> {
    // Kafka's reader knows independent blocks only, and old ones no content checksum.
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(lz4_flex::frame::BlockMode::Independent)
        .block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(data).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

fn compress_zstd(data: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(data, zstd::DEFAULT_COMPRESSION_LEVEL).expect("memory does not fail")
}

fn decompress_zstd(data: &[u8], bytes_max: usize) -> Result<Bytes, FormatError> {
    let broken = |_| FormatError::BrokenCompression { codec: "zstd" };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(broken)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
    read_capped("zstd", decoder, bytes_max)
}

/// Reads all of `reader`, but never more than one byte past `bytes_max`.
fn read_capped(
    codec: &'static str,
    reader: impl Read,
    bytes_max: usize,
) -> Result<Bytes, FormatError> {
    let mut data = Vec::new();
    reader
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut data)
        .map_err(|_| FormatError::BrokenCompression { codec })?;
    if data.len() > bytes_max {
        return Err(FormatError::TooLarge { max_bytes: bytes_max });
    }
    Ok(data.into())
}

fn compress_snappy(data: &[u8]) -> Vec<u8> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = XERIAL_HEADER.to_vec();
    for block in data.chunks(XERIAL_BLOCK_BYTES) {
        let block = encoder.compress_vec(block).expect("32 KiB is far below snappy's limit");
        let length = u32::try_from(block.len()).expect("snappy expands 32 KiB by a sixth at most");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

/// Xerial's framing, or one raw snappy block as some clients (old Go ones) send it.
fn decompress_snappy(data: &[u8], bytes_max: usize) -> Result<Bytes, FormatError> {
    let mut out = Vec::new();
    if !data.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]) {
        snappy_block(data, &mut out, bytes_max)?;
        return Ok(out.into());
    }
    let broken = FormatError::BrokenCompression { codec: "snappy" };
    let mut rest = data.get(XERIAL_HEADER.len()..).ok_or_else(|| broken.clone())?;
    while !rest.is_empty() {
        if rest.len() < XERIAL_LENGTH_BYTES {
            return Err(broken);
        }
        let length = usize::try_from(get_i32(rest, 0)).map_err(|_| broken.clone())?;
        let block = rest.get(XERIAL_LENGTH_BYTES..XERIAL_LENGTH_BYTES + length);
        snappy_block(block.ok_or_else(|| broken.clone())?, &mut out, bytes_max)?;
        rest = &rest[XERIAL_LENGTH_BYTES + length..];
    }
    Ok(out.into())
}

fn snappy_block(block: &[u8], out: &mut Vec<u8>, bytes_max: usize) -> Result<(), FormatError> {
    let broken = |_| FormatError::BrokenCompression { codec: "snappy" };
    let start = out.len();
    let claimed = snap::raw::decompress_len(block).map_err(broken)?;
    if claimed > bytes_max - start {
        return Err(FormatError::TooLarge { max_bytes: bytes_max });
    }
    // A three-byte copy yields 64 bytes at most, so a claim beyond that ratio is a lie: refuse it
    // before its memory is touched.
    if claimed / SNAPPY_RATIO_MAX > block.len() {
        return Err(FormatError::BrokenCompression { codec: "snappy" });
    }
    out.resize(start + claimed, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..]).map_err(broken)?;
    Ok(())
}

/// No snappy element yields more bytes than this for each of its own.
const SNAPPY_RATIO_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Compression; 5] = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];

    #[test]
    fn bombs_are_refused_at_the_limit() {
        let zeros = vec![0; 4 << 20];
        for compression in ALL {
            let packed = Bytes::from(compress(compression, &zeros));
            let whole = decompress(compression, &packed, zeros.len()).unwrap();
            assert_eq!(whole, zeros, "{compression:?}");
            let limit = zeros.len() - 1;
            let refused = decompress(compression, &packed, limit);
            assert_eq!(refused, Err(FormatError::TooLarge { max_bytes: limit }), "{compression:?}");
        }
    }

    #[test]
    fn raw_snappy_is_read() {
        let packed = snap::raw::Encoder::new().compress_vec(b"no framing at all").unwrap();
        let data = decompress(Compression::Snappy, &packed.into(), 100).unwrap();
        assert_eq!(&data[..], b"no framing at all");
    }

    #[test]
    fn a_snappy_block_that_lies_about_its_length_costs_no_memory() {
        // The preamble says 1 GiB - 1; nothing follows.
        let lie = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x03]);
        let answer = decompress(Compression::Snappy, &lie, 1 << 30);
        assert_eq!(answer, Err(FormatError::BrokenCompression { codec: "snappy" }));
    }

    #[test]
    fn a_zstd_frame_with_a_huge_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[7; 1000]).unwrap();
        let packed = Bytes::from(encoder.finish().unwrap());
        let answer = decompress(Compression::Zstd, &packed, 1 << 20);
        assert_eq!(answer, Err(FormatError::BrokenCompression { codec: "zstd" }));
    }

    proptest! {
        #[test]
        fn round_trip(data in proptest::collection::vec(0..8u8, 0..100_000), codec in 0..5usize) {
            let packed = Bytes::from(compress(ALL[codec], &data));
            prop_assert_eq!(decompress(ALL[codec], &packed, data.len()).unwrap(), data);
        }

        #[test]
        fn noise_never_panics_nor_exceeds_the_limit(
            data in proptest::collection::vec(any::<u8>(), 0..300),
            flips in proptest::collection::vec((any::<u16>(), 0..8u8), 1..4),
            codec in 1..5usize,
        ) {
            let mut packed = compress(ALL[codec], &data);
            for (at, bit) in flips {
                let at = usize::from(at) % packed.len();
                packed[at] ^= 1 << bit;
            }
            for bytes in [Bytes::from(packed), Bytes::from(data)] {
                if let Ok(out) = decompress(ALL[codec], &bytes, 1000) {
                    prop_assert!(out.len() <= 1000);
                }
            }
        }
    }
}
