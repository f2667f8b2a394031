//! Dossiers for the stories, and the audit that ends each of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{
    Timestamp,
    civil::{Date, date},
    tz::TimeZone,
};
use milaf::{
    dossier::{
        Applicant, ApplicantKind, Depositor, DepositorRole, Dossier, Event, IdentityDigest, LastFour, Line, Phone,
        Position, PublicState, Recorded, Reference, Registration,
    },
    receipt::{ReceiptId, SealKey, verify_seal},
    store::{Append, Idempotency, NewDossier, NewEvent, Sealer, Store, StoredEvent, StoredLogEvent},
    tlog::{Hash, LOG_SUBJECT, LogEvent, NodeRange, Record, commitment, leaf_data, leaf_hash, root_of},
};
use sha2::{Digest, Sha256};

/// How a backend opens the database at a path, making it when there is none.
pub(crate) type Open = fn(&Path, Sealer) -> Arc<dyn Store>;

/// A place for one story's database.
pub(crate) struct Ground {
    folder: tempfile::TempDir,
    open: Open,
}

impl Ground {
    pub(crate) fn new(open: Open) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), open }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("milaf.db")
    }

    /// One more handle on the same database.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        (self.open)(&self.path(), sealer())
    }
}

fn seal_key() -> SealKey {
    SealKey::from_seed([7; 32])
}

pub(crate) fn sealer() -> Sealer {
    let key = seal_key();
    Arc::new(move |claims| key.seal(claims))
}

/// Bytes that come only once in a run; a story needs them to differ, not to be secret.
pub(crate) fn unique() -> [u8; 32] {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    Sha256::digest(DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes()).into()
}

pub(crate) fn receipt_id() -> ReceiptId {
    ReceiptId::new(unique()[..8].try_into().unwrap())
}

/// Ten in the morning, a number of days after the stories begin.
pub(crate) fn day(offset: i64) -> Timestamp {
    (date(2026, 1, 5) + jiff::Span::new().days(offset)).at(10, 0, 0, 0).in_tz("UTC").unwrap().timestamp()
}

pub(crate) fn civil(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

pub(crate) fn position(step: &str, state: PublicState) -> Position {
    Position { step: step.parse().unwrap(), state }
}

pub(crate) fn new_event(event: Event, at: Timestamp) -> NewEvent {
    NewEvent { event, at, actor: "fatima".to_owned(), nonce: unique() }
}

/// What a story's dossier is about.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) procedure: &'static str,
    pub(crate) applicant: &'static str,
    pub(crate) phone: Option<&'static str>,
    pub(crate) parcel: Option<&'static str>,
    pub(crate) identity: Option<[u8; 32]>,
    /// The day of deposit, see [`day`].
    pub(crate) on: i64,
}

impl Default for Case {
    fn default() -> Self {
        Self { procedure: "NRU", applicant: "فاطمة بن علي", phone: None, parcel: None, identity: None, on: 0 }
    }
}

impl Case {
    fn registration(self) -> Registration {
        Registration {
            procedure: self.procedure.parse().unwrap(),
            position: position("desk", PublicState::Registered),
            office: "GUELMIM".parse().unwrap(),
            applicant: applicant(self.applicant),
            depositor: Depositor { role: DepositorRole::Applicant, name: None },
            phone: self.phone.map(|phone| Phone::parse(phone).unwrap()),
            email: None,
            identity: self
                .identity
                .map(|keyed_hash| IdentityDigest { keyed_hash, last_four: LastFour::parse("1234").unwrap() }),
            parcel: self.parcel.map(|parcel| Line::new(parcel).unwrap()),
            rokhas: None,
            handed_in: vec!["site_plan".parse().unwrap()],
            missing: vec![],
            note: None,
            deposited_on: civil(day(self.on)),
            rule: None,
        }
    }

    pub(crate) fn new_dossier(self) -> NewDossier {
        self.with_receipt(receipt_id())
    }

