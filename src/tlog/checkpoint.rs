//! Checkpoints, version 1 of C2SP's tlog-checkpoint: the log's head as a signed note.
//!
//! <https://c2sp.org/tlog-checkpoint>. The text is three lines: origin, size, root. Extension lines
//! are neither written nor accepted: nobody who monitors a log can audit them. This module signs
//! whatever head it is given; that no head is ever inconsistent with an earlier one is the
//! promise of whoever calls it. The key's name is the log's origin, so one log has one identity.

use base64::prelude::{BASE64_STANDARD, Engine};
use thiserror::Error;

use super::leaf::Hash;
use super::note::{NoteError, NoteParts, NoteSigner, NoteVerifier};

/// Why a checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("the note's text is not a checkpoint without extension lines")]
    Text,
    #[error("the checkpoint is another log's")]
    Origin,
}

/// The head of a log: so many leaves, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed, three lines.
    pub fn text(&self) -> String {
        let root = BASE64_STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads a signed checkpoint. The verifier's name must be the checkpoint's origin.
    pub fn parse_signed(note: &str, verifier: &NoteVerifier) -> Result<Self, CheckpointError> {
        let text = verifier.open(note)?;
        let checkpoint = Self::parse(text).ok_or(CheckpointError::Text)?;
        if checkpoint.origin != verifier.name() {
            return Err(CheckpointError::Origin);
        }
        Ok(checkpoint)
    }

    /// As [`Checkpoint::parse_signed`], with whichever of a log's keys has signed: after a change of key an old note has the
    /// old key's signature alone.
    ///
    /// # Errors
    /// That of the key which found more than no signature of its own, else that of no signature.
    pub fn parse_signed_by_any(note: &str, verifiers: &[NoteVerifier]) -> Result<Self, CheckpointError> {
        let unsigned = CheckpointError::Note(NoteError::Unsigned);
        let mut outcome = Err(unsigned);
        for verifier in verifiers {
            match Self::parse_signed(note, verifier) {
                Ok(checkpoint) => return Ok(checkpoint),
                Err(error) if error == unsigned => {}
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// What a note claims to be the head of, and the whole text that must be signed. Nothing of it is verified, and unlike
    /// everywhere else the text may go on after its three lines: a witness signs what other people's logs write there, too.
    pub fn unverified(note: &str) -> Result<(Self, &str), CheckpointError> {
        let text = NoteParts::split(note)?.text;
        let end = text.match_indices('\n').nth(2).map_or(text.len(), |(place, _)| place + 1);
        let checkpoint = Self::parse(&text[..end]).ok_or(CheckpointError::Text)?;
        Ok((checkpoint, text))
    }

    /// Reads the three lines of a checkpoint that is already known to be signed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let root = BASE64_STANDARD.decode(root).ok()?;
        let checkpoint = Self { origin: origin.to_owned(), size: size.parse().ok()?, root: root.try_into().ok()? };
        // Writing it again refuses leading zeroes, plus signs, extension lines and a missing end.
        (!origin.is_empty() && checkpoint.text() == text).then_some(checkpoint)
    }
}

/// The secret that signs the log's head.
#[derive(Clone, Debug)]
pub struct LogKey(NoteSigner);

impl LogKey {
    /// `origin` is the log's identity and the key's name, `<host>/log`; `seed` is 32 random bytes.
    pub fn new(origin: &str, seed: [u8; 32]) -> Result<Self, NoteError> {
        NoteSigner::new(origin, seed).map(Self)
    }

    /// The same secret for a log of another name.
    pub fn renamed(&self, origin: &str) -> Result<Self, NoteError> {
        self.0.renamed(origin).map(Self)
    }

    pub fn origin(&self) -> &str {
        self.0.verifier().name()
    }

    /// The raw public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifier().public()
    }

    /// The verifier key to publish.
    pub fn vkey(&self) -> String {
        self.0.verifier().to_string()
    }

    pub fn verifier(&self) -> &NoteVerifier {
        self.0.verifier()
    }

    /// The signed note to publish. The same checkpoint always gives the same text.
    ///
    /// # Panics
    /// If the checkpoint's origin is not this key's: signing another log's head is a program's
    /// error that must not be published.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        assert_eq!(checkpoint.origin, self.origin(), "a log signs its own head only");
        self.0.sign(&checkpoint.text()).expect("an origin that is a key name makes a text that is a note's")
    }

    /// The note with this key's signature below the others; nothing if it is there already.
    ///
    /// # Errors
    /// When it is no note.
    pub fn countersign(&self, note: &str) -> Result<Option<String>, NoteError> {
        self.0.countersign(note)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: &str = "suivi.example.ma/log";
    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn key() -> LogKey {
        LogKey::new(ORIGIN, [0x41; 32]).unwrap()
    }

    fn check(text: &str, expected: Result<u64, CheckpointError>) {
        let signed = key().0.sign(text).unwrap();
        let outcome = Checkpoint::parse_signed(&signed, key().verifier());
        assert_eq!(outcome.map(|checkpoint| checkpoint.size), expected, "{text:?}");
    }

    #[test]
    fn three_lines_and_no_more() {
        check(&format!("{ORIGIN}\n0\n{ROOT}\n"), Ok(0));
        check(&format!("{ORIGIN}\n18446744073709551615\n{ROOT}\n"), Ok(u64::MAX));
        check(&format!("other.example/log\n0\n{ROOT}\n"), Err(CheckpointError::Origin));
        for text in [
            format!("{ORIGIN}\n0\n{ROOT}\nextension\n"),
            format!("{ORIGIN}\n0\n{ROOT}\n\n"),
            format!("{ORIGIN}\n0\n"),
            format!("{ORIGIN}\n{ROOT}\n0\n"),
            format!("\n0\n{ROOT}\n"),
            format!("{ORIGIN}\n00\n{ROOT}\n"),
            format!("{ORIGIN}\n01\n{ROOT}\n"),
            format!("{ORIGIN}\n+1\n{ROOT}\n"),
            format!("{ORIGIN}\n-1\n{ROOT}\n"),
            format!("{ORIGIN}\n 1\n{ROOT}\n"),
            format!("{ORIGIN}\n١\n{ROOT}\n"),
            format!("{ORIGIN}\n18446744073709551616\n{ROOT}\n"),
            format!("{ORIGIN}\n0\n{}\n", &ROOT[..43]),
            format!("{ORIGIN}\n0\n{ROOT} \n"),
            format!("{ORIGIN}\n0\nAAAA\n"),
            format!("{ORIGIN}\n0\n{}V=\n", &ROOT[..42]),
        ] {
            check(&text, Err(CheckpointError::Text));
        }
    }

    #[test]
    fn another_key_s_checkpoint_is_refused() {
        let other = LogKey::new(ORIGIN, [0x42; 32]).unwrap();
        let (origin, root) = (ORIGIN.to_owned(), [1; 32]);
        let signed = other.sign(&Checkpoint { origin, size: 1, root });
        let outcome = Checkpoint::parse_signed(&signed, key().verifier());
        assert_eq!(outcome, Err(CheckpointError::Note(NoteError::Unsigned)));
    }

    #[test]
    fn either_of_two_keys_reads_what_both_have_signed() {
        let (old, new) = (key(), LogKey::new(ORIGIN, [0x42; 32]).unwrap());
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: [1; 32] };
        let note = new.countersign(&old.sign(&checkpoint)).unwrap().unwrap();
        assert_eq!(new.countersign(&note), Ok(None));
        assert_eq!(note.lines().filter(|line| line.starts_with("— ")).count(), 2);
        for reader in [&old, &new] {
            assert_eq!(Checkpoint::parse_signed(&note, reader.verifier()), Ok(checkpoint.clone()));
        }
        let verifiers = [&new, &old].map(|key| NoteVerifier::of_public(ORIGIN, &key.public()).unwrap());
        let by_old = old.sign(&checkpoint);
        assert_eq!(Checkpoint::parse_signed_by_any(&by_old, &verifiers), Ok(checkpoint));
        let refused = Checkpoint::parse_signed_by_any(&by_old, &verifiers[..1]);
        assert_eq!(refused, Err(CheckpointError::Note(NoteError::Unsigned)));
        assert_eq!(new.countersign("no note"), Err(NoteError::Malformed));
    }

    #[test]
    #[should_panic(expected = "a log signs its own head only")]
    fn another_log_s_head_is_never_signed() {
        let origin = "other.example/log".to_owned();
        let _ = key().sign(&Checkpoint { origin, size: 1, root: [1; 32] });
    }

    proptest! {
        #[test]
        fn round_trip(size: u64, root: Hash, seed: [u8; 32]) {
            let key = LogKey::new(ORIGIN, seed).unwrap();
            let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
            let verifier = NoteVerifier::parse(&key.vkey()).unwrap();
            let read = Checkpoint::parse_signed(&key.sign(&checkpoint), &verifier);
            prop_assert_eq!(read, Ok(checkpoint));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = Checkpoint::parse(&text);
            prop_assert!(Checkpoint::parse_signed(&text, key().verifier()).is_err());
        }
    }
}
