//! The log as everybody may copy it: the published checkpoint, tiles, entries and proofs, all from stored hashes.
//!
//! Nothing here goes beyond the published checkpoint, because a head that nobody has seen yet may still be lost with its
//! machine. Every proof is checked against a root before it is given out: a damaged row becomes [`ServiceError::Damaged`],
//! never a proof that somebody would hold against the office. Proofs from the leaves were rejected, because the oldest of a
//! million events would cost a reading of them all.

use super::{Service, ServiceError};
use crate::{
    store::{CosignatureRow, TreeHead},
    tlog::{
        Checkpoint, ConsistencyProof, Hash, InclusionProof, NodeRange, PathPlan, ProofFile, Tile, TileKind,
        entry_bundle, leaf_data, verify_consistency, verify_inclusion,
    },
};

/// What the office has published of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub checkpoint: Checkpoint,
    /// The signed note, under the log's own signature those of the witnesses that are known.
    pub note: String,
}

impl Published {
    /// Whether anybody but the log itself has signed it.
    pub fn is_cosigned(&self) -> bool {
        let signers = self.note.lines().filter_map(|line| line.strip_prefix("— ")?.split(' ').next());
        signers.into_iter().any(|name| name != self.checkpoint.origin)
    }
}

impl Service {
    /// The checkpoint that is shown: the newest that satisfies the policy, while it is fresh enough (see
    /// [`super::witnessing`]), else the newest of all; `None` before the first one.
    pub async fn published_checkpoint(&self) -> Result<Option<Published>, ServiceError> {
        if let Some(newest) = self.parts.store.last_checkpoint().await?
            && let Some(cosigned) = self.preferred(&newest)
        {
            return Ok(Some(cosigned));
        }
        self.newest_checkpoint().await
    }

    /// The newest checkpoint of all, whoever has cosigned it.
    pub async fn newest_checkpoint(&self) -> Result<Option<Published>, ServiceError> {
        let Some((checkpoint, note)) = self.newest_published().await? else { return Ok(None) };
        self.with_cosignatures(checkpoint, note).await.map(Some)
    }

    pub(super) async fn with_cosignatures(
        &self,
        checkpoint: Checkpoint,
        note: String,
    ) -> Result<Published, ServiceError> {
        let cosignatures = self.parts.store.cosignatures(checkpoint.size).await?;
        Ok(Published { note: cosigned(note, &cosignatures), checkpoint })
    }

    /// As [`Service::published_checkpoint`], the note alone.
    pub async fn published_checkpoint_note(&self) -> Result<Option<String>, ServiceError> {
        Ok(self.published_checkpoint().await?.map(|published| published.note))
    }

    /// A tile or an entry bundle of the published log; `None` for what it does not have.
    pub async fn published_tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, ServiceError> {
        let size = self.newest_published().await?.map_or(0, |(checkpoint, _)| checkpoint.size);
        self.tile(tile, size).await
    }

    /// The bytes of a tile or an entry bundle of the log at a size, which it must have reached; `None` for what is not
    /// wholly within it.
    pub async fn tile(&self, tile: Tile, size: u64) -> Result<Option<Vec<u8>>, ServiceError> {
        if !tile.is_within(size) {
            return Ok(None);
        }
        let (from, count) = (tile.number() * crate::tlog::TILE_WIDTH, u32::from(tile.width()));
        let bytes = match tile.kind() {
            TileKind::Entries => {
                let commitments = self.parts.store.commitments(from, count).await?;
                let entries: Vec<_> = commitments.iter().map(leaf_data).collect();
                (entries.len() == count as usize).then(|| entry_bundle(&entries))
            }
            TileKind::Hashes { level } => {
                let range = NodeRange { level: 8 * u32::from(level), from, count };
                let hashes = self.parts.store.nodes(&[range]).await?.pop().unwrap_or_default();
                (hashes.len() == count as usize).then(|| hashes.into_flattened())
            }
        };
        bytes.map(Some).ok_or_else(|| ServiceError::Damaged(format!("hashes or entries of {tile} are missing")))
    }

    /// That a leaf is in the log of this size; `None` when the log never stood there or was shorter.
    pub async fn inclusion_proof(&self, leaf: u64, size: u64) -> Result<Option<InclusionProof>, ServiceError> {
        let Ok(plan) = PathPlan::inclusion(size, leaf) else { return Ok(None) };
        let store = &self.parts.store;
        // Side by side, because going to the database costs more than what is read there.
        let ranges = ranges_with_leaf(&plan, leaf);
        let (head, fetched) = tokio::try_join!(store.head_at(size), store.nodes(&ranges))?;
        let Some(head) = head else { return Ok(None) };
        proven_inclusion(leaf, &plan, fetched, &head).map(Some)
    }

