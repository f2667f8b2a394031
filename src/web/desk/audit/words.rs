//! Words for what the journal holds. What a record says is shown in the record's own words, because these are what was hashed.

use super::super::{facts::moment, shell::Shell};
use crate::{
    dossier::Event,
    service::{About, EntryContent, JournalEntry, SeenCheckpoint},
    tlog::{Hash, LogEvent},
    web::App,
};

/// An entry's line.
pub(super) struct Line {
    pub index: u64,
    /// Absent when the content was erased.
    pub when: Option<String>,
    pub kind: String,
    pub actor: String,
    /// `None` for the log itself.
    pub reference: Option<String>,
    /// The entry that tells of the erasure.
    pub told_by: Option<u64>,
    pub damaged: bool,
}

/// A witness that has seen a checkpoint.
pub(super) struct Cosigner {
    pub name: String,
    pub when: String,
}

pub(super) struct CheckpointLine {
    pub size: u64,
    pub root: Option<String>,
    pub published: String,
    pub holds: bool,
    pub cosigners: Vec<Cosigner>,
    /// The words' key for whether the policy is content with them, if there is one that asks.
    pub quorum: Option<&'static str>,
}

impl Line {
    pub(super) fn of(app: &App, shell: &Shell, entry: &JournalEntry) -> Self {
        let reference = match &entry.about {
            About::Dossier(reference) => Some(reference.to_string()),
            About::Log => None,
        };
        let mut line = Self {
            index: entry.index,
            when: None,
            kind: String::new(),
            actor: String::new(),
            reference,
            told_by: None,
            damaged: false,
        };
        match &entry.content {
            EntryContent::Readable(record) => {
                line.when = Some(moment(app.service.issuer().civil_time(record.at)));
                line.kind = kind(shell, &record.kind);
                line.actor.clone_from(&record.actor);
            }
            EntryContent::Erased { told_by } => line.told_by = Some(*told_by),
            EntryContent::Damaged => line.damaged = true,
        }
        line
    }
}

impl CheckpointLine {
    pub(super) fn of(app: &App, checkpoint: &SeenCheckpoint) -> Self {
        let issuer = app.service.issuer();
        let cosigners = checkpoint.cosigners.iter().map(|seen| Cosigner {
            name: seen.name.clone(),
            when: jiff::Timestamp::from_second(seen.at)
                .map_or_else(|_| seen.at.to_string(), |at| moment(issuer.civil_time(at))),
        });
        Self {
            size: checkpoint.size,
            root: checkpoint.root.as_ref().map(short),
            published: moment(issuer.civil_time(checkpoint.published_at)),
            holds: checkpoint.holds,
            cosigners: cosigners.collect(),
            quorum: checkpoint.quorum.map(|met| if met { "journal-quorum-met" } else { "journal-quorum-open" }),
        }
    }
}

/// A kind's words; one that this program does not know shows its own name.
pub(super) fn kind(shell: &Shell, kind: &str) -> String {
    if Event::KINDS.contains(&kind) {
        shell.t(&format!("desk-event-{}", kind.replace('_', "-")))
    } else if LogEvent::KINDS.contains(&kind) {
        shell.t(&format!("journal-kind-{}", kind.replace('_', "-")))
    } else {
        kind.to_owned()
    }
}

/// Enough of a hash to compare by eye.
pub(super) fn short(hash: &Hash) -> String {
    hex::encode(&hash[..8])
}
