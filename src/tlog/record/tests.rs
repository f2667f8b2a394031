#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn record(data: Value) -> Record {
    Record {
        kind: "registered".to_owned(),
        reference: "NRU-2026-000123".to_owned(),
        at_ms: 1_790_000_000_123,
        actor: "desk-1".to_owned(),
        previous: None,
        data,
    }
}

fn map(entries: &[(Value, Value)]) -> Value {
    Value::Map(entries.to_vec())
}

fn check(hexadecimal: &str, expected: Result<(), RecordError>) {
    let bytes = hex::decode(hexadecimal.replace(' ', "")).unwrap();
    assert_eq!(Record::decode(&bytes).map(drop), expected, "{hexadecimal}");
}

#[test]
fn maps_are_sorted_bytewise_at_every_level() {
    let inner = map(&[("z".into(), 1.into()), ("aa".into(), 2.into()), (10.into(), 3.into())]);
    let data = map(&[("b".into(), inner), ("a".into(), Value::Array(vec![map(&[])]))]);
    let bytes = record(data.clone()).encode();
    // 10 (0a) before "z" (61 7a) before "aa" (62 61 61): by the encoding, not by the text.
    let sorted = "06a2616181a06162a30a03617a0162616102";
    assert!(hex::encode(&bytes).ends_with(sorted));
    assert_eq!(Record::decode(&bytes).unwrap().encode(), bytes);
}

#[test]
fn one_encoding_only() {
    check("a6 016161 026162 0300 046163 05f6 06a0", Ok(()));
    check("a6 016161 026162 0320 046163 05f6 06a0", Ok(()));
    check("a6 016161 026162 0300 046163 05f6 06a10102", Ok(()));
    for other in [
        // Longer integers, lengths and keys; a bignum that is small; indefinite lengths.
        "a6 016161 026162 031800 046163 05f6 06a0",
        "a6 01780161 026162 0300 046163 05f6 06a0",
        "a6 18016161 026162 0300 046163 05f6 06a0",
        "b806 016161 026162 0300 046163 05f6 06a0",
        "a6 016161 026162 03c24101 046163 05f6 06a0",
        "bf 016161 026162 0300 046163 05f6 06a0 ff",
        "a6 017f6161ff 026162 0300 046163 05f6 06a0",
        "a6 016161 026162 0300 046163 05f6 06bfff",
        // Keys out of order or twice, at the top and inside; a byte left over.
        "a6 026162 016161 0300 046163 05f6 06a0",
        "a6 016161 016161 0300 046163 05f6 06a0",
        "a6 016161 026162 0300 046163 05f6 06a202000100",
        "a6 016161 026162 0300 046163 05f6 06a201000100",
        "a6 016161 026162 0300 046163 05f6 06a10181a201000100",
        "a6 016161 026162 0300 046163 05f6 06a1a2010001000000",
        "a6 016161 026162 0300 046163 05f6 06a0 00",
        // A float that a shorter float holds.
        "a6 016161 026162 0300 046163 05f6 06a101fb3ff0000000000000",
    ] {
        check(other, Err(RecordError::NotDeterministic));
    }
}

#[test]
fn other_cbor_is_no_record() {
    for other in [
        "00",
        "a0",
        "f6",
        "a5 016161 026162 0300 046163 05f6",
        "a7 016161 026162 0300 046163 05f6 06a0 0700",
        "a6 006161 026162 0300 046163 05f6 06a0",
        "a6 014161 026162 0300 046163 05f6 06a0",
        "a6 016161 024162 0300 046163 05f6 06a0",
        "a6 016161 026162 03f6 046163 05f6 06a0",
        "a6 016161 026162 031bffffffffffffffff 046163 05f6 06a0",
        "a6 016161 026162 0300 0400 05f6 06a0",
        "a6 016161 026162 0300 046163 0540 06a0",
        "a6 016161 026162 0300 046163 0500 06a0",
        "a6 016161 026162 0300 046163 05f6 0680",
    ] {
        check(other, Err(RecordError::Form));
    }
    for other in ["", "a6", "ff", "a6 0161ff 026162 0300 046163 05f6 06a0", "1c"] {
        check(other, Err(RecordError::Cbor));
    }
    let deep = [vec![0x81; 1 << 16], vec![0x00]].concat();
    assert_eq!(Record::decode(&deep).map(drop), Err(RecordError::Cbor));
    let huge = hex::decode("9bffffffffffffffff").unwrap();
    assert_eq!(Record::decode(&huge).map(drop), Err(RecordError::Cbor));
}

#[test]
#[should_panic(expected = "a record's data is a map")]
fn data_that_is_no_map_is_never_written() {
    let _ = record(Value::Null).encode();
}

#[test]
#[should_panic(expected = "a record's map keys are distinct")]
fn a_key_twice_is_never_written() {
    let _ = record(map(&[(1.into(), 1.into()), (1.into(), 2.into())])).encode();
}

#[test]
fn debug_shows_nothing_personal() {
    let shown = format!("{:?}", record(map(&[("name".into(), "Fatima".into())])));
    for personal in ["NRU-2026-000123", "desk-1", "Fatima"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

/// Values such as events hold, a few levels deep, with maps keyed by text.
fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<Vec<u8>>().prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array), any_map(inner),]
    })
}

fn any_map(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::hash_map(any::<String>(), inner, 0..4)
        .prop_map(|entries| Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
}

prop_compose! {
    fn any_record()(
        texts: [String; 3],
        at_ms: i64,
        previous: Option<Hash>,
        data in any_map(any_value()),
    ) -> Record {
        let [kind, reference, actor] = texts;
        Record { kind, reference, at_ms, actor, previous, data }
    }
}

proptest! {
    #[test]
    fn round_trip(record in any_record()) {
        let bytes = record.encode();
        let read = Record::decode(&bytes).unwrap();
        prop_assert_eq!(read.encode(), bytes);
        prop_assert_eq!(
            (&read.kind, &read.reference, read.at_ms, &read.actor, read.previous),
            (&record.kind, &record.reference, record.at_ms, &record.actor, record.previous)
        );
        prop_assert_eq!(Some(read.data), sort_maps(record.data));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(record in any_record(), bit: prop::sample::Index) {
        let mut bytes = record.encode();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Record::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert_ne!(other, record);
        }
    }

    #[test]
    fn cut_or_lengthened_is_refused(record in any_record(), cut: prop::sample::Index, extra: u8) {
        let bytes = record.encode();
        prop_assert!(Record::decode(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(Record::decode(&[bytes, vec![extra]].concat()).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }
}
