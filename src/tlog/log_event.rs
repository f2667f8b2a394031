//! What happens to the log itself and to no dossier, as a leaf like any other.
//!
//! Its record has the shape of an event's record, with [`LOG_SUBJECT`] where a dossier's reference would stand and, as the
//! previous leaf, that of the log's own previous event. A second, separate history of the log's administration was
//! rejected: it could be rewritten without the receipts noticing.
//!
//! | kind | keys |
//! |---|---|
//! | `rollback_accepted` | `lost` (the signed note of the last checkpoint that was published), `reason`, `numbers` (such as
//! `NRU-2026`: the last number that may have been given before and is given to nobody now) |
//! | `key_rotated` | `key` (32 bytes: the new public key, or a token key's check value), `from` (milliseconds since 1970), `number`,
//! `purpose` (`token`, `seal` or `log`), `previous` (32 bytes: that of the key in use before) |
//! | `key_revoked` | `since` (milliseconds since 1970), `number`, `reason`, `purpose` |
//! | `erased` | `leaves` (the indexes of the entries whose records and nonces are gone), `reason`, `reference` |
//!
//! A token key's check value is SHA-256 of the token that it makes for the receipt id of eight zero bytes, which no receipt
//! has: one-way twice over, and the same value that the database is bound to. Of several `key_rotated` events of one purpose
//! and number the first counts and the later ones say nothing, so that two administrators at once do no harm. Of several
//! revocations of one key the earliest moment counts.

use std::collections::BTreeMap;

use ciborium::Value;

/// Stands in a record for "the log itself". No dossier's reference looks like it.
pub const LOG_SUBJECT: &str = "LOG";

/// What a key is for. Each purpose has its own series of keys, numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPurpose {
    /// Makes and checks receipts' tokens; secret on both sides.
    Token,
    /// Signs receipts' seals.
    Seal,
    /// Signs the log's checkpoints.
    Log,
}

impl KeyPurpose {
    pub const ALL: [Self; 3] = [Self::Token, Self::Seal, Self::Log];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Seal => "seal",
            Self::Log => "log",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// An event of the log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// An administrator went on with a database that was older than what had been published. The entries that the lost
    /// checkpoint covers beyond this leaf's tree are gone.
    RollbackAccepted {
        /// The checkpoint's signed note, whole, so that everyone can see what was published and is missing now.
        lost: String,
        reason: String,
        /// For each series of numbers, such as `NRU-2026`, the last one that may stand on a paper whose entry is lost.
        /// The next number given is greater.
        numbers: BTreeMap<String, u32>,
    },
    /// A new key takes over from a moment on; what the ones before it made stays good.
    KeyRotated {
        purpose: KeyPurpose,
        number: u32,
        /// The raw public key; of a token key, which has none, a value that only its holder can compute.
        key: [u8; 32],
        /// Milliseconds since 1970. Later than the event, so that every node has learnt of the key by then.
        from_ms: i64,
        /// As `key`, of the key that was in use before: so the log names the first key of each purpose as well.
        previous: [u8; 32],
    },
    /// A key is not to be trusted any more for what is made with it after a moment.
    KeyRevoked { purpose: KeyPurpose, number: u32, since_ms: i64, reason: String },
    /// A dossier's records and nonces were deleted, which the law or its applicant asked for. The leaves stay.
    Erased { reference: String, leaves: Vec<u64>, reason: String },
}

/// Why a record's data is not an event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogEventError {
    #[error("unknown kind of log event")]
    UnknownKind,
    #[error("the data has not the form in which this event is written")]
    Form,
}

impl LogEvent {
    /// The names of all kinds, as records state them.
    pub const KINDS: [&'static str; 4] = ["rollback_accepted", "key_rotated", "key_revoked", "erased"];

    /// The event's name in the record.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RollbackAccepted { .. } => "rollback_accepted",
            Self::KeyRotated { .. } => "key_rotated",
            Self::KeyRevoked { .. } => "key_revoked",
            Self::Erased { .. } => "erased",
        }
    }

    /// The event's data as a map in deterministic order.
    pub fn to_data(&self) -> Value {
        match self {
            Self::RollbackAccepted { lost, reason, numbers } => {
                let mut series: Vec<_> = numbers.iter().collect();
                // A record's maps are sorted by their keys' encodings, which begin with the length.
                series.sort_by_key(|(name, _)| (name.len(), name.as_str()));
                let series = series.into_iter().map(|(name, last)| (Value::from(name.as_str()), Value::from(*last)));
                Value::Map(vec![
                    (Value::from("lost"), Value::from(lost.as_str())),
                    (Value::from("reason"), Value::from(reason.as_str())),
                    (Value::from("numbers"), Value::Map(series.collect())),
                ])
            }
            Self::KeyRotated { purpose, number, key, from_ms, previous } => Value::Map(vec![
                (Value::from("key"), Value::from(key.as_slice())),
                (Value::from("from"), Value::from(*from_ms)),
                (Value::from("number"), Value::from(*number)),
                (Value::from("purpose"), Value::from(purpose.name())),
                (Value::from("previous"), Value::from(previous.as_slice())),
            ]),
            Self::KeyRevoked { purpose, number, since_ms, reason } => Value::Map(vec![
                (Value::from("since"), Value::from(*since_ms)),
                (Value::from("number"), Value::from(*number)),
                (Value::from("reason"), Value::from(reason.as_str())),
                (Value::from("purpose"), Value::from(purpose.name())),
            ]),
            Self::Erased { reference, leaves, reason } => Value::Map(vec![
                (Value::from("leaves"), Value::Array(leaves.iter().map(|leaf| Value::from(*leaf)).collect())),
                (Value::from("reason"), Value::from(reason.as_str())),
                (Value::from("reference"), Value::from(reference.as_str())),
            ]),
        }
    }

    /// Reads the data of a record of this kind, and nothing but the form that [`LogEvent::to_data`] gives.
    ///
    /// # Errors
    /// [`LogEventError`].
    pub fn from_data(kind: &str, data: &Value) -> Result<Self, LogEventError> {
        let value = |key: &str| {
            let entries = data.as_map().ok_or(LogEventError::Form)?;
            let found = entries.iter().find(|(name, _)| name.as_text() == Some(key));
            found.map(|(_, value)| value).ok_or(LogEventError::Form)
        };
        let text = |key: &str| value(key)?.as_text().map(str::to_owned).ok_or(LogEventError::Form);
        let event = match kind {
            "rollback_accepted" => Self::RollbackAccepted {
                lost: text("lost")?,
                reason: text("reason")?,
                numbers: numbers(value("numbers")?).ok_or(LogEventError::Form)?,
            },
            "key_rotated" => Self::KeyRotated {
                purpose: purpose(&text("purpose")?)?,
                number: integer(value("number")?)?,
                key: hash(value("key")?)?,
                from_ms: integer(value("from")?)?,
                previous: hash(value("previous")?)?,
            },
            "key_revoked" => Self::KeyRevoked {
                purpose: purpose(&text("purpose")?)?,
                number: integer(value("number")?)?,
                since_ms: integer(value("since")?)?,
                reason: text("reason")?,
            },
            "erased" => Self::Erased {
                reference: text("reference")?,
                leaves: value("leaves")?
                    .as_array()
                    .ok_or(LogEventError::Form)?
                    .iter()
                    .map(integer)
                    .collect::<Result<_, _>>()?,
                reason: text("reason")?,
            },
            _ => return Err(LogEventError::UnknownKind),
        };
        if event.to_data() == *data { Ok(event) } else { Err(LogEventError::Form) }
    }
}

