//! The judgement of one receipt, from what was brought: a text, the office's keys, and perhaps its log, a policy of witnesses, a
//! record with its nonce.
//!
//! The order of the checks is that of what rests on what: nothing that a seal states is looked at before its signature holds.
//! Asking the office's server was rejected as a part of this: whoever doubts an office does not ask it, and where the answer
//! must come from it, as for a token's tag or a replacement, the caller says so.

use super::{
    log_heads::{Head, Newest, OpenedLog, is_before},
    log_proof::Proven,
    presented::{Presented, PresentedError, PresentedSeal},
    record_check::{Opening, tells_of},
    verdict::{Check, CheckKind, Ended, Outcome, Stated, Verdict},
};
use crate::{
    dossier::Reference,
    receipt::{KeyTerm, PublishedKey, PublishedKeys, ReceiptId, SealClaims, SealError, SealPublicKey, verify_seal},
    tlog::Policy,
};

/// What there is to judge by. Whatever is absent is not looked at, or is said to be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    pub keys: Option<&'a PublishedKeys>,
    pub log: Option<&'a OpenedLog<'a>>,
    /// By which a proof file's checkpoint is judged; a log was opened by it already.
    pub policy: Option<&'a Policy>,
    /// Whether the office's secret key made the token; only the office itself can tell.
    pub tag: Option<bool>,
    pub opening: Option<Opening<'a>>,
    pub later: Later<'a>,
}

/// What is known of a receipt's fate after it was issued.
#[derive(Clone, Copy, Debug, Default)]
pub enum Later<'a> {
    #[default]
    Unknown,
    InForce,
    Replaced(&'a Ended),
}

/// Judges the text of a QR code, or a token.
pub fn judge_text(text: &str, evidence: &Evidence<'_>) -> Verdict {
    match Presented::parse(text) {
        Ok(presented) => judge(&presented, evidence),
        Err(PresentedError::Address) => Verdict::of(vec![check(CheckKind::Address, Outcome::Failed)]),
        Err(PresentedError::Token { host }) => {
            let address = if host.is_some() { Outcome::Passed } else { Outcome::NotLookedAt };
            let checks = vec![check(CheckKind::Address, address), check(CheckKind::Token, Outcome::Failed)];
            Verdict { host, ..Verdict::of(checks) }
        }
    }
}

/// Judges a receipt.
pub fn judge(receipt: &Presented, evidence: &Evidence<'_>) -> Verdict {
    let mut judge = Judge { checks: Vec::new(), found: Verdict::of(Vec::new()) };
    judge.found.host.clone_from(&receipt.host);
    judge.found.receipt_id = Some(receipt.token.receipt_id());
    judge.add(CheckKind::Address, if receipt.host.is_some() { Outcome::Passed } else { Outcome::NotLookedAt });
    judge.add(CheckKind::Token, Outcome::Passed);
    judge.add(CheckKind::Tag, evidence.tag.map_or(Outcome::NotLookedAt, passed));
    if let Some((claims, key)) = &judge.seal(receipt, evidence.keys) {
        judge.stated(claims, key, evidence);
    }
    judge.done()
}

/// Judges the seal of a receipt whose number is known from elsewhere, such as a bundle's records.
pub(super) fn judge_seal(seal: &[u8], receipt: ReceiptId, evidence: &Evidence<'_>) -> Verdict {
    let mut judge = Judge { checks: Vec::new(), found: Verdict::of(Vec::new()) };
    judge.found.receipt_id = Some(receipt);
    if let Some((claims, key)) = &judge.signed(seal, receipt, evidence.keys) {
        judge.stated(claims, key, evidence);
    }
    judge.done()
}

struct Judge {
    checks: Vec<Check>,
    found: Verdict,
}

impl Judge {
    fn add(&mut self, kind: CheckKind, outcome: Outcome) {
        self.checks.push(check(kind, outcome));
    }

    fn done(mut self) -> Verdict {
        self.checks.sort_by_key(|check| check.kind);
        let Verdict { answer, checks, .. } = Verdict::of(self.checks);
        Verdict { answer, checks, ..self.found }
    }