    pub(crate) fn with_receipt(self, receipt: ReceiptId) -> NewDossier {
        let events = vec![
            new_event(Event::Registered(Box::new(self.registration())), day(self.on)),
            new_event(Event::ReceiptIssued { receipt, key_id: 3 }, day(self.on)),
        ];
        let somewhere = Reference::new(self.procedure.parse().unwrap(), 2026, 0).unwrap();
        let recorded: Vec<Recorded> = events.iter().map(|new| recorded(&new.event, new.at)).collect();
        NewDossier {
            procedure: self.procedure.parse().unwrap(),
            year: 2026,
            after: Dossier::fold(&somewhere, &recorded).unwrap(),
            events,
            due_on: Some(civil(day(self.on + 30))),
            idempotency: None,
        }
    }
}

pub(crate) fn applicant(name: &str) -> Applicant {
    Applicant { kind: ApplicantKind::Person, name: Line::new(name).unwrap() }
}

pub(crate) fn wish(key: &str, fingerprint: u8) -> Idempotency {
    Idempotency { key: key.to_owned(), fingerprint: [fingerprint; 32] }
}

fn recorded(event: &Event, at: Timestamp) -> Recorded {
    Recorded { at, actor: "fatima".to_owned(), on: civil(at), event: event.clone() }
}

pub(crate) fn fold(reference: &Reference, events: &[StoredEvent]) -> Dossier {
    let recorded: Vec<Recorded> = events.iter().map(|stored| recorded(&stored.event, stored.at)).collect();
    Dossier::fold(reference, &recorded).unwrap()
}

/// An append of these events to the dossier as it stands now.
pub(crate) async fn next(store: &dyn Store, reference: &Reference, events: Vec<Event>, at: Timestamp) -> Append {
    let mut after = fold(reference, &store.events(reference).await.unwrap());
    let expected_version = after.version;
    for event in &events {
        after.apply(&recorded(event, at));
    }
    Append {
        reference: reference.clone(),
        expected_version,
        events: events.into_iter().map(|event| new_event(event, at)).collect(),
        after,
        due_on: Some(civil(at)),
        idempotency: None,
    }
}

/// Recomputes everything that can be recomputed and gives the number of dossiers.
pub(crate) async fn audit(store: &dyn Store) -> usize {
    let leaves = audit_log(store).await;
    let head = store.head().await.unwrap();
    assert_eq!((head.size, head.root), (leaves.len() as u64, root_of(&leaves)), "the head");

    let mut references = Vec::new();
    let mut before = None;
    loop {
        let page = store.latest(5, before).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.sequence);
        for row in page {
            let events = store.events(&row.reference).await.unwrap();
            if row.erased_by.is_some() {
                assert_eq!((events.len(), row.applicant.as_str(), &row.parcel), (0, "", &None), "{}", row.reference);
                references.push(row.reference);
                continue;
            }
            let folded = fold(&row.reference, &events);
            let registration = &folded.registration;
            assert_eq!(
                store.row(&row.reference).await.unwrap().as_ref(),
                Some(&row),
                "the row in a list and by itself"
            );
            assert_eq!(row.version, folded.version, "version");
            assert_eq!(row.office, registration.office, "office");
            assert_eq!(row.position, folded.position, "position");
            assert_eq!(row.applicant, registration.applicant.name.as_str(), "applicant");
            assert_eq!(row.parcel.as_deref(), registration.parcel.as_ref().map(Line::as_str), "parcel");
            assert_eq!(row.registered_at, folded.registered_at, "registered at");
            assert_eq!(row.deposited_on, registration.deposited_on, "deposited on");
            assert_eq!(row.updated_at, folded.updated_at, "updated at");
            audit_receipts(store, &folded, &events, &leaves).await;
            references.push(row.reference);
        }
    }
    audit_numbers(&references, &store.log_events().await.unwrap());
    references.len()
}

