//! The words of `add-checkpoint`: a request as it is sent, and the answers there are.
//!
//! <https://c2sp.org/tlog-witness>. A request is read strictly: one that could be read in two ways is no request.

use base64::prelude::{BASE64_STANDARD, Engine};
use thiserror::Error;

use crate::tlog::{Checkpoint, CheckpointError, Hash};

/// Larger requests are not read: a proof of 63 hashes, a checkpoint, and more signatures than any log has.
pub const LARGEST_REQUEST: usize = 64 * 1024;
/// As many as the path of a tree of any size can have.
const MOST_PROOF_LINES: usize = 63;

/// Why a request is refused before anything is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("the body is not text in UTF-8")]
    Encoding,
    #[error("the body begins with a line `old SIZE`")]
    OldLine,
    #[error("between the old size and an empty line there are at most 63 hashes in base64")]
    Proof,
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("the old size is larger than the checkpoint's")]
    OldSize,
}

/// A request to cosign, well formed and otherwise unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'body> {
    pub old: u64,
    pub proof: Vec<Hash>,
    pub checkpoint: Checkpoint,
    /// What is cosigned.
    pub text: &'body str,
    /// The signed note.
    pub note: &'body str,
}

impl<'body> Request<'body> {
    pub fn parse(body: &'body [u8]) -> Result<Self, RequestError> {
        let body = std::str::from_utf8(body).map_err(|_| RequestError::Encoding)?;
        let (first, mut rest) = body.split_once('\n').ok_or(RequestError::OldLine)?;
        let old = first.strip_prefix("old ").and_then(size).ok_or(RequestError::OldLine)?;
        let mut proof = Vec::new();
        let note = loop {
            let (line, following) = rest.split_once('\n').ok_or(RequestError::Proof)?;
            if line.is_empty() {
                break following;
            }
            let hash = BASE64_STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok());
            proof.push(hash.filter(|_| proof.len() < MOST_PROOF_LINES).ok_or(RequestError::Proof)?);
            rest = following;
        };
        let (checkpoint, text) = Checkpoint::unverified(note)?;
        Ok(Self { old, proof, checkpoint, text, note })
    }
}

/// Decimal without leading zeroes or signs.
fn size(digits: &str) -> Option<u64> {
    digits.parse::<u64>().ok().filter(|size| size.to_string() == digits)
}

/// What `add-checkpoint` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: the signature line, with its newline.
    Cosigned(String),
    /// 400.
    Malformed(RequestError),
    /// 403: not signed by a key that is trusted for this log, or wrongly signed by one.
    Untrusted,
    /// 404.
    UnknownLog,
    /// 409: this is the size that was last cosigned.
    Conflict { size: u64 },
    /// 422: the log's history does not go on.
    Inconsistent,
    /// 500: it could not be stored, so it was not signed.
    Failed,
}

impl Answer {
    /// Status code, content type and body.
    pub fn parts(&self) -> (u16, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        match self {
            Self::Cosigned(line) => (200, TEXT, line.clone()),
            Self::Malformed(error) => (400, TEXT, format!("{error}\n")),
            Self::Untrusted => (403, TEXT, "no valid signature by a key that is trusted for this log\n".to_owned()),
            Self::UnknownLog => (404, TEXT, "this witness does not know this log\n".to_owned()),
            Self::Conflict { size } => (409, "text/x.tlog.size", format!("{size}\n")),
            Self::Inconsistent => (422, TEXT, "the checkpoint does not extend the last cosigned one\n".to_owned()),
            Self::Failed => (500, TEXT, "nothing was cosigned; try again later\n".to_owned()),
        }
    }
}
