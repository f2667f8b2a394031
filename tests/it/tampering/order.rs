//! Entries removed, exchanged, added and taken back: by somebody who leaves the rest as it is, by somebody who makes every
//! tile anew, and by somebody who has the log's key as well.

use milaf::{
    audit::{Expectations, Findings, KnownRoot, Place, audit_log, judge_end, judge_entries, trusted_head},
    tlog::{Checkpoint, Hash, Tile, TileKind, leaf_hash},
};
use rayon::prelude::*;

use super::{BEFORE, EVENTS, Memory, OFFICE, dice, signed, tiles};

/// Changes the bundle that an index is in, with the entry behind it, and judges it against the tile as it was published.
fn judge_bundle(published: &[Hash], index: usize, change: impl FnOnce(&mut Vec<Hash>, usize)) -> Findings {
    let start = index / 256 * 256;
    let end = published.len().min(start + 256);
    let mut bundle = published[start..published.len().min(end + 1)].to_vec();
    change(&mut bundle, index - start);
    let name =
        Tile::new(TileKind::Hashes { level: 0 }, (start / 256) as u64, u16::try_from(end - start).unwrap()).unwrap();
    judge_entries(start as u64, &bundle, &published[start..end], name)
}

fn first_place(findings: &Findings) -> Option<&Place> {
    findings.listed().first().map(|finding| &finding.place)
}

#[test]
fn each_entry_removed_added_or_exchanged_is_seen_where_it_was() {
    let leaves: Vec<Hash> = OFFICE.data().iter().map(leaf_hash).collect();
    let count = leaves.len();
    let place = |index: usize| Place::Entry(index as u64);
    (0..count - 1).into_par_iter().for_each(|index| {
        // Those behind it move up; only its own bundle is judged here.
        let removed = judge_bundle(&leaves, index, |bundle, at| {
            bundle.remove(at);
            bundle.push([7; 32]);
        });
        assert_eq!(first_place(&removed), Some(&place(index)), "removed {index}");
        let added = judge_bundle(&leaves, index, |bundle, at| bundle.insert(at, [7; 32]));
        assert_eq!(first_place(&added), Some(&place(index)), "added at {index}");
        let exchanged = judge_bundle(&leaves, index, |bundle, at| bundle.swap(at, at + 1));
        assert_eq!(first_place(&exchanged), Some(&place(index)), "exchanged {index}");
    });
    let mut dice = dice(4711);
    for _ in 0..2_000 {
        let (one, other) = (dice(count), dice(count));
        for (index, by) in [(one, other), (other, one)].into_iter().filter(|_| one != other) {
            let findings = judge_bundle(&leaves, index, |bundle, at| bundle[at] = leaves[by]);
            assert_eq!(first_place(&findings), Some(&place(index)), "{one} and {other}");
        }
    }
    println!("{} entries removed, added or exchanged, all seen at the place", 3 * (count - 1) + 2_000);
}

/// The tiles are all made anew, so only the signed head is in the way.
#[test]
fn a_tree_made_anew_is_not_what_was_signed() {
    let data = OFFICE.data();
    let head = trusted_head(&OFFICE.last, &[OFFICE.key().verifier().clone()]).unwrap();
    let mut dice = dice(99);
    let ways: Vec<(usize, usize)> = (0..120).map(|way| (way % 4, dice(data.len() - 1))).collect();
    ways.par_iter().for_each(|(way, index)| {
        let mut changed = data.clone();
        match way {
            0 => changed.swap(*index, index + 1),
            1 => changed[*index][20] ^= 1,
            2 => {
                let moved = changed.remove(*index);
                changed.push(moved);
            }
            _ => {
                changed.insert(*index, [9; 33]);
                changed.pop();
            }
        }
        if changed == data {
            return;
        }
        let log = Memory { checkpoint: OFFICE.last.clone(), tiles: tiles(&changed) };
        let report = audit_log(&log, &head, &Expectations::default(), &mut |_| {}).unwrap();
        assert_eq!(first_place(&report.findings), Some(&Place::Checkpoint), "way {way} at {index}");
    });
    println!("{} trees made anew, all refused by the signed head", ways.len());
}

/// Even the log's own key does not help against a checkpoint that somebody kept.
#[test]
fn a_head_signed_anew_is_not_what_was_kept() {
    let key = OFFICE.key();
    let before = trusted_head(&OFFICE.before, &[key.verifier().clone()]).unwrap();
    let known = KnownRoot { place: Place::EarlierCheckpoint(BEFORE), size: before.size, root: before.root };
    let expectations = Expectations::new(vec![known], Vec::new());
    let mut dice = dice(7);
    let indexes: Vec<usize> = (0..60).map(|_| dice(usize::try_from(BEFORE).unwrap())).collect();
    indexes.par_iter().for_each(|index| {
        let mut data = OFFICE.data();
        data[*index][1] ^= 0x80;
        let log = Memory { checkpoint: signed(&key, &data), tiles: tiles(&data) };
        let head = trusted_head(&log.checkpoint, &[key.verifier().clone()]).unwrap();
        let report = audit_log(&log, &head, &expectations, &mut |_| {}).unwrap();
        let found = first_place(&report.findings);
        assert_eq!(found, Some(&Place::EarlierCheckpoint(BEFORE)), "entry {index} rewritten");
    });
    println!("{} histories rewritten with the log's own key, all refused by the kept checkpoint", indexes.len());
}

#[test]
fn a_rollback_to_any_size_is_seen() {
    let key = OFFICE.key();
    let keys = [key.verifier().clone()];
    let root = |note: &str, place: Place| {
        let Checkpoint { size, root, .. } = trusted_head(note, &keys).unwrap();
        KnownRoot { place, size, root }
    };
    let last = root(&OFFICE.last, Place::EarlierCheckpoint(EVENTS));
    let expectations =
        Expectations::new(vec![root(&OFFICE.before, Place::EarlierCheckpoint(BEFORE)), last], Vec::new());
    for size in 0..EVENTS {
        let findings = judge_end(size, &expectations);
        let places: Vec<&Place> = findings.listed().iter().map(|finding| &finding.place).collect();
        let both = [&Place::EarlierCheckpoint(BEFORE), &Place::EarlierCheckpoint(EVENTS)];
        assert_eq!(places, both[usize::from(size >= BEFORE)..], "{size}");
    }
    assert!(judge_end(EVENTS, &expectations).is_empty());
    // The same through whole audits, at the sizes where a tile or a bundle ends and around the kept checkpoint.
    let sizes: [usize; 12] = [0, 1, 255, 256, 257, 511, 4096, 5999, 6000, 6001, 9983, 9999];
    sizes.par_iter().for_each(|size| {
        let data = &OFFICE.data()[..*size];
        let log = Memory { checkpoint: signed(&key, data), tiles: tiles(data) };
        let head = trusted_head(&log.checkpoint, &keys).unwrap();
        let report = audit_log(&log, &head, &expectations, &mut |_| {}).unwrap();
        let place = Place::EarlierCheckpoint(EVENTS);
        assert!(report.findings.listed().iter().any(|finding| finding.place == place), "{size}");
    });
    println!("{EVENTS} rollbacks, all seen");
}
