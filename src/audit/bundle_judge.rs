//! The judgement of a bundle of evidence: first of the dossier's history as a whole, then of each of its receipts.
//!
//! What lies in the bundle is the office's own word, its keys and its policy too. They are used to see whether the bundle agrees
//! with itself; whose it is can only be told by keys that the reader has from elsewhere. Believing the enclosed keys was
//! rejected: everybody can make an office of that name.
//!
//! What no bundle can show: the log does not say which entries are a dossier's, so events after the last one may have been
//! left out. None can be missing before it, because each record names the leaf of the one before.

use super::{
    bundle::{Bundle, BundledEntry, BundledReceipt},
    judge::{Evidence, Later, judge_seal},
    keys_file,
    log_heads::{Newest, OpenedLog},
    log_proof::{LogEvidence, Proven, SingleProof},
    record_check::Opening,
    verdict::{Answer, Check, CheckKind, Ended, Outcome, Verdict},
};
use crate::{
    dossier::Event,
    receipt::{PublishedKeys, ReceiptId, verify_seal},
    tlog::{
        Checkpoint, InclusionProof, LOG_SUBJECT, LogEvent, Policy, ProofFile, Record, commitment, leaf_data, leaf_hash,
        verify_inclusion,
    },
};

/// Judges a bundle by keys and a policy from elsewhere. The first verdict is about the dossier, the others about its receipts,
/// oldest first.
pub fn judge_bundle(bytes: &[u8], keys: Option<&PublishedKeys>, policy: Option<&Policy>) -> Vec<Verdict> {
    match Bundle::read(bytes) {
        Ok(bundle) => Judge::of(&bundle, keys, policy),
        Err(error) => {
            use super::bundle::BundleError as Fault;
            // A download that was cut off speaks against nobody; contents that the manifest does not tell of were changed.
            let outcome = match &error {
                Fault::Archive(_) | Fault::Format(_) => Outcome::Missing,
                Fault::Manifest(_) | Fault::Altered(_) | Fault::Missing(_) | Fault::Unexpected(_) => Outcome::Failed,
            };
            let checks = vec![Check { kind: CheckKind::Bundle, outcome }];
            vec![Verdict { place: Some(error.to_string()), ..Verdict::of(checks) }]
        }
    }
}

/// An event of the dossier, as far as its record is there and right.
struct Told {
    at_ms: i64,
    event: Event,
}

struct Judge<'a> {
    bundle: &'a Bundle,
    checks: Vec<Check>,
    place: Option<String>,
}

impl<'a> Judge<'a> {
    fn of(bundle: &'a Bundle, trusted: Option<&PublishedKeys>, policy: Option<&Policy>) -> Vec<Verdict> {
        let mut judge = Judge { bundle, checks: Vec::new(), place: None };
        let enclosed = keys_file::read(&bundle.keys).ok();
        judge.add(CheckKind::Bundle, Outcome::Passed);
        let host = trusted.map_or(Outcome::Missing, |keys| passed(keys.log_origin == bundle.origin));
        judge.add(CheckKind::Host, host);
        let mut verdict = Verdict::of(Vec::new());
        let mut receipts = Vec::new();
        if let Some(keys) = trusted.or(enclosed.as_ref()) {
            // One entry stands for all: each proof has to hold under the very same note.
            let single = judge.single(bundle.events.first());
            let log = single.as_ref().map(|single| OpenedLog::open(LogEvidence::Single(single), keys, policy));
            let checkpoint = match log.as_ref().map(|log| log.newest) {
                Some(Newest::Trusted) => Outcome::Passed,
                Some(Newest::Refused) => Outcome::Failed,
                Some(Newest::Absent) | None => Outcome::Missing,
            };
            judge.add(CheckKind::Checkpoint, checkpoint);
            if let (Some(log), Some(_)) = (&log, policy)
                && let Some(head) = log.heads.first()
            {
                judge.add(CheckKind::Witnesses, passed(head.quorum));
            }
            judge.entries(log.as_ref());
            let (told, erased) = judge.records();
            if let Some(head) = log.as_ref().and_then(|log| log.heads.first()) {
                verdict.log_size = Some(head.checkpoint.size);
                verdict.witnesses = head.cosigners.iter().map(|(name, _)| name.clone()).collect();
                verdict.published_by = head.met_at;
            }
            receipts = judge.receipts(&told, erased, keys, policy);
            let counted = erased || issued(&told).count() == bundle.receipts.len();
            let has = |answer| receipts.iter().any(|receipt| receipt.answer == answer);
            let worst = if !counted || has(Answer::NotGenuine) {
                Outcome::Failed
            } else if has(Answer::CannotTell) {
                Outcome::Missing
            } else {
                Outcome::Passed
            };
            judge.add(CheckKind::Receipts, worst);
        } else {
            judge.add(CheckKind::Checkpoint, Outcome::Missing);
        }
        judge.checks.sort_by_key(|check| check.kind);
        let Verdict { answer, checks, .. } = Verdict::of(judge.checks);
        let (dossier, host) = (Some(bundle.reference.clone()), Some(bundle.host.clone()));
        let mut verdicts = vec![Verdict { answer, checks, dossier, host, place: judge.place, ..verdict }];
        if trusted.is_none() {
            // By its own keys alone a receipt is nobody's.
            for receipt in &mut receipts {
                let mut checks = std::mem::take(&mut receipt.checks);
                checks.retain(|check| check.kind != CheckKind::Key || check.outcome != Outcome::Passed);
                checks.extend([CheckKind::Host, CheckKind::Key].map(|kind| Check { kind, outcome: Outcome::Missing }));
                checks.sort_by_key(|check| (check.kind, check.outcome == Outcome::Missing));
                checks.dedup_by_key(|check| check.kind);
                let Verdict { answer, checks, .. } = Verdict::of(checks);
                (receipt.answer, receipt.checks) = (answer, checks);
            }
        }
        verdicts.append(&mut receipts);
        verdicts
    }