/// Every leaf from its record and nonce, and every record's link to the one before it. Gives the leaf hashes.
async fn audit_log(store: &dyn Store) -> Vec<Hash> {
    let mut leaves: Vec<Hash> = Vec::new();
    let mut last_of: BTreeMap<String, Hash> = BTreeMap::new();
    loop {
        let from = leaves.len() as u64;
        let rows = store.log_rows(from, 7).await.unwrap();
        let hashes = store.leaf_hashes(from, 7).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.leaf_hash).collect::<Vec<_>>(), hashes, "both readings of the log");
        assert_eq!(
            rows.iter().map(|row| row.commitment).collect::<Vec<_>>(),
            store.commitments(from, 7).await.unwrap(),
            "the public's reading of the log"
        );
        if rows.is_empty() {
            audit_nodes(store, &leaves).await;
            return leaves;
        }
        for row in rows {
            assert_eq!(row.index, leaves.len() as u64, "no index is left out");
            assert_eq!(row.leaf_hash, leaf_hash(&leaf_data(&row.commitment)), "leaf hash");
            let subject = row.reference.as_ref().map_or_else(|| LOG_SUBJECT.to_owned(), ToString::to_string);
            assert_eq!(row.content.is_none(), row.erased_by.is_some(), "a record is there, or was erased");
            let previous = last_of.insert(subject.clone(), row.leaf_hash);
            if let Some(content) = &row.content {
                assert_eq!(row.commitment, commitment(&content.nonce, &content.record), "commitment");
                let record = Record::decode(&content.record).unwrap();
                assert_eq!(record.reference, subject, "the record's subject");
                assert_eq!(record.previous, previous, "the previous leaf");
            }
            leaves.push(row.leaf_hash);
        }
    }
}

/// The hash of every perfect subtree at a kept level, and no other.
async fn audit_nodes(store: &dyn Store, leaves: &[Hash]) {
    let levels = [0, 4, 8, 12];
    let ranges = levels.map(|level| NodeRange { level, from: 0, count: 4096 });
    let expected = levels.map(|level| leaves.chunks_exact(1 << level).map(root_of).collect::<Vec<_>>());
    assert_eq!(store.nodes(&ranges).await.unwrap(), expected, "the nodes");
}

async fn audit_receipts(store: &dyn Store, folded: &Dossier, events: &[StoredEvent], leaves: &[Hash]) {
    let receipts = store.receipts(&folded.reference).await.unwrap();
    assert_eq!(receipts.len(), folded.receipts.len(), "receipts");
    for (receipt, expected) in receipts.iter().zip(&folded.receipts) {
        assert_eq!(store.receipt(receipt.id).await.unwrap().as_ref(), Some(receipt), "the receipt by its id");
        assert_eq!(
            (receipt.id, receipt.key_id, receipt.issued_at, receipt.copies, receipt.replaced_at),
            (expected.id, expected.key_id, expected.issued_at, expected.copies, expected.replaced_at),
            "the receipt and the fold's"
        );
        let event = events.iter().find(|stored| stored.leaf_index == receipt.leaf_index).unwrap();
        assert_eq!(event.event, Event::ReceiptIssued { receipt: receipt.id, key_id: receipt.key_id });
        let size = usize::try_from(receipt.tree_size).unwrap();
        assert!(receipt.tree_size > receipt.leaf_index && size <= leaves.len(), "the seal's tree holds the leaf");
        assert_eq!(receipt.root, root_of(&leaves[..size]), "the seal's root");
        let claims = verify_seal(&receipt.seal, &[seal_key().public_key()]).unwrap();
        let row = store.log_rows(receipt.leaf_index, 1).await.unwrap().remove(0);
        assert_eq!(
            (claims.receipt_id, claims.reference, claims.issued_at, claims.leaf_index),
            (receipt.id, folded.reference.to_string(), receipt.issued_at.as_second(), receipt.leaf_index)
        );
        assert_eq!((claims.tree_size, claims.root), (receipt.tree_size, receipt.root));
        assert_eq!(claims.commitment16, row.commitment[..16]);
    }
}

/// 1, 2, 3 …, except where an event of the log says which numbers are left out.
fn audit_numbers(references: &[Reference], log_events: &[StoredLogEvent]) {
    let mut numbers: BTreeMap<(String, u16), Vec<u32>> = BTreeMap::new();
    for reference in references {
        let key = (reference.procedure().to_string(), reference.year());
        numbers.entry(key).or_default().push(reference.number());
    }
    for ((procedure, year), mut given) in numbers {
        given.sort_unstable();
        let series = format!("{procedure}-{year}");
        let left_out = |last: u32| {
            log_events.iter().any(|stored| {
                matches!(&stored.event, LogEvent::RollbackAccepted { numbers, .. } if numbers.get(&series) == Some(&last))
            })
        };
        let mut before = 0;
        for number in &given {
            let follows = *number == before + 1 || (*number > before + 1 && left_out(number - 1));
            assert!(follows, "numbers of {series}: {given:?}");
            before = *number;
        }
    }
}
