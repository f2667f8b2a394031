//! Signed notes, version 1 of C2SP's signed-note: a text and Ed25519 signatures under it.
//!
//! <https://c2sp.org/signed-note>. Only the Ed25519 type (`0x01`) is made or checked here; a
//! signature by a key we do not know is ignored, as the specification asks, which is how witnesses
//! and a change of key fit in. The crate `signed_note` was rejected as a dependency because it
//! verifies loosely and brings a second curve library; the tests use it to check this one.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroize;

/// The signature type of plain Ed25519.
const TYPE_ED25519: u8 = 0x01;
/// Larger notes are not looked at.
const LARGEST_NOTE: usize = 1_000_000;
/// The specification asks for at least 16.
const MOST_SIGNATURES: usize = 100;

/// Why a note, or a key for notes, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    #[error("a key's name must not be empty and must have no spaces, control characters or plus")]
    Name,
    #[error("the verifier key is malformed")]
    VerifierKey,
    #[error("the note's text must end in a newline and have no other control characters")]
    Text,
    #[error("the note is malformed")]
    Malformed,
    #[error("no signature of the note is by the given key")]
    Unsigned,
    #[error("the note's signature is wrong")]
    Signature,
}

/// A name and a secret key. The curve library wipes the secret when it is dropped.
#[derive(Clone)]
pub struct NoteSigner {
    verifier: NoteVerifier,
    key: SigningKey,
}

impl NoteSigner {
    /// `name` is best a URL without scheme; `seed` is 32 random bytes.
    pub fn new(name: &str, mut seed: [u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        let verifier = NoteVerifier::new(name, key.verifying_key())?;
        Ok(Self { verifier, key })
    }

    /// The same secret under another name, which makes it another key to whoever verifies.
    pub fn renamed(&self, name: &str) -> Result<Self, NoteError> {
        let verifier = NoteVerifier::new(name, self.key.verifying_key())?;
        Ok(Self { verifier, key: self.key.clone() })
    }

    /// The whole note: the text, a blank line and one signature line.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !is_note_text(text) {
            return Err(NoteError::Text);
        }
        Ok(format!("{text}\n{}", self.signature_line(text)))
    }

    /// The note with a signature line of this key below those that it has; nothing if this key has signed it.
    ///
    /// # Errors
    /// When it is no note, or holds a wrong signature under this key's name.
    pub fn countersign(&self, note: &str) -> Result<Option<String>, NoteError> {
        match self.verifier.open(note) {
            Ok(_) => Ok(None),
            Err(NoteError::Unsigned) => {
                let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
                Ok(Some(format!("{note}{}", self.signature_line(&note[..=split]))))
            }
            Err(error) => Err(error),
        }
    }

    fn signature_line(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let mut bytes = self.verifier.key_id.to_vec();
        bytes.extend_from_slice(&signature.to_bytes());
        format!("— {} {}\n", self.verifier.name, BASE64_STANDARD.encode(bytes))
    }

    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteSigner({}, [redacted])", self.verifier)
    }
}

/// A name and a public key, written as the specification's verifier key ("vkey").
#[derive(Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    key_id: [u8; 4],
    key: VerifyingKey,
}

impl NoteVerifier {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, NoteError> {
        if !is_key_name(name) {
            return Err(NoteError::Name);
        }
        let key_id = key_id(name, TYPE_ED25519, key.as_bytes());
        let name = name.to_owned();
        Ok(Self { name, key_id, key })
    }

