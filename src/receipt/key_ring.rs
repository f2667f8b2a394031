//! The secrets a running office holds, and the set of token keys among them.
//!
//! Keys arrive here already read; this module never opens a file and never prints a secret.
//! Three separate kinds are kept, so that losing one does not lose the others: token keys (HMAC,
//! never leave the server), the seal key and the log key (Ed25519, whose public halves are
//! published). One master secret from which all are derived was rejected: replacing a leaked token
//! key would then have meant replacing the log's identity as well.

use thiserror::Error;

use std::collections::BTreeMap;

use super::key_history::{GRACE_MS, HistoryError, KeyHistory};
use super::published_keys::PublishedKey;
use super::seal::{Seal, SealClaims, SealKey, kid_of};
use super::token::TokenKey;
use super::token_keys::TokenKeys;
use crate::tlog::{Checkpoint, CheckpointError, KeyPurpose, LogEvent, LogKey, NoteError, NoteVerifier};

/// Why a set of keys cannot be used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRingError {
    #[error("two token keys have the id {0}")]
    DuplicateKeyId(u8),
    #[error("a seal key and a log key are the same key")]
    SharedKey,
    #[error("there is no {} key that fits the log", .0.name())]
    NoKey(KeyPurpose),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// The secret keys that a process could read, by purpose and number. Which of them count is for the log to say.
#[derive(Clone, Debug, Default)]
pub struct HeldKeys {
    token: Vec<TokenKey>,
    seal: BTreeMap<u32, SealKey>,
    log: BTreeMap<u32, LogKey>,
}

impl HeldKeys {
    pub fn add_token(&mut self, key: TokenKey) {
        self.token.push(key);
    }

    pub fn add_seal(&mut self, number: u32, key: SealKey) {
        self.seal.insert(number, key);
    }

    pub fn add_log(&mut self, number: u32, key: LogKey) {
        self.log.insert(number, key);
    }

    /// A key's raw public half, or a token key's check value, if the key is there.
    pub fn public(&self, purpose: KeyPurpose, number: u32) -> Option<[u8; 32]> {
        match purpose {
            KeyPurpose::Token => self.token(number).map(TokenKey::check_value),
            KeyPurpose::Seal => self.seal.get(&number).map(SealKey::public),
            KeyPurpose::Log => self.log.get(&number).map(LogKey::public),
        }
    }

    /// Sorted.
    pub fn numbers(&self, purpose: KeyPurpose) -> Vec<u32> {
        match purpose {
            KeyPurpose::Token => {
                let mut numbers: Vec<u32> = self.token.iter().map(|key| u32::from(key.key_id())).collect();
                numbers.sort_unstable();
                numbers
            }
            KeyPurpose::Seal => self.seal.keys().copied().collect(),
            KeyPurpose::Log => self.log.keys().copied().collect(),
        }
    }

    fn token(&self, number: u32) -> Option<&TokenKey> {
        self.token.iter().find(|key| u32::from(key.key_id()) == number)
    }

    fn keep(&mut self, wanted: impl Fn(KeyPurpose, u32) -> bool) {
        self.token.retain(|key| wanted(KeyPurpose::Token, u32::from(key.key_id())));
        self.seal.retain(|number, _| wanted(KeyPurpose::Seal, *number));
        self.log.retain(|number, _| wanted(KeyPurpose::Log, *number));
    }
}

/// All the secrets of one office, and what the log says of them. Its `Debug` shows key ids and public keys only.
///
/// A ring is right for the moment it was made for; whoever holds one for longer makes it anew now and then. Seals alone are
/// judged by their own time, so they are made by [`KeyRing::seal`].
#[derive(Clone, Debug)]
pub struct KeyRing {
    pub token_keys: TokenKeys,
    pub seal_key: SealKey,
    pub log_key: LogKey,
    held: HeldKeys,
    history: KeyHistory,
    at_ms: i64,
    /// Keys that are not what the log says they are; they are used for nothing.
    wrong: Vec<(KeyPurpose, u32)>,
}

