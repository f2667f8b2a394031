//! A database that is older than what was published: what going on with it would lose, and going on with it all the same.
//!
//! A log must never have two histories under one name: whoever holds the published checkpoint would rightly call it forged,
//! and witnesses would refuse it for ever. So a rollback that an administrator accepts ends the log and begins another,
//! `HOST/log-2` after `HOST/log`, whose first new leaf tells of it, with the lost checkpoint whole. Going on under the old
//! name, after a silence or with a remark somewhere, was rejected.
//!
//! The database is rebound in the transaction that writes this leaf; the files beside it follow: the log's name, and then the
//! new log's first checkpoint in the place of the old one's. Between these steps the files do not fit the database, so nothing
//! starts, and accepting again finishes it. Each further node over the same database finds itself in the same state, and is
//! brought along in the same way; only when it has published more than the leaf tells of, it has to be accepted anew.
//!
//! Numbers: papers whose entries are lost are still in people's hands, so their numbers must not be given again. Each
//! registration wrote two leaves, so at most half as many numbers were given as leaves are lost, and [`MARGIN`] stands for
//! what was acknowledged after the last checkpoint, which is published every second. Every series of the present year goes
//! on after that many numbers, and the leaf says where; numbers of past years are never given again anyway. Giving lost
//! numbers once more and telling two papers apart by their tokens was rejected: people quote the number.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Actor, Service, ServiceError, StartError};
use crate::{
    dossier::{Paragraph, Reference},
    receipt::SealPublicKey,
    store::{LogRow, NewLogEvent, NumberSeries, Rebind},
    tlog::{Checkpoint, Hash, KeyPurpose, LogEvent, NoteVerifier, Record},
};

/// More registrations of one procedure than a second can bring.
const MARGIN: u32 = 1000;
const LEAVES_OF_A_REGISTRATION: u64 = 2;
const PAGE: u32 = 4096;

/// How a database stands to what was published from its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that was published is missing.
    Whole,
    Older(Loss),
    /// A rollback was accepted in the database, which belongs to the log of this name now; the files beside it do not say so
    /// yet.
    Unfinished {
        log: String,
    },
}

/// What going on with an older database would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The entries that the database holds.
    pub size: u64,
    /// When the last of them happened.
    pub last_at: Option<Timestamp>,
    pub extent: Extent,
    /// The name under which the log would go on.
    pub next_log: String,
    /// The signed note of the last checkpoint that is known to have been published.
    note: String,
    bound: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The entries from [`Loss::size`] on, before this one.
    Before(u64),
    /// The database belongs to a log that an accepted rollback has ended, and everything of the log that followed it, with
    /// so many entries, would be lost.
    OtherLog { ended: String, followed: String, published: u64 },
    /// The published checkpoint's file is gone. This is the last checkpoint that the database itself remembers.
    Unknown { remembered: u64 },
    /// Another node accepted a rollback that ended this log and knew of its entries up to `told` only, and this node has
    /// published more.
    Untold { log: String, told: u64, published: u64 },
}

impl Loss {
    /// How many numbers each procedure must leave out at least, beyond those of this database; `None` when nobody can tell.
    /// `all_known` says that all numbers up to a checkpoint are known from elsewhere.
    pub fn numbers_to_skip(&self, all_known: bool) -> Option<u32> {
        let leaves = match self.extent {
            Extent::Before(published) => published.saturating_sub(self.size),
            Extent::Untold { told, published, .. } => published.saturating_sub(told),
            Extent::OtherLog { .. } | Extent::Unknown { .. } => return all_known.then_some(MARGIN),
        };
        let registrations = leaves.div_ceil(LEAVES_OF_A_REGISTRATION);
        Some(u32::try_from(registrations).unwrap_or(u32::MAX).saturating_add(MARGIN))
    }
}

/// An accepted rollback, as the log tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedRollback {
    /// The leaf that tells of it; the entries before it are what was kept.
    pub leaf_index: u64,
    pub at: Timestamp,
    pub actor: String,
    pub reason: String,
    /// The checkpoint that was given up; nothing if the leaf's own note cannot be read.
    pub lost: Option<Checkpoint>,
}

/// Dossiers that one database tells of and another does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Registered beyond what the other holds.
    pub registered: Vec<Reference>,
    /// In both, with entries that the other does not hold.
    pub changed: Vec<Reference>,
    /// When the last such entry happened.
    pub last_at: Option<Timestamp>,
}