    /// The verifier of a raw public key under a name.
    ///
    /// # Errors
    /// When the name is none, or the bytes are no usable point of the curve.
    pub fn of_public(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::VerifierKey)?;
        if key.is_weak() { Err(NoteError::VerifierKey) } else { Self::new(name, key) }
    }

    /// Reads `<name>+<key id in hex>+<base64 of type and public key>`.
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let (name, key) = read_vkey(vkey, TYPE_ED25519)?;
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

    /// Returns the note's text if this key signed it. Every signature that carries this key's name
    /// and id must be right; signatures by other keys are ignored, but must be well formed.
    pub fn open<'note>(&self, note: &'note str) -> Result<&'note str, NoteError> {
        let parts = NoteParts::split(note)?;
        if self.signed(&parts)? { Ok(parts.text) } else { Err(NoteError::Unsigned) }
    }

    /// Whether this key signed the note. A wrong signature under this key's name and id is an error.
    pub(super) fn signed(&self, parts: &NoteParts<'_>) -> Result<bool, NoteError> {
        let mut signed = false;
        for signature in parts.by(&self.name, self.key_id) {
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
            self.key.verify_strict(parts.text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            signed = true;
        }
        Ok(signed)
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&write_vkey(&self.name, self.key_id, TYPE_ED25519, self.key.as_bytes()))
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteVerifier({self})")
    }
}

/// A well-formed note, taken apart: nothing of it is verified yet.
pub(super) struct NoteParts<'note> {
    /// What is signed, with its last newline.
    pub(super) text: &'note str,
    signatures: Vec<(&'note str, [u8; 4], Vec<u8>)>,
}

impl<'note> NoteParts<'note> {
    pub(super) fn split(note: &'note str) -> Result<Self, NoteError> {
        if note.len() > LARGEST_NOTE {
            return Err(NoteError::Malformed);
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        if !is_note_text(note) {
            return Err(NoteError::Malformed);
        }
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() >= MOST_SIGNATURES {
                return Err(NoteError::Malformed);
            }
            signatures.push(read_signature(line).ok_or(NoteError::Malformed)?);
        }
        Ok(Self { text, signatures })
    }

    /// The signatures that carry a key's name and id, as they were sent.
    pub(super) fn by(&self, name: &str, key_id: [u8; 4]) -> impl Iterator<Item = &[u8]> {
        let ours = move |(signer, id, _): &&(&str, [u8; 4], Vec<u8>)| *signer == name && *id == key_id;
        self.signatures.iter().filter(ours).map(|(_, _, signature)| signature.as_slice())
    }
}

/// The first four bytes of SHA-256(name, newline, signature type, public key).
pub(super) fn key_id(name: &str, signature_type: u8, public: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', signature_type]).chain_update(public).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// `<name>+<key id in hex>+<base64 of type and public key>`.
pub(super) fn write_vkey(name: &str, key_id: [u8; 4], signature_type: u8, public: &[u8; 32]) -> String {
    let mut bytes = vec![signature_type];
    bytes.extend_from_slice(public);
    format!("{name}+{}+{}", hex::encode(key_id), BASE64_STANDARD.encode(bytes))
}

/// The name and the public key of a verifier key of this type. Whoever reads it writes it again to
/// check the key id, its case and its length.
pub(super) fn read_vkey(vkey: &str, signature_type: u8) -> Result<(&str, VerifyingKey), NoteError> {
    let mut parts = vkey.splitn(3, '+');
    let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::VerifierKey);
    };
    let bytes = BASE64_STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
    let public = match bytes.split_first() {
        Some((first, public)) if *first == signature_type => public,
        _ => return Err(NoteError::VerifierKey),
    };
    let public = public.try_into().map_err(|_| NoteError::VerifierKey)?;
    let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::VerifierKey)?;
    if key.is_weak() { Err(NoteError::VerifierKey) } else { Ok((name, key)) }
}

/// Ends in a newline, and has no other ASCII control character below U+0020.
fn is_note_text(text: &str) -> bool {
    text.ends_with('\n') && text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}

pub(super) fn is_key_name(name: &str) -> bool {
    let refused = |character: char| character == '+' || character.is_whitespace() || character < '\u{20}';
    !name.is_empty() && !name.contains(refused)
}

fn read_signature(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk::<4>()?;
    let well_formed = is_key_name(name) && !signature.is_empty();
    well_formed.then(|| (name, *key_id, signature.to_vec()))
}

#[cfg(test)]
mod tests;
