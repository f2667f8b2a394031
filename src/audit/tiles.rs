//! Where the tiles of a log come from, and what a tile by itself must be.
//!
//! A folder, a server or a test is behind [`TileSource`]; whoever judges does not know which. What comes from there is bytes
//! of whoever may have written them.

use crate::tlog::{Hash, Tile, TileKind, node_hash, read_entry_bundle};

/// The bytes of one leaf's data.
pub type LeafData = [u8; 33];

/// Why a source gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It answered, and this is not there: a finding about the log.
    #[error("it is missing")]
    Missing,
    /// It is there and is not what it must be by its very form: a finding about the log.
    #[error("{0}")]
    Malformed(String),
    /// It could not be asked: nothing can be said about the log.
    #[error("{0}")]
    Unreadable(String),
}

/// A log as C2SP's tlog-tiles lays it out.
pub trait TileSource: Sync {
    /// The newest checkpoint's signed note.
    ///
    /// # Errors
    /// [`SourceError`].
    fn checkpoint(&self) -> Result<String, SourceError>;

    /// A tile's bytes, as they were found.
    ///
    /// # Errors
    /// [`SourceError`].
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError>;
}

/// How many bytes a tile has: neither more nor less is one.
pub fn tile_length(tile: Tile) -> usize {
    let each = match tile.kind() {
        TileKind::Entries => 35,
        TileKind::Hashes { .. } => 32,
    };
    each * usize::from(tile.width())
}

/// The hashes in the bytes of a hash tile.
///
/// # Errors
/// Says what is wrong with the bytes.
pub fn read_hashes(tile: Tile, bytes: &[u8]) -> Result<&[Hash], String> {
    check_length(tile, bytes)?;
    Ok(bytes.as_chunks::<32>().0)
}

/// The leaves' data in the bytes of an entry bundle. Every byte is looked at.
///
/// # Errors
/// Says what is wrong with the bytes.
pub fn read_entries(tile: Tile, bytes: &[u8]) -> Result<Vec<LeafData>, String> {
    check_length(tile, bytes)?;
    read_entry_bundle(bytes).ok_or_else(|| "an entry is not behind its length of 33".to_owned())
}

fn check_length(tile: Tile, bytes: &[u8]) -> Result<(), String> {
    let expected = tile_length(tile);
    if bytes.len() == expected {
        Ok(())
    } else {
        Err(format!("it has {} bytes where it must have {expected}", bytes.len()))
    }
}

/// The root of a perfect subtree: of a full tile, or of any power of two hashes.
///
/// # Panics
/// If their number is not a power of two: then there is no such subtree.
pub fn perfect_root(hashes: &[Hash]) -> Hash {
    assert!(hashes.len().is_power_of_two(), "a perfect subtree has a power of two hashes");
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let half = row.len() / 2;
        for at in 0..half {
            row[at] = node_hash(&row[2 * at], &row[2 * at + 1]);
        }
        row.truncate(half);
    }
    row[0]
}

/// The tile that holds this full tile's root, and where in it; its width is that of a log of `size`.
///
/// `None` for an entry bundle, whose hashes are a tile's own, and where the log has no such tile.
pub fn parent_of(tile: Tile, size: u64) -> Option<(Tile, usize)> {
    let TileKind::Hashes { level } = tile.kind() else { return None };
    let parent = tile_at(level + 1, tile.number() / 256, size)?;
    let at = usize::try_from(tile.number() % 256).ok()?;
    (at < usize::from(parent.width())).then_some((parent, at))
}

/// The hash tile of this level and number, as wide as a log of `size` makes it.
pub fn tile_at(level: u8, number: u64, size: u64) -> Option<Tile> {
    let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    let width = hashes.saturating_sub(number.checked_mul(256)?).min(256);
    Tile::new(TileKind::Hashes { level }, number, u16::try_from(width).ok()?).ok()
}

/// The entry bundle with this number, as wide as a log of `size` makes it.
pub fn bundle_at(number: u64, size: u64) -> Option<Tile> {
    let width = tile_at(0, number, size)?.width();
    Tile::new(TileKind::Entries, number, width).ok()
}

/// The partial tiles of a log of this size: at most one of each level, and one bundle.
pub fn partial_tiles(size: u64) -> Vec<Tile> {
    // Above the highest level there is one tile, whose number is 0: a shift by all 64 bits is none.
    let number = |level: u8| size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
    let hashes = (0..8_u8).filter_map(|level| tile_at(level, number(level), size));
    let partial: Vec<Tile> = hashes.filter(|tile| !tile.is_full()).collect();
    bundle_at(size / 256, size).filter(|bundle| !bundle.is_full()).into_iter().chain(partial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::root_of;
    use proptest::prelude::*;

    fn named(name: &str) -> Tile {
        Tile::parse(name).expect("a tile's name")
    }

    #[test]
    fn a_tile_knows_its_parent() {
        let check = |tile: &str, size: u64, expected: Option<(&str, usize)>| {
            let expected = expected.map(|(name, at)| (named(name), at));
            assert_eq!(parent_of(named(tile), size), expected, "{tile} in {size}");
        };
        check("tile/0/000", 256, Some(("tile/1/000.p/1", 0)));
        check("tile/0/272", 70_000, Some(("tile/1/001.p/17", 16)));
        check("tile/0/273.p/112", 70_000, None);
        check("tile/1/000", 70_000, Some(("tile/2/000.p/1", 0)));
        check("tile/entries/000", 70_000, None);
    }

    #[test]
    fn a_tile_has_exactly_its_bytes() {
        let tile = named("tile/0/000.p/2");
        assert!(read_hashes(tile, &[0; 64]).is_ok());
        for length in [0, 32, 63, 65, 96] {
            assert!(read_hashes(tile, &vec![0; length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_perfect_root_is_the_trees(height in 0_u32..=8, seed: u8) {
            let hashes: Vec<Hash> = (0..1_u32 << height)
                .map(|number| [number.to_be_bytes()[3] ^ seed; 32])
                .collect();
            prop_assert_eq!(perfect_root(&hashes), root_of(&hashes));
        }

        #[test]
        fn every_tile_of_a_log_is_found_by_its_place(size in 0_u64..200_000) {
            for tile in Tile::all(size) {
                let found = match tile.kind() {
                    TileKind::Entries => bundle_at(tile.number(), size),
                    TileKind::Hashes { level } => tile_at(level, tile.number(), size),
                };
                prop_assert_eq!(found, Some(tile));
            }
            let partial: Vec<Tile> = Tile::all(size).filter(|tile| !tile.is_full()).collect();
            prop_assert_eq!(partial_tiles(size), partial);
        }
    }
}
