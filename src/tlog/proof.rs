//! Checking that an event is in the log, and that one state of the log grew from another.
//!
//! The algorithms are those of RFC 9162 §2.1.3.2 and §2.1.4.2, which need no tree, only two roots
//! and a path. A path must have exactly the nodes it needs: one too many or too few is an error,
//! whatever it hashes to, so that a proof has one form. Rebuilding the tree to compare roots was
//! rejected, because whoever verifies has only the paper.

use thiserror::Error;

use super::leaf::{Hash, node_hash};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    #[error("the index is outside the tree")]
    Index,
    #[error("the old tree is empty or larger than the new one")]
    OldSize,
    #[error("the path has not the length it must have")]
    Length,
    #[error("the path does not lead to the root")]
    Root,
    #[error("the path does not lead to the old root")]
    OldRoot,
}

/// That a leaf stands at `index` in a tree. The path goes from the leaf's sibling up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    pub index: u64,
    pub path: Vec<Hash>,
}

/// That a tree's first `old` leaves are those of an older tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    pub old: u64,
    pub path: Vec<Hash>,
}

/// Checks that `leaf_hash` stands at the proof's index in the tree of this size and root.
pub fn verify_inclusion(proof: &InclusionProof, leaf_hash: &Hash, size: u64, root: &Hash) -> Result<(), ProofError> {
    if proof.index >= size {
        return Err(ProofError::Index);
    }
    let mut node = proof.index;
    let mut last = size - 1;
    let mut hash = *leaf_hash;
    for sibling in &proof.path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            skip_to_sibling(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash != *root {
        return Err(ProofError::Root);
    }
    Ok(())
}

/// Checks that the tree of `size` leaves and root `root` begins with the tree of `proof.old` leaves
/// and root `old_root`.
pub fn verify_consistency(proof: &ConsistencyProof, old_root: &Hash, size: u64, root: &Hash) -> Result<(), ProofError> {
    if proof.old == 0 || proof.old > size {
        return Err(ProofError::OldSize);
    }
    if proof.old == size {
        return match (proof.path.is_empty(), old_root == root) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    // A perfect old tree is itself the first node, and the path leaves it out.
    let (first, rest) = if proof.old.is_power_of_two() {
        (old_root, proof.path.as_slice())
    } else {
        proof.path.split_first().ok_or(ProofError::Length)?
    };
    let shift = (proof.old - 1).trailing_ones();
    let mut node = (proof.old - 1) >> shift;
    let mut last = (size - 1) >> shift;
    let mut old_hash = *first;
    let mut hash = *first;
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            hash = node_hash(sibling, &hash);
            skip_to_sibling(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_hash != *old_root {
        return Err(ProofError::OldRoot);
    }
    if hash != *root {
        return Err(ProofError::Root);
    }
    Ok(())
}

/// On the right edge of an incomplete tree a node may have no sibling for some levels; it is then
/// its own parent.
fn skip_to_sibling(node: &mut u64, last: &mut u64) {
    while node.is_multiple_of(2) && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tlog::leaf::{leaf_data, leaf_hash};
    use crate::tlog::tree::{consistency_path, inclusion_path, root_of};
    use proptest::prelude::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&leaf_data(&[number; 32]))).collect()
    }

    fn inclusion(leaves: &[Hash], index: u64) -> InclusionProof {
        let path = inclusion_path(leaves, index).unwrap();
        InclusionProof { index, path }
    }

    fn consistency(leaves: &[Hash], old: u64) -> ConsistencyProof {
        let path = consistency_path(leaves, old).unwrap();
        ConsistencyProof { old, path }
    }

    #[test]
    fn every_leaf_and_every_growth_of_small_trees() {
        let all = leaves(40);
        for size in 1..=all.len() {
            let tree = &all[..size];
            let root = root_of(tree);
            for (index, leaf) in (0..).zip(tree) {
                let proof = inclusion(tree, index);
                assert_eq!(verify_inclusion(&proof, leaf, size as u64, &root), Ok(()));
            }
            for old in 1..=size {
                let proof = consistency(tree, old as u64);
                let old_root = root_of(&all[..old]);
                assert_eq!(verify_consistency(&proof, &old_root, size as u64, &root), Ok(()));
            }
        }
    }

    #[test]
    fn sizes_outside_the_tree_are_errors() {
        let root = [7; 32];
        let inclusion = |index| InclusionProof { index, path: Vec::new() };
        let consistency = |old| ConsistencyProof { old, path: Vec::new() };
        assert_eq!(verify_inclusion(&inclusion(0), &root, 0, &root), Err(ProofError::Index));
        assert_eq!(verify_inclusion(&inclusion(1), &root, 1, &root), Err(ProofError::Index));
        assert_eq!(verify_inclusion(&inclusion(0), &root, 1, &root), Ok(()));
        assert_eq!(verify_inclusion(&inclusion(0), &root, 2, &root), Err(ProofError::Length));
        for (old, size) in [(0, 0), (0, 1), (2, 1), (u64::MAX, 1)] {
            let outcome = verify_consistency(&consistency(old), &root, size, &root);
            assert_eq!(outcome, Err(ProofError::OldSize), "{old} {size}");
        }
        let other = verify_consistency(&consistency(1), &root, 1, &[8; 32]);
        assert_eq!(other, Err(ProofError::Root));
        let needless = ConsistencyProof { old: 1, path: vec![root] };
        assert_eq!(verify_consistency(&needless, &root, 1, &root), Err(ProofError::Length));
    }

    /// Every single-bit change of the path, a node less or more at either end, all refused.
    fn damaged(path: &[Hash], refused: impl Fn(Vec<Hash>) -> bool) -> bool {
        let flips = (0..path.len() * 256).all(|bit| {
            let mut path = path.to_vec();
            path[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
            refused(path)
        });
        let cuts = path.is_empty() || (refused(path[1..].to_vec()) && refused(path[..path.len() - 1].to_vec()));
        let more = [[0; 32], *path.first().unwrap_or(&[1; 32])].iter().all(|extra| {
            let first = std::iter::once(*extra).chain(path.iter().copied()).collect();
            let last = path.iter().copied().chain([*extra]).collect();
            refused(first) && refused(last)
        });
        flips && cuts && more
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn damaged_inclusion_is_refused(count in 1_u8..=80, choice: prop::sample::Index) {
            let tree = leaves(count);
            let (size, root) = (u64::from(count), root_of(&tree));
            let at = choice.index(tree.len());
            let proof = inclusion(&tree, at as u64);
            let path_refused = |path| {
                let proof = InclusionProof { index: at as u64, path };
                verify_inclusion(&proof, &tree[at], size, &root).is_err()
            };
            prop_assert!(damaged(&proof.path, path_refused));
            for bit in 0..256 {
                let (mut leaf, mut other_root) = (tree[at], root);
                leaf[bit / 8] ^= 1 << (bit % 8);
                other_root[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(verify_inclusion(&proof, &leaf, size, &root).is_err());
                prop_assert!(verify_inclusion(&proof, &tree[at], size, &other_root).is_err());
            }
            for index in (0..=size).filter(|index| *index != at as u64) {
                let moved = InclusionProof { index, path: proof.path.clone() };
                prop_assert!(verify_inclusion(&moved, &tree[at], size, &root).is_err());
            }
        }

        #[test]
        fn damaged_consistency_is_refused(count in 2_u8..=80, choice: prop::sample::Index) {
            let tree = leaves(count);
            let (size, root) = (u64::from(count), root_of(&tree));
            let old = choice.index(tree.len()) + 1;
            let old_root = root_of(&tree[..old]);
            let proof = consistency(&tree, old as u64);
            let path_refused = |path| {
                let proof = ConsistencyProof { old: old as u64, path };
                verify_consistency(&proof, &old_root, size, &root).is_err()
            };
            prop_assert!(damaged(&proof.path, path_refused));
            for bit in 0..256 {
                let (mut other_old, mut other_root) = (old_root, root);
                other_old[bit / 8] ^= 1 << (bit % 8);
                other_root[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(verify_consistency(&proof, &other_old, size, &root).is_err());
                prop_assert!(verify_consistency(&proof, &old_root, size, &other_root).is_err());
            }
        }

        #[test]
        fn a_rewritten_leaf_breaks_consistency(count in 2_u8..=80, changed: prop::sample::Index) {
            let tree = leaves(count);
            let changed = changed.index(tree.len());
            let mut forked = tree.clone();
            forked[changed][0] ^= 1;
            for old in changed + 1..=tree.len() {
                let proof = consistency(&forked, old as u64);
                let outcome = verify_consistency(
                    &proof,
                    &root_of(&tree[..old]),
                    u64::from(count),
                    &root_of(&forked),
                );
                prop_assert!(outcome.is_err(), "old {}", old);
            }
        }

        #[test]
        fn arbitrary_proofs_never_panic(index: u64, size: u64, path: Vec<Hash>, root: Hash) {
            let inclusion = InclusionProof { index, path: path.clone() };
            let _ = verify_inclusion(&inclusion, &root, size, &root);
            let _ = verify_consistency(&ConsistencyProof { old: index, path }, &root, size, &root);
        }
    }
}
