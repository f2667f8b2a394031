//! How a mirror grows: from the head's signature down to the entries, so that nothing is kept that was not proven first.
//!
//! The unfinished tile of each level together make the root; each full tile's root stands in the tile above it; each entry's
//! hash stands in the lowest tile. So every file is judged alone as it comes, in any order within its level, and what a killed
//! run leaves behind is as good as the rest. Fetching upwards and comparing the root at the end was rejected: one bad byte
//! among gigabytes would be found last, and nobody would know where.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::{folder::Folder, web};
use crate::{
    audit::{
        LeafData, SourceError, TileSource, bundle_at, partial_tiles, perfect_root, read_entries, read_hashes, tile_at,
    },
    tlog::{Checkpoint, Frontier, Hash, TILE_WIDTH, Tile, TileKind, leaf_hash},
};

/// How many files are asked for before their answers are waited for.
const WINDOW: u64 = 256;
/// The highest level a log can have a tile of.
const HIGHEST: u8 = 7;

/// What two signed heads of one log say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// The new one covers what the old one covered.
    Grown,
    /// It is older, and the kept log begins with it.
    Older,
    /// No log has both: the key has signed two histories.
    Forked,
}

/// A log's tiles at one verified head.
pub(super) struct Tree<'a> {
    source: &'a dyn TileSource,
    size: u64,
    /// The unfinished tile of each level.
    edge: BTreeMap<u8, Vec<Hash>>,
}

impl<'a> Tree<'a> {
    /// Reads the unfinished tiles, and refuses them unless they make the head's root.
    pub(super) fn new(source: &'a dyn TileSource, head: &Checkpoint) -> anyhow::Result<Self> {
        let mut edge = BTreeMap::new();
        for tile in partial_tiles(head.size) {
            if let TileKind::Hashes { level } = tile.kind() {
                edge.insert(level, hashes(source, tile)?);
            }
        }
        let tree = Self { source, size: head.size, edge };
        // A log whose size is a multiple of 256 has no unfinished tile below that height.
        if tree.frontier()?.root() != head.root {
            bail!("the tiles do not make the root that the checkpoint states, so nothing of them was kept");
        }
        Ok(tree)
    }

    fn frontier(&self) -> anyhow::Result<Frontier> {
        let mut frontier = Frontier::empty();
        for (level, hashes) in self.edge.iter().rev() {
            for hash in hashes {
                frontier.push_subtree(8 * u32::from(*level), *hash);
            }
        }
        if frontier.size() != self.size {
            bail!("the tiles are those of a log of another size");
        }
        Ok(frontier)
    }

    /// What an earlier head of `old` entries must have had as its root, by the tiles of this head.
    fn root_at(&self, old: u64) -> anyhow::Result<Hash> {
        let mut frontier = Frontier::empty();
        let mut above: Option<Vec<Hash>> = None;
        for level in (0..=HIGHEST).rev() {
            let number = old.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            let Some(tile) = tile_at(level, number, self.size) else {
                above = None;
                continue;
            };
            let found = self.verified(tile, above.as_deref())?;
            let width = usize::try_from((old >> (8 * u32::from(level))) % TILE_WIDTH)?;
            for hash in &found[..width.min(found.len())] {
                frontier.push_subtree(8 * u32::from(level), *hash);
            }
            above = Some(found);
        }
        Ok(frontier.root())
    }

    /// The hashes of a tile on the way down, proven by the tile above.
    fn verified(&self, tile: Tile, above: Option<&[Hash]>) -> anyhow::Result<Vec<Hash>> {
        let TileKind::Hashes { level } = tile.kind() else { bail!("{tile} holds no hashes") };
        if !tile.is_full() {
            return self.edge.get(&level).cloned().with_context(|| format!("{tile} is missing"));
        }
        let found = hashes(self.source, tile)?;
        let place = usize::try_from(tile.number() % TILE_WIDTH)?;
        check_tile(tile, &found, above.and_then(|above| above.get(place)))?;
        Ok(found)
    }
}

/// Whether a log that showed `old` may show `new`; the tree is that of the larger one.
pub(super) fn growth(tree: &Tree<'_>, old: &Checkpoint, new: &Checkpoint) -> anyhow::Result<Growth> {
    let (smaller, larger) = if old.size <= new.size { (old, new) } else { (new, old) };
    let root = if smaller.size == larger.size { larger.root } else { tree.root_at(smaller.size)? };
    Ok(match root == smaller.root {
        false => Growth::Forked,
        true if new.size < old.size => Growth::Older,
        true => Growth::Grown,
    })
}

