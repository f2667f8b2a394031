//! Tiles, version 0.1 of C2SP's tlog-tiles: the log as a finite set of files that anybody may copy.
//!
//! <https://c2sp.org/tlog-tiles>. A tile is a run of up to 256 hashes of one height, an entry bundle the leaf data of up to
//! 256 leaves. Proof endpoints were rejected in favour of it: files can be cached, mirrored and audited by programs that know
//! nothing of this one.

use std::fmt;

/// The hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// A level beyond this has no tile, however large the log.
const HIGHEST_LEVEL: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// The leaves' data, each behind its length.
    Entries,
    /// Hashes of perfect subtrees over `256^level` leaves each.
    Hashes { level: u8 },
}

/// The name of one tile. `width` is from 1 to 256; less than 256 is a partial tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    kind: TileKind,
    number: u64,
    width: u16,
}

/// No tile has this name or these measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no tile has this name")]
pub struct TileError;

impl Tile {
    pub fn new(kind: TileKind, number: u64, width: u16) -> Result<Self, TileError> {
        let possible = match kind {
            TileKind::Hashes { level } => level <= HIGHEST_LEVEL,
            TileKind::Entries => true,
        };
        if possible && (1..=256).contains(&width) { Ok(Self { kind, number, width }) } else { Err(TileError) }
    }

    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    pub const fn number(&self) -> u64 {
        self.number
    }

    pub const fn width(&self) -> u16 {
        self.width
    }

    pub const fn is_full(&self) -> bool {
        self.width as u64 == TILE_WIDTH
    }

    /// How many hashes or entries of its kind there are in a log of this size, up to the end of this tile.
    pub fn is_within(&self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Entries => 0,
            TileKind::Hashes { level } => u32::from(level),
        };
        let there = size.checked_shr(8 * level).unwrap_or(0);
        let end = self.number.checked_mul(TILE_WIDTH).and_then(|start| start.checked_add(u64::from(self.width)));
        end.is_some_and(|end| end <= there)
    }

    /// Reads the name, as it stands behind the log's prefix: `tile/0/x001/067.p/12`.
    pub fn parse(name: &str) -> Result<Self, TileError> {
        let rest = name.strip_prefix("tile/").ok_or(TileError)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError)?;
        let kind = if level == "entries" {
            TileKind::Entries
        } else {
            TileKind::Hashes { level: level.parse().map_err(|_| TileError)? }
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().map_err(|_| TileError)?),
            None => (rest, 256),
        };
        let mut sum = 0_u64;
        for element in number.split('/') {
            let digits = element.strip_prefix('x').unwrap_or(element);
            let value: u64 = digits.parse().map_err(|_| TileError)?;
            sum = sum.checked_mul(1000).and_then(|sum| sum.checked_add(value)).ok_or(TileError)?;
        }
        let tile = Self::new(kind, sum, width)?;
        // Writing it again refuses signs, leading zeroes, missing ones and a full width that is spelt out.
        if tile.to_string() == name { Ok(tile) } else { Err(TileError) }
    }

    /// Every tile of a log of this size, the entries and the lowest hashes first.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let of = move |kind, count: u64| {
            let full = count / TILE_WIDTH;
            let rest = u16::try_from(count % TILE_WIDTH).expect("less than 256");
            let partial = (rest > 0).then_some(Self { kind, number: full, width: rest });
            (0..full).map(move |number| Self { kind, number, width: 256 }).chain(partial)
        };
        let levels = (0..8_u8).map(move |level| (TileKind::Hashes { level }, size >> (8 * u32::from(level))));
        std::iter::once((TileKind::Entries, size)).chain(levels).flat_map(move |(kind, count)| of(kind, count))
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let mut elements = vec![self.number % 1000];
        let mut rest = self.number / 1000;
        while rest > 0 {
            elements.push(rest % 1000);
            rest /= 1000;
        }
        for element in elements[1..].iter().rev() {
            write!(f, "x{element:03}/")?;
        }
        write!(f, "{:03}", elements[0])?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// An entry bundle: each leaf's data behind its length in two bytes, the high one first.
