//! The judgement of a proof file: that a record was in the log under a signed head, without a receipt.

use super::{
    judge::{Evidence, checkpoint, passed, times},
    log_heads::OpenedLog,
    log_proof::{LogEvidence, Proven, SingleProof},
    record_check::Opening,
    verdict::{Check, CheckKind, Outcome, Verdict},
};
use crate::tlog::{InclusionProof, ProofFile, Record, commitment, leaf_data};

/// Judges a proof by the record that it is for. Without keys or record nothing can be told.
pub fn judge_proof(file: &ProofFile, evidence: &Evidence<'_>) -> Verdict {
    let (Some(keys), Some(Opening::Record { record, nonce })) = (evidence.keys, evidence.opening) else {
        let missing = |kind| Check { kind, outcome: Outcome::Missing };
        return Verdict::of(vec![missing(CheckKind::Checkpoint), missing(CheckKind::Inclusion)]);
    };
    let single = SingleProof {
        leaf: leaf_data(&commitment(nonce, record)),
        proof: InclusionProof { index: file.index, path: file.path.clone() },
        note: file.checkpoint_note.clone(),
    };
    let log = OpenedLog::open(LogEvidence::Single(&single), keys, evidence.policy);
    let mut checks = vec![
        Check { kind: CheckKind::Checkpoint, outcome: checkpoint(&log) },
        Check { kind: CheckKind::Record, outcome: passed(Record::decode(record).is_ok()) },
    ];
    let Some(head) = log.heads.first() else { return Verdict::of(checks) };
    let entry = log.evidence.entry(file.index, &head.checkpoint, head.checkpoint.size);
    // A path that does not lead to the head is no copy's damage: the file is all there is.
    let included = passed(matches!(entry, Proven::Yes(_)));
    checks.push(Check { kind: CheckKind::Inclusion, outcome: included });
    if log.by_policy {
        checks.push(Check { kind: CheckKind::Witnesses, outcome: passed(head.quorum) });
    }
    checks.sort_by_key(|check| check.kind);
    let (log_size, witnesses) = (Some(head.checkpoint.size), head.cosigners.iter().map(|(name, _)| name.clone()));
    let bounds = if included == Outcome::Passed { times(&log, file.index, |_| true) } else { (None, None) };
    Verdict {
        log_size,
        witnesses: witnesses.collect(),
        published_by: bounds.0,
        published_after: bounds.1,
        ..Verdict::of(checks)
    }
}
