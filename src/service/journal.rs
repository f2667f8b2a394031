//! The journal: every entry of the log as an auditor reads it, with what others have seen of it.
//!
//! Kind, actor and day of an entry stand in its record and in no column, because the record alone is what the log commits to.
//! So a search for them reads entries one after the other, and stops after so many as to keep nobody waiting; how far it came
//! is told, and it goes on from there. A column for each of them was rejected: a page would then show what nobody has hashed.

use std::sync::Arc;

use ciborium::Value;
use jiff::{Timestamp, civil::Date};

use super::{Actor, Failure, Service, ServiceError, public_log::cosigned, witnessing::kept_as};
use crate::{
    dossier::{Reference, StaffAction},
    store::{CheckpointRow, CosignatureRow, JournalSubject, LogRow, Store, StoredLogEvent},
    tlog::{Checkpoint, Hash, Record},
};

/// How many entries are read at a time.
const STRIDE: u32 = 500;
/// How many entries are looked at for one page.
const LOOKED_AT: usize = 20_000;

/// What an auditor is after; an absent part asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFilter {
    pub about: Option<About>,
    pub kind: Option<String>,
    pub actor: Option<String>,
    pub from: Option<Date>,
    /// This day included.
    pub to: Option<Date>,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Dossier(Reference),
    Log,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    pub index: u64,
    pub about: About,
    pub leaf_hash: Hash,
    pub commitment: [u8; 32],
    pub content: EntryContent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum EntryContent {
    Readable(Box<EntryRecord>),
    /// Record and nonce were erased, as this other entry tells.
    Erased {
        told_by: u64,
    },
    /// What lies there is no record, or nothing lies there though nothing tells of an erasure.
    Damaged,
}

/// What an entry's record says.
#[derive(Clone, PartialEq)]
pub struct EntryRecord {
    pub kind: String,
    pub at: Timestamp,
    pub on: Date,
    pub actor: String,
    pub previous: Option<Hash>,
    /// The names of the fields, with dots between levels, and their values in the record's own words.
    pub fields: Vec<(String, String)>,
}

/// A record holds personal data.
impl std::fmt::Debug for EntryRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryRecord").field("kind", &self.kind).field("at", &self.at).finish_non_exhaustive()
    }
}

/// A page of the journal, the newest entry first.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalPage {
    pub entries: Vec<JournalEntry>,
    pub rest: Rest,
}

/// What may follow a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    /// There are more before this index.
    More {
        before: u64,
    },
    /// Everything from this index on was looked at; before it, nobody has looked yet.
    LookedBackTo {
        before: u64,
    },
}

/// One entry with what proves it.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryDetails {
    pub entry: JournalEntry,
    /// The smallest published checkpoint that covers it; absent until the next one.
    pub checkpoint: Option<SeenCheckpoint>,
    /// How the erasure was told, when its content was erased.
    pub erasure: Option<StoredLogEvent>,
}

/// A published checkpoint and who has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCheckpoint {
    pub size: u64,
    /// `None` when the kept note is none that our keys signed.
    pub root: Option<Hash>,
    /// It is a head of the log as it stands.
    pub holds: bool,
    pub published_at: Timestamp,
    pub cosigners: Vec<SeenBy>,
    /// Whether those are as many as the policy asks for; `None` without a policy that asks for any.
    pub quorum: Option<bool>,
}

/// A witness of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenBy {
    /// As the policy calls it, or else the name of its key.
    pub name: String,
    /// Seconds since 1970, by its own clock.
    pub at: i64,
}

impl JournalFilter {
    /// Only what a record says can fit; what was erased cannot.
    pub fn asks_the_record(&self) -> bool {
        self.kind.is_some() || self.actor.is_some() || self.from.is_some() || self.to.is_some()
    }

    fn subject(&self) -> JournalSubject {
        match &self.about {
            None => JournalSubject::Everything,
            Some(About::Log) => JournalSubject::Log,
            Some(About::Dossier(reference)) => JournalSubject::Dossier(reference.clone()),
        }
    }

