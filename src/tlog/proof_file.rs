//! Proof files, version 1 of C2SP's tlog-proof: that an entry is in a log, in one text that is checked without a network.
//!
//! <https://c2sp.org/tlog-proof>. The checkpoint stands in it word for word, with whoever has cosigned it. It is neither
//! opened nor believed here; that takes keys, which only the reader has. What the entry is, the file does not say: its reader
//! brings the record and the nonce, or the leaf that a receipt names.

use std::{fmt, str::FromStr};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::leaf::Hash;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Larger files are not looked at; a note alone may have a megabyte.
const LARGEST_FILE: usize = 1_100_000;
/// No tree whose leaves are counted in 64 bits has a longer path.
const LONGEST_PATH: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Opaque, and covered by no signature; `None` when there is none.
    pub extra: Option<Vec<u8>>,
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub path: Vec<Hash>,
    /// The signed note, word for word.
    pub checkpoint_note: String,
}

/// The text is no proof file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a proof file of the first version of tlog-proof")]
pub struct ProofFileError;

impl FromStr for ProofFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        Self::read(text).ok_or(ProofFileError)
    }
}

impl ProofFile {
    fn read(text: &str) -> Option<Self> {
        if text.len() > LARGEST_FILE {
            return None;
        }
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        lines.next_if_eq(&FIRST_LINE)?;
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(BASE64_STANDARD.decode(line.strip_prefix("extra ")?).ok()?),
            None => None,
        };
        let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
        let mut path = Vec::new();
        for line in lines {
            path.push(BASE64_STANDARD.decode(line).ok()?.try_into().ok()?);
        }
        let file = Self { extra, index, path, checkpoint_note: note.to_owned() };
        // Writing it again refuses signs, leading zeroes, empty extra data and whatever else has a second spelling.
        (file.path.len() <= LONGEST_PATH && note.ends_with('\n') && file.to_string() == text).then_some(file)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = self.extra.as_ref().filter(|extra| !extra.is_empty()) {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint_note)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTE: &str = "example.com/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— example.com/log AAAA\n";

    #[test]
    fn one_spelling_is_read_and_no_other() {
        let hash = BASE64_STANDARD.encode([7; 32]);
        let good = format!("{FIRST_LINE}\nextra AQI=\nindex 73894\n{hash}\n\n{NOTE}");
        let file: ProofFile = good.parse().unwrap();
        assert_eq!(
            (file.index, file.path.as_slice(), file.extra.as_deref()),
            (73_894, &[[7; 32]][..], Some(&[1, 2][..]))
        );
        assert_eq!(file.checkpoint_note, NOTE);
        let bare = format!("{FIRST_LINE}\nindex 0\n\n{NOTE}");
        assert_eq!(bare.parse::<ProofFile>().unwrap().path.len(), 0);
        for (what, with) in [
            (FIRST_LINE, "c2sp.org/tlog-proof@v2"),
            ("extra AQI=", "extra "),
            ("extra AQI=", "extra AQI"),
            ("extra AQI=", "extra AQI=\nextra AQI="),
            ("extra AQI=\n", "index 73894\nextra AQI=\n"),
            ("index 73894", "index 073894"),
            ("index 73894", "index +73894"),
            ("index 73894", "index -1"),
            ("index 73894", "index 18446744073709551616"),
            ("index 73894", "index"),
            ("index 73894\n", ""),
            ("index 73894\n", "index 73894\r\n"),
            (&hash, "AAAA"),
            (&hash, &hash[..43]),
            (&hash, &format!("{hash} ")),
            (&hash, &[hash.as_str(); 65].join("\n")),
            (&format!("{hash}\n\n"), &format!("{hash}\n")),
            ("log AAAA\n", "log AAAA"),
            (NOTE, ""),
        ] {
            let bad = good.replacen(what, with, 1);
            assert_ne!(bad, good, "{what}");
            assert_eq!(bad.parse::<ProofFile>(), Err(ProofFileError), "{what} -> {with}");
        }
        let long = format!("{FIRST_LINE}\nindex 0\n\n{}\n", "a".repeat(LARGEST_FILE));
        assert_eq!(long.parse::<ProofFile>(), Err(ProofFileError));
    }

    proptest! {
        #[test]
        fn round_trip(extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..50)), index: u64,
            path in prop::collection::vec(any::<[u8; 32]>(), 0..=64), note in "[^\u{0}]{0,80}\n") {
            let file = ProofFile { extra, index, path, checkpoint_note: note };
            prop_assert_eq!(file.to_string().parse(), Ok(file));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String, near in "c2sp\\.org/tlog-proof@v1\n(extra [A-Za-z=]{0,6}\n)?index [0-9]{0,3}\n[A=\n]{0,50}\n\n.*\n") {
            let _ = text.parse::<ProofFile>();
            if let Ok(file) = near.parse::<ProofFile>() {
                prop_assert_eq!(file.to_string(), near);
            }
        }
    }
}