    fn add(&mut self, kind: CheckKind, outcome: Outcome) {
        self.checks.push(Check { kind, outcome });
    }

    /// Remembers the first place of a fault.
    fn fault(&mut self, place: String) -> bool {
        self.place.get_or_insert(place);
        false
    }

    /// An entry's proof, if its file is one and stands under the bundle's own checkpoint.
    fn single(&self, entry: Option<&BundledEntry>) -> Option<SingleProof> {
        let entry = entry?;
        let single = proof(&entry.proof, entry)?;
        (single.note == self.bundle.checkpoint).then_some(single)
    }

    fn entries(&mut self, log: Option<&OpenedLog<'_>>) {
        let Some(head) = log.and_then(|log| log.heads.first()) else {
            self.add(CheckKind::Entries, Outcome::Missing);
            return;
        };
        let mut all = !self.bundle.events.is_empty();
        for (folder, entry) in self.named_entries() {
            let proven = self.single(Some(entry)).is_some_and(|single| {
                let found = LogEvidence::Single(&single).entry(entry.leaf, &head.checkpoint, head.checkpoint.size);
                found == Proven::Yes(entry.data)
            });
            all &= proven || self.fault(format!("{folder}/{:012}.tlog-proof", entry.leaf));
        }
        self.add(CheckKind::Entries, passed(all));
    }

    fn named_entries(&self) -> Vec<(&'static str, &'a BundledEntry)> {
        let bundle = self.bundle;
        let events = bundle.events.iter().map(|entry| ("events", entry));
        events.chain(bundle.log.iter().map(|entry| ("log", entry))).collect()
    }

    /// The events that the records tell of, and whether all of them were erased, as the log must tell then.
    fn records(&mut self) -> (Vec<Told>, bool) {
        let bundle = self.bundle;
        let mut all = true;
        let mut erased_leaves = None;
        for entry in &bundle.log {
            match log_event(entry) {
                Some(LogEvent::Erased { reference, leaves, .. }) if reference == bundle.reference => {
                    erased_leaves = Some(leaves);
                }
                Some(LogEvent::Erased { .. }) | None => all = self.fault(format!("log/{:012}.record", entry.leaf)),
                Some(_) => {}
            }
        }
        if let Some(leaves) = erased_leaves {
            let here: Vec<u64> = bundle.events.iter().map(|entry| entry.leaf).collect();
            let gone = bundle.events.iter().all(|entry| entry.content.is_none());
            let right = gone && here == leaves;
            all &= right || self.fault("events".to_owned());
            self.add(CheckKind::Records, if all { Outcome::NotLookedAt } else { Outcome::Failed });
            self.add(CheckKind::History, Outcome::NotLookedAt);
            return (Vec::new(), right);
        }
        let (mut told, mut whole, mut previous) = (Vec::new(), true, None);
        for entry in &bundle.events {
            let record = opened(entry).filter(|record| record.reference == bundle.reference);
            let event = record.as_ref().and_then(|record| Event::from_data(&record.kind, &record.data).ok());
            let (Some(record), Some(event)) = (record, event) else {
                all = self.fault(format!("events/{:012}.record", entry.leaf));
                previous = Some(leaf_hash(&entry.data));
                continue;
            };
            let begins = matches!(event, Event::Registered(_)) == previous.is_none();
            if record.previous != previous || !begins {
                whole = self.fault(format!("events/{:012}.record", entry.leaf));
            }
            previous = Some(leaf_hash(&entry.data));
            told.push(Told { at_ms: record.at_ms, event });
        }
        self.add(CheckKind::Records, passed(all));
        self.add(CheckKind::History, passed(whole && !told.is_empty()));
        (told, false)
    }