    fn fits(&self, entry: &JournalEntry) -> bool {
        let EntryContent::Readable(record) = &entry.content else { return !self.asks_the_record() };
        self.kind.as_ref().is_none_or(|kind| *kind == record.kind)
            && self.actor.as_ref().is_none_or(|actor| *actor == record.actor)
            && self.from.is_none_or(|from| record.on >= from)
            && self.to.is_none_or(|to| record.on <= to)
    }
}

impl Service {
    /// The entries that fit, the newest first, at most `limit`; those before an index.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] unless the role reads the journal.
    pub async fn journal(
        &self,
        actor: &Actor,
        filter: &JournalFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<JournalPage, Failure> {
        check_journal(actor)?;
        let (subject, mut before, mut looked_at) = (filter.subject(), before, 0);
        // Where every entry fits, a page needs no more than its own.
        let wanted = u32::try_from(limit + 1).unwrap_or(STRIDE);
        let stride = if filter.asks_the_record() { STRIDE } else { wanted.min(STRIDE) };
        let mut entries = Vec::new();
        loop {
            let rows = self.parts.store.journal(&subject, before, stride).await?;
            let last = rows.len() < stride as usize;
            for row in rows {
                // One entry more than is shown tells whether there are others.
                if entries.len() == limit {
                    let entry = self.entry(row);
                    if filter.fits(&entry) {
                        return Ok(JournalPage { entries, rest: Rest::More { before: entry.index + 1 } });
                    }
                    before = Some(entry.index);
                    continue;
                }
                before = Some(row.index);
                let entry = self.entry(row);
                if filter.fits(&entry) {
                    entries.push(entry);
                }
            }
            looked_at += stride as usize;
            match before {
                _ if last => return Ok(JournalPage { entries, rest: Rest::Nothing }),
                Some(before) if looked_at >= LOOKED_AT => {
                    return Ok(JournalPage { entries, rest: Rest::LookedBackTo { before } });
                }
                _ => {}
            }
        }
    }

    /// One entry with what proves it; `None` when the log does not reach so far.
    ///
    /// # Errors
    /// As `journal`.
    pub async fn journal_entry(&self, actor: &Actor, index: u64) -> Result<Option<EntryDetails>, Failure> {
        check_journal(actor)?;
        let store = &self.parts.store;
        let Some(row) = store.log_rows(index, 1).await?.into_iter().find(|row| row.index == index) else {
            return Ok(None);
        };
        let checkpoint = match store.checkpoint_covering(index).await? {
            Some(row) => Some(self.seen(row).await?),
            None => None,
        };
        let erasure = match row.erased_by {
            Some(told_by) => store.log_events().await?.into_iter().find(|event| event.leaf_index == told_by),
            None => None,
        };
        Ok(Some(EntryDetails { entry: self.entry(row), checkpoint, erasure }))
    }

    /// The published checkpoints, the newest first; those smaller than `before`.
    ///
    /// # Errors
    /// As `journal`.
    pub async fn checkpoints(
        &self,
        actor: &Actor,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SeenCheckpoint>, Failure> {
        check_journal(actor)?;
        let mut seen = Vec::new();
        for row in self.parts.store.published_checkpoints(before, limit).await? {
            seen.push(self.seen(row).await?);
        }
        Ok(seen)
    }

    async fn seen(&self, row: CheckpointRow) -> Result<SeenCheckpoint, ServiceError> {
        let store: &Arc<dyn Store> = &self.parts.store;
        let ring = self.keys();
        // A log that an accepted rollback has ended had another name and the same keys.
        let origin = Checkpoint::unverified(&row.note).map(|(checkpoint, _)| checkpoint.origin).unwrap_or_default();
        let read = ring.read_under(&origin, &row.note).ok();
        let head = store.head_at(row.size).await?;
        let cosignatures = store.cosignatures(row.size).await?;
        let policy = self.policy().filter(|policy| policy.asks_for_witnesses());
        let quorum = policy.map(|policy| {
            let judged =
                policy.judge_with(&cosigned(row.note, &cosignatures), &ring.log_verifiers(&origin).unwrap_or_default());
            judged.is_ok_and(|judged| judged.quorum)
        });
        Ok(SeenCheckpoint {
            size: row.size,
            holds: read.as_ref().zip(head).is_some_and(|(read, head)| (read.size, read.root) == (head.size, head.root)),
            root: read.map(|read| read.root),
            published_at: row.published_at,
            cosigners: cosignatures.iter().map(|row| self.seen_by(row)).collect(),
            quorum,
        })
    }

    fn seen_by(&self, row: &CosignatureRow) -> SeenBy {
        let named = self.policy().and_then(|policy| {
            let mut witnesses = policy.witnesses().iter();
            witnesses.find(|witness| kept_as(witness) == row.witness).map(|witness| witness.name.clone())
        });
        let of_key = || row.witness.rsplit_once('+').map_or(row.witness.as_str(), |(name, _)| name).to_owned();
        SeenBy { name: named.unwrap_or_else(of_key), at: row.at }
    }

    fn entry(&self, row: LogRow) -> JournalEntry {
        let content = match (row.content.map(|content| Record::decode(&content.record)), row.erased_by) {
            (Some(Ok(record)), _) => {
                self.read(record).map_or(EntryContent::Damaged, |record| EntryContent::Readable(Box::new(record)))
            }
            (None, Some(told_by)) => EntryContent::Erased { told_by },
            _ => EntryContent::Damaged,
        };
        JournalEntry {
            index: row.index,
            about: row.reference.map_or(About::Log, About::Dossier),
            leaf_hash: row.leaf_hash,
            commitment: row.commitment,
            content,
        }
    }

    fn read(&self, record: Record) -> Option<EntryRecord> {
        let at = Timestamp::from_millisecond(record.at_ms).ok()?;
        let mut fields = Vec::new();
        flatten("", &record.data, &mut fields);
        Some(EntryRecord {
            kind: record.kind,
            at,
            on: self.issuer().civil_day(at),
            actor: record.actor,
            previous: record.previous,
            fields,
        })
    }
}

/// Writes a record's data out, each value under the names that lead to it.
fn flatten(name: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let key = plain(key);
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, fields);
            }
        }
        Value::Array(items) if items.iter().all(|item| !item.is_map() && !item.is_array()) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            fields.push((name.to_owned(), items.join(", ")));
        }
        Value::Array(items) => {
            for (number, item) in (1..).zip(items) {
                flatten(&format!("{name}.{number}"), item, fields);
            }
        }
        scalar => fields.push((name.to_owned(), plain(scalar))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => i128::from(*number).to_string(),
        Value::Bytes(bytes) => hex::encode(bytes),
        Value::Bool(yes) => yes.to_string(),
        _ => String::new(),
    }
}

pub(super) fn check_journal(actor: &Actor) -> Result<(), Failure> {
    if actor.may(StaffAction::ReadJournal) { Ok(()) } else { Err(Failure::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_written_out_under_the_names_that_lead_to_them() {
        let text = |text: &str| Value::from(text);
        let data = Value::Map(vec![
            (text("by"), text("Zoé")),
            (text("rule"), Value::Map(vec![(text("count"), Value::from(30)), (text("roll"), Value::from(true))])),
            (text("handed"), Value::Array(vec![text("a"), text("b")])),
            (text("hash"), Value::from([0xab, 0x01].as_slice())),
            (text("steps"), Value::Array(vec![Value::Map(vec![(text("on"), text("2026-01-05"))])])),
        ]);
        let mut fields = Vec::new();
        flatten("", &data, &mut fields);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            fields,
            [
                ("by", "Zoé"),
                ("rule.count", "30"),
                ("rule.roll", "true"),
                ("handed", "a, b"),
                ("hash", "ab01"),
                ("steps.1.on", "2026-01-05"),
            ]
        );
    }
}