pub fn entry_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8; 33]>) -> Vec<u8> {
    let mut bundle = Vec::new();
    for entry in entries {
        bundle.extend_from_slice(&[0, 33]);
        bundle.extend_from_slice(entry);
    }
    bundle
}

/// The leaves' data in a bundle of this log, in which every leaf has 33 bytes; `None` for bytes that are not one.
pub fn read_entry_bundle(bundle: &[u8]) -> Option<Vec<[u8; 33]>> {
    let (entries, rest) = bundle.as_chunks::<35>();
    if !rest.is_empty() {
        return None;
    }
    let entry = |framed: &[u8; 35]| {
        let (length, data) = framed.split_first_chunk::<2>()?;
        (*length == [0, 33]).then_some(data)?.try_into().ok()
    };
    entries.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(name: &str, expected: Option<(TileKind, u64, u16)>) {
        let read = Tile::parse(name).ok().map(|tile| (tile.kind, tile.number, tile.width));
        assert_eq!(read, expected, "{name}");
    }

    #[test]
    fn names_of_the_specification() {
        check("tile/0/x001/x234/067", Some((TileKind::Hashes { level: 0 }, 1_234_067, 256)));
        check("tile/1/000.p/17", Some((TileKind::Hashes { level: 1 }, 0, 17)));
        check("tile/entries/273.p/112", Some((TileKind::Entries, 273, 112)));
        for refused in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/00/000",
            "tile/+0/000",
            "tile/64/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/1000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/+01",
            "tile/entries",
            "tile/Entries/000",
            "tile/0/000.p/1/2",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "/tile/0/000",
            "tile/0/٠٠٠",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn the_specifications_log_of_seventy_thousand() {
        let count =
            |kind| Tile::all(70_000).filter(|tile| tile.kind == kind).map(|tile| tile.width).collect::<Vec<_>>();
        let bottom = count(TileKind::Hashes { level: 0 });
        assert_eq!((bottom.len(), bottom[273]), (274, 112));
        assert_eq!(count(TileKind::Entries), bottom);
        assert_eq!(count(TileKind::Hashes { level: 1 }), [256, 17]);
        assert_eq!(count(TileKind::Hashes { level: 2 }), [1]);
        assert!(count(TileKind::Hashes { level: 3 }).is_empty());
        assert_eq!(Tile::all(0).count(), 0);
    }

    proptest! {
        #[test]
        fn a_name_is_read_back(level in 0_u8..64, number: u64, width in 1_u16..=256, entries: bool) {
            let kind = if entries { TileKind::Entries } else { TileKind::Hashes { level } };
            let tile = Tile::new(kind, number, width).expect("these measures are a tile's");
            prop_assert_eq!(Tile::parse(&tile.to_string()), Ok(tile));
        }

        #[test]
        fn a_log_has_the_tiles_that_lie_within_it(size in 0_u64..200_000) {
            for tile in Tile::all(size) {
                prop_assert!(tile.is_within(size));
                let wider = Tile { width: tile.width + 1, ..tile };
                prop_assert!(tile.is_full() || !wider.is_within(size));
            }
        }

        #[test]
        fn arbitrary_names_never_panic(name: String, near in "tile/[0-9a-z]{1,7}(/x?[0-9]{1,4}){1,3}(\\.p/[0-9]{1,3})?") {
            let _ = Tile::parse(&name);
            if let Ok(tile) = Tile::parse(&near) {
                prop_assert_eq!(tile.to_string(), near);
            }
        }

        #[test]
        fn a_bundle_is_read_back(entries in prop::collection::vec(prop::array::uniform32(any::<u8>()), 0..300)) {
            let entries: Vec<[u8; 33]> = entries.iter().map(crate::tlog::leaf_data).collect();
            prop_assert_eq!(read_entry_bundle(&entry_bundle(&entries)), Some(entries));
        }

        #[test]
        fn arbitrary_bundles_never_panic(bytes: Vec<u8>) {
            if let Some(entries) = read_entry_bundle(&bytes) {
                prop_assert_eq!(entry_bundle(&entries), bytes);
            }
        }
    }
}
