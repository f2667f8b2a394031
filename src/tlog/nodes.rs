//! Which hashes of the tree are kept, and how a path is cut from them.
//!
//! Beside the leaves, the hashes of perfect subtrees at every fourth level are kept, each written once with the leaf that
//! completes it. Those between are at most seven hashings away, so a proof costs a few short runs of neighbours, a tile of 256
//! is one run, and a log takes a fifteenth of its leaves more. Keeping every level was rejected, because it would double
//! what is written with each event; keeping only the tiles' levels, because a proof would then hash 255 neighbours.
//!
//! What is fetched here is believed by nobody: whoever gives a path away verifies it against a root first.

use std::cell::RefCell;

use super::{
    leaf::{Hash, node_hash},
    tree::{RangeError, consistency_path_from, inclusion_path_from},
};

/// Every so many levels the hashes are kept; those of level 0 are the leaves' own.
const STEP: u32 = 4;

/// The hash of the perfect subtree over the leaves from `number << level` up to `(number + 1) << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub level: u32,
    pub number: u64,
    pub hash: Hash,
}

impl Node {
    /// Whether the hashes of a level are kept, beside the leaves' own.
    pub const fn is_kept(level: u32) -> bool {
        level > 0 && level.is_multiple_of(STEP)
    }
}

/// Neighbours of one kept level. Level 0 is the leaf hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRange {
    pub level: u32,
    pub from: u64,
    pub count: u32,
}

impl NodeRange {
    /// What the perfect subtree at a level is computed from; at most eight neighbours.
    fn under(level: u32, number: u64) -> Self {
        let height = level % STEP;
        Self { level: level - height, from: number << height, count: 1 << height }
    }

    fn end(&self) -> u64 {
        self.from + u64::from(self.count)
    }
}

/// Hashes that were asked for are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("hashes of the tree are missing from number {} on at level {}", .0.from, .0.level)]
pub struct NodesMissing(pub NodeRange);

/// A path that is to be cut from kept hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPlan {
    path: Wanted,
    size: u64,
    ranges: Vec<NodeRange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Inclusion { index: u64 },
    Consistency { old: u64 },
}

impl PathPlan {
    /// The path from the leaf at `index` to the root over `size` leaves.
    pub fn inclusion(size: u64, index: u64) -> Result<Self, RangeError> {
        Self::of(Wanted::Inclusion { index }, size)
    }

    /// The path from the tree's first `old` leaves to its first `size`.
    pub fn consistency(size: u64, old: u64) -> Result<Self, RangeError> {
        Self::of(Wanted::Consistency { old }, size)
    }

    fn of(path: Wanted, size: u64) -> Result<Self, RangeError> {
        let needed = RefCell::new(Vec::new());
        path.cut(size, |level, number| {
            needed.borrow_mut().push(NodeRange::under(level, number));
            Hash::default()
        })?;
        Ok(Self { path, size, ranges: joined(needed.into_inner()) })
    }

    /// What has to be fetched, all of it in one go.
    pub fn ranges(&self) -> &[NodeRange] {
        &self.ranges
    }

    /// The path, from the hashes of [`PathPlan::ranges`] in their order.
    pub fn path(&self, fetched: &[Vec<Hash>]) -> Result<Vec<Hash>, NodesMissing> {
        for (place, range) in self.ranges.iter().enumerate() {
            if fetched.get(place).is_none_or(|hashes| hashes.len() != range.count as usize) {
                return Err(NodesMissing(*range));
            }
        }
        let hash = |level, number| {
            let under = NodeRange::under(level, number);
            let held = self.ranges.iter().zip(fetched).find(|(range, _)| {
                range.level == under.level && range.from <= under.from && under.end() <= range.end()
            });
            let (range, hashes) = held.expect("the plan fetches all that its path needs");
            let start = usize::try_from(under.from - range.from).expect("less than a range's count");
            fold(&hashes[start..start + under.count as usize])
        };
        Ok(self.path.cut(self.size, hash).expect("the plan was made for a path of this tree"))
    }
}

impl Wanted {
    fn cut(self, size: u64, node: impl Fn(u32, u64) -> Hash) -> Result<Vec<Hash>, RangeError> {
        match self {
            Self::Inclusion { index } => inclusion_path_from(size, index, node),
            Self::Consistency { old } => consistency_path_from(size, old, node),
        }
    }
}

/// Neighbours under one node of the next kept level are fetched as one run.
fn joined(mut needed: Vec<NodeRange>) -> Vec<NodeRange> {
    needed.sort_unstable();
    let mut ranges: Vec<NodeRange> = Vec::new();
    for range in needed {
        match ranges.last_mut() {
            Some(last) if last.level == range.level && last.from >> STEP == range.from >> STEP => {
                let end = last.end().max(range.end());
                last.count = u32::try_from(end - last.from).expect("at most sixteen");
            }
            _ => ranges.push(range),
        }
    }
    ranges
}

