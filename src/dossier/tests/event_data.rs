use ciborium::Value;
use jiff::civil::Date;
use proptest::prelude::*;

use super::{
    samples::{codes, paragraph, parse, position, receipt, registration_events},
    strategies,
};
use crate::dossier::{Audience, Correction, Event, EventDataError};

use EventDataError::{Invalid, Missing, NotAMap, NotCanonical, UnknownKind};

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn entries(value: &mut Value) -> &mut Vec<(Value, Value)> {
    value.as_map_mut().unwrap()
}

fn is_deterministic(value: &Value) -> bool {
    match value {
        Value::Map(map) => {
            let keys: Vec<_> = map.iter().map(|(key, _)| encode(key)).collect();
            keys.is_sorted_by(|left, right| left < right) && map.iter().all(|(_, value)| is_deterministic(value))
        }
        Value::Array(items) => items.iter().all(is_deterministic),
        Value::Null | Value::Float(_) => false,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn every_event_reads_back_from_its_bytes(event in strategies::event()) {
        let data = event.to_data();
        prop_assert!(is_deterministic(&data), "{data:?}");
        let decoded: Value = ciborium::from_reader(encode(&data).as_slice()).unwrap();
        prop_assert_eq!(&decoded, &data);
        prop_assert_eq!(Event::from_data(event.kind(), &decoded), Ok(event));
    }

    /// No key may be superfluous and none may be renamed without the reader seeing it.
    #[test]
    fn a_changed_map_is_another_event_or_none(event in strategies::event(), place in any::<prop::sample::Index>()) {
        let data = event.to_data();
        let mut without = data.clone();
        let entry = place.index(entries(&mut without).len());
        entries(&mut without).remove(entry);
        prop_assert_ne!(Event::from_data(event.kind(), &without), Ok(event.clone()));

        let mut more = data.clone();
        entries(&mut more).push((Value::Text("zzzzzzzzzzzzzzzzzzzz".into()), Value::Bool(true)));
        prop_assert_eq!(Event::from_data(event.kind(), &more), Err(EventDataError::NotCanonical));

        let mut null = data;
        entries(&mut null)[entry].1 = Value::Null;
        prop_assert!(Event::from_data(event.kind(), &null).is_err());
    }
}

#[test]
fn bytes_that_must_never_change() {
    let registered = registration_events(parse::<Date>("2026-03-02")).remove(0);
    let request =
        Event::ComplementRequested { position: position("incomplete"), documents: codes("form title"), message: None };
    let place = r#""step": "incomplete", "state": "incomplete""#;
    let cases = [
        (
            registered,
            concat!(
                r#"{"rule": {"id": "pcp-2023", "roll": true, "unit": "calendar_days", "count": 15, "silence": "recourse", "#,
                r#""suspends": true, "extension": 15}, "step": "registered", "state": "registered", "handed": ["form", "title"], "#,
                r#""office": "TAN-TAN", "missing": ["site_plan"], "applicant": {"kind": "person", "name": "فاطمة أمزيل"}, "#,
                r#""deposited": "2026-03-02", "depositor": {"role": "applicant"}, "procedure": "PCP"}"#
            )
            .to_owned(),
        ),
        (request, format!(r#"{{{place}, "documents": ["form", "title"]}}"#)),
        (Event::ComplementReceived { documents: codes("form"), position: None }, r#"{"documents": ["form"]}"#.to_owned()),
        (
            Event::NoteAdded { audience: Audience::Public, text: paragraph("Come on Monday") },
            r#"{"text": "Come on Monday", "audience": "public"}"#.to_owned(),
        ),
        (
            Event::Corrected { correction: Correction::Phone(None), reason: paragraph("wrong") },
            r#"{"field": "phone", "reason": "wrong"}"#.to_owned(),
        ),
        (
            Event::ReceiptIssued { receipt: receipt(0xAB), key_id: 3 },
            r#"{"key": 3, "receipt": h'abababababababab'}"#.to_owned(),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(diagnostic(&event.to_data()), expected);
    }
}

/// CBOR diagnostic notation, as far as events need it.
fn diagnostic(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("h'{}'", hex::encode(bytes)),
        Value::Integer(whole) => i128::from(*whole).to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(diagnostic).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let pair = |(key, value): &(Value, Value)| format!("{}: {}", diagnostic(key), diagnostic(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => panic!("an event holds no {other:?}"),
    }
}

#[test]
fn data_that_is_no_event_is_refused() {
    let text = |text: &str| Value::Text(text.to_owned());
    let map =
        |pairs: &[(&str, Value)]| Value::Map(pairs.iter().map(|(key, value)| (text(key), value.clone())).collect());
    let key = || ("key", Value::from(3));
    let bytes = |length| ("receipt", Value::Bytes(vec![1; length]));
    let place = [("step", text("ready")), ("state", text("ready"))];
    let on = |day: &str| map(&[("on", text(day)), place[0].clone(), place[1].clone()]);
    let cases = [
        ("unknown", map(&[]), UnknownKind),
        ("Ready", map(&place), UnknownKind),
        ("ready", Value::Null, NotAMap),
        ("ready", Value::Array(vec![]), NotAMap),
        ("ready", map(&[]), Missing("step")),
        ("ready", map(&[("step", text("ready"))]), Missing("state")),
        ("ready", map(&[("step", text("no step")), ("state", text("ready"))]), Invalid("step")),
        ("ready", map(&[("step", text("ready")), ("state", text("Ready"))]), Invalid("state")),
        ("ready", map(&[place[1].clone(), place[0].clone()]), NotCanonical),
        ("ready", map(&[place[0].clone(), place[1].clone(), place[1].clone()]), NotCanonical),
        ("complement_received", map(&[("step", text("ready")), ("documents", Value::Array(vec![]))]), Missing("state")),
        ("complement_received", map(&[("documents", text("form"))]), Invalid("documents")),
        ("complement_received", map(&[("documents", Value::Array(vec![Value::from(1)]))]), Invalid("documents")),
        ("commission_scheduled", on("2026-02-29"), Invalid("on")),
        ("commission_scheduled", on("2026-03-02T10:00"), NotCanonical),
        ("receipt_issued", map(&[key(), bytes(7)]), Invalid("receipt")),
        ("receipt_issued", map(&[("key", Value::from(256)), bytes(8)]), Invalid("key")),
        ("receipt_issued", map(&[("key", Value::from(-1)), bytes(8)]), Invalid("key")),
        ("note_added", map(&[("text", text("a\u{202E}b")), ("audience", text("public"))]), Invalid("text")),
        ("note_added", map(&[("text", text(" padded ")), ("audience", text("public"))]), NotCanonical),
        ("corrected", map(&[("field", text("colour")), ("reason", text("x"))]), Invalid("field")),
        ("corrected", map(&[("field", text("outcome")), ("reason", text("x"))]), Missing("value")),
        (
            "corrected",
            map(&[("field", text("applicant")), ("value", text("A")), ("reason", text("x"))]),
            Invalid("value"),
        ),
    ];
    for (kind, data, expected) in cases {
        assert_eq!(Event::from_data(kind, &data), Err(expected), "{kind} {data:?}");
    }
}
