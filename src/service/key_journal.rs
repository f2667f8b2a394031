//! The keys as an auditor reads of them: each with its time, and every change as the log tells it.
//!
//! The list is that of the published keys, with the token keys beside them, of which nothing can be published but that they
//! were there. The changes alone were rejected as a page: they say nothing of a key with which the office began.

use jiff::Timestamp;

use super::{Actor, Failure, Service, journal::check_journal};
use crate::{
    receipt::HistoricKey,
    store::StoredLogEvent,
    tlog::{KeyPurpose, LogEvent},
};

/// One change of the keys, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    pub index: u64,
    pub at: Timestamp,
    pub actor: String,
    pub event: LogEvent,
}

/// What a key is to the office at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    InUse,
    ToCome,
    Ended,
    Revoked,
}

/// One key and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLife {
    pub purpose: KeyPurpose,
    pub number: u32,
    pub state: KeyState,
    /// A log key's verifier key, a seal key's id in hexadecimal digits; a token key has no public half.
    pub name: Option<String>,
    /// `None` for a key with which the office began.
    pub from: Option<Timestamp>,
    /// When the next one took over or will.
    pub until: Option<Timestamp>,
    /// Since when it is not believed, and why.
    pub revoked: Option<(Timestamp, String)>,
}

impl KeyState {
    pub fn of(key: &HistoricKey, now_ms: i64) -> Self {
        if key.revoked.is_some() {
            Self::Revoked
        } else if key.from_ms.is_some_and(|from| from > now_ms) {
            Self::ToCome
        } else if key.until_ms.is_some_and(|until| until <= now_ms) {
            Self::Ended
        } else {
            Self::InUse
        }
    }
}

impl Service {
    /// Every key that the office has had, by purpose and number.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] unless the role reads the journal.
    pub fn key_lives(&self, actor: &Actor) -> Result<Vec<KeyLife>, Failure> {
        check_journal(actor)?;
        let (ring, now) = (self.keys(), self.now().as_millisecond());
        let moment = |milliseconds: i64| Timestamp::from_millisecond(milliseconds).ok();
        let life = |purpose: KeyPurpose, key: &HistoricKey| {
            let published = ring.published(purpose).into_iter().find(|published| published.key == key.public);
            KeyLife {
                purpose,
                number: key.number,
                state: KeyState::of(key, now),
                name: published.map(|key| key.vkey.unwrap_or_else(|| hex::encode(key.kid))),
                from: key.from_ms.and_then(moment),
                until: key.until_ms.and_then(moment),
                revoked: key.revoked.as_ref().and_then(|told| Some((moment(told.since_ms)?, told.reason.clone()))),
            }
        };
        let of_purpose = |purpose| ring.history().keys(purpose).iter().map(move |key| (purpose, key));
        Ok(KeyPurpose::ALL.into_iter().flat_map(of_purpose).map(|(purpose, key)| life(purpose, key)).collect())
    }

    /// Every change of the keys, the newest first.
    ///
    /// # Errors
    /// As `key_lives`.
    pub async fn key_changes(&self, actor: &Actor) -> Result<Vec<KeyChange>, Failure> {
        check_journal(actor)?;
        let of_keys = |stored: StoredLogEvent| {
            let change =
                KeyChange { index: stored.leaf_index, at: stored.at, actor: stored.actor, event: stored.event };
            matches!(change.event, LogEvent::KeyRotated { .. } | LogEvent::KeyRevoked { .. }).then_some(change)
        };
        let mut changes: Vec<KeyChange> =
            self.parts.store.log_events().await?.into_iter().filter_map(of_keys).collect();
        changes.reverse();
        Ok(changes)
    }
}
