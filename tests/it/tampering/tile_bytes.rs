//! Each byte of each tile, bundle and checkpoint.

use milaf::{
    audit::{
        Expectations, Finding, Place, audit_log, judge_entries, judge_tile, read_entries, read_hashes, trusted_head,
    },
    tlog::{Hash, Tile, TileKind, leaf_hash},
};
use rayon::prelude::*;

use super::{Memory, OFFICE};

/// The entries that the place and its neighbours in the same tile are.
pub(super) fn names(finding: &Finding, tile: Tile) -> bool {
    let first = tile.number() * 256;
    match &finding.place {
        Place::Tile(named) => *named == tile,
        Place::Entry(index) => (first..first + u64::from(tile.width())).contains(index),
        _ => false,
    }
}

#[test]
fn each_changed_byte_of_a_tile_is_seen_at_its_place() {
    let log = OFFICE.published();
    let leaves: Vec<Hash> = OFFICE.data().iter().map(leaf_hash).collect();
    let tiles: Vec<(&Tile, &Vec<u8>)> = log.tiles.iter().collect();
    let tried: usize = tiles
        .par_iter()
        .map(|(tile, bytes)| {
            let first = tile.number() * 256;
            let start = usize::try_from(first).unwrap();
            let own = match tile.kind() {
                TileKind::Hashes { level: 1.. } => Vec::new(),
                _ => leaves[start..start + usize::from(tile.width())].to_vec(),
            };
            let mut changed = (*bytes).clone();
            for at in 0..bytes.len() {
                let mask = u8::try_from(at % 255 + 1).unwrap();
                changed[at] ^= mask;
                let index = first + (at / if tile.kind() == TileKind::Entries { 35 } else { 32 }) as u64;
                let findings = match tile.kind() {
                    TileKind::Entries => match read_entries(**tile, &changed) {
                        Err(_) => None,
                        Ok(data) => {
                            let mut hashes = own.clone();
                            hashes[at / 35] = leaf_hash(&data[at / 35]);
                            Some((judge_entries(first, &hashes, &own, **tile), Place::Entry(index)))
                        }
                    },
                    TileKind::Hashes { level: 0 } => {
                        let found = read_hashes(**tile, &changed).unwrap();
                        Some((judge_entries(first, &own, found, **tile), Place::Entry(index)))
                    }
                    TileKind::Hashes { .. } => {
                        let right = read_hashes(**tile, bytes).unwrap();
                        let found = read_hashes(**tile, &changed).unwrap();
                        Some((judge_tile(**tile, right, found), Place::Tile(**tile)))
                    }
                };
                if let Some((findings, place)) = findings {
                    let places: Vec<&Place> = findings.listed().iter().map(|finding| &finding.place).collect();
                    assert_eq!(places, [&place], "byte {at} of {tile}");
                }
                changed[at] ^= mask;
            }
            bytes.len()
        })
        .sum();
    println!("{tried} changed bytes of tiles and bundles, all seen at their places");
    assert!(tried > 650_000, "{tried}");
}

/// One byte of every tile, each tile lost, cut, longer, and in another's place, through whole audits.
#[test]
fn an_audit_asks_about_every_tile() {
    let sound = OFFICE.published();
    let head = trusted_head(&sound.checkpoint, &[OFFICE.key().verifier().clone()]).unwrap();
    let audit = |log: &Memory| audit_log(log, &head, &Expectations::default(), &mut |_| {}).unwrap();
    assert!(audit(&sound).findings.is_empty());
    let mut tiles: Vec<Tile> = sound.tiles.keys().copied().collect();
    tiles.sort_unstable();
    let tried: usize = tiles
        .par_iter()
        .enumerate()
        .map(|(number, tile)| {
            let bytes = &sound.tiles[tile];
            let mut flipped = bytes.clone();
            flipped[number * 7919 % bytes.len()] ^= 0x10;
            let neighbour = tiles.iter().find(|other| {
                other.kind() == tile.kind() && other.number() != tile.number() && other.width() == tile.width()
            });
            let ways = [
                Some(flipped),
                Some(bytes[..bytes.len() - 1].to_vec()),
                Some([bytes.as_slice(), &[0]].concat()),
                neighbour.map(|other| sound.tiles[other].clone()),
                None,
            ];
            for way in &ways {
                let mut log = sound.clone();
                match way {
                    Some(bytes) => log.tiles.insert(*tile, bytes.clone()),
                    None => log.tiles.remove(tile),
                };
                let findings = audit(&log).findings;
                assert!(findings.listed().iter().any(|finding| names(finding, *tile)), "{tile}: {findings:?}");
            }
            ways.len()
        })
        .sum();
    println!("{tried} whole audits of a log with one changed tile, all failed at the place");
}

#[test]
fn each_changed_byte_of_a_checkpoint_is_seen() {
    let keys = [OFFICE.key().verifier().clone()];
    let mut tried = 0;
    for note in [&OFFICE.before, &OFFICE.last] {
        let sound = trusted_head(note, &keys).unwrap();
        let mut bytes = note.clone().into_bytes();
        for at in 0..bytes.len() {
            for mask in 1..=255_u8 {
                bytes[at] ^= mask;
                // What is no text is refused before anybody reads it.
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    let head = trusted_head(text, &keys);
                    assert!(head.is_err(), "byte {at} changed by {mask:#x} gives {head:?} and not {sound:?}");
                }
                bytes[at] ^= mask;
                tried += 1;
            }
        }
        for length in 0..note.len() {
            if let Some(text) = note.get(..length) {
                assert!(trusted_head(text, &keys).is_err(), "cut at {length}");
            }
            tried += 1;
        }
    }
    println!("{tried} changed checkpoints, all refused");
}
