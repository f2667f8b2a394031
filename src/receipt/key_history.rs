//! Which keys an office has had, as its log tells: which one is in use at a moment, until when, and which are revoked.
//!
//! The log is the only place that says so. A date or a mark beside the key's file was rejected: files are copied from node to
//! node, and whoever holds a backup could not be told that a key had ended. Nothing here is secret: of a token key only a
//! check value is known.

use thiserror::Error;

use super::published_keys::Revocation;
use crate::tlog::{KeyPurpose, LogEvent};

/// How long an ended key's seals still count: a node whose clock is behind, or that has not learnt of the change yet, seals
/// with the old key for a moment.
pub(super) const GRACE_MS: i64 = 3_600_000;
/// From the event to the moment at which the new key takes over. Nodes look for changes once a second.
const NOTICE_MS: i64 = 10_000;
/// A token names its key in four bits.
pub const MOST_TOKEN_KEYS: u32 = 16;

/// The log's events about keys contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HistoryError {
    #[error("the log tells of {} key {number} without telling of the one before it", purpose.name())]
    Gap { purpose: KeyPurpose, number: u32 },
    #[error("the log revokes {} key {number}, of which it tells nothing", purpose.name())]
    Unknown { purpose: KeyPurpose, number: u32 },
}

/// One key of a purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoricKey {
    pub number: u32,
    /// The raw public key, or a token key's check value.
    pub public: [u8; 32],
    /// Milliseconds since 1970; nothing for the key with which the office began.
    pub from_ms: Option<i64>,
    /// When the next key takes over, if there is one.
    pub until_ms: Option<i64>,
    pub revoked: Option<Revocation>,
}

/// The keys of the three purposes, each in the order of their numbers and never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHistory([Vec<HistoricKey>; 3]);

impl KeyHistory {
    /// The history of an office in which nothing has happened to its keys. `first` gives each purpose's first key.
    pub fn starting_with(first: impl Fn(KeyPurpose) -> (u32, [u8; 32])) -> Self {
        Self(KeyPurpose::ALL.map(|purpose| {
            let (number, public) = first(purpose);
            vec![HistoricKey { number, public, from_ms: None, until_ms: None, revoked: None }]
        }))
    }

    /// Replays the log's events. `first` is asked for purposes whose key has never changed; for the others the log itself
    /// names the first key, so that its secret half may be gone.
    ///
    /// # Errors
    /// [`HistoryError`], when the events contradict each other.
    pub fn replay(events: &[LogEvent], first: impl Fn(KeyPurpose) -> (u32, [u8; 32])) -> Result<Self, HistoryError> {
        let told = |wanted: KeyPurpose| {
            events.iter().find_map(|event| match event {
                LogEvent::KeyRotated { purpose, number, previous, .. } if *purpose == wanted => {
                    Some((number.saturating_sub(1), *previous))
                }
                _ => None,
            })
        };
        let mut history = Self::starting_with(|purpose| told(purpose).unwrap_or_else(|| first(purpose)));
        for event in events {
            history.apply(event)?;
        }
        Ok(history)
    }

    fn apply(&mut self, event: &LogEvent) -> Result<(), HistoryError> {
        match event {
            LogEvent::KeyRotated { purpose, number, key, from_ms, previous } => {
                let keys = &mut self.0[*purpose as usize];
                let Some(last) = keys.last_mut() else { return Ok(()) };
                if *number <= last.number {
                    return Ok(());
                }
                if *number != last.number + 1 || *previous != last.public {
                    return Err(HistoryError::Gap { purpose: *purpose, number: *number });
                }
                // A clock that was set back must not make a key end before it began.
                let from_ms = last.from_ms.map_or(*from_ms, |before| before.max(*from_ms));
                last.until_ms = Some(from_ms);
                let (number, public, from_ms) = (*number, *key, Some(from_ms));
                keys.push(HistoricKey { number, public, from_ms, until_ms: None, revoked: None });
            }
            LogEvent::KeyRevoked { purpose, number, since_ms, reason } => {
                let unknown = HistoryError::Unknown { purpose: *purpose, number: *number };
                let keys = self.0[*purpose as usize].iter_mut();
                let key = keys.into_iter().find(|key| key.number == *number).ok_or(unknown)?;
                if key.revoked.as_ref().is_none_or(|revoked| *since_ms < revoked.since_ms) {
                    key.revoked = Some(Revocation { since_ms: *since_ms, reason: reason.clone() });
                }
            }
            LogEvent::RollbackAccepted { .. } | LogEvent::Erased { .. } => {}
        }
        Ok(())
    }

