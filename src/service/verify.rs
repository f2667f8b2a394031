//! What the office itself can say of a receipt that somebody holds, check by check.
//!
//! The same judgement as anybody makes with the published keys, and three things that only the office knows: whether its
//! secret key made the token, whether the receipt was replaced, and where the log has its entry. A text that no key of this
//! office made costs no database access. The answer never tells more of a dossier than the paper itself: its reference and
//! its time of issue, and those only when the seal's signature holds. A link without a seal is judged by the seal that the
//! office keeps, unless the receipt was replaced: whoever holds an old link is told no more than that. A reason for a
//! replacement is not told, because people write into it whom it happened to.

use super::{Service, ServiceError};
use crate::{
    audit::{
        Answer, Check, CheckKind, Ended, Evidence, Later, LogEvidence, OpenedLog, Outcome, Presented, PresentedSeal,
        SingleProof, Verdict, judge, judge_text,
    },
    receipt::{PublishedKeys, Seal, TokenError},
    tlog::{InclusionProof, KeyPurpose, leaf_data},
};

impl Service {
    /// Judges the text of a QR code, an address or a token.
    pub async fn verify(&self, text: &str) -> Result<Verdict, ServiceError> {
        let keys = self.published_keys();
        let presented = Presented::parse(text).ok();
        // Another office's token was made by another office's key; that ours did not make it says nothing.
        let ours = presented.as_ref().filter(|receipt| receipt.host.as_ref().is_none_or(|host| is_ours(&keys, host)));
        let ring = self.keys();
        let (tag, key_id) = match ours.map(|receipt| ring.token_keys.verify(receipt.token.token_text())) {
            None => (None, None),
            Some(Ok(token)) => (Some(true), Some(token.key_id())),
            // A key that was thrown away can check nothing any more; the seal still does.
            Some(Err(TokenError::UnknownKey(number)))
                if ring.history().key(KeyPurpose::Token, u32::from(number)).is_some() =>
            {
                (None, Some(number))
            }
            Some(Err(_)) => (Some(false), None),
        };
        let by_keys = Evidence { keys: Some(&keys), tag, ..Evidence::default() };
        let first = judge_text(text, &by_keys);
        let (Some(receipt), true) = (&presented, first.stated.is_some() || tag == Some(true)) else { return Ok(first) };
        let stored = self.parts.store.receipt(receipt.token.receipt_id()).await?;
        let revoked =
            key_id.and_then(|number| ring.history().key(KeyPurpose::Token, u32::from(number))?.revoked.clone());
        let replaced = stored.as_ref().and_then(|stored| stored.replaced_at).map(jiff::Timestamp::as_millisecond);
        let since = replaced.or(revoked.map(|revoked| revoked.since_ms));
        let ended = since.map(|since_ms| Ended { since_ms, reason: String::new() });
        // The link alone is the office's word. What the office keeps beside it can be checked like any paper.
        let kept = stored.as_ref().filter(|_| {
            tag == Some(true)
                && ended.is_none()
                && matches!(receipt.seal, PresentedSeal::Absent)
                && first.stated.is_none()
        });
        let sealed = kept.map(|stored| with_seal(receipt, &stored.seal));
        let (receipt, first) = match &sealed {
            Some(sealed) => (sealed, judge(sealed, &by_keys)),
            None => (receipt, first),
        };
        let Some(stated) = &first.stated else { return Ok(without_seal(first, ended)) };
        let proof = self.proof_of(stated.leaf_index).await?;
        let log = proof.as_ref().map(|proof| OpenedLog::open(LogEvidence::Single(proof), &keys, None));
        let later = match (&ended, &stored) {
            (Some(ended), _) => Later::Replaced(ended),
            (None, Some(_)) => Later::InForce,
            (None, None) => Later::Unknown,
        };
        let verdict = judge(receipt, &Evidence { log: log.as_ref(), later, ..by_keys });
        Ok(if sealed.is_some() { by_the_kept_seal(verdict) } else { verdict })
    }

    /// An entry with its proof; `None` for a place that the published log has not reached.
    async fn proof_of(&self, index: u64) -> Result<Option<SingleProof>, ServiceError> {
        let Some(file) = self.proof_file(index).await? else { return Ok(None) };
        let commitments = self.parts.store.commitments(index, 1).await?;
        let proof = |commitment| SingleProof {
            leaf: leaf_data(commitment),
            proof: InclusionProof { index: file.index, path: file.path.clone() },
            note: file.checkpoint_note.clone(),
        };
        Ok(commitments.first().map(proof))
    }
}

fn with_seal(receipt: &Presented, seal: &[u8]) -> Presented {
    Presented { seal: PresentedSeal::Present(Seal::from_bytes(seal.to_vec())), ..receipt.clone() }
}

/// Nobody presented a seal, so that it can be read is not told of what was presented.
fn by_the_kept_seal(verdict: Verdict) -> Verdict {
    let told = |check: Check| match (check.kind, check.outcome) {
        (CheckKind::Seal, Outcome::Passed) => Check { outcome: Outcome::NotLookedAt, ..check },
        _ => check,
    };
    Verdict { checks: verdict.checks.into_iter().map(told).collect(), ..verdict }
}

/// A token that is the office's, without a seal: that it was replaced is known all the same.
fn without_seal(verdict: Verdict, ended: Option<Ended>) -> Verdict {
    if ended.is_none() {
        return verdict;
    }
    let mut checks = verdict.checks;
    checks.push(Check { kind: CheckKind::Replaced, outcome: Outcome::Failed });
    Verdict { answer: Answer::NoLongerInForce, checks, replaced: ended, ..verdict }
}

fn is_ours(keys: &PublishedKeys, host: &str) -> bool {
    let first = keys.log_origin.split('/').next().unwrap_or_default();
    keys.host.eq_ignore_ascii_case(host) || first.eq_ignore_ascii_case(host)
}