/// The root over one, two, four or eight neighbours.
fn fold(hashes: &[Hash]) -> Hash {
    if let [hash] = hashes {
        return *hash;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    node_hash(&fold(left), &fold(right))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tlog::{Frontier, consistency_path, inclusion_path, leaf_data, leaf_hash, root_of};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn leaves(count: u16) -> Vec<Hash> {
        let leaf = |number: u16| {
            let mut commitment = [0; 32];
            commitment[..2].copy_from_slice(&number.to_be_bytes());
            leaf_hash(&leaf_data(&commitment))
        };
        (0..count).map(leaf).collect()
    }

    /// What a database holds that was appended to leaf by leaf.
    fn kept(leaves: &[Hash]) -> BTreeMap<(u32, u64), Hash> {
        let mut kept: BTreeMap<_, _> = (0..).zip(leaves).map(|(number, hash)| ((0, number), *hash)).collect();
        let mut frontier = Frontier::empty();
        for leaf in leaves {
            frontier.push_and_tell(*leaf, |node| {
                assert!(kept.insert((node.level, node.number), node.hash).is_none(), "each is told of once");
            });
        }
        kept
    }

    fn fetch(kept: &BTreeMap<(u32, u64), Hash>, ranges: &[NodeRange]) -> Vec<Vec<Hash>> {
        let one = |range: &NodeRange| (range.from..range.end()).map(|number| kept[&(range.level, number)]).collect();
        ranges.iter().map(one).collect()
    }

    #[test]
    fn each_perfect_subtree_of_a_kept_level_is_told_of() {
        let leaves = leaves(4096 + 300);
        let kept = kept(&leaves);
        for level in [4, 8, 12] {
            let width = 1_usize << level;
            for (number, run) in (0..).zip(leaves.chunks_exact(width)) {
                assert_eq!(kept[&(level, number)], root_of(run), "{level} {number}");
            }
        }
        assert_eq!(kept.len(), leaves.len() + 4396 / 16 + 4396 / 256 + 1);
    }

    #[test]
    fn a_proof_at_a_million_leaves_is_five_short_runs() {
        let plan = PathPlan::inclusion(1 << 20, 777_777).unwrap();
        assert_eq!(plan.ranges().len(), 5);
        assert!(plan.ranges().iter().all(|range| range.count <= 16));
        for index in [0, 1, 999_999, 524_288] {
            assert!(PathPlan::inclusion(1_000_000, index).unwrap().ranges().len() <= 10, "{index}");
        }
    }

    #[test]
    fn missing_hashes_are_told_and_never_guessed() {
        let leaves = leaves(300);
        let plan = PathPlan::inclusion(300, 17).unwrap();
        let fetched = fetch(&kept(&leaves), plan.ranges());
        for place in 0..fetched.len() {
            let mut short = fetched.clone();
            short[place].pop();
            assert_eq!(plan.path(&short), Err(NodesMissing(plan.ranges()[place])));
        }
        assert!(plan.path(&[]).is_err());
        assert_eq!(PathPlan::inclusion(3, 3), Err(RangeError::Index { index: 3, size: 3 }));
        assert_eq!(PathPlan::consistency(3, 0), Err(RangeError::OldEmpty));
        assert_eq!(PathPlan::consistency(3, 4), Err(RangeError::OldSize { old: 4, size: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn kept_nodes_give_the_paths_of_the_leaves(count in 1_u16..=900, choice: prop::sample::Index) {
            let leaves = leaves(count);
            let kept = kept(&leaves);
            let (size, index) = (u64::from(count), choice.index(usize::from(count)) as u64);
            let inclusion = PathPlan::inclusion(size, index).unwrap();
            prop_assert!(inclusion.ranges().iter().all(|range| range.count <= 16));
            prop_assert_eq!(inclusion.path(&fetch(&kept, inclusion.ranges())), Ok(inclusion_path(&leaves, index).unwrap()));
            let old = index + 1;
            let consistency = PathPlan::consistency(size, old).unwrap();
            let path = consistency.path(&fetch(&kept, consistency.ranges()));
            prop_assert_eq!(path, Ok(consistency_path(&leaves, old).unwrap()));
        }

        #[test]
        fn no_size_of_a_log_is_too_large_to_plan_for(size in 1_u64..=i64::MAX as u64, index: u64) {
            let plan = PathPlan::inclusion(size, index % size).unwrap();
            prop_assert!(plan.ranges().len() <= 64);
            PathPlan::consistency(size, index % size + 1).unwrap();
        }
    }
}
