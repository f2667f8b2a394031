//! The first pass: every entry in its order.

use jiff::Timestamp;

use super::{
    CLOCK_TOLERANCE, OfficeAudit, Told,
    roots::{Heads, Nodes, Roots},
};
use crate::{
    audit::{Findings, Place, judge_stored},
    dossier::Event,
    service::ServiceError,
    store::inspect::{self, EntryRow},
    tlog::{Frontier, Hash, LOG_SUBJECT, LogEvent, Node, Record},
};

/// How many entries are read at once.
const PAGE: u64 = 2000;

/// What the first pass leaves to the rest.
pub(super) struct Log {
    pub(super) size: u64,
    /// How many entries belong to a dossier.
    pub(super) of_dossiers: u64,
    pub(super) roots: u64,
    /// How many have lost their content by an erasure that the log tells of.
    pub(super) erased: u64,
    pub(super) told: Told,
}

struct Pass {
    tree: Frontier,
    completed: Vec<Node>,
    of_dossiers: u64,
    /// The newest time so far.
    clock: Option<i64>,
    /// The log's own last event: its leaf and its place among them.
    own: (Option<Hash>, i64),
    told: Told,
    /// Entries without content, by the event that should tell why.
    erased: Vec<(u64, Option<i64>)>,
}

/// Recomputes the log up to its edge.
pub(super) async fn pass(
    audit: &OfficeAudit<'_>,
    edge: &Frontier,
    findings: &mut Findings,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Log, ServiceError> {
    let (store, size) = (audit.store, edge.size());
    let mut roots = Roots::new(audit.roots.clone());
    for (place, note) in &audit.kept {
        roots.add_note(place.clone(), note, None, &audit.log_keys, findings);
    }
    let mut heads = Heads::new();
    let mut nodes = Nodes::default();
    let mut next_checkpoint = Some(0);
    let mut pass = Pass {
        tree: Frontier::empty(),
        completed: Vec::new(),
        of_dossiers: 0,
        clock: None,
        own: (None, 0),
        told: Told::default(),
        erased: Vec::new(),
    };
    while pass.tree.size() < size {
        let from = pass.tree.size();
        let end = size.min(from + PAGE);
        // All that lies in the page has to be at hand before it.
        while let Some(next) = next_checkpoint.filter(|next| *next <= end) {
            let rows = store.checkpoints(next, 1000).await?;
            next_checkpoint = rows.last().map(|row| row.size + 1);
            for row in rows {
                roots.add_note(
                    Place::EarlierCheckpoint(row.size),
                    &row.note,
                    Some(row.size),
                    &audit.log_keys,
                    findings,
                );
            }
        }
        roots.judge(&pass.tree, findings);
        let mut rows = inspect::entries(store, from, end).await?.into_iter().peekable();
        for index in from..end {
            heads.fill(store).await?;
            if let Some(row) = rows.next_if(|row| row.index.unsigned_abs() == index) {
                pass.take(index, &row, findings);
            } else {
                findings.add(Place::Entry(index), "it is missing");
                pass.push([0; 32]);
            }
            if heads.next_size().is_some_and(|next| next <= pass.tree.size()) {
                heads.judge(&pass.tree, findings);
            }
            if roots.next_size().is_some_and(|next| next <= pass.tree.size()) {
                roots.judge(&pass.tree, findings);
            }
        }
        let completed = std::mem::take(&mut pass.completed);
        nodes.judge(store, &completed, findings).await?;
        progress(end, 2 * size);
        if findings.is_full() {
            break;
        }
    }
    finish(audit, edge, pass, roots, heads, findings).await
}

async fn finish(
    audit: &OfficeAudit<'_>,
    edge: &Frontier,
    pass: Pass,
    roots: Roots,
    mut heads: Heads,
    findings: &mut Findings,
) -> Result<Log, ServiceError> {
    let (store, size) = (audit.store, edge.size());
    let mut roots = roots;
    roots.judge(&pass.tree, findings);
    if pass.tree.size() == size && pass.tree != *edge {
        findings.add(Place::Edge, "it does not follow from the entries");
    }
    if size > 0 && store.head_at(size).await.is_ok_and(|head| head.is_none()) {
        findings.add(Place::Head(size), "it is missing");
    }
    heads.fill(store).await?;
    let now = store.head().await.map_or(size, |head| head.size);
    if now <= size
        && let Some(beyond) = heads.next_size().filter(|next| *next > size)
    {
        findings.add(Place::Head(beyond), "it is beyond the log's end");
    }
    let beyond = inspect::nodes_beyond(store, 64 - size.leading_zeros()).await?;
    if beyond > 0 {
        findings.add(Place::Database, format!("{beyond} nodes are stored at levels that this log does not have"));
    }
    for level in (4..64_u32).step_by(4).take_while(|level| size >> level > 0) {
        if now <= size
            && let Some(row) = inspect::kept_nodes(store, level, size >> level).await?.first()
        {
            let place = Place::Node { level, number: row.number.unsigned_abs() };
            findings.add(place, "it is beyond the log's end");
        }
    }
    let after = inspect::entries(store, size, u64::MAX).await;
    if now <= size
        && let Ok(after) = after
        && let Some(row) = after.first()
    {
        findings.add(Place::Entry(row.index.unsigned_abs()), "it is beyond the log's end");
    }
    let compared = roots.compared;
    roots.finish(size, findings);
    let mut erased = 0;
    for (index, told_by) in &pass.erased {
        let told = told_by.and_then(|leaf| pass.told.erased.get(&leaf.unsigned_abs()));
        if told.is_some_and(|leaves| leaves.contains(index)) {
            erased += 1;
        } else {
            findings.add(Place::Entry(*index), "its content is gone, and no entry of the log tells of an erasure");
        }
    }
    Ok(Log { size, of_dossiers: pass.of_dossiers, roots: compared, erased, told: pass.told })
}

impl Pass {
    fn push(&mut self, leaf: Hash) {
        let completed = &mut self.completed;
        self.tree.push_and_tell(leaf, |node| completed.push(node));
    }

    fn take(&mut self, index: u64, row: &EntryRow, findings: &mut Findings) {
        let content = row.content.as_ref().map(|(record, nonce)| (record.as_slice(), nonce.as_slice()));
        if let Err(what) = judge_stored(content, &row.commitment, &row.leaf_hash) {
            findings.add(Place::Entry(index), what);
        }
        self.push(row.leaf_hash.as_slice().try_into().unwrap_or_default());
        self.of_dossiers += u64::from(row.dossier.is_some());
        match &row.content {
            None => self.erased.push((index, row.told_by)),
            Some(_) if row.told_by.is_some() => {
                findings.add(Place::Entry(index), "it was erased, and its content is there");
            }
            Some((record, _)) => match Record::decode(record) {
                Ok(record) => self.take_record(index, row, &record, findings),
                Err(error) => findings.add(Place::Entry(index), error.to_string()),
            },
        }
        if row.dossier.is_none() {
            self.own = (row.leaf_hash.as_slice().try_into().ok(), self.own.1 + 1);
            if row.position != self.own.1 {
                findings.add(
                    Place::Entry(index),
                    format!("it is event {} of the log itself, not {}", self.own.1, row.position),
                );
            }
        }
    }

    fn take_record(&mut self, index: u64, row: &EntryRow, record: &Record, findings: &mut Findings) {
        let mut wrong = |what: String| findings.add(Place::Entry(index), what);
        match (row.dossier, &row.reference) {
            (None, _) if record.reference == LOG_SUBJECT => {}
            (Some(_), Some(reference)) if *reference == record.reference => {}
            (Some(_), None) => wrong("its dossier is gone".to_owned()),
            (None, _) => wrong("it is a dossier's, and stands under the log itself".to_owned()),
            (Some(_), Some(reference)) => wrong(format!("its record is another dossier's than {reference}")),
        }
        if row.dossier.is_some() {
            if let Err(error) = Event::from_data(&record.kind, &record.data) {
                wrong(error.to_string());
            }
        } else {
            match LogEvent::from_data(&record.kind, &record.data) {
                Ok(event) => self.told.hear(index, event),
                Err(error) => wrong(error.to_string()),
            }
            if record.previous != self.own.0 {
                wrong("it does not follow the log's own event before it".to_owned());
            }
        }
        if Timestamp::from_millisecond(record.at_ms).is_err() {
            wrong("its time is none".to_owned());
        }
        let behind = self.clock.map_or(0, |clock| clock.saturating_sub(record.at_ms));
        if i128::from(behind) > CLOCK_TOLERANCE.as_millis() {
            wrong(format!("its clock is {} seconds behind an earlier entry's", behind / 1000));
        }
        self.clock = self.clock.max(Some(record.at_ms));
    }
}
