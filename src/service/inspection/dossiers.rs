//! The second pass: every dossier folded from its entries, and its rows compared with what the fold says.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rayon::prelude::*;

use super::{
    OfficeAudit,
    numbers::{Run, Series},
    series_of,
};
use crate::{
    audit::{Findings, Place},
    dossier::{Dossier, Event, IssuedReceipt, LegalClock, Recorded, Reference},
    receipt::verify_seal,
    service::ServiceError,
    store::PortableDossier,
    store::inspect::{self, DossierRows, EntryRow, ReceiptRow},
    tlog::{Hash, Record},
};

/// What the pass counts.
#[derive(Debug, Default)]
pub(super) struct Tallied {
    pub(super) dossiers: u64,
    pub(super) receipts: u64,
    pub(super) series: BTreeMap<Series, Run>,
    entries: u64,
    /// Entries that came after the first pass had seen the log's end, by their indexes.
    late: Vec<u64>,
}

impl Tallied {
    pub(super) fn entries_below(&self, size: u64) -> u64 {
        self.entries - self.late.iter().filter(|index| **index >= size).count() as u64
    }

    fn take(&mut self, rows: &DossierRows, start: u64) {
        self.dossiers += 1;
        self.receipts += rows.receipts.len() as u64;
        self.entries += rows.entries.len() as u64;
        self.late.extend(rows.entries.iter().map(|row| row.index.unsigned_abs()).filter(|index| *index >= start));
        if let Ok(reference) = rows.row.reference.parse::<Reference>() {
            self.series.entry(series_of(&reference)).or_default().take(reference.number());
        }
    }
}