/// Fetches, verifies and keeps everything of the tree that a mirror of `from` entries lacks.
pub(super) fn fetch(tree: &Tree<'_>, folder: &Folder, from: u64, bar: &ProgressBar) -> anyhow::Result<()> {
    bar.set_length(files(tree.size).saturating_sub(files(from)));
    for level in (0..=HIGHEST).rev() {
        let shift = 8 * (u32::from(level) + 1);
        // Above the highest level there is nothing: a shift by all 64 bits leaves none.
        let full = |size: u64| size.checked_shr(shift).unwrap_or(0);
        let (mut next, end) = (full(from), full(tree.size));
        while next < end {
            let parent_number = next / TILE_WIDTH;
            let parent = tile_at(level + 1, parent_number, tree.size).context("a full tile has one above it")?;
            let above = if parent.is_full() {
                hashes(folder, parent)?
            } else {
                tree.edge.get(&(level + 1)).cloned().context("the unfinished tile is missing")?
            };
            let stop = end.min((parent_number + 1) * TILE_WIDTH);
            (next..stop).into_par_iter().try_for_each(|number| {
                let tile = tile_at(level, number, tree.size).context("a tile within the log")?;
                let place = usize::try_from(number % TILE_WIDTH)?;
                keep(tree.source, folder, tile, bar, |bytes| {
                    check_tile(tile, read_hashes(tile, bytes).map_err(|what| wrong(tile, &what))?, above.get(place))
                })
            })?;
            next = stop;
        }
        if let Some(tile) = tile_at(level, end, tree.size).filter(|tile| !tile.is_full()) {
            folder.put(&tile.to_string(), tree.edge.get(&level).context("it was read")?.as_flattened())?;
            bar.inc(1);
        }
    }
    fetch_entries(tree, folder, from, bar)
}

fn fetch_entries(tree: &Tree<'_>, folder: &Folder, from: u64, bar: &ProgressBar) -> anyhow::Result<()> {
    let (mut next, end) = (from / TILE_WIDTH, tree.size.div_ceil(TILE_WIDTH));
    while next < end {
        let stop = end.min(next + WINDOW);
        (next..stop).into_par_iter().try_for_each(|number| {
            let (bundle, tile) =
                bundle_at(number, tree.size).zip(tile_at(0, number, tree.size)).context("within the log")?;
            let expected = hashes(folder, tile)?;
            keep(tree.source, folder, bundle, bar, |bytes| {
                check_bundle(bundle, &read_entries(bundle, bytes).map_err(|what| wrong(bundle, &what))?, &expected)
            })
        })?;
        next = stop;
    }
    Ok(())
}

/// How many files a mirror of this size has.
fn files(size: u64) -> u64 {
    let hashes: u64 = (0..=u32::from(HIGHEST)).map(|level| (size >> (8 * level)).div_ceil(TILE_WIDTH)).sum();
    hashes + size.div_ceil(TILE_WIDTH)
}

/// Takes a file that a killed run has left, if it is right, or fetches it.
fn keep(
    source: &dyn TileSource,
    folder: &Folder,
    tile: Tile,
    bar: &ProgressBar,
    check: impl Fn(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let there = folder.tile(tile).is_ok_and(|bytes| check(&bytes).is_ok());
    if !there {
        let bytes = source.tile(tile).map_err(|error| unavailable(tile, &error))?;
        check(&bytes)?;
        folder.put(&tile.to_string(), &bytes)?;
    }
    bar.inc(1);
    Ok(())
}

fn check_tile(tile: Tile, hashes: &[Hash], expected: Option<&Hash>) -> anyhow::Result<()> {
    if expected == Some(&perfect_root(hashes)) {
        return Ok(());
    }
    Err(wrong(tile, "its root is not the one in the tile above it"))
}

fn check_bundle(bundle: Tile, entries: &[LeafData], expected: &[Hash]) -> anyhow::Result<()> {
    let wrong_one = entries.iter().map(leaf_hash).zip(expected).position(|(ours, theirs)| ours != *theirs);
    match wrong_one {
        None => Ok(()),
        Some(at) => {
            let index = bundle.number() * TILE_WIDTH + at as u64;
            Err(wrong(bundle, &format!("entry {index} does not hash to its place in the tree")))
        }
    }
}

fn hashes(source: &dyn TileSource, tile: Tile) -> anyhow::Result<Vec<Hash>> {
    let bytes = source.tile(tile).map_err(|error| unavailable(tile, &error))?;
    Ok(read_hashes(tile, &bytes).map_err(|what| wrong(tile, &what))?.to_vec())
}

fn wrong(tile: Tile, what: &str) -> anyhow::Error {
    anyhow::anyhow!("the {} {tile} is wrong and was not kept: {what}", web::name(tile))
}

fn unavailable(tile: Tile, error: &SourceError) -> anyhow::Error {
    anyhow::anyhow!("the {} {tile} cannot be had: {error}", web::name(tile))
}
