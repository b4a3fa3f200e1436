//! Owns the outline of each response the generator reads, and checks a response against it before
//! `kafka-protocol` decodes it: that crate allocates for whatever element count a broker announces.
//! Never keeps or copies bytes.

use anyhow::{Result, anyhow, bail};

/// One field of a response and the versions that carry it.
struct Field {
    since: i16,
    shape: Shape,
}

enum Shape {
    /// A number of this many bytes.
    Fixed(usize),
    /// An `i16` length and that many bytes; -1 is null.
    Text,
    /// An `i32` length and that many bytes; -1 is null.
    Blob,
    /// An `i32` count and that many elements; -1 is null.
    Array(&'static [Field]),
}

const fn fixed(bytes: usize) -> Field {
    Field { since: 0, shape: Shape::Fixed(bytes) }
}
const fn text() -> Field {
    Field { since: 0, shape: Shape::Text }
}
const fn array(of: &'static [Field]) -> Field {
    Field { since: 0, shape: Shape::Array(of) }
}
const fn since(version: i16, field: Field) -> Field {
    Field { since: version, shape: field.shape }
}

const API_VERSIONS: &[Field] = &[fixed(2), array(&[fixed(6)])];
const PRODUCE: &[Field] = &[
    array(&[
        text(),
        array(&[fixed(4), fixed(2), fixed(8), since(2, fixed(8)), since(5, fixed(8))]),
    ]),
    since(1, fixed(4)),
];
const FETCH: &[Field] = &[
    fixed(4),
    since(7, fixed(2)),
    since(7, fixed(4)),
    array(&[
        text(),
        array(&[
            fixed(4),
            fixed(2),
            fixed(8),
            fixed(8),
            since(5, fixed(8)),
            array(&[fixed(16)]),
            since(11, fixed(4)),
            Field { since: 0, shape: Shape::Blob },
        ]),
    ]),
];
const LIST_OFFSETS: &[Field] =
    &[since(2, fixed(4)), array(&[text(), array(&[fixed(4), fixed(2), fixed(8), fixed(8)])])];
const METADATA: &[Field] = &[
    since(3, fixed(4)),
    array(&[fixed(4), text(), fixed(4), text()]),
    since(2, text()),
    fixed(4),
    array(&[
        fixed(2),
        text(),
        fixed(1),
        array(&[
            fixed(2),
            fixed(4),
            fixed(4),
            since(7, fixed(4)),
            array(&[fixed(4)]),
            array(&[fixed(4)]),
            since(5, array(&[fixed(4)])),
        ]),
    ]),
];
const CREATE_TOPICS: &[Field] = &[fixed(4), array(&[text(), fixed(2), text()])];
const DELETE_TOPICS: &[Field] = &[fixed(4), array(&[text(), fixed(2)])];
const INIT_PRODUCER_ID: &[Field] = &[fixed(4), fixed(2), fixed(8), fixed(2)];
const DESCRIBE_CONFIGS: &[Field] = &[
    fixed(4),
    array(&[
        fixed(2),
        text(),
        fixed(1),
        text(),
        array(&[text(), text(), fixed(1), fixed(1), fixed(1), array(&[text(), text(), fixed(1)])]),
    ]),
];

/// Walks `body` by the outline of the response `api_key` v`version`. `Ok` means that every
/// announced length and count fits in the bytes that are there.
pub fn check_response(api_key: i16, version: i16, body: &[u8]) -> Result<()> {
    let fields = match api_key {
        0 => PRODUCE,
        1 => FETCH,
        2 => LIST_OFFSETS,
        3 => METADATA,
        18 => API_VERSIONS,
        19 => CREATE_TOPICS,
        20 => DELETE_TOPICS,
        22 => INIT_PRODUCER_ID,
        32 => DESCRIBE_CONFIGS,
        _ => bail!("no outline for the response of API {api_key}"),
    };
    let mut rest = body;
    walk(fields, version, &mut rest)
        .map_err(|why| anyhow!("{} v{version} response: {why}", super::api_name(api_key)))
}

fn walk(fields: &[Field], version: i16, rest: &mut &[u8]) -> Result<(), String> {
    for field in fields.iter().filter(|field| field.since <= version) {
        match &field.shape {
            Shape::Fixed(bytes) => skip(rest, *bytes)?,
            Shape::Text => {
                let length = i16::from_be_bytes(take::<2>(rest)?);
                skip(rest, usize::try_from(length.max(0)).unwrap_or(0))?;
            }
            Shape::Blob => {
                let length = i32::from_be_bytes(take::<4>(rest)?);
                skip(rest, usize::try_from(length.max(0)).unwrap_or(0))?;
            }
            Shape::Array(of) => {
                let count = i32::from_be_bytes(take::<4>(rest)?);
                // Every element takes at least one byte, so a count beyond the rest is a lie.
                if usize::try_from(count.max(0)).unwrap_or(0) > rest.len() {
                    return Err(format!("{count} elements announced in {} bytes", rest.len()));
                }
                for _ in 0..count {
                    walk(of, version, rest)?;
                }
            }
        }
    }
    Ok(())
}

fn skip(rest: &mut &[u8], bytes: usize) -> Result<(), String> {
    *rest = rest.get(bytes..).ok_or_else(|| format!("ends {bytes} bytes too early"))?;
    Ok(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or("ends in a number")?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::messages::produce_response::{
        PartitionProduceResponse, TopicProduceResponse,
    };
    use kafka_protocol::messages::{MetadataResponse, ProduceResponse};
    use kafka_protocol::protocol::Encodable;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_formed_responses_pass_in_every_spoken_version() {
        let produce = ProduceResponse::default().with_responses(vec![
            TopicProduceResponse::default()
                .with_partition_responses(vec![PartitionProduceResponse::default(); 3]),
        ]);
        for version in 3..=7 {
            let mut body = BytesMut::new();
            produce.encode(&mut body, version).unwrap();
            check_response(0, version, &body).unwrap();
        }
        let metadata = MetadataResponse::default().with_topics(vec![
            MetadataResponseTopic::default()
                .with_name(Some(kafka_protocol::messages::TopicName("t".into())))
                .with_partitions(vec![MetadataResponsePartition::default(); 2]),
        ]);
        for version in 1..=7 {
            let mut body = BytesMut::new();
            metadata.encode(&mut body, version).unwrap();
            check_response(3, version, &body).unwrap();
        }
    }

    #[test]
    fn a_count_larger_than_the_rest_is_refused() {
        let mut body = vec![0, 0];
        body.extend_from_slice(&i32::MAX.to_be_bytes());
        let error = check_response(18, 0, &body).unwrap_err().to_string();
        assert!(error.contains("2147483647 elements"), "{error}");
    }

    proptest! {
        /// Whatever passes the outline can be decoded without the decoder running out of memory.
        #[test]
        fn noise_never_crashes(api in prop::sample::select(vec![0i16, 1, 2, 3, 18, 19, 20, 22, 32]),
                               noise in prop::collection::vec(any::<u8>(), 0..400)) {
            let (_, version) = crate::wire::spoken(api);
            if check_response(api, version, &noise).is_ok() {
                let mut body = noise.as_slice();
                let _decoded = kafka_protocol::messages::ApiKey::try_from(api)
                    .map(|key| kafka_protocol::messages::ResponseKind::decode(key, &mut bytes::Bytes::copy_from_slice(body), version));
                body = &[];
                prop_assert!(body.is_empty());
            }
        }
    }
}