fn purpose(name: &str) -> Result<KeyPurpose, LogEventError> {
    KeyPurpose::from_name(name).ok_or(LogEventError::Form)
}

fn integer<T: TryFrom<ciborium::value::Integer>>(value: &Value) -> Result<T, LogEventError> {
    value.as_integer().and_then(|integer| T::try_from(integer).ok()).ok_or(LogEventError::Form)
}

fn hash(value: &Value) -> Result<[u8; 32], LogEventError> {
    value.as_bytes().and_then(|bytes| bytes.as_slice().try_into().ok()).ok_or(LogEventError::Form)
}

fn numbers(value: &Value) -> Option<BTreeMap<String, u32>> {
    let entry =
        |(name, last): &(Value, Value)| Some((name.as_text()?.to_owned(), u32::try_from(last.as_integer()?).ok()?));
    value.as_map()?.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollback() -> LogEvent {
        let numbers = [("NRU-2026", 1007), ("PC-2026", 12)].map(|(series, last)| (series.to_owned(), last));
        LogEvent::RollbackAccepted {
            lost: "host/log\n7\nroot\n".to_owned(),
            reason: "disk lost".to_owned(),
            numbers: numbers.into(),
        }
    }

    fn each_kind() -> Vec<LogEvent> {
        let rotated = |purpose, number| LogEvent::KeyRotated {
            purpose,
            number,
            key: [7; 32],
            from_ms: 1_790_000_000_000,
            previous: [6; 32],
        };
        let mut events = vec![
            rollback(),
            LogEvent::KeyRevoked {
                purpose: KeyPurpose::Seal,
                number: 0,
                since_ms: 1_790_000_000_000,
                reason: "the server was stolen".to_owned(),
            },
            LogEvent::Erased {
                reference: "PC-2026-000123".to_owned(),
                leaves: vec![4, 5, 70_000],
                reason: "asked for by the applicant".to_owned(),
            },
        ];
        events.extend(KeyPurpose::ALL.map(|purpose| rotated(purpose, 1)));
        events
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert!(LogEvent::KINDS.iter().all(|kind| each_kind().iter().any(|event| event.kind() == *kind)));
        assert!(each_kind().iter().all(|event| LogEvent::KINDS.contains(&event.kind())));
        for event in each_kind() {
            assert_eq!(LogEvent::from_data(event.kind(), &event.to_data()), Ok(event));
        }
    }

    #[test]
    fn a_record_gives_it_back() {
        for event in each_kind() {
            let record = crate::tlog::Record {
                kind: event.kind().to_owned(),
                reference: LOG_SUBJECT.to_owned(),
                at_ms: 0,
                actor: "cli".to_owned(),
                previous: None,
                data: event.to_data(),
            };
            let read = crate::tlog::Record::decode(&record.encode()).expect("what was written is read");
            assert_eq!(LogEvent::from_data(&read.kind, &read.data), Ok(event));
        }
    }

    #[test]
    fn another_form_is_refused() {
        let Value::Map(mut entries) = rollback().to_data() else { panic!("a map") };
        assert_eq!(LogEvent::from_data("registered", &rollback().to_data()), Err(LogEventError::UnknownKind));
        entries.swap(0, 1);
        assert_eq!(LogEvent::from_data("rollback_accepted", &Value::Map(entries.clone())), Err(LogEventError::Form));
        entries.pop();
        assert_eq!(LogEvent::from_data("rollback_accepted", &Value::Map(entries)), Err(LogEventError::Form));
        assert_eq!(LogEvent::from_data("rollback_accepted", &Value::Null), Err(LogEventError::Form));
    }
}