impl Service {
    /// The public halves of the keys that a database is bound to; one-way check values stand for the two that have none.
    ///
    /// They are the keys with which the office began: the binding outlives every change of key, and the log itself names them,
    /// so that their secret halves may be gone.
    pub(super) fn identity_under(&self, origin: &str) -> Result<String, ServiceError> {
        let ring = self.keys();
        let first = |purpose| ring.history().first(purpose).public;
        let unusable = |error: &dyn std::fmt::Display| ServiceError::Damaged(format!("the log's first keys: {error}"));
        let verifier = NoteVerifier::of_public(origin, &first(KeyPurpose::Log)).map_err(|error| unusable(&error))?;
        let seal = SealPublicKey::from_bytes(&first(KeyPurpose::Seal)).map_err(|error| unusable(&error))?;
        let identity = self.parts.identity_key.hash(b"milaf/bind/v1\0", b"");
        Ok(format!(
            "{verifier} seal {} token {} identity {}",
            hex::encode(seal.kid()),
            hex::encode(&first(KeyPurpose::Token)[..8]),
            hex::encode(&identity[..8])
        ))
    }

    /// How the database stands to what was published. Nothing is written, except that an empty database is bound to the keys.
    ///
    /// # Errors
    /// [`StartError`], when the database is another's, or holds another history than what was published.
    pub async fn standing(&self) -> Result<Standing, StartError> {
        let store = &self.parts.store;
        self.refresh_keys().await?;
        let ring = self.keys();
        let ours = self.identity_under(ring.origin())?;
        let bound = store.bind_identity(&ours).await.map_err(ServiceError::from)?;
        let (stem, generation) = generation(ring.origin());
        let head = store.head().await.map_err(ServiceError::from)?;
        if bound != ours {
            let Some(theirs) = self.generation_of(&bound) else { return Err(StartError::WrongKeys { bound, ours }) };
            let name = name_of(stem, theirs);
            if theirs > generation {
                return Ok(Standing::Unfinished { log: name });
            }
            let Some(published) = self.published()? else {
                let file = self.checkpoint_name();
                return Err(StartError::CheckpointFileMissing { size: head.size, file });
            };
            let followed = ring.origin().to_owned();
            let extent = Extent::OtherLog { ended: name, followed, published: published.size };
            return Ok(Standing::Older(self.loss(head.size, extent, self.note_of(&published), bound).await?));
        }
        let published = match self.published() {
            Err(_) if self.publishes_an_ended_log() => {
                return Ok(Standing::Unfinished { log: ring.origin().to_owned() });
            }
            published => published?,
        };
        if let Some(published) = published {
            return match self.check_history(&published).await {
                Ok(()) => Ok(Standing::Whole),
                Err(StartError::Shorter { size, published: entries }) => {
                    let note = self.note_of(&published);
                    Ok(Standing::Older(self.loss(size, Extent::Before(entries), note, bound).await?))
                }
                Err(error) => Err(error),
            };
        }
        let Some(kept) = store.last_checkpoint().await.map_err(ServiceError::from)? else { return Ok(Standing::Whole) };
        if generation > 1 && !kept.note.starts_with(&format!("{}\n", ring.origin())) {
            return Ok(Standing::Unfinished { log: ring.origin().to_owned() });
        }
        let extent = Extent::Unknown { remembered: kept.size };
        Ok(Standing::Older(self.loss(head.size, extent, kept.note, bound).await?))
    }

    /// What a rollback that another node accepted does not tell of and this node has published; for one that stands
    /// [`Standing::Unfinished`]. What was published within the seconds in which nodes follow one another is covered by the
    /// numbers left out as a margin.
    ///
    /// # Errors
    /// [`StartError::Forked`], when this node published another history than the one that was kept.
    pub async fn untold_loss(&self) -> Result<Option<Loss>, StartError> {
        let Ok(Some(published)) = self.published() else { return Ok(None) };
        let ours = self.identity_under(self.keys().origin())?;
        let bound = self.parts.store.bind_identity(&ours).await.map_err(ServiceError::from)?;
        let rollbacks = self.accepted_rollbacks().await?;
        let ended = |lost: &Checkpoint| lost.origin == published.origin;
        let (kept, told) = match rollbacks.iter().find(|rollback| rollback.lost.as_ref().is_some_and(ended)) {
            Some(rollback) => {
                (rollback.leaf_index, rollback.lost.as_ref().map_or(rollback.leaf_index, |lost| lost.size))
            }
            None => rollbacks.first().map_or((0, 0), |rollback| (rollback.leaf_index, rollback.leaf_index)),
        };
        if published.size <= kept {
            return self.check_history(&published).await.map(|()| None);
        }
        if published.size <= told.saturating_add(u64::from(MARGIN)) {
            return Ok(None);
        }
        let head = self.parts.store.head().await.map_err(ServiceError::from)?;
        let extent = Extent::Untold { log: published.origin.clone(), told, published: published.size };
        Ok(Some(self.loss(head.size, extent, self.note_of(&published), bound).await?))
    }