    /// The seal up to its signature; gives what it states only if that holds.
    fn seal<'k>(
        &mut self,
        receipt: &Presented,
        keys: Option<&'k PublishedKeys>,
    ) -> Option<(SealClaims, &'k PublishedKey)> {
        let host = match (keys, &receipt.host) {
            (None, Some(_)) => Outcome::Missing,
            (_, None) => Outcome::NotLookedAt,
            (Some(keys), Some(host)) => passed(is_host_of(keys, host)),
        };
        self.add(CheckKind::Host, host);
        let bytes = match &receipt.seal {
            PresentedSeal::Present(seal) => seal.bytes(),
            PresentedSeal::Unreadable => {
                self.add(CheckKind::Seal, Outcome::Failed);
                return None;
            }
            PresentedSeal::Absent => {
                self.add(CheckKind::Seal, Outcome::Missing);
                return None;
            }
        };
        self.signed(bytes, receipt.token.receipt_id(), keys)
    }

    fn signed<'k>(
        &mut self,
        bytes: &[u8],
        receipt: ReceiptId,
        keys: Option<&'k PublishedKeys>,
    ) -> Option<(SealClaims, &'k PublishedKey)> {
        // Without keys the form alone can be judged; no key at all gives the same answers.
        let candidates = keys.map(PublishedKeys::seal_keys).unwrap_or_default();
        let (form, key, signature, signed) = match verify_seal(bytes, &candidates) {
            Ok(claims) => (Outcome::Passed, Outcome::Passed, Outcome::Passed, Some(claims)),
            Err(SealError::Signature) => (Outcome::Passed, Outcome::Passed, Outcome::Failed, None),
            Err(SealError::UnknownKey | SealError::PublicKey) if keys.is_none() => {
                (Outcome::Passed, Outcome::Missing, Outcome::Missing, None)
            }
            Err(SealError::UnknownKey | SealError::PublicKey) => {
                (Outcome::Passed, Outcome::Failed, Outcome::NotLookedAt, None)
            }
            Err(SealError::Malformed | SealError::Algorithm) => {
                self.add(CheckKind::Seal, Outcome::Failed);
                return None;
            }
        };
        self.add(CheckKind::Seal, form);
        self.add(CheckKind::Key, key);
        self.add(CheckKind::Signature, signature);
        let claims = signed?;
        self.add(CheckKind::Match, passed(claims.receipt_id == receipt));
        // Of keys that share an id, the one that signed.
        let author = keys?.seal.iter().find(|key| {
            SealPublicKey::from_bytes(&key.key).is_ok_and(|candidate| verify_seal(bytes, &[candidate]).is_ok())
        })?;
        Some((claims, author))
    }

    /// Everything that rests on what the seal states.
    fn stated(&mut self, claims: &SealClaims, key: &PublishedKey, evidence: &Evidence<'_>) {
        self.found.stated = Some(Stated {
            reference: claims.reference.clone(),
            issued_at: claims.issued_at,
            leaf_index: claims.leaf_index,
            tree_size: claims.tree_size,
            root: claims.root,
            kid: key.kid,
        });
        self.contents(claims, key, evidence.log);
        if let Some(log) = evidence.log {
            self.log(claims, log);
        }
        if let Some(opening) = &evidence.opening {
            self.add(CheckKind::Record, tells_of(opening, claims));
        }
        self.later(evidence.later);
    }

    fn contents(&mut self, claims: &SealClaims, key: &PublishedKey, log: Option<&OpenedLog<'_>>) {
        let moment_ms = claims.issued_at.saturating_mul(1000);
        let unrevoked = PublishedKey { revoked: None, ..key.clone() };
        self.add(CheckKind::Term, passed(unrevoked.term_at(moment_ms) == KeyTerm::Within));
        let canonical = claims.reference.parse::<Reference>().is_ok_and(|read| read.to_string() == claims.reference);
        self.add(CheckKind::Contents, passed(canonical && claims.leaf_index < claims.tree_size));
        let Some(revoked) = &key.revoked else {
            self.add(CheckKind::Revocation, Outcome::Passed);
            return;
        };
        self.found.revoked = Some(Ended { since_ms: revoked.since_ms, reason: revoked.reason.clone() });
        // The date in the seal is the word of whoever had the key. Only a head that witnesses saw before the revocation shows that
        // the entry is older than it.
        let seen_before = |log: &OpenedLog<'_>| {
            let in_time = |head: &&Head| head.met_at.is_some_and(|seconds| is_before(seconds, revoked.since_ms));
            log.heads.iter().filter(in_time).any(|head| holds(log, head, claims) == Some(true))
        };
        let stands = moment_ms < revoked.since_ms && log.is_some_and(seen_before);
        self.add(CheckKind::Revocation, passed(stands));
    }

    fn log(&mut self, claims: &SealClaims, log: &OpenedLog<'_>) {
        self.add(CheckKind::Checkpoint, checkpoint(log));
        let Some(head) = log.heads.first() else { return };
        self.found.log_size = Some(head.checkpoint.size);
        self.found.witnesses = head.cosigners.iter().map(|(name, _)| name.clone()).collect();
        let (inclusion, root) = if head.checkpoint.size <= claims.leaf_index {
            // The copy is older than the receipt.
            (Outcome::Missing, Outcome::Missing)
        } else {
            let included = holds(log, head, claims).map_or(Outcome::Missing, passed);
            (included, root(claims, log, head))
        };
        self.add(CheckKind::Inclusion, inclusion);
        self.add(CheckKind::Root, root);
        if log.by_policy {
            self.add(CheckKind::Witnesses, passed(head.quorum));
        }
        if inclusion == Outcome::Passed {
            let bounds = times(log, claims.leaf_index, |head| holds(log, head, claims) == Some(true));
            (self.found.published_by, self.found.published_after) = bounds;
        }
    }

    fn later(&mut self, later: Later<'_>) {
        let outcome = match later {
            Later::Unknown => Outcome::NotLookedAt,
            Later::InForce => Outcome::Passed,
            Later::Replaced(ended) => {
                self.found.replaced = Some(ended.clone());
                Outcome::Failed
            }
        };
        self.add(CheckKind::Replaced, outcome);
    }
}

