//! What is answered about a receipt: one of four answers, and each check that led to it.
//!
//! A verdict holds facts and no words, so that the page, the command line and a table put it in their own. What a seal states
//! is among the facts only when the seal's signature holds: nobody should read a forger's date as if it were the office's. A
//! single "valid: yes or no" was rejected, because it hides both what was not looked at and what cannot be known.

use crate::receipt::ReceiptId;

/// The four answers, from the best to the worst that a list of receipts can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    Genuine,
    /// Something that would be needed, or was asked for, is missing.
    CannotTell,
    /// Genuine once, and replaced since, or sealed by a key that was revoked.
    NoLongerInForce,
    NotGenuine,
}

impl Answer {
    pub const ALL: [Self; 4] = [Self::Genuine, Self::CannotTell, Self::NoLongerInForce, Self::NotGenuine];

    /// The name in JSON, in tables and in the keys of the words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::CannotTell => "cannot-tell",
            Self::NoLongerInForce => "no-longer-in-force",
            Self::NotGenuine => "not-genuine",
        }
    }

    /// What `milaf verify` ends with.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Genuine => 0,
            Self::NotGenuine => 1,
            Self::CannotTell => 2,
            Self::NoLongerInForce => 3,
        }
    }
}

/// The checks, in the order in which they are made and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckKind {
    /// A bundle of evidence is whole, as its manifest tells.
    Bundle,
    /// The input is a receipt's address, or a token alone.
    Address,
    /// The token has its form.
    Token,
    /// The token's tag, which only the office's secret key can check.
    Tag,
    /// The seal has its form.
    Seal,
    /// Token and seal are of the same receipt.
    Match,
    /// The address is that of the office whose keys were given.
    Host,
    /// The office published the key that the seal names.
    Key,
    /// That key signed exactly this seal.
    Signature,
    /// The key was in use when the seal says that it was made.
    Term,
    /// The key is not revoked, or the log proves the seal older than the revocation.
    Revocation,
    /// What the seal states is possible: a reference, and a place inside the tree.
    Contents,
    /// The log's head is signed by the office's log key.
    Checkpoint,
    /// The receipt's entry is in the log, where the seal says.
    Inclusion,
    /// The tree named on the paper is a beginning of the log.
    Root,
    /// Enough witnesses signed the head.
    Witnesses,
    /// A record and its nonce are what the entry commits to, and tell of this receipt.
    Record,
    /// No later event replaced the receipt.
    Replaced,
    /// Every entry of a bundle is in the log of its checkpoint.
    Entries,
    /// Every record of a bundle and its nonce are what their entry commits to, and about the dossier.
    Records,
    /// No event is missing between the first of a bundle and its last.
    History,
    /// Every receipt of a bundle has a seal of its own, and its records tell of no others.
    Receipts,
}

impl CheckKind {
    pub const ALL: [Self; 22] = [
        Self::Bundle,
        Self::Address,
        Self::Token,
        Self::Tag,
        Self::Seal,
        Self::Match,
        Self::Host,
        Self::Key,
        Self::Signature,
        Self::Term,
        Self::Revocation,
        Self::Contents,
        Self::Checkpoint,
        Self::Inclusion,
        Self::Root,
        Self::Witnesses,
        Self::Record,
        Self::Replaced,
        Self::Entries,
        Self::Records,
        Self::History,
        Self::Receipts,
    ];

    /// The name in JSON, in tables and in the keys of the words. A format: it is never changed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Address => "address",
            Self::Token => "token",
            Self::Tag => "tag",
            Self::Seal => "seal",
            Self::Match => "match",
            Self::Host => "host",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Term => "term",
            Self::Revocation => "revocation",
            Self::Contents => "contents",
            Self::Checkpoint => "checkpoint",
            Self::Inclusion => "inclusion",
            Self::Root => "root",
            Self::Witnesses => "witnesses",
            Self::Record => "record",
            Self::Replaced => "replaced",
            Self::Entries => "entries",
            Self::Records => "records",
            Self::History => "history",
            Self::Receipts => "receipts",
        }
    }

    /// What can come of this check.
    pub const fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{Failed, Missing, NotLookedAt, Passed};
        match self {
            Self::Address | Self::Tag | Self::Record | Self::Replaced | Self::Records | Self::History => {
                &[Passed, Failed, NotLookedAt]
            }
            Self::Bundle | Self::Key | Self::Checkpoint | Self::Inclusion | Self::Entries | Self::Receipts => {
                &[Passed, Failed, Missing]
            }
            Self::Seal | Self::Host | Self::Signature | Self::Root => &[Passed, Failed, Missing, NotLookedAt],
            Self::Token | Self::Match | Self::Term | Self::Revocation | Self::Contents | Self::Witnesses => {
                &[Passed, Failed]
            }
        }
    }

    /// What follows when this check fails.
    const fn consequence(self) -> Answer {
        match self {
            Self::Revocation | Self::Replaced => Answer::NoLongerInForce,
            // These judge the copy of the log, for which the paper is not to blame.
            Self::Checkpoint | Self::Witnesses => Answer::CannotTell,
            _ => Answer::NotGenuine,
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Passed,
    Failed,
    /// It is needed, or was asked for, and what it takes is not there.
    Missing,
    /// Nobody asked for it, and the answer does not rest on it.
    NotLookedAt,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Passed, Self::Failed, Self::Missing, Self::NotLookedAt];

    /// The name in JSON, in tables and in the keys of the words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::NotLookedAt => "not-looked-at",
        }
    }
}

