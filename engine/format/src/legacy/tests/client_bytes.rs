//! Bytes made by others: by hand from the drawing, and by real clients' encoders.

use super::*;

fn bytes(hex: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn row(offset: i64, time: i64, key: Option<&str>, value: &str) -> Row {
    (offset, time, key.map(|key| key.as_bytes().to_vec()), Some(value.as_bytes().to_vec()))
}

/// Key "k", value "v", time 5; the checksums are those of kafka-python 2.2.15's
/// `LegacyRecordBatchBuilder`.
#[test]
fn one_message_of_each_format_by_hand() {
    let v0 = concat!(
        "0000000000000000", // offset 0
        "00000010",         // size 16
        "1fecd70a",         // CRC-32
        "00",               // magic
        "00",               // attributes
        "00000001",         // key length
        "6b",               // "k"
        "00000001",         // value length
        "76",               // "v"
    );
    let v1 = concat!(
        "0000000000000000", // offset 0
        "00000018",         // size 24
        "7fdc1dec",         // CRC-32
        "01",               // magic
        "00",               // attributes
        "0000000000000005", // timestamp
        "00000001",         // key length
        "6b",               // "k"
        "00000001",         // value length
        "76",               // "v"
    );
    for (magic, hex, time) in [(LegacyMagic::V0, v0, -1), (LegacyMagic::V1, v1, 5)] {
        let message = Message { magic, timestamp_ms: time, ..PLAIN };
        assert_eq!(encode(&[message]), bytes(hex));
        assert_eq!(Message::take(&mut &bytes(hex)[..]), Ok(Some(message)));
    }
}

// kafka-node 5.0.0 on Node, `p = require('kafka-node/lib/protocol')`:
//   three = [['one', 'k'], ['two', null], ['', '']].map(([value, key], at) =>
//     ({attributes: 0, key, value, timestamp: 1500000000000 + at}))
//   NODE_V1 = p.encodeMessageSet(three, 1), NODE_V0 = p.encodeMessageSet(three, 0)
//   NODE_GZIP = p.encodeMessageSet([new p.Message(0, 1, 'k', zlib.gzipSync(NODE_V1))], 1),
// the last as `compress` in its lib/kafkaClient.js builds it.
const NODE_V1: &str = "00000000000000000000001ad1403f0401000000015d3ef79800000000016b000000036f6e\
    6500000000000000000000001908e3e6ee01000000015d3ef79801ffffffff0000000374776f00000000000000000\
    0000016fa8ab8bb01000000015d3ef798020000000000000000";
const NODE_V0: &str = "000000000000000000000012dcd921640000000000016b000000036f6e6500000000000000\
    00000000116732f40b0000ffffffff0000000374776f00000000000000000000000ee38a687600000000000000000\
    000";
const NODE_GZIP: &str = "00000000000000000000006916c6a3f501010000000000000000000000016b000000521f\
    8b080000000000000363608003a98b0ef62c8c0c0c0c8cb176df67804418b319181898f3f352118a1824391e3f7b0\
    757c5f8ffffffff204525e5f9488ac47e75edd80d57c40413060006409a886d000000";

#[test]
fn sets_of_kafka_node() {
    let time = 1_500_000_000_000;
    let v1 = [
        row(0, time, Some("k"), "one"),
        row(1, time + 1, None, "two"),
        row(2, time + 2, Some(""), ""),
    ];
    let batch = up_convert(&bytes(NODE_V1), MAX).unwrap();
    assert_eq!(batch_rows(&batch), v1);

    let mut v0 = v1.clone();
    v0.iter_mut().for_each(|row| row.1 = -1);
    assert_eq!(batch_rows(&up_convert(&bytes(NODE_V0), MAX).unwrap()), v0);

    // The wrapper's time is 0 and all inner offsets are 0.
    let batch = up_convert(&bytes(NODE_GZIP), MAX).unwrap();
    assert_eq!(batch_rows(&batch), v1);
    let header = Batch::decode(&batch).unwrap().header;
    assert_eq!((header.compression(), header.max_timestamp), (Compression::Gzip, time + 2));
    assert_eq!(set_rows(&bytes(NODE_GZIP)).unwrap(), v1);
}

/// What a client of either version gets back is what kafka-node itself would have written, but
/// for the offsets.
#[test]
fn kafka_node_gets_its_own_bytes_back() {
    let stored = up_convert(&bytes(NODE_V1), MAX).unwrap();
    for (magic, hex) in [(LegacyMagic::V0, NODE_V0), (LegacyMagic::V1, NODE_V1)] {
        let wish =
            DownConversion { magic, from_offset: 0, bytes_max: MAX, decompressed_bytes_max: MAX };
        let mut got = down_convert(stored.clone(), &wish).unwrap().messages.to_vec();
        let sent = bytes(hex);
        assert_eq!(offsets(&got.clone().into()), [0, 1, 2]);
        let mut at = 0;
        while at < got.len() {
            got[at..at + 8].fill(0);
            at += 12 + usize::from(got[at + 11]);
        }
        assert_eq!(got, sent);
    }
}