    fn receipts(&mut self, told: &[Told], erased: bool, keys: &PublishedKeys, policy: Option<&Policy>) -> Vec<Verdict> {
        let bundle = self.bundle;
        let mut ids = issued(told);
        let mut verdicts = Vec::new();
        for (number, receipt) in (1..).zip(&bundle.receipts) {
            // After an erasure the seal alone says whose it is.
            let stated = || verify_seal(&receipt.seal, &keys.seal_keys()).ok().map(|claims| claims.receipt_id);
            let id = if erased { stated() } else { ids.next() };
            let Some(id) = id else {
                self.fault(format!("receipts/{number:03}.seal"));
                verdicts.push(Verdict::of(vec![Check { kind: CheckKind::Record, outcome: Outcome::Failed }]));
                continue;
            };
            let verdict = self.receipt(receipt, id, told, keys, policy);
            if verdict.answer == Answer::NotGenuine {
                self.fault(format!("receipts/{number:03}.seal"));
            }
            verdicts.push(verdict);
        }
        verdicts
    }

    fn receipt(
        &self,
        receipt: &BundledReceipt,
        id: ReceiptId,
        told: &[Told],
        keys: &PublishedKeys,
        policy: Option<&Policy>,
    ) -> Verdict {
        let unproven = |verdict: Verdict, outcome: Outcome| {
            let mut checks = verdict.checks;
            checks.retain(|check| check.kind != CheckKind::Inclusion);
            checks.push(Check { kind: CheckKind::Inclusion, outcome });
            checks.sort_by_key(|check| check.kind);
            let Verdict { answer, checks, .. } = Verdict::of(checks);
            Verdict { answer, checks, ..verdict }
        };
        let alone = judge_seal(&receipt.seal, id, &Evidence { keys: Some(keys), ..Evidence::default() });
        let Some(stated) = &alone.stated else { return alone };
        let entry = self.bundle.events.iter().find(|entry| entry.leaf == stated.leaf_index);
        let proofs = entry.and_then(|entry| Some(vec![self.single(Some(entry))?, proof(&receipt.proof, entry)?]));
        let Some((entry, proofs)) = entry.zip(proofs).filter(|_| stated.reference == self.bundle.reference) else {
            // The seal names an entry that is none of the dossier's, or its proofs cannot be read.
            return unproven(alone, Outcome::Failed);
        };
        let log = OpenedLog::open(LogEvidence::Several(&proofs), keys, policy);
        let opening = match &entry.content {
            Some(content) => Opening::Record { record: &content.record, nonce: &content.nonce },
            None => Opening::Erased,
        };
        let replaced = told.iter().find_map(|told| match &told.event {
            Event::ReceiptReplaced { receipt, reason } if *receipt == id => {
                Some(Ended { since_ms: told.at_ms, reason: reason.as_str().to_owned() })
            }
            _ => None,
        });
        let later = replaced.as_ref().map_or(Later::Unknown, Later::Replaced);
        let evidence =
            Evidence { keys: Some(keys), log: Some(&log), opening: Some(opening), later, ..Evidence::default() };
        let verdict = judge_seal(&receipt.seal, id, &evidence);
        // The receipt's own, earlier checkpoint has to be one of this log as well, and to cover the entry.
        let signed = log.heads.len() == proofs.len();
        if signed && proofs.iter().all(holds) { verdict } else { unproven(verdict, Outcome::Missing) }
    }
}

fn issued(told: &[Told]) -> impl Iterator<Item = ReceiptId> {
    told.iter().filter_map(|told| match told.event {
        Event::ReceiptIssued { receipt, .. } => Some(receipt),
        _ => None,
    })
}

fn proof(file: &str, entry: &BundledEntry) -> Option<SingleProof> {
    let file: ProofFile = file.parse().ok()?;
    let proof = InclusionProof { index: file.index, path: file.path };
    // Extra data is covered by nothing, so nothing may stand there that somebody could take for proven.
    (file.index == entry.leaf && file.extra.is_none()).then_some(SingleProof {
        leaf: entry.data,
        proof,
        note: file.checkpoint_note,
    })
}

/// Whether a proof leads to the head that its own note tells of.
fn holds(single: &SingleProof) -> bool {
    let head = Checkpoint::unverified(&single.note);
    head.is_ok_and(|(head, _)| verify_inclusion(&single.proof, &leaf_hash(&single.leaf), head.size, &head.root).is_ok())
}

/// The record of an entry, if it and its nonce are what the entry commits to.
fn opened(entry: &BundledEntry) -> Option<Record> {
    let content = entry.content.as_ref()?;
    let data = leaf_data(&commitment(&content.nonce, &content.record));
    if data == entry.data { Record::decode(&content.record).ok() } else { None }
}

fn log_event(entry: &BundledEntry) -> Option<LogEvent> {
    let record = opened(entry).filter(|record| record.reference == LOG_SUBJECT)?;
    LogEvent::from_data(&record.kind, &record.data).ok()
}

const fn passed(yes: bool) -> Outcome {
    if yes { Outcome::Passed } else { Outcome::Failed }
}