    /// That the log of size `old` is the beginning of that of `size`; `None` when the log never stood at one of them. Nothing
    /// has to be proven of an empty log.
    pub async fn consistency_proof(&self, old: u64, size: u64) -> Result<Option<ConsistencyProof>, ServiceError> {
        let store = &self.parts.store;
        let (Some(old_head), Some(head)) = (store.head_at(old).await?, store.head_at(size).await?) else {
            return Ok(None);
        };
        if old == 0 {
            return Ok(Some(ConsistencyProof { old, path: Vec::new() }));
        }
        let Ok(plan) = PathPlan::consistency(size, old) else { return Ok(None) };
        let fetched = store.nodes(plan.ranges()).await?;
        let path = plan.path(&fetched).map_err(|error| ServiceError::Damaged(error.to_string()))?;
        let proof = ConsistencyProof { old, path };
        verify_consistency(&proof, &old_head.root, size, &head.root).map_err(|error| {
            ServiceError::Damaged(format!("from {old} to {size} entries the kept hashes prove nothing: {error}"))
        })?;
        Ok(Some(proof))
    }

    /// A proof file for a leaf under the checkpoint that is shown, or under the newest where only that one covers it; `None`
    /// when neither does.
    pub async fn proof_file(&self, leaf: u64) -> Result<Option<ProofFile>, ServiceError> {
        let Some(mut published) = self.published_checkpoint().await? else { return Ok(None) };
        if published.checkpoint.size <= leaf
            && let Some(newest) = self.newest_checkpoint().await?
        {
            published = newest;
        }
        if leaf >= published.checkpoint.size {
            return Ok(None);
        }
        self.proof_under(leaf, &published).await.map(Some)
    }

    /// A proof file for a leaf under a published checkpoint that covers it.
    pub(super) async fn proof_under(&self, leaf: u64, published: &Published) -> Result<ProofFile, ServiceError> {
        let Checkpoint { size, root, .. } = published.checkpoint;
        let uncovered =
            |_| ServiceError::Damaged(format!("a checkpoint of {size} entries does not cover the leaf {leaf}"));
        let plan = PathPlan::inclusion(size, leaf).map_err(uncovered)?;
        // Against what was signed, not against what the database says of itself.
        let fetched = self.parts.store.nodes(&ranges_with_leaf(&plan, leaf)).await?;
        let InclusionProof { index, path } = proven_inclusion(leaf, &plan, fetched, &TreeHead { size, root })?;
        Ok(ProofFile { extra: None, index, path, checkpoint_note: published.note.clone() })
    }

    /// The earliest checkpoint that covers a leaf, of the log under its present name.
    pub(super) async fn published_covering(&self, leaf: u64) -> Result<Option<Published>, ServiceError> {
        let mut covered = leaf;
        while let Some(row) = self.parts.store.checkpoint_covering(covered).await? {
            if let Ok(checkpoint) = self.keys().read(&row.note) {
                return self.with_cosignatures(checkpoint, row.note).await.map(Some);
            }
            covered = row.size;
        }
        Ok(None)
    }

    /// The database's newest checkpoint is written before the file beside it, and by whichever node publishes first. One that
    /// cannot be read with our keys is of the log that an accepted rollback has ended; then the file alone may be ours.
    async fn newest_published(&self) -> Result<Option<(Checkpoint, String)>, ServiceError> {
        let keys = self.keys();
        let read = |note: String| Some((keys.read(&note).ok()?, note));
        let kept = self.parts.store.last_checkpoint().await?.and_then(|row| read(row.note));
        Ok(kept.or_else(|| self.published_note().and_then(read)))
    }
}

/// What a path needs, and the leaf itself behind it.
fn ranges_with_leaf(plan: &PathPlan, index: u64) -> Vec<NodeRange> {
    let leaf = NodeRange { level: 0, from: index, count: 1 };
    plan.ranges().iter().copied().chain([leaf]).collect()
}

fn proven_inclusion(
    index: u64,
    plan: &PathPlan,
    mut fetched: Vec<Vec<Hash>>,
    head: &TreeHead,
) -> Result<InclusionProof, ServiceError> {
    let leaf: Option<Hash> = fetched.pop().and_then(|hashes| hashes.first().copied());
    let leaf = leaf.ok_or_else(|| ServiceError::Damaged(format!("the leaf {index} is missing")))?;
    let path = plan.path(&fetched).map_err(|error| ServiceError::Damaged(error.to_string()))?;
    let proof = InclusionProof { index, path };
    verify_inclusion(&proof, &leaf, head.size, &head.root).map_err(|error| {
        ServiceError::Damaged(format!(
            "the kept hashes do not prove the leaf {index} at {} entries: {error}",
            head.size
        ))
    })?;
    Ok(proof)
}

/// The note with the witnesses' signature lines under it. A line that is there already is not written twice.
pub(super) fn cosigned(mut note: String, cosignatures: &[CosignatureRow]) -> String {
    for cosignature in cosignatures {
        if !note.lines().any(|line| line == cosignature.line) {
            note.push_str(&cosignature.line);
            note.push('\n');
        }
    }
    note
}
