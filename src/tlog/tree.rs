//! The Merkle tree of RFC 6962 §2.1: its root, and the paths that prove things about it.
//!
//! The writer keeps only a [`Frontier`], the roots of the perfect subtrees along the right edge:
//! that is all it takes to append and to name the new root. Paths are cut from any source of
//! perfect subtrees' hashes, so that proofs can later come from stored nodes without reading the
//! leaves again. Keeping the whole tree in memory was rejected: it grows for ever, and nothing
//! needs it.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{
    leaf::{Hash, node_hash},
    nodes::Node,
};

/// A path was asked for outside the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RangeError {
    #[error("the tree has {size} leaves, so none has the index {index}")]
    Index { index: u64, size: u64 },
    #[error("no path leads from an empty tree to another")]
    OldEmpty,
    #[error("the tree has {size} leaves, so it was never of size {old}")]
    OldSize { old: u64, size: u64 },
}

/// Stored bytes are not a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored bytes are not a frontier of the size they name")]
pub struct FrontierError;

/// The perfect subtrees that make up a tree, the largest and leftmost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One hash for each bit set in `size`.
    subtrees: Vec<Hash>,
}

impl Frontier {
    pub const fn empty() -> Self {
        Self { size: 0, subtrees: Vec::new() }
    }

    /// The number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf.
    pub fn push(&mut self, leaf_hash: Hash) {
        self.push_and_tell(leaf_hash, |_| {});
    }

    /// Appends one leaf, and tells of each node it completes whose hash is kept, the lowest first.
    pub fn push_and_tell(&mut self, leaf_hash: Hash, mut completed: impl FnMut(Node)) {
        let mut hash = leaf_hash;
        // Each trailing one in the size is a subtree of the same height as `hash` by then.
        for level in 1..=self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("one subtree for each bit of the size");
            hash = node_hash(&left, &hash);
            if Node::is_kept(level) {
                completed(Node { level, number: self.size >> level, hash });
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// Appends `2^level` leaves at once, of which only the root is known.
    ///
    /// # Panics
    /// If the size is no multiple of `2^level`: then these leaves are no subtree of the tree.
    pub fn push_subtree(&mut self, level: u32, root: Hash) {
        let width = 1 << level;
        assert!(self.size.is_multiple_of(width), "a perfect subtree begins at a multiple of its width");
        let mut hash = root;
        for _ in 0..(self.size >> level).trailing_ones() {
            let left = self.subtrees.pop().expect("one subtree for each bit of the size");
            hash = node_hash(&left, &hash);
        }
        self.subtrees.push(hash);
        self.size += width;
    }

    /// The tree's root; for an empty tree, SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let folded = self.subtrees.iter().copied().rev();
        folded.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(|| Sha256::digest([]).into())
    }

    /// The size as eight bytes, big end first, then the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.subtrees.as_flattened());
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_be_bytes(*size);
        let (subtrees, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() || subtrees.len() != size.count_ones() as usize {
            return Err(FrontierError);
        }
        let subtrees = subtrees.to_vec();
        Ok(Self { size, subtrees })
    }
}

/// The root of the tree with these leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::empty();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The inclusion path of RFC 6962 §2.1.1, from the leaf's sibling up to the root's child.
pub fn inclusion_path(leaves: &[Hash], index: u64) -> Result<Vec<Hash>, RangeError> {
    inclusion_path_from(leaves.len() as u64, index, |level, node| perfect_subtree(leaves, level, node))
}

/// The consistency path of RFC 6962 §2.1.2 from the tree's first `old` leaves to all of them.
pub fn consistency_path(leaves: &[Hash], old: u64) -> Result<Vec<Hash>, RangeError> {
    consistency_path_from(leaves.len() as u64, old, |level, node| perfect_subtree(leaves, level, node))
}

/// [`inclusion_path`] from stored nodes: `node(level, index)` is the hash of the perfect subtree
/// over the leaves from `index << level` up to `(index + 1) << level`, all of them in the tree.
pub fn inclusion_path_from(size: u64, index: u64, node: impl Fn(u32, u64) -> Hash) -> Result<Vec<Hash>, RangeError> {
    if index >= size {
        return Err(RangeError::Index { index, size });
    }
    let mut path = Vec::new();
    let mut range = Range { start: 0, size };
    while range.size > 1 {
        let (left, right) = range.split();
        if index < right.start {
            path.push(right.hash(&node));
            range = left;
        } else {
            path.push(left.hash(&node));
            range = right;
        }
    }
    path.reverse();
    Ok(path)
}

/// [`consistency_path`] from stored nodes; `node` as in [`inclusion_path_from`].
pub fn consistency_path_from(size: u64, old: u64, node: impl Fn(u32, u64) -> Hash) -> Result<Vec<Hash>, RangeError> {
    if old == 0 {
        return Err(RangeError::OldEmpty);
    }
    if old > size {
        return Err(RangeError::OldSize { old, size });
    }
    let mut path = Vec::new();
    let mut range = Range { start: 0, size };
    // Descend along the old tree's right edge to the subtree that ends where it ended.
    while range.start + range.size != old {
        let (left, right) = range.split();
        if old <= right.start {
            path.push(right.hash(&node));
            range = left;
        } else {
            path.push(left.hash(&node));
            range = right;
        }
    }
    // A subtree that starts at the first leaf is the old tree itself, whose root is known.
    if range.start > 0 {
        path.push(range.hash(&node));
    }
    path.reverse();
    Ok(path)
}

/// Consecutive leaves under one node of the tree.
#[derive(Clone, Copy)]
struct Range {
    start: u64,
    size: u64,
}

impl Range {
    /// The left part is the largest power of two smaller than the size (RFC 6962 §2.1).
    fn split(self) -> (Self, Self) {
        let left = 1 << (self.size - 1).ilog2();
        (Self { start: self.start, size: left }, Self { start: self.start + left, size: self.size - left })
    }

