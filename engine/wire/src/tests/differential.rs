//! Against crate `kafka-protocol`, generated from Kafka's schemas: it must read what we write and
//! see the same values in fields of the same names; what it writes from them must be our bytes.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages as theirs,
    protocol::{Decodable, Encodable, Message as TheirMessage},
};
use proptest::prelude::*;

use super::{
    cases,
    debug_tree::Tree,
    every_message::for_every_api,
    round_trip::{decoded, encoded},
    sample::{Sample, Source},
};
use crate::*;

fn compare<Ours, Theirs>(seed: u64)
where
    Ours: Message + Sample + Debug,
    Theirs: TheirMessage + Decodable + Encodable + Debug,
{
    let shared =
        Ours::KEY.versions().filter(|v| (Theirs::VERSIONS.min..=Theirs::VERSIONS.max).contains(v));
    for version in shared {
        let what = format!("{} version {version}", std::any::type_name::<Ours>());
        let ours = Ours::sample(&mut Source::new(seed), version);
        let frame = encoded(&ours, version);

        let mut input = frame.clone();
        let theirs =
            Theirs::decode(&mut input, version).unwrap_or_else(|e| panic!("{what}: {e}: {ours:?}"));
        assert_eq!(input.len(), 0, "{what}: bytes left over of {ours:?}");
        let (our_tree, their_tree) =
            (Tree::parse(&format!("{ours:?}")), Tree::parse(&format!("{theirs:?}")));
        if let Some(difference) = our_tree.difference(&their_tree, "") {
            panic!("{what}: {difference}\nours {ours:?}\ntheirs {theirs:?}");
        }

        let mut output = BytesMut::new();
        theirs.encode(&mut output, version).unwrap_or_else(|e| panic!("{what}: {e}: {ours:?}"));
        let output = Bytes::from(output);
        assert_eq!(decoded::<Ours>(output.clone(), version), (ours, 0), "{what}");
        assert_eq!(output, frame, "{what}");
    }
}

fn compare_all(seed: u64) {
    macro_rules! every {
        ([] $($request:ident, $response:ident;)*) => {$(
            compare::<$request, theirs::$request>(seed);
            compare::<$response, theirs::$response>(seed);
        )*};
    }
    for_every_api!(every);
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn same_fields_and_same_bytes(seed: u64) {
        compare_all(seed);
    }
}

#[test]
fn same_header_versions_and_flexible_versions() {
    for key in ApiKey::ALL {
        let theirs = theirs::ApiKey::try_from(key.code()).unwrap();
        for version in key.versions() {
            assert_eq!(
                (key.request_header_version(version), key.response_header_version(version)),
                (theirs.request_header_version(version), theirs.response_header_version(version)),
                "{key:?} {version}"
            );
        }
    }
}

#[test]
fn same_error_codes() {
    use kafka_protocol::ResponseError;
    for error in ErrorCode::ALL {
        let theirs = ResponseError::try_from_code(error.code());
        // Concurrent transactions became retriable in Kafka's ConcurrentTransactionsException.
        let retriable = theirs.is_some_and(|e| e.is_retriable());
        if *error != ErrorCode::ConcurrentTransactions {
            assert_eq!(error.is_retriable(), retriable, "{error}");
        }
        let name = theirs.map_or("None".to_owned(), |e| e.to_string());
        assert_eq!(error.name().replace('_', ""), name.to_uppercase());
    }
    let beyond = ErrorCode::ALL.last().unwrap().code() + 1;
    assert_eq!(ResponseError::try_from_code(beyond), Some(ResponseError::Unknown(beyond)));
}
