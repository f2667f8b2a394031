//! What happens to the log itself and to no dossier, as a leaf like any other.
//!
//! Its record has the shape of an event's record, with [`LOG_SUBJECT`] where a dossier's reference would stand and, as the
//! previous leaf, that of the log's own previous event. A second, separate history of the log's administration was
//! rejected: it could be rewritten without the receipts noticing.
//!
//! | kind | keys |
//! |---|---|
//! | `rollback_accepted` | `lost` (the signed note of the last checkpoint that was published), `reason` |

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
            Self::RollbackAccepted { lost, reason } => Value::Map(vec![
                (Value::from("lost"), Value::from(lost.as_str())),
                (Value::from("reason"), Value::from(reason.as_str())),
            ]),
        }
    }

    /// Reads the data of a record of this kind, and nothing but the form that [`LogEvent::to_data`] gives.
    ///
    /// # Errors
    /// [`LogEventError`].
    pub fn from_data(kind: &str, data: &Value) -> Result<Self, LogEventError> {
        let text = |key: &str| {
            let entries = data.as_map().ok_or(LogEventError::Form)?;
            let found = entries.iter().find(|(name, _)| name.as_text() == Some(key));
            found.and_then(|(_, value)| value.as_text()).map(str::to_owned).ok_or(LogEventError::Form)
        };
        let event = match kind {
            "rollback_accepted" => Self::RollbackAccepted { lost: text("lost")?, reason: text("reason")? },
            _ => return Err(LogEventError::UnknownKind),
        };
        if event.to_data() == *data { Ok(event) } else { Err(LogEventError::Form) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollback() -> LogEvent {
        LogEvent::RollbackAccepted { lost: "host/log\n7\nroot\n".to_owned(), reason: "disk lost".to_owned() }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let event = rollback();
        assert_eq!(LogEvent::from_data(event.kind(), &event.to_data()), Ok(event));
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