impl KeyRing {
    /// The ring of an office whose keys have never changed.
    ///
    /// # Errors
    /// Refuses one Ed25519 key in two roles: a signature made for one could then be offered as the
    /// other's.
    pub fn new(token_keys: TokenKeys, seal_key: SealKey, log_key: LogKey) -> Result<Self, KeyRingError> {
        let mut held = HeldKeys::default();
        let first = token_keys.current.clone();
        for key in std::iter::once(&token_keys.current).chain(&token_keys.older) {
            held.add_token(key.clone());
        }
        held.add_seal(0, seal_key);
        held.add_log(0, log_key);
        let ring = Self::before_the_log(held)?;
        let history = KeyHistory::starting_with(|purpose| match purpose {
            KeyPurpose::Token => (u32::from(first.key_id()), first.check_value()),
            _ => (0, ring.history.first(purpose).public),
        });
        Ok(Self { token_keys, history, ..ring })
    }

    /// A ring for a process that has read its keys and not the log yet: good for opening a database and for nothing else.
    ///
    /// # Errors
    /// When the keys of a purpose are missing, or one key has two roles.
    pub fn before_the_log(held: HeldKeys) -> Result<Self, KeyRingError> {
        if let Some(purpose) = KeyPurpose::ALL.into_iter().find(|purpose| held.numbers(*purpose).is_empty()) {
            return Err(KeyRingError::NoKey(purpose));
        }
        let history = KeyHistory::starting_with(|purpose| first_of(&held, purpose));
        Self::of(held, history, i64::MIN)
    }

    /// The ring at a moment, by the log's own events.
    ///
    /// # Errors
    /// When the events contradict each other, no key of a purpose is left, or one key has two roles.
    pub fn by_the_log(held: HeldKeys, events: &[LogEvent], at_ms: i64) -> Result<Self, KeyRingError> {
        let history = KeyHistory::replay(events, |purpose| first_of(&held, purpose))?;
        Self::of(held, history, at_ms)
    }

    fn of(mut held: HeldKeys, history: KeyHistory, at_ms: i64) -> Result<Self, KeyRingError> {
        if held.seal.values().any(|seal| held.log.values().any(|log| log.public() == seal.public())) {
            return Err(KeyRingError::SharedKey);
        }
        let told = |purpose, number| history.key(purpose, number).map(|key| key.public);
        let all = KeyPurpose::ALL.into_iter().flat_map(|purpose| {
            let held = &held;
            held.numbers(purpose).into_iter().map(move |number| (purpose, number, held.public(purpose, number)))
        });
        let wrong: Vec<_> = all
            .filter(|(purpose, number, public)| told(*purpose, *number).is_some_and(|told| Some(told) != *public))
            .map(|(purpose, number, _)| (purpose, number))
            .collect();
        // A key that the log does not know yet has been made for a change to come.
        held.keep(|purpose, number| told(purpose, number).is_some() && !wrong.contains(&(purpose, number)));
        let newest = |purpose| {
            let until = history.in_force(purpose, at_ms).number;
            let numbers = held.numbers(purpose);
            let revoked = |number: &u32| history.key(purpose, *number).is_some_and(|key| key.revoked.is_some());
            let usable = numbers.iter().rfind(|number| **number <= until && !revoked(number));
            usable.or(numbers.first()).copied().ok_or(KeyRingError::NoKey(purpose))
        };
        let (token, seal, log) = (newest(KeyPurpose::Token)?, newest(KeyPurpose::Seal)?, newest(KeyPurpose::Log)?);
        let current = held.token(token).cloned().ok_or(KeyRingError::NoKey(KeyPurpose::Token))?;
        let older = held.token.iter().filter(|key| key.key_id() != current.key_id()).cloned().collect();
        Ok(Self {
            token_keys: TokenKeys::new(current, older)?,
            seal_key: held.seal[&seal].clone(),
            log_key: held.log[&log].clone(),
            held,
            history,
            at_ms,
            wrong,
        })
    }

    pub fn held(&self) -> &HeldKeys {
        &self.held
    }

    pub fn history(&self) -> &KeyHistory {
        &self.history
    }

    pub fn origin(&self) -> &str {
        self.log_key.origin()
    }

    /// Keys that lie here under a number that another key has.
    pub fn wrong(&self) -> &[(KeyPurpose, u32)] {
        &self.wrong
    }

    pub fn holds(&self, purpose: KeyPurpose, number: u32) -> bool {
        self.held.public(purpose, number).is_some()
    }