    /// Whether the checkpoint's file is one of this log under an earlier name, as a rollback leaves it that was cut short
    /// after the log was given its new name.
    pub(super) fn publishes_an_ended_log(&self) -> bool {
        let Some(note) = self.published_note() else { return false };
        let ring = self.keys();
        let name = note.lines().next().unwrap_or_default();
        let ((stem, number), (ours, now)) = (generation(name), generation(ring.origin()));
        stem == ours && number < now && ring.read_under(name, &note).is_ok()
    }

    /// Accepts in the database that it is older than what was published. `skip` is how many numbers each procedure leaves
    /// out, and `known` what is known of the numbers that were given. Returns the last number of each series that is left out.
    ///
    /// The caller gives the log its new name afterwards, and publishes.
    ///
    /// # Errors
    /// [`ServiceError`]; when the outcome is unknown, [`Service::standing`] tells it.
    pub async fn accept_rollback(
        &self,
        actor: &Actor,
        loss: &Loss,
        reason: &Paragraph,
        skip: u32,
        known: &[NumberSeries],
    ) -> Result<Vec<NumberSeries>, ServiceError> {
        let name = loss.next_log.as_str();
        let reserve = self.numbers_beyond(skip, known).await?;
        let numbers =
            reserve.iter().map(|series| (format!("{}-{}", series.procedure, series.year), series.last)).collect();
        let event = LogEvent::RollbackAccepted { lost: loss.note.clone(), reason: reason.as_str().to_owned(), numbers };
        let new = NewLogEvent {
            event,
            at: self.now(),
            actor: actor.name().to_owned(),
            nonce: self.random()?,
            rebind: Some(Rebind { from: loss.bound.clone(), to: self.identity_under(name)? }),
            reserve: reserve.clone(),
        };
        self.parts.store.append_log_event(new).await?;
        Ok(reserve)
    }

