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
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', TYPE_ED25519])
            .chain_update(key.as_bytes())
            .finalize();
        let mut key_id = [0; 4];
        key_id.copy_from_slice(&hash[..4]);
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
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
        let Some((&TYPE_ED25519, public)) = bytes.split_first() else {
            return Err(NoteError::VerifierKey);
        };
        let public = public.try_into().map_err(|_| NoteError::VerifierKey)?;
        let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::VerifierKey)?;
        let verifier = Self::new(name, key)?;
        // Writing the key again also checks the key id, its case and its length.
        if key.is_weak() || verifier.to_string() != vkey {
            return Err(NoteError::VerifierKey);
        }
        Ok(verifier)
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
        if note.len() > LARGEST_NOTE {
            return Err(NoteError::Malformed);
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = (&note[..=split], &note[split + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        if !is_note_text(note) {
            return Err(NoteError::Malformed);
        }
        let mut outcome = Err(NoteError::Unsigned);
        for (count, line) in signatures.split('\n').enumerate() {
            if count >= MOST_SIGNATURES {
                return Err(NoteError::Malformed);
            }
            let (name, key_id, signature) = read_signature(line).ok_or(NoteError::Malformed)?;
            if name != self.name || key_id != self.key_id {
                continue;
            }
            let signature = Signature::from_slice(&signature).map_err(|_| NoteError::Signature)?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            outcome = Ok(text);
        }
        outcome
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![TYPE_ED25519];
        bytes.extend_from_slice(self.key.as_bytes());
        let key_id = hex::encode(self.key_id);
        write!(formatter, "{}+{key_id}+{}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteVerifier({self})")
    }
}

/// Ends in a newline, and has no other ASCII control character below U+0020.
fn is_note_text(text: &str) -> bool {
    text.ends_with('\n') && text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}

fn is_key_name(name: &str) -> bool {
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