pub(super) async fn pass(
    audit: &OfficeAudit<'_>,
    tallied: &mut Tallied,
    findings: &mut Findings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), ServiceError> {
    let store = audit.store;
    let start = store.head().await.map_or(u64::MAX, |head| head.size);
    let mut after = i64::MIN;
    loop {
        let page = inspect::dossiers(store, after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.row.sequence;
        let judged: Vec<Findings> = page.par_iter().map(|rows| judge(audit, rows)).collect();
        for (rows, found) in page.iter().zip(judged) {
            tallied.take(rows, start);
            if found.is_empty() {
                findings.append(found);
                continue;
            }
            // Its rows were read one table after the other, and it may have moved meanwhile.
            let again = inspect::dossier_again(store, rows.row.sequence).await?;
            findings.append(again.map_or(found, |rows| judge(audit, &rows)));
        }
        progress(tallied.entries);
        if findings.is_full() {
            return Ok(());
        }
    }
}

/// Everything that is wrong with one dossier.
fn judge(audit: &OfficeAudit<'_>, rows: &DossierRows) -> Findings {
    let mut findings = Findings::default();
    let place = || Place::Dossier(rows.row.reference.clone());
    let Ok(reference) = rows.row.reference.parse::<Reference>() else {
        findings.add(Place::Dossier(rows.row.sequence.to_string()), "its reference is none");
        return findings;
    };
    if rows.row.procedure != reference.procedure().to_string() {
        findings.add(place(), "its procedure is not that of its reference");
    }
    if rows.entries.is_empty() {
        findings.add(place(), "the log has no entry of it");
        return findings;
    }
    judge_chain(rows, &mut findings);
    if rows.row.erased_by.is_some() {
        judge_erased(rows, &mut findings);
        return findings;
    }
    let Some(history) = history(audit, &rows.entries) else {
        // The entries themselves were reported by the first pass, unless it is their content that is gone.
        if rows.entries.iter().any(|entry| entry.content.is_none()) {
            findings.add(place(), "the content of its entries is gone");
        }
        return findings;
    };
    match Dossier::fold(&reference, &history) {
        Ok(dossier) => {
            judge_row(audit, &dossier, &rows.row, &mut findings);
            judge_receipts(audit, &dossier, &history, rows, &mut findings);
        }
        Err(error) => findings.add(place(), format!("its entries are no history: {error}")),
    }
    findings
}

/// Positions, the chain of leaves, and the clock.
fn judge_chain(rows: &DossierRows, findings: &mut Findings) {
    let mut previous: Option<&EntryRow> = None;
    let mut clock = i64::MIN;
    for (position, entry) in (1..).zip(&rows.entries) {
        let mut wrong = |what: &str| {
            findings.add(Place::Entry(entry.index.unsigned_abs()), format!("{}: {what}", rows.row.reference));
        };
        if entry.position != position {
            wrong(&format!("it is event {position}, and stands as event {}", entry.position));
        }
        if previous.is_some_and(|previous| previous.index >= entry.index) {
            wrong("it stands before the event that it follows");
        }
        if let Some(record) = entry.content.as_ref().and_then(|(record, _)| Record::decode(record).ok()) {
            let expected: Option<Hash> = previous.and_then(|previous| previous.leaf_hash.as_slice().try_into().ok());
            if record.previous != expected {
                wrong("it does not follow the dossier's event before it");
            }
            if record.at_ms < clock {
                wrong("its clock is behind that of the event before it");
            }
            clock = record.at_ms;
        }
        previous = Some(entry);
    }
}

/// Of an erased dossier, only what names nobody is left.
fn judge_erased(rows: &DossierRows, findings: &mut Findings) {
    let place = || Place::Dossier(rows.row.reference.clone());
    if rows.entries.iter().any(|entry| entry.told_by.is_some() && entry.content.is_some()) {
        findings.add(place(), "it was erased, and a content of it is there");
    }
    let row = &rows.row;
    let personal = [&row.parcel, &row.parcel_key, &row.phone].into_iter().any(Option::is_some);
    if personal || row.identity_hash.is_some() || !row.applicant.is_empty() || !row.name_key.is_empty() {
        findings.add(place(), "it was erased, and personal data of it is there");
    }
}

fn history(audit: &OfficeAudit<'_>, entries: &[EntryRow]) -> Option<Vec<Recorded>> {
    let recorded = |entry: &EntryRow| {
        let (record, _) = entry.content.as_ref()?;
        let record = Record::decode(record).ok()?;
        let at = Timestamp::from_millisecond(record.at_ms).ok()?;
        let event = Event::from_data(&record.kind, &record.data).ok()?;
        Some(Recorded { at, on: audit.issuer.civil_day(at), actor: record.actor, event })
    };
    entries.iter().map(recorded).collect()
}

fn judge_row(audit: &OfficeAudit<'_>, dossier: &Dossier, row: &PortableDossier, findings: &mut Findings) {
    let clock = LegalClock::of(dossier, &audit.issuer.calendar, dossier.updated_on);
    let expected = PortableDossier::expected(row.sequence, dossier, clock.and_then(|clock| clock.due));
    for column in expected.differences(row) {
        let place = Place::Dossier(row.reference.clone());
        if column == "due_on" && may_be_of_another_calendar(expected.due_on.as_deref(), row.due_on.as_deref()) {
            findings.note(
                place,
                "its row's due_on is that of a calendar with other holidays; pages count it anew from the entries",
            );
        } else {
            findings.add(place, format!("its row's {column} is not what its entries say"));
        }
    }
}

/// A row keeps the day that was counted when the dossier last moved. Holidays that were entered since, as the religious ones
/// are each year, make it another; no year has as many as these.
fn may_be_of_another_calendar(counted: Option<&str>, kept: Option<&str>) -> bool {
    const MOST_HOLIDAYS: i32 = 15;
    let day = |text: Option<&str>| text.and_then(|text| text.parse::<Date>().ok());
    let apart = day(counted).zip(day(kept)).and_then(|(counted, kept)| counted.until(kept).ok());
    apart.is_some_and(|span| span.get_days().abs() <= MOST_HOLIDAYS)
}

fn judge_receipts(
    audit: &OfficeAudit<'_>,
    dossier: &Dossier,
    history: &[Recorded],
    rows: &DossierRows,
    findings: &mut Findings,
) {
    let mut stored = rows.receipts.iter().peekable();
    let issued =
        rows.entries.iter().zip(history).filter(|(_, recorded)| matches!(recorded.event, Event::ReceiptIssued { .. }));
    for ((entry, _), receipt) in issued.zip(&dossier.receipts) {
        while let Some(other) = stored.next_if(|row| row.leaf_index < entry.index) {
            findings.add(Place::Receipt { leaf: other.leaf_index }, "no event has issued it");
        }
        match stored.next_if(|row| row.leaf_index == entry.index) {
            Some(row) => judge_receipt(audit, dossier, entry, receipt, row, findings),
            None => findings.add(Place::Receipt { leaf: entry.index }, "it was issued, and its row is gone"),
        }
    }
    for other in stored {
        findings.add(Place::Receipt { leaf: other.leaf_index }, "no event has issued it");
    }
}

fn judge_receipt(
    audit: &OfficeAudit<'_>,
    dossier: &Dossier,
    entry: &EntryRow,
    receipt: &IssuedReceipt,
    row: &ReceiptRow,
    findings: &mut Findings,
) {
    let leaf = row.leaf_index;
    let columns = [
        ("id", row.id == receipt.id.as_bytes()),
        ("key id", row.key_id == i64::from(receipt.key_id)),
        ("time of issue", row.issued_at == receipt.issued_at.as_millisecond()),
        ("copies", row.copies == i64::from(receipt.copies)),
        ("replacement", row.replaced_at == receipt.replaced_at.map(Timestamp::as_millisecond)),
    ];
    for (column, _) in columns.iter().filter(|(_, same)| !same) {
        findings
            .add(Place::Receipt { leaf }, format!("{}: its {column} is not what the entries say", dossier.reference));
    }
    let mut wrong = |what: &str| findings.add(Place::Seal { leaf }, format!("{}: {what}", dossier.reference));
    let Some(stored) = &row.seal else { return wrong("it is missing") };
    let claims = match verify_seal(&stored.seal, &audit.seal_keys) {
        Ok(claims) => claims,
        Err(error) => return wrong(&error.to_string()),
    };
    let same = claims.receipt_id == receipt.id
        && claims.issued_at == receipt.issued_at.as_second()
        && claims.reference == dossier.reference.to_string()
        && i64::try_from(claims.leaf_index) == Ok(leaf)
        && entry.commitment.get(..16) == Some(claims.commitment16.as_slice());
    if !same {
        wrong("it states another receipt than the entries");
    }
    // The heads were recomputed by the first pass.
    if i64::try_from(claims.tree_size) != Ok(stored.tree_size)
        || claims.tree_size <= claims.leaf_index
        || stored.root.as_deref() != Some(claims.root.as_slice())
    {
        wrong("it states a head that the log never had");
    }
}