    /// Every rollback that was accepted, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn accepted_rollbacks(&self) -> Result<Vec<AcceptedRollback>, ServiceError> {
        let events = self.parts.store.log_events().await?;
        let ring = self.keys();
        let told = events.into_iter().filter_map(|stored| {
            let LogEvent::RollbackAccepted { lost, reason, .. } = stored.event else { return None };
            let origin = lost.lines().next().unwrap_or_default();
            let lost = ring.read_under(origin, &lost).ok();
            Some(AcceptedRollback { leaf_index: stored.leaf_index, at: stored.at, actor: stored.actor, reason, lost })
        });
        Ok(told.collect())
    }

    /// Whether the log begins with the tree of this size and root.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn begins_with(&self, size: u64, root: Hash) -> Result<bool, ServiceError> {
        Ok(self.parts.store.head().await?.size >= size && self.root_at(size).await? == root)
    }

    /// The dossiers that entries from an index on are about.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn dossiers_from(&self, index: u64) -> Result<Difference, ServiceError> {
        let mut found: BTreeMap<Reference, bool> = BTreeMap::new();
        let mut last_at = None;
        let mut next = index;
        loop {
            let rows = self.parts.store.log_rows(next, PAGE).await?;
            let Some(last) = rows.last() else { break };
            next = last.index + 1;
            last_at = happened_at(last).or(last_at);
            for row in rows {
                let Some(reference) = row.reference else { continue };
                // What was erased no longer says whether it was a dossier's first event.
                let record = row.content.and_then(|content| Record::decode(&content.record).ok());
                let new = record.is_some_and(|record| record.previous.is_none());
                *found.entry(reference).or_default() |= new;
            }
        }
        let (registered, changed): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, new)| *new);
        let names = |found: Vec<(Reference, bool)>| found.into_iter().map(|(reference, _)| reference).collect();
        Ok(Difference { registered: names(registered), changed: names(changed), last_at })
    }

    /// The entries of the published checkpoint, if there is one outside the database.
    ///
    /// # Errors
    /// [`StartError::CheckpointFile`] when it is not one of this log.
    pub fn published_size(&self) -> Result<Option<u64>, StartError> {
        Ok(self.published()?.map(|published| published.size))
    }

    /// The published note as it lies outside the database, with whatever signatures others have put under it.
    fn note_of(&self, published: &Checkpoint) -> String {
        self.published_note().unwrap_or_else(|| self.keys().sign(published))
    }

    async fn loss(&self, size: u64, extent: Extent, note: String, bound: String) -> Result<Loss, ServiceError> {
        let rows = match size.checked_sub(1) {
            Some(last) => self.parts.store.log_rows(last, 1).await?,
            None => Vec::new(),
        };
        let ring = self.keys();
        let (stem, ours) = generation(ring.origin());
        let next_log = name_of(stem, self.generation_of(&bound).unwrap_or(ours).max(ours) + 1);
        Ok(Loss { size, last_at: rows.first().and_then(happened_at), extent, next_log, note, bound })
    }

    /// Which of this log's names an identity has, if all its keys are ours.
    fn generation_of(&self, identity: &str) -> Option<u32> {
        let (name, _) = identity.split_once('+')?;
        let (stem, number) = generation(name);
        let ours = stem == generation(self.keys().origin()).0 && self.identity_under(name).ok()? == identity;
        ours.then_some(number)
    }

    async fn numbers_beyond(&self, skip: u32, known: &[NumberSeries]) -> Result<Vec<NumberSeries>, ServiceError> {
        let year = u16::try_from(self.today().year()).unwrap_or_default();
        let given = self.parts.store.numbers().await?;
        let of_this_year = |all: &[NumberSeries]| -> BTreeMap<_, _> {
            let mine = all.iter().filter(|series| series.year == year);
            mine.map(|series| (series.procedure.clone(), series.last)).collect()
        };
        let (given, known) = (of_this_year(&given), of_this_year(known));
        let offered = self.issuer().catalogue.procedures().iter().map(|procedure| procedure.code().clone());
        let mut series: BTreeMap<_, u32> = offered.map(|procedure| (procedure, 0)).collect();
        series.extend(known.keys().map(|procedure| (procedure.clone(), 0)));
        series.extend(given);
        let beyond = series.into_iter().map(|(procedure, last)| {
            let last = last.saturating_add(skip).max(known.get(&procedure).copied().unwrap_or(0));
            NumberSeries { procedure, year, last: last.clamp(1, Reference::MAX_NUMBER) }
        });
        Ok(beyond.collect())
    }
}

fn happened_at(row: &LogRow) -> Option<Timestamp> {
    let record = Record::decode(&row.content.as_ref()?.record).ok()?;
    Timestamp::from_millisecond(record.at_ms).ok()
}

/// `HOST/log` is the first of its names, `HOST/log-2` the second.
fn generation(name: &str) -> (&str, u32) {
    let numbered = name.rsplit_once('-').filter(|(stem, _)| stem.ends_with("/log"));
    match numbered.and_then(|(stem, number)| Some((stem, number.parse().ok()?))) {
        Some((stem, number)) if number > 1 && name_of(stem, number) == name => (stem, number),
        _ => (name, 1),
    }
}

fn name_of(stem: &str, generation: u32) -> String {
    if generation == 1 { stem.to_owned() } else { format!("{stem}-{generation}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_s_names_count_up() {
        for (name, stem, number) in [
            ("a.ma/log", "a.ma/log", 1),
            ("a.ma/log-2", "a.ma/log", 2),
            ("a.ma/log-10", "a.ma/log", 10),
            ("a.ma/log-1", "a.ma/log-1", 1),
            ("a.ma/log-02", "a.ma/log-02", 1),
            ("a.ma/log-x", "a.ma/log-x", 1),
            ("log-3.ma/log", "log-3.ma/log", 1),
            ("a.ma/catalog-3", "a.ma/catalog-3", 1),
        ] {
            assert_eq!(generation(name), (stem, number), "{name}");
            assert_eq!(name_of(stem, number), name);
        }
    }
}
