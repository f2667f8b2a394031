//! The office's own database against its log: the log recomputed from the records, and every row from the log.
//!
//! Two passes in flat memory. The first goes through the entries in their order and recomputes commitments, leaves, nodes,
//! heads and checkpoints; the second through the dossiers and folds each from its entries. A database can be changed by
//! whoever holds it, so nothing in it is a reason to believe another part of it, but for the hashes. Repairing what is found
//! was rejected: it would destroy the trace.
//!
//! What it cannot say: accounts, passwords, sessions and counted tries are in no log. A history that was rewritten together
//! with its tree and its heads looks whole from inside; only a checkpoint or a paper from before shows it.

mod cosignatures;
mod dossiers;
mod entries;
mod numbers;
mod roots;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use self::{dossiers::Tallied, numbers::Series};
use super::ServiceError;
use crate::{
    audit::{Findings, Place},
    config::Issuer,
    receipt::SealPublicKey,
    store::{
        Inspect, StoreError,
        inspect::{self, Stray},
    },
    tlog::{Frontier, LogEvent, NoteVerifier, Policy},
};

/// Servers' clocks may differ by less.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// What an office's database is judged by.
#[derive(Debug)]
pub struct OfficeAudit<'a> {
    pub store: &'a dyn Inspect,
    pub issuer: &'a Issuer,
    /// Every key whose seals count.
    pub seal_keys: Vec<SealPublicKey>,
    /// Every key whose checkpoints count, those of names that the log had before an accepted rollback included.
    pub log_keys: Vec<NoteVerifier>,
    /// Notes that were kept outside the database, each with the place to report.
    pub kept: Vec<(Place, String)>,
    /// Whose cosignatures are known.
    pub policy: Option<Policy>,
    /// Roots on papers.
    pub roots: Vec<crate::audit::KnownRoot>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeReport {
    pub entries: u64,
    pub dossiers: u64,
    pub receipts: u64,
    /// Entries whose content an erasure has taken away, as the log itself tells.
    pub erased: u64,
    /// Kept roots that were compared.
    pub roots: u64,
    pub findings: Findings,
}

/// What the first pass learns from the log's own events and needs to judge the rest.
#[derive(Debug, Default)]
struct Told {
    /// The erased entries, by the event that says so.
    erased: BTreeMap<u64, BTreeSet<u64>>,
    /// The last numbers that accepted rollbacks reserved.
    reserved: BTreeMap<String, BTreeSet<u32>>,
}

impl Told {
    fn hear(&mut self, leaf: u64, event: LogEvent) {
        match event {
            LogEvent::Erased { leaves, .. } => {
                self.erased.insert(leaf, leaves.into_iter().collect());
            }
            LogEvent::RollbackAccepted { numbers, .. } => {
                for (series, last) in numbers {
                    self.reserved.entry(series).or_default().insert(last);
                }
            }
            LogEvent::KeyRotated { .. } | LogEvent::KeyRevoked { .. } => {}
        }
    }
}

impl OfficeAudit<'_> {
    /// Looks through everything, and tells on the way how many of how many entries are done, each pass for a half.
    ///
    /// # Errors
    /// When the database cannot be read; what is wrong with it is in the report.
    pub async fn run(&self, progress: &mut (dyn FnMut(u64, u64) + Send)) -> Result<OfficeReport, ServiceError> {
        let store = self.store;
        let newest = store.head().await;
        let edge = store.totals().await?.edge;
        let mut findings = Findings::default();
        let edge = match edge.map(|bytes| Frontier::from_bytes(&bytes)) {
            Some(Ok(edge)) => edge,
            None => Frontier::empty(),
            Some(Err(error)) => {
                findings.add(Place::Edge, error.to_string());
                Frontier::empty()
            }
        };
        match newest {
            Ok(newest) if newest.size > edge.size() => {
                findings.add(
                    Place::Edge,
                    format!("it ends at {} entries, and the newest head at {}", edge.size(), newest.size),
                );
            }
            Ok(_) => {}
            Err(StoreError::Damaged(cause)) => findings.add(Place::Edge, cause),
            Err(error) => return Err(error.into()),
        }
        let log = entries::pass(self, &edge, &mut findings, progress).await?;
        let mut tallied = Tallied::default();
        dossiers::pass(self, &mut tallied, &mut findings, &mut |done| progress(log.size + done, 2 * log.size)).await?;
        if tallied.entries_below(log.size) != log.of_dossiers {
            let what = format!(
                "{} entries of the log belong to dossiers, and the dossiers have {}",
                log.of_dossiers,
                tallied.entries_below(log.size)
            );
            findings.add(Place::Database, what);
        }
        let quiet = store.head().await.is_ok_and(|head| head.size == edge.size());
        let series = std::mem::take(&mut tallied.series);
        numbers::judge(series, &log.told.reserved, &store.numbers().await?, quiet, &mut findings);
        self.judge_strays(&mut findings).await?;
        cosignatures::judge(self, &mut findings).await?;
        Ok(OfficeReport {
            entries: log.size,
            dossiers: tallied.dossiers,
            receipts: tallied.receipts,
            erased: log.erased,
            roots: log.roots,
            findings,
        })
    }

    async fn judge_strays(&self, findings: &mut Findings) -> Result<(), ServiceError> {
        for stray in Stray::ALL {
            for number in inspect::strays(self.store, stray).await? {
                let unsigned = number.unsigned_abs();
                let (place, what) = match stray {
                    Stray::Content => (Place::Entry(unsigned), "its content is there without it"),
                    Stray::Receipt => (Place::Receipt { leaf: number }, "no such entry of its dossier is there"),
                    Stray::Seal => (Place::Seal { leaf: number }, "its receipt's row is gone"),
                    Stray::Erasure => (Place::Entry(unsigned), "its erasure is told by no entry of the log"),
                    Stray::Wish => {
                        (Place::Wish { first_leaf: number }, "what it is said to have done is not one dossier's")
                    }
                    Stray::Cosignature => (Place::EarlierCheckpoint(unsigned), "it was cosigned and is gone"),
                };
                findings.add(place, what);
            }
        }
        Ok(())
    }
}

/// The series that a reference belongs to.
fn series_of(reference: &crate::dossier::Reference) -> Series {
    Series { procedure: reference.procedure().clone(), year: reference.year() }
}
