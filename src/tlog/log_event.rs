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

use std::collections::BTreeMap;

use ciborium::Value;

/// Stands in a record for "the log itself". No dossier's reference looks like it.
pub const LOG_SUBJECT: &str = "LOG";

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
    /// The event's name in the record.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RollbackAccepted { .. } => "rollback_accepted",
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
            _ => return Err(LogEventError::UnknownKind),
        };
        if event.to_data() == *data { Ok(event) } else { Err(LogEventError::Form) }
    }
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

    #[test]
    fn what_is_written_is_read_back() {
        let event = rollback();
        assert_eq!(LogEvent::from_data(event.kind(), &event.to_data()), Ok(event));
    }

    #[test]
    fn a_record_gives_it_back() {
        let record = crate::tlog::Record {
            kind: rollback().kind().to_owned(),
            reference: LOG_SUBJECT.to_owned(),
            at_ms: 0,
            actor: "cli".to_owned(),
            previous: None,
            data: rollback().to_data(),
        };
        let read = crate::tlog::Record::decode(&record.encode()).expect("what was written is read");
        assert_eq!(LogEvent::from_data(&read.kind, &read.data), Ok(rollback()));
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
