//! A record in JSON, for people and programs that do not read CBOR. Derived, and never what anything is proven by.

use ciborium::Value;
use serde_json::Value as Json;

use crate::tlog::Record;

/// The record in JSON, its fields by name; bytes are written in hexadecimal. `None` when it is no record.
pub(super) fn record_json(record: &[u8]) -> Option<String> {
    let record = Record::decode(record).ok()?;
    let at = jiff::Timestamp::from_millisecond(record.at_ms).ok().map(|at| Json::from(at.to_string()));
    let fields = [
        ("actor", record.actor.into()),
        ("at", at.unwrap_or(Json::Null)),
        ("at_ms", record.at_ms.into()),
        ("data", json(&record.data)?),
        ("kind", record.kind.into()),
        ("previous", record.previous.map(hex::encode).into()),
        ("reference", record.reference.into()),
    ];
    let text =
        serde_json::to_string_pretty(&object(fields.map(|(name, value)| (name.to_owned(), value)).into())).ok()?;
    Some(text + "\n")
}

fn json(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(yes) => (*yes).into(),
        Value::Integer(number) => {
            let number = i128::from(*number);
            i64::try_from(number).map_or_else(|_| Json::from(number.to_string()), Json::from)
        }
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex::encode(bytes).into(),
        Value::Array(items) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let entry = |(key, value): &(Value, Value)| Some((key.as_text()?.to_owned(), json(value)?));
            object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Sorted, so that the bytes do not depend on how the library keeps its maps.
fn object(mut fields: Vec<(String, Json)>) -> Json {
    fields.sort_by(|left, right| left.0.cmp(&right.0));
    Json::Object(fields.into_iter().collect())
}
