//! The public keys of an office, as it publishes them: what seals and checkpoints are judged by, and since when and until when.
//!
//! A key that was replaced stays in the list for ever, because papers live longer than keys; one that was revoked says since
//! when and why. A list of the keys in force alone was rejected: an old receipt would have become worthless with the first
//! change. This type holds nothing secret and reads no clock: whoever judges brings the moment.

use std::collections::BTreeMap;

use super::seal::SealPublicKey;

/// The keys of one office and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKeys {
    /// The issuer's names by language tag, such as `ar`.
    pub names: BTreeMap<String, String>,
    /// The address that citizens reach, such as `https://suivi.example.ma`.
    pub public_url: String,
    pub host: String,
    /// The first line of the log's checkpoints.
    pub log_origin: String,
    /// In the order of their numbers.
    pub seal: Vec<PublishedKey>,
    /// In the order of their numbers.
    pub log: Vec<PublishedKey>,
}

/// One public key and the time in which what it signs counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    /// The first four bytes of SHA-256 of `key`.
    pub kid: [u8; 4],
    /// The raw Ed25519 public key.
    pub key: [u8; 32],
    /// Milliseconds since 1970, always whole seconds; `None` for the keys with which the office began.
    pub not_before_ms: Option<i64>,
    /// Milliseconds since 1970; `None` while no other key has taken over.
    pub not_after_ms: Option<i64>,
    pub revoked: Option<Revocation>,
    /// The signed-note verifier key; log keys have one, seal keys have none.
    pub vkey: Option<String>,
}

/// What a key makes after `since_ms` is not to be believed, and what it made before only if the log confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Milliseconds since 1970.
    pub since_ms: i64,
    pub reason: String,
}

/// What a key's own times say about a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTerm {
    Within,
    /// The key was not in use yet.
    Before,
    /// Another key had taken over for longer than the allowance.
    After,
    /// The key is revoked, and the moment is not before that. Looked at first.
    Revoked,
}

impl PublishedKeys {
    /// The seal keys that are points of the curve, ready to verify with; whether one may be believed is for
    /// [`PublishedKey::term_at`] to say.
    pub fn seal_keys(&self) -> Vec<SealPublicKey> {
        self.seal.iter().filter_map(|key| SealPublicKey::from_bytes(&key.key).ok()).collect()
    }
}

impl PublishedKey {
    /// A moment in a seal is the signer's own word: for a revoked key, only the log can confirm it.
    pub fn term_at(&self, moment_ms: i64) -> KeyTerm {
        if self.revoked.as_ref().is_some_and(|revoked| moment_ms >= revoked.since_ms) {
            KeyTerm::Revoked
        } else if self.not_before_ms.is_some_and(|not_before| moment_ms < not_before) {
            KeyTerm::Before
        } else if self.not_after_ms.is_some_and(|not_after| moment_ms > not_after) {
            KeyTerm::After
        } else {
            KeyTerm::Within
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_within_its_times() {
        let key = PublishedKey {
            kid: [0; 4],
            key: [0; 32],
            not_before_ms: Some(10),
            not_after_ms: Some(20),
            revoked: Some(Revocation { since_ms: 15, reason: String::new() }),
            vkey: None,
        };
        let terms = [9, 10, 14, 15, 20, 21].map(|moment| key.term_at(moment));
        let (within, revoked) = (KeyTerm::Within, KeyTerm::Revoked);
        assert_eq!(terms, [KeyTerm::Before, within, within, revoked, revoked, revoked]);
        let sound = PublishedKey { revoked: None, ..key };
        assert_eq!([15, 20, 21].map(|moment| sound.term_at(moment)), [within, within, KeyTerm::After]);
    }
}
