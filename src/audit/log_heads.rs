//! The heads of a log that are to be trusted, found once and used for every receipt.
//!
//! A head counts when a log key of the office signed it. What witnesses add is when it was seen, and that the same was shown to
//! all of them. A log key that was revoked proves nothing by itself any more, because whoever has it can sign any history; what
//! enough witnesses saw before the revocation stays proven.

use super::log_proof::LogEvidence;
use crate::{
    receipt::PublishedKeys,
    tlog::{Checkpoint, NoteVerifier, Policy},
};

/// One signed head.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) checkpoint: Checkpoint,
    /// The witnesses' names and the seconds since 1970 at which they cosigned.
    pub(super) cosigners: Vec<(String, u64)>,
    /// Seconds since 1970: by then enough witnesses had cosigned.
    pub(super) met_at: Option<u64>,
    /// Whether the policy is content, also one that asks for nobody.
    pub(super) quorum: bool,
}

/// A log with its trusted heads.
#[derive(Debug)]
pub struct OpenedLog<'a> {
    pub(super) evidence: LogEvidence<'a>,
    /// The largest first.
    pub(super) heads: Vec<Head>,
    pub(super) newest: Newest,
    pub(super) by_policy: bool,
}

/// What is to be said of the head that the log shows at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newest {
    Trusted,
    /// No log key of the office signed it.
    Refused,
    Absent,
}

impl<'a> OpenedLog<'a> {
    /// Reads the log's checkpoints, and keeps those that a log key of the office signed.
    pub fn open(evidence: LogEvidence<'a>, keys: &PublishedKeys, policy: Option<&Policy>) -> Self {
        let notes = evidence.notes().unwrap_or_default();
        let mut newest = if notes.is_empty() { Newest::Absent } else { Newest::Refused };
        let mut heads = Vec::new();
        for (place, note) in notes.iter().enumerate() {
            if let Some(head) = trusted(note, keys, policy) {
                if place == 0 {
                    newest = Newest::Trusted;
                }
                heads.push(head);
            }
        }
        heads.sort_by_key(|head| std::cmp::Reverse(head.checkpoint.size));
        Self { evidence, heads, newest, by_policy: policy.is_some() }
    }

    /// The size up to which there are tiles.
    pub(super) fn size(&self) -> u64 {
        self.heads.first().map_or(0, |head| head.checkpoint.size)
    }
}

fn trusted(note: &str, keys: &PublishedKeys, policy: Option<&Policy>) -> Option<Head> {
    let verifiers: Vec<(NoteVerifier, Option<i64>)> = keys
        .log
        .iter()
        .filter_map(|key| {
            let verifier = NoteVerifier::parse(key.vkey.as_deref()?).ok()?;
            Some((verifier, key.revoked.as_ref().map(|revoked| revoked.since_ms)))
        })
        .collect();
    let mut signers = verifiers.iter().filter_map(|(verifier, revoked)| {
        Checkpoint::parse_signed(note, verifier).ok().map(|checkpoint| (checkpoint, *revoked))
    });
    let (checkpoint, revoked) = signers.next()?;
    // One key in force is enough: a note may carry an old key's signature beside the new one's.
    let revoked = if signers.any(|(_, revoked)| revoked.is_none()) { None } else { revoked };
    let known: Vec<NoteVerifier> = verifiers.into_iter().map(|(verifier, _)| verifier).collect();
    let (cosigners, met_at, quorum) = match policy {
        None => (Vec::new(), None, false),
        Some(policy) => {
            let witnessed = policy.judge_with(note, &known).ok()?;
            let met_at = policy.met_at(&witnessed.cosigners);
            (witnessed.cosigners, met_at, witnessed.quorum)
        }
    };
    let stands = revoked.is_none_or(|since_ms| met_at.is_some_and(|seconds| is_before(seconds, since_ms)));
    stands.then_some(Head { checkpoint, cosigners, met_at, quorum })
}

/// Whether a witness's second lies wholly before a moment in milliseconds.
pub(super) fn is_before(seconds: u64, moment_ms: i64) -> bool {
    i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000)).is_some_and(|ms| ms < moment_ms)
}
