//! Cosignatures, C2SP's tlog-cosignature: what a witness says under a log's checkpoint.
//!
//! <https://c2sp.org/tlog-cosignature>. A cosignature says: at this time, this was the largest tree
//! of this log that I have seen, and it extends every tree I saw before. Only the Ed25519 type
//! (`0x04`) is made and checked: the post-quantum type needs a library that is not yet proven, and
//! a signature of an unknown type is ignored like one by an unknown key. Nothing here decides
//! whether a tree may be cosigned; that promise is the witness's, who keeps what it has seen.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::Zeroize;

use super::note::{NoteError, NoteParts, is_key_name, key_id, read_vkey, write_vkey};

/// The signature type of a timestamped Ed25519 cosignature.
const TYPE_COSIGNATURE: u8 = 0x04;
/// A timestamp of eight bytes and a signature of 64.
const COSIGNATURE_LENGTH: usize = 8 + 64;
/// The latest time that the specification allows, in seconds since 1970.
const LATEST: u64 = i64::MAX as u64;

/// A witness's name and secret key. The curve library wipes the secret when it is dropped.
pub struct CosignatureSigner {
    verifier: CosignatureVerifier,
    key: SigningKey,
}

impl CosignatureSigner {
    /// `name` is best a URL without scheme; `seed` is 32 random bytes that sign nothing else: the
    /// signed message does not hold the name, so one key must not serve two witnesses.
    pub fn new(name: &str, mut seed: [u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        let verifier = CosignatureVerifier::new(name, key.verifying_key())?;
        Ok(Self { verifier, key })
    }

    pub fn verifier(&self) -> &CosignatureVerifier {
        &self.verifier
    }

    /// One signature line, with its newline, for a checkpoint's text (without its signatures) as
    /// seen at `seconds` since 1970. Zero and times that the specification has no room for are
    /// refused, as a text is that is no note's.
    pub fn sign(&self, text: &str, seconds: u64) -> Result<String, NoteError> {
        let is_text = text.ends_with('\n') && text.bytes().all(|byte| byte >= 0x20 || byte == b'\n');
        if !is_text || seconds == 0 || seconds > LATEST {
            return Err(NoteError::Text);
        }
        let signature = self.key.sign(message(text, seconds).as_bytes());
        let mut bytes = self.verifier.key_id.to_vec();
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes.extend_from_slice(&signature.to_bytes());
        Ok(format!("— {} {}\n", self.verifier.name, BASE64_STANDARD.encode(bytes)))
    }
}

impl fmt::Debug for CosignatureSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CosignatureSigner({}, [redacted])", self.verifier)
    }
}

/// A witness's name and public key, written as a verifier key of type `0x04`.
#[derive(Clone, PartialEq, Eq)]
pub struct CosignatureVerifier {
    name: String,
    key_id: [u8; 4],
    key: VerifyingKey,
}

impl CosignatureVerifier {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name);
        }
        let key_id = key_id(name, TYPE_COSIGNATURE, key.as_bytes());
        Ok(Self { name: name.to_owned(), key_id, key })
    }

    /// Reads `<name>+<key id in hex>+<base64 of type and public key>`.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = read_vkey(vkey, TYPE_COSIGNATURE)?;
        let verifier = Self::new(name, key)?;
        if verifier.to_string() == vkey { Ok(verifier) } else { Err(NoteError::VerifierKey) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// The raw public key.
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// When this witness cosigned the note, in seconds since 1970, or `None` if it did not. Every
    /// signature that carries this key's name and id must be right, whatever else the note holds;
    /// of several the earliest counts, because it bounds best when the tree existed.
    ///
    /// The log's own signature is not looked at: [`super::Policy::judge`] does both.
    pub fn verify(&self, note: &str) -> Result<Option<u64>, NoteError> {
        self.cosigned(&NoteParts::split(note)?)
    }

    pub(super) fn cosigned(&self, parts: &NoteParts<'_>) -> Result<Option<u64>, NoteError> {
        let mut earliest: Option<u64> = None;
        for bytes in parts.by(&self.name, self.key_id) {
            let seconds = self.check(parts.text, bytes)?;
            earliest = Some(earliest.map_or(seconds, |known| known.min(seconds)));
        }
        Ok(earliest)
    }

    fn check(&self, text: &str, bytes: &[u8]) -> Result<u64, NoteError> {
        let (seconds, signature) = bytes.split_first_chunk::<8>().ok_or(NoteError::Signature)?;
        let seconds = u64::from_be_bytes(*seconds);
        if bytes.len() != COSIGNATURE_LENGTH || seconds > LATEST {
            return Err(NoteError::Signature);
        }
        let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
        let message = message(text, seconds);
        self.key.verify_strict(message.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
        Ok(seconds)
    }
}

impl fmt::Display for CosignatureVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&write_vkey(&self.name, self.key_id, TYPE_COSIGNATURE, self.key.as_bytes()))
    }
}

impl fmt::Debug for CosignatureVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CosignatureVerifier({self})")
    }
}

/// What is signed: a header that no other message begins with, the time, and the checkpoint's text.
fn message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

#[cfg(test)]
mod tests;