    fn hash(self, node: &impl Fn(u32, u64) -> Hash) -> Hash {
        if self.size.is_power_of_two() {
            let level = self.size.ilog2();
            return node(level, self.start >> level);
        }
        let (left, right) = self.split();
        node_hash(&left.hash(node), &right.hash(node))
    }
}

fn perfect_subtree(leaves: &[Hash], level: u32, index: u64) -> Hash {
    let start = usize::try_from(index << level).expect("the index of a leaf in memory");
    root_of(&leaves[start..start + (1 << level)])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tlog::leaf::{leaf_data, leaf_hash};
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&leaf_data(&[number; 32]))).collect()
    }

    #[test]
    fn a_stored_frontier_goes_on_as_if_never_stored() {
        let mut through_storage = Frontier::empty();
        for (count, leaf) in leaves(200).iter().enumerate() {
            assert_eq!(through_storage.size(), count as u64);
            through_storage.push(*leaf);
            through_storage = Frontier::from_bytes(&through_storage.to_bytes()).unwrap();
            assert_eq!(through_storage.root(), root_of(&leaves(200)[..=count]));
        }
    }

    #[test]
    fn subtrees_count_as_their_leaves() {
        let all = leaves(203);
        let mut frontier = Frontier::empty();
        for subtree in all.chunks(8) {
            match subtree.len() {
                8 => frontier.push_subtree(3, root_of(subtree)),
                _ => subtree.iter().for_each(|leaf| frontier.push(*leaf)),
            }
        }
        assert_eq!((frontier.size(), frontier.root()), (203, root_of(&all)));
    }

    #[test]
    fn damaged_frontiers_are_refused() {
        let mut frontier = Frontier::empty();
        assert_eq!(Frontier::from_bytes(&[0; 8]), Ok(frontier.clone()));
        for leaf in leaves(13) {
            frontier.push(leaf);
        }
        let bytes = frontier.to_bytes();
        for length in 0..bytes.len() {
            assert_eq!(Frontier::from_bytes(&bytes[..length]), Err(FrontierError), "{length}");
        }
        let longer = [bytes.as_slice(), &[0; 32]].concat();
        assert_eq!(Frontier::from_bytes(&longer), Err(FrontierError));
    }

    #[test]
    fn outside_the_tree_there_is_no_path() {
        let three = leaves(3);
        let outside = RangeError::Index { index: 3, size: 3 };
        assert_eq!(inclusion_path(&three, 3), Err(outside));
        assert_eq!(inclusion_path(&[], 0), Err(RangeError::Index { index: 0, size: 0 }));
        assert_eq!(consistency_path(&three, 0), Err(RangeError::OldEmpty));
        assert_eq!(consistency_path(&[], 0), Err(RangeError::OldEmpty));
        let never = RangeError::OldSize { old: 4, size: 3 };
        assert_eq!(consistency_path(&three, 4), Err(never));
        assert_eq!(consistency_path(&three, 3), Ok(Vec::new()));
        let far = inclusion_path_from(u64::MAX, u64::MAX - 1, |_, _| [0; 32]).unwrap();
        assert_eq!(far.len(), 63);
        assert!(consistency_path_from(u64::MAX, u64::MAX - 1, |_, _| [0; 32]).is_ok());
    }

    proptest! {
        #[test]
        fn stored_nodes_give_the_same_paths(count in 1_u8..=255, choice: prop::sample::Index) {
            let leaves = leaves(count);
            let mut stored = HashMap::new();
            let mut row = leaves.clone();
            for level in 0_u32.. {
                stored.extend((0_u64..).zip(&row).map(|(at, hash)| ((level, at), *hash)));
                row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
                if row.is_empty() {
                    break;
                }
            }
            // Asking for a node that is not wholly in the tree would panic here.
            let node = |level, index| stored[&(level, index)];
            let (size, index) = (u64::from(count), choice.index(usize::from(count)) as u64);
            prop_assert_eq!(inclusion_path_from(size, index, node), inclusion_path(&leaves, index));
            let old = index + 1;
            prop_assert_eq!(consistency_path_from(size, old, node), consistency_path(&leaves, old));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(frontier) = Frontier::from_bytes(&bytes) {
                prop_assert_eq!(frontier.to_bytes(), bytes);
            }
        }
    }
}