    pub fn keys(&self, purpose: KeyPurpose) -> &[HistoricKey] {
        &self.0[purpose as usize]
    }

    pub fn key(&self, purpose: KeyPurpose, number: u32) -> Option<&HistoricKey> {
        self.keys(purpose).iter().find(|key| key.number == number)
    }

    /// The key with which the office began.
    pub fn first(&self, purpose: KeyPurpose) -> &HistoricKey {
        &self.keys(purpose)[0]
    }

    /// The newest key, which may not be in use yet.
    pub fn last(&self, purpose: KeyPurpose) -> &HistoricKey {
        let keys = self.keys(purpose);
        &keys[keys.len() - 1]
    }

    /// The key in use at a moment.
    pub fn in_force(&self, purpose: KeyPurpose, at_ms: i64) -> &HistoricKey {
        let begun = |key: &&HistoricKey| key.from_ms.is_none_or(|from| from <= at_ms);
        self.keys(purpose).iter().rfind(begun).unwrap_or_else(|| self.first(purpose))
    }
}

/// The moment at which a new key takes over that is told of now: whole seconds, as seals count them.
pub const fn takes_over_at(now_ms: i64) -> i64 {
    (now_ms + NOTICE_MS).div_euclid(1000) * 1000 + 1000
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rotated(number: u32, from_ms: i64) -> LogEvent {
        let byte = |number: u32| [u8::try_from(number).unwrap(); 32];
        let (key, previous) = (byte(number), byte(number - 1));
        LogEvent::KeyRotated { purpose: KeyPurpose::Seal, number, key, from_ms, previous }
    }

    fn revoked(number: u32, since_ms: i64) -> LogEvent {
        LogEvent::KeyRevoked { purpose: KeyPurpose::Seal, number, since_ms, reason: since_ms.to_string() }
    }

    fn replay(events: &[LogEvent]) -> Result<KeyHistory, HistoryError> {
        KeyHistory::replay(events, |_| (0, [0; 32]))
    }

    #[test]
    fn the_log_says_which_key_is_in_use() {
        let history =
            replay(&[rotated(1, 1000), rotated(2, 2000), revoked(0, 900), revoked(0, 500), revoked(0, 700)]).unwrap();
        for (moment, number) in [(i64::MIN, 0), (999, 0), (1000, 1), (1999, 1), (2000, 2), (i64::MAX, 2)] {
            assert_eq!(history.in_force(KeyPurpose::Seal, moment).number, number, "{moment}");
        }
        assert_eq!(history.in_force(KeyPurpose::Log, 5000).number, 0);
        let (first, last) = (history.first(KeyPurpose::Seal), history.last(KeyPurpose::Seal));
        assert_eq!((first.from_ms, first.until_ms, last.until_ms), (None, Some(1000), None));
        assert_eq!(first.revoked, Some(Revocation { since_ms: 500, reason: "500".to_owned() }), "the earliest counts");
    }

    #[test]
    fn the_first_of_two_changes_counts_and_no_number_is_left_out() {
        let other = LogEvent::KeyRotated {
            purpose: KeyPurpose::Seal,
            number: 1,
            key: [9; 32],
            from_ms: 500,
            previous: [0; 32],
        };
        let history = replay(&[rotated(1, 1000), other, rotated(2, 2000)]).unwrap();
        assert_eq!(history.key(KeyPurpose::Seal, 1).unwrap().public, [1; 32]);
        let gap = HistoryError::Gap { purpose: KeyPurpose::Seal, number: 3 };
        assert_eq!(replay(&[rotated(1, 1000), rotated(3, 2000)]), Err(gap));
        let unknown = HistoryError::Unknown { purpose: KeyPurpose::Seal, number: 1 };
        assert_eq!(replay(&[revoked(1, 10)]), Err(unknown));
    }

    #[test]
    fn a_change_takes_over_at_a_whole_second_after_the_notice() {
        for now in [0, 1, 999, 1000, 1_790_000_000_123] {
            let from = takes_over_at(now);
            assert!(from % 1000 == 0 && from > now + NOTICE_MS && from <= now + NOTICE_MS + 1000, "{now} {from}");
        }
    }
}