/// One check and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    pub kind: CheckKind,
    pub outcome: Outcome,
}

/// What a seal with a right signature states. The office's word, no more: its clock said `issued_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    pub reference: String,
    /// Seconds since 1970.
    pub issued_at: i64,
    pub leaf_index: u64,
    pub tree_size: u64,
    pub root: [u8; 32],
    /// The key that signed, as `kid` in the office's keys.
    pub kid: [u8; 4],
}

/// Since when, and why, a receipt counts no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Milliseconds since 1970.
    pub since_ms: i64,
    pub reason: String,
}

/// The judgement of one receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub answer: Answer,
    /// Each kind at most once, in the order of [`CheckKind::ALL`].
    pub checks: Vec<Check>,
    /// The host that the address names, proven or not.
    pub host: Option<String>,
    /// The receipt that the token names, proven or not. It opens nothing.
    pub receipt_id: Option<ReceiptId>,
    pub stated: Option<Stated>,
    /// The size of the checkpoint by which the log's checks were made.
    pub log_size: Option<u64>,
    /// Seconds since 1970. The log held the entry at the latest then, by enough witnesses' clocks.
    pub published_by: Option<u64>,
    /// Seconds since 1970. A witness saw the log without the entry then. It may have been kept back, so it is no bound of the
    /// time of issue, only of that of publication.
    pub published_after: Option<u64>,
    /// The witnesses who signed the checkpoint by which the log's checks were made.
    pub witnesses: Vec<String>,
    pub revoked: Option<Ended>,
    pub replaced: Option<Ended>,
    /// The dossier of a bundle, proven or not.
    pub dossier: Option<String>,
    /// The file of a bundle in which the first fault was found.
    pub place: Option<String>,
}

impl Verdict {
    /// A verdict with these checks, and the answer that follows from them.
    pub(super) fn of(checks: Vec<Check>) -> Self {
        Self {
            answer: answer(&checks),
            checks,
            host: None,
            receipt_id: None,
            stated: None,
            log_size: None,
            published_by: None,
            published_after: None,
            witnesses: Vec::new(),
            revoked: None,
            replaced: None,
            dossier: None,
            place: None,
        }
    }

    /// A verdict about something in which there was no receipt to be judged.
    pub fn cannot_tell() -> Self {
        Self::of(Vec::new())
    }

    pub fn outcome(&self, kind: CheckKind) -> Option<Outcome> {
        self.checks.iter().find(|check| check.kind == kind).map(|check| check.outcome)
    }

    /// The first check that failed, or else the first for which something is missing: what a reader is told first.
    pub fn decisive(&self) -> Option<Check> {
        let failed = self.checks.iter().filter(|check| check.outcome == Outcome::Failed);
        let worst = failed.max_by(|left, right| {
            let rank = |check: &Check| check.kind.consequence();
            // Of two that weigh the same, the earlier is told.
            rank(left).cmp(&rank(right)).then(right.kind.cmp(&left.kind))
        });
        worst.or_else(|| self.checks.iter().find(|check| check.outcome == Outcome::Missing)).copied()
    }
}

fn answer(checks: &[Check]) -> Answer {
    let worth = |check: &Check| match check.outcome {
        Outcome::Failed => check.kind.consequence(),
        Outcome::Missing => Answer::CannotTell,
        Outcome::Passed | Outcome::NotLookedAt => Answer::Genuine,
    };
    // A key's revocation, or a replacement, is a statement about a genuine receipt; while it cannot be told whether it is one,
    // that is not the answer to give.
    let missing = checks.iter().any(|check| check.outcome == Outcome::Missing && check.kind < CheckKind::Revocation);
    match checks.iter().map(worth).max().unwrap_or(Answer::CannotTell) {
        Answer::NoLongerInForce if missing => Answer::CannotTell,
        answer => answer,
    }
}
