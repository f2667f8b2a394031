//! An event's record: what happened, in the one encoding that its commitment covers.
//!
//! Deterministic CBOR (RFC 8949 §4.2.1): `{1: kind, 2: reference, 3: milliseconds since 1970,
//! 4: actor, 5: leaf hash of the same dossier's previous event or null, 6: data map}`, map keys
//! sorted bytewise by their encodings at every level. JSON was rejected: it has no canonical form
//! that two programs agree on. Decoding refuses every other encoding of the same content, so that a
//! record read is a record that could have been written. Records hold personal data, so `Debug`
//! shows neither reference, actor nor data.

use std::fmt;

use ciborium::Value;
use thiserror::Error;

use super::leaf::Hash;

/// Deeper nesting than any event has.
const DEEPEST_NESTING: usize = 32;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    #[error("the bytes are not CBOR")]
    Cbor,
    #[error("the CBOR has not the form of a record")]
    Form,
    #[error("the encoding is not deterministic")]
    NotDeterministic,
}

/// One event, as it is committed to.
#[derive(Clone, PartialEq)]
pub struct Record {
    pub kind: String,
    pub reference: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub actor: String,
    /// Leaf hash of the same dossier's previous event.
    pub previous: Option<Hash>,
    /// A CBOR map with distinct keys.
    pub data: Value,
}

impl Record {
    /// The only encoding of this record.
    ///
    /// # Panics
    /// If `data` is not a map or has a key twice at any level. A record like that could never be
    /// read again, and the program that made it is wrong.
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.data.is_map(), "a record's data is a map");
        let previous = self.previous.as_ref().map_or(Value::Null, |hash| Value::from(hash.as_slice()));
        let fields = [
            Value::from(self.kind.as_str()),
            Value::from(self.reference.as_str()),
            Value::from(self.at_ms),
            Value::from(self.actor.as_str()),
            previous,
            self.data.clone(),
        ];
        let entries = (1_u8..).map(Value::from).zip(fields).collect();
        let sorted = sort_maps(Value::Map(entries)).expect("a record's map keys are distinct");
        to_bytes(&sorted)
    }

    /// Reads a record, refusing any encoding but the one that [`Record::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let value: Value =
            ciborium::de::from_reader_with_recursion_limit(bytes, DEEPEST_NESTING).map_err(|_| RecordError::Cbor)?;
        // The recursion limit is generous and the comparison exact: bytes left over, longer
        // integers, indefinite lengths and unsorted maps all show as a difference.
        let sorted = sort_maps(value).ok_or(RecordError::NotDeterministic)?;
        if to_bytes(&sorted) != bytes {
            return Err(RecordError::NotDeterministic);
        }
        Self::from_value(sorted).ok_or(RecordError::Form)
    }

    fn from_value(value: Value) -> Option<Self> {
        let entries: [(Value, Value); 6] = value.into_map().ok()?.try_into().ok()?;
        let numbered = (1_u8..).zip(&entries).all(|(number, (key, _))| *key == Value::from(number));
        if !numbered {
            return None;
        }
        let [kind, reference, at_ms, actor, previous, data] = entries.map(|(_, value)| value);
        let previous = match previous {
            Value::Null => None,
            Value::Bytes(hash) => Some(hash.try_into().ok()?),
            _ => return None,
        };
        Some(Self {
            kind: kind.into_text().ok()?,
            reference: reference.into_text().ok()?,
            at_ms: at_ms.into_integer().ok()?.try_into().ok()?,
            actor: actor.into_text().ok()?,
            previous,
            data: data.is_map().then_some(data)?,
        })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Record").field("kind", &self.kind).field("at_ms", &self.at_ms).finish_non_exhaustive()
    }
}

/// Sorts every map by its keys' encodings; `None` if a key stands twice.
fn sort_maps(value: Value) -> Option<Value> {
    match value {
        Value::Map(entries) => {
            let mut encoded = entries
                .into_iter()
                .map(|(key, value)| {
                    let key = sort_maps(key)?;
                    Some((to_bytes(&key), key, sort_maps(value)?))
                })
                .collect::<Option<Vec<_>>>()?;
            encoded.sort_by(|left, right| left.0.cmp(&right.0));
            let distinct = encoded.windows(2).all(|pair| pair[0].0 != pair[1].0);
            let entries = encoded.into_iter().map(|(_, key, value)| (key, value));
            distinct.then(|| Value::Map(entries.collect()))
        }
        Value::Array(items) => {
            let items = items.into_iter().map(sort_maps).collect::<Option<_>>()?;
            Some(Value::Array(items))
        }
        Value::Tag(number, inner) => Some(Value::Tag(number, Box::new(sort_maps(*inner)?))),
        scalar => Some(scalar),
    }
}

fn to_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes every write");
    bytes
}

#[cfg(test)]
mod tests;