    /// The keys that are needed at a moment or soon after it, and are not here: every token key, because papers live long, and a
    /// revoked one still tells a genuine paper, whose bearer gets another, from a forged one; of the others the one in use
    /// and the one to come.
    pub fn missing(&self, at_ms: i64) -> Vec<(KeyPurpose, u32)> {
        let needed = KeyPurpose::ALL.into_iter().flat_map(|purpose| {
            let from = match purpose {
                KeyPurpose::Token => 0,
                _ => self.history.in_force(purpose, at_ms).number,
            };
            let keys = self.history.keys(purpose).iter().filter(move |key| key.number >= from);
            keys.map(move |key| (purpose, key.number))
        });
        needed.filter(|(purpose, number)| !self.holds(*purpose, *number)).collect()
    }

    /// Whether the keys that a new receipt needs at a moment are here.
    pub fn can_issue(&self, at_ms: i64) -> bool {
        [KeyPurpose::Token, KeyPurpose::Seal]
            .into_iter()
            .all(|purpose| self.holds(purpose, self.history.in_force(purpose, at_ms).number))
    }

    pub fn is_revoked(&self, purpose: KeyPurpose, number: u32) -> bool {
        self.history.key(purpose, number).is_some_and(|key| key.revoked.is_some())
    }

    /// Signs with the key that is in use at the claims' own time. If that key is not here, which whoever issues has asked
    /// before, the key of before signs: its seals count for an hour more.
    pub fn seal(&self, claims: &SealClaims) -> Seal {
        let number = self.history.in_force(KeyPurpose::Seal, claims.issued_at.saturating_mul(1000)).number;
        self.held.seal.get(&number).unwrap_or(&self.seal_key).seal(claims)
    }

    /// The signed note of a checkpoint: by every key of the log that has come into use, is not revoked and is here, newest
    /// first, so that whoever knows an old key alone goes on reading.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let note = self.log_key.sign(checkpoint);
        self.countersign(&note).unwrap_or(note)
    }

    /// The note with the signatures that are wanting under it, if any are. Signatures of others stay.
    pub fn countersign(&self, note: &str) -> Option<String> {
        let until = self.history.in_force(KeyPurpose::Log, self.at_ms).number;
        let signers = self.held.log.range(..=until).rev();
        let signers = signers.filter(|(number, _)| !self.is_revoked(KeyPurpose::Log, **number));
        let mut signed = None;
        for (_, key) in signers {
            let so_far = signed.as_deref().unwrap_or(note);
            if let Ok(Some(more)) = key.countersign(so_far) {
                signed = Some(more);
            }
        }
        signed
    }

    /// Reads a checkpoint that any key of this log has signed, whether its secret half is still here or not.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn read(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        self.read_under(self.origin(), note)
    }

    /// As [`KeyRing::read`], of the log under another of its names.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn read_under(&self, origin: &str, note: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse_signed_by_any(note, &self.log_verifiers(origin)?)
    }

    /// Every key that the log has had, under one of its names.
    ///
    /// # Errors
    /// When the name is no key's name.
    pub fn log_verifiers(&self, origin: &str) -> Result<Vec<NoteVerifier>, NoteError> {
        let told = self.history.keys(KeyPurpose::Log).iter().map(|key| key.public);
        told.map(|public| NoteVerifier::of_public(origin, &public)).collect()
    }

    /// A key's verifier key for signed notes, under the log's present name.
    pub fn vkey(&self, public: &[u8; 32]) -> Option<String> {
        NoteVerifier::of_public(self.origin(), public).ok().map(|verifier| verifier.to_string())
    }

    /// The public keys of a purpose, with their times; of token keys there are none.
    pub fn published(&self, purpose: KeyPurpose) -> Vec<PublishedKey> {
        let grace = |until: i64| until.saturating_add(GRACE_MS);
        let keys = self.history.keys(purpose).iter().filter(|_| purpose != KeyPurpose::Token);
        let published = keys.map(|key| PublishedKey {
            kid: kid_of(&key.public),
            key: key.public,
            not_before_ms: key.from_ms,
            // A log key goes on signing beside its successor for whoever knows it alone.
            not_after_ms: key.until_ms.filter(|_| purpose == KeyPurpose::Seal).map(grace),
            revoked: key.revoked.clone(),
            vkey: if purpose == KeyPurpose::Log { self.vkey(&key.public) } else { None },
        });
        published.collect()
    }
}

/// The key with the smallest number that is here; all zeroes, which is no key's public half, when there is none.
fn first_of(held: &HeldKeys, purpose: KeyPurpose) -> (u32, [u8; 32]) {
    let number = held.numbers(purpose).first().copied().unwrap_or_default();
    (number, held.public(purpose, number).unwrap_or_default())
}

#[cfg(test)]
mod tests;
