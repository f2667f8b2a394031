//! What a log proves of one entry, cut from its tiles or brought by a proof file.
//!
//! Everything that comes from tiles is bound to a signed checkpoint before it counts, so that a damaged copy of the log is told
//! apart from a log that contradicts the paper: the first is the copy's fault, the second the office's or the forger's.

use std::{cell::Cell, fmt};

use super::tiles::{LeafData, SourceError, TileSource, bundle_at, perfect_root, read_entries, read_hashes, tile_at};
use crate::tlog::{
    Checkpoint, ConsistencyProof, Hash, InclusionProof, RangeError, consistency_path_from, inclusion_path_from,
    leaf_hash, node_hash, verify_consistency, verify_inclusion,
};

/// A log, or one entry of it, as somebody brought it.
#[derive(Clone, Copy)]
pub enum LogEvidence<'a> {
    /// Its tiles and newest checkpoint, and signed notes of earlier checkpoints, in any order.
    Tiles { source: &'a dyn TileSource, earlier: &'a [String] },
    /// One entry's proof.
    Single(&'a SingleProof),
    /// The same entry's proofs under several checkpoints, in any order.
    Several(&'a [SingleProof]),
}

impl fmt::Debug for LogEvidence<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tiles { earlier, .. } => write!(formatter, "Tiles({} earlier checkpoints)", earlier.len()),
            Self::Single(single) => single.fmt(formatter),
            Self::Several(proofs) => proofs.fmt(formatter),
        }
    }
}

/// One entry's place under one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleProof {
    pub leaf: LeafData,
    pub proof: InclusionProof,
    /// The checkpoint's signed note.
    pub note: String,
}

/// What could be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proven<T> {
    Yes(T),
    /// The copy of the log holds too little, or contradicts its own checkpoint.
    Unusable,
}

impl LogEvidence<'_> {
    pub(super) const fn is_single(&self) -> bool {
        matches!(self, Self::Single(_) | Self::Several(_))
    }

    /// The signed notes of the log's heads, the newest first.
    pub(super) fn notes(&self) -> Result<Vec<String>, SourceError> {
        match self {
            Self::Single(single) => Ok(vec![single.note.clone()]),
            Self::Several(proofs) => Ok(proofs.iter().map(|proof| proof.note.clone()).collect()),
            Self::Tiles { source, earlier } => {
                let mut notes = vec![source.checkpoint()?];
                notes.extend(earlier.iter().cloned());
                Ok(notes)
            }
        }
    }

    /// The entry's data, if it is in the log of this head. The tiles are read as wide as `newest` has them.
    pub(super) fn entry(&self, index: u64, head: &Checkpoint, newest: u64) -> Proven<LeafData> {
        let (leaf, proof) = match self {
            Self::Single(single) if single.proof.index == index => (single.leaf, single.proof.clone()),
            Self::Single(_) => return Proven::Unusable,
            Self::Several(proofs) => {
                let holds = |single: &&SingleProof| {
                    let leaf = leaf_hash(&single.leaf);
                    single.proof.index == index && verify_inclusion(&single.proof, &leaf, head.size, &head.root).is_ok()
                };
                return proofs.iter().find(holds).map_or(Proven::Unusable, |single| Proven::Yes(single.leaf));
            }
            Self::Tiles { source, .. } => {
                let tiles = Tiles { source: *source, size: newest, failed: Cell::new(false) };
                let path = tiles.all_or_none(|node| inclusion_path_from(head.size, index, node));
                match (tiles.leaf(index), path) {
                    (Some(leaf), Some(path)) => (leaf, InclusionProof { index, path }),
                    _ => return Proven::Unusable,
                }
            }
        };
        match verify_inclusion(&proof, &leaf_hash(&leaf), head.size, &head.root) {
            Ok(()) => Proven::Yes(leaf),
            Err(_) => Proven::Unusable,
        }
    }

    /// The root over the first `size` entries of the log of this head.
    pub(super) fn root(&self, size: u64, head: &Checkpoint) -> Proven<Hash> {
        if size == head.size {
            return Proven::Yes(head.root);
        }
        let Self::Tiles { source, .. } = self else { return Proven::Unusable };
        let tiles = Tiles { source: *source, size: head.size, failed: Cell::new(false) };
        let path = tiles.all_or_none(|node| consistency_path_from(head.size, size, node));
        let Some((path, root)) = path.zip(tiles.root(size)) else { return Proven::Unusable };
        let proof = ConsistencyProof { old: size, path };
        match verify_consistency(&proof, &root, head.size, &head.root) {
            Ok(()) => Proven::Yes(root),
            Err(_) => Proven::Unusable,
        }
    }
}

/// The nodes of a tree, read from tiles. A node that cannot be read is remembered as the failure that spoils the answer,
/// because the functions that cut paths have no room for it.
struct Tiles<'a> {
    source: &'a dyn TileSource,
    size: u64,
    failed: Cell<bool>,
}

impl Tiles<'_> {
    fn all_or_none<T>(&self, cut: impl FnOnce(&dyn Fn(u32, u64) -> Hash) -> Result<T, RangeError>) -> Option<T> {
        let path = cut(&|level, index| {
            self.node(level, index).unwrap_or_else(|| {
                self.failed.set(true);
                [0; 32]
            })
        });
        path.ok().filter(|_| !self.failed.get())
    }

    fn leaf(&self, index: u64) -> Option<LeafData> {
        let bundle = bundle_at(index / 256, self.size)?;
        let entries = read_entries(bundle, &self.source.tile(bundle).ok()?).ok()?;
        entries.get(usize::try_from(index % 256).ok()?).copied()
    }

    /// The hash of the perfect subtree over the leaves from `index << level`.
    fn node(&self, level: u32, index: u64) -> Option<Hash> {
        let inside = level % 8;
        let first = index << inside;
        let tile = tile_at(u8::try_from(level / 8).ok()?, first / 256, self.size)?;
        let bytes = self.source.tile(tile).ok()?;
        let start = usize::try_from(first % 256).ok()?;
        read_hashes(tile, &bytes).ok()?.get(start..start + (1 << inside)).map(perfect_root)
    }

    /// The root over the first leaves: the perfect subtrees that the bits of the size name, joined from the right.
    fn root(&self, size: u64) -> Option<Hash> {
        let mut root: Option<Hash> = None;
        for bit in (0..u64::BITS).filter(|bit| size >> bit & 1 == 1) {
            let left = self.node(bit, (size >> bit) - 1)?;
            root = Some(root.map_or(left, |right| node_hash(&left, &right)));
        }
        root
    }
}
