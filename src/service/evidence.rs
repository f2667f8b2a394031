//! What a dossier's evidence is made of: its entries with their records, proofs under one published checkpoint, its receipts.
//!
//! Taking evidence away is a read and is recorded nowhere in the log: an entry for it would change the very history that it
//! proves. What has not been published yet is published first, so that nothing of the dossier is left out.

use jiff::Timestamp;

use super::{Actor, DossierView, ErasedDossier, Failure, Published, ReceiptView, Service, ServiceError, StartError};
use crate::{
    dossier::{Reference, StaffAction},
    receipt::PublishedKeys,
    store::{LogRow, SealedReceipt},
    tlog::{LogEvent, ProofFile},
};

/// How many checkpoints after the first that covers a receipt are looked at for cosignatures.
const LOOKED_AT: usize = 100;

/// Everything that goes into a bundle, in domain terms.
#[derive(Debug)]
pub struct Evidence {
    pub reference: Reference,
    pub published: Published,
    pub keys: PublishedKeys,
    /// The dossier as staff see it; `None` when it was erased.
    pub view: Option<DossierView>,
    pub erased: Option<ErasedDossier>,
    /// The dossier's, in the order of their leaves.
    pub entries: Vec<EvidenceEntry>,
    /// Those of the log's own events that bear on how the dossier's are judged.
    pub log_entries: Vec<EvidenceEntry>,
    /// When and what the log's own events of `log_entries` were, in the same order.
    pub log_events: Vec<(Timestamp, LogEvent)>,
    /// Oldest first.
    pub receipts: Vec<EvidenceReceipt>,
}

#[derive(Debug)]
pub struct EvidenceEntry {
    pub row: LogRow,
    pub proof: ProofFile,
}

#[derive(Debug)]
pub struct EvidenceReceipt {
    pub receipt: SealedReceipt,
    /// Under the earliest checkpoint that others have cosigned, or else under the earliest.
    pub proof: ProofFile,
    /// The paper as it was last handed out; `None` when it was erased or its token key is gone.
    pub paper: Option<ReceiptView>,
}

impl Service {
    /// Gathers a dossier's evidence, for those who may take it.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`], [`Failure::UnknownDossier`].
    pub async fn evidence(&self, actor: &Actor, reference: &Reference) -> Result<Evidence, Failure> {
        if !actor.may(StaffAction::TakeEvidence) {
            return Err(Failure::NotAllowed);
        }
        let erased = self.erasure(reference).await?;
        let view = self.dossier(reference).await?;
        let log_events = self.parts.store.log_events().await?;
        let bears = |event: &LogEvent| match event {
            LogEvent::Erased { reference: other, .. } => *other == reference.to_string(),
            LogEvent::KeyRotated { .. } | LogEvent::KeyRevoked { .. } | LogEvent::RollbackAccepted { .. } => true,
        };
        let log_events: Vec<_> = log_events.into_iter().filter(|stored| bears(&stored.event)).collect();
        let leaves: Vec<u64> = match (&view, &erased) {
            (Some(view), _) => view.events.iter().map(|(leaf, _)| *leaf).collect(),
            (None, Some(erased)) => log_events
                .iter()
                .find_map(|stored| match &stored.event {
                    LogEvent::Erased { leaves, .. } if stored.leaf_index == erased.told_by => Some(leaves.clone()),
                    _ => None,
                })
                .unwrap_or_default(),
            (None, None) => return Err(Failure::UnknownDossier),
        };
        let last = leaves.iter().copied().chain(log_events.iter().map(|stored| stored.leaf_index)).max();
        let published = self.published_beyond(last.unwrap_or_default()).await?;
        let mut entries = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            entries.push(self.evidence_entry(leaf, &published).await?);
        }
        let mut log_entries = Vec::with_capacity(log_events.len());
        for stored in &log_events {
            log_entries.push(self.evidence_entry(stored.leaf_index, &published).await?);
        }
        let mut receipts = Vec::new();
        for receipt in self.parts.store.receipts(reference).await? {
            let proof = self.earliest_proof(receipt.leaf_index, &published).await?;
            let paper = match &view {
                Some(view) => self.as_handed_out(view, &receipt).ok().flatten(),
                None => None,
            };
            receipts.push(EvidenceReceipt { receipt, proof, paper });
        }
        Ok(Evidence {
            reference: reference.clone(),
            published,
            keys: self.published_keys(),
            view,
            erased,
            entries,
            log_entries,
            log_events: log_events.into_iter().map(|stored| (stored.at, stored.event)).collect(),
            receipts,
        })
    }

    /// The checkpoint that is shown, or the newest, if that one covers a leaf; else another is published.
    async fn published_beyond(&self, leaf: u64) -> Result<Published, ServiceError> {
        let covers = |published: &Published| published.checkpoint.size > leaf;
        if let Some(shown) = self.published_checkpoint().await?.filter(covers) {
            return Ok(shown);
        }
        self.publish_checkpoint().await.map_err(|error| match error {
            StartError::Service(error) => error,
            other => ServiceError::Damaged(other.to_string()),
        })?;
        let newest = self.newest_checkpoint().await?.filter(covers);
        newest.ok_or_else(|| ServiceError::Unavailable("no checkpoint covers the dossier yet".to_owned()))
    }

    async fn evidence_entry(&self, leaf: u64, published: &Published) -> Result<EvidenceEntry, ServiceError> {
        let row = self.parts.store.log_rows(leaf, 1).await?.into_iter().find(|row| row.index == leaf);
        let row = row.ok_or_else(|| ServiceError::Damaged(format!("the entry {leaf} is missing")))?;
        Ok(EvidenceEntry { row, proof: self.proof_under(leaf, published).await? })
    }

    /// A receipt's proof under the first checkpoint that a witness has cosigned, because that is what bounds its time best.
    async fn earliest_proof(&self, leaf: u64, newest: &Published) -> Result<ProofFile, ServiceError> {
        let (mut first, mut covered) = (None, leaf);
        for _ in 0..LOOKED_AT {
            let Some(published) = self.published_covering(covered).await? else { break };
            let witnessed = published.is_cosigned();
            covered = published.checkpoint.size;
            if witnessed {
                return self.proof_under(leaf, &published).await;
            }
            let done = covered >= newest.checkpoint.size;
            first.get_or_insert(published);
            if done {
                break;
            }
        }
        self.proof_under(leaf, first.as_ref().unwrap_or(newest)).await
    }
}