/// Whether the log of this head has, at the seal's place, an entry with the seal's commitment; `None` if it cannot be told.
fn holds(log: &OpenedLog<'_>, head: &Head, claims: &SealClaims) -> Option<bool> {
    match log.evidence.entry(claims.leaf_index, &head.checkpoint, log.size()) {
        Proven::Yes(leaf) => Some(leaf[1..17] == claims.commitment16),
        Proven::Unusable => None,
    }
}

/// Whether the paper's tree is a beginning of the log.
fn root(claims: &SealClaims, log: &OpenedLog<'_>, head: &Head) -> Outcome {
    if claims.tree_size > head.checkpoint.size {
        return Outcome::Missing;
    }
    match log.evidence.root(claims.tree_size, &head.checkpoint) {
        Proven::Yes(root) => passed(root == claims.root),
        Proven::Unusable if log.evidence.is_single() => Outcome::NotLookedAt,
        Proven::Unusable => Outcome::Missing,
    }
}

/// Whether the log's newest head is the office's.
pub(super) const fn checkpoint(log: &OpenedLog<'_>) -> Outcome {
    match log.newest {
        Newest::Trusted => Outcome::Passed,
        Newest::Refused => Outcome::Failed,
        Newest::Absent => Outcome::Missing,
    }
}

/// When the log held the entry at the latest, and when it was last seen without it, by the witnesses' clocks.
pub(super) fn times(log: &OpenedLog<'_>, index: u64, holds: impl Fn(&Head) -> bool) -> (Option<u64>, Option<u64>) {
    let (with, without): (Vec<&Head>, Vec<&Head>) = log.heads.iter().partition(|head| head.checkpoint.size > index);
    let mut witnessed: Vec<(u64, &Head)> = with.iter().filter_map(|head| Some((head.met_at?, *head))).collect();
    witnessed.sort_by_key(|(seconds, _)| *seconds);
    let first = witnessed.iter().find(|(_, head)| holds(head));
    (first.map(|(seconds, _)| *seconds), without.iter().filter_map(|head| head.met_at).max())
}

/// An office may have moved to another address; the log keeps the first one's name.
fn is_host_of(keys: &PublishedKeys, host: &str) -> bool {
    let first = keys.log_origin.split('/').next().unwrap_or_default();
    keys.host.eq_ignore_ascii_case(host) || first.eq_ignore_ascii_case(host)
}

const fn check(kind: CheckKind, outcome: Outcome) -> Check {
    Check { kind, outcome }
}

pub(super) const fn passed(yes: bool) -> Outcome {
    if yes { Outcome::Passed } else { Outcome::Failed }
}
