//! Each byte of each record, nonce, commitment and leaf.

use milaf::audit::judge_stored;
use rayon::prelude::*;

use super::OFFICE;

#[test]
fn each_changed_byte_of_a_stored_entry_is_seen() {
    let tried: usize = OFFICE
        .entries
        .par_iter()
        .map(|entry| {
            let (record, nonce) = entry.content.clone().unwrap();
            let mut parts = [record, nonce, entry.commitment.clone(), entry.leaf_hash.clone()];
            let judge = |parts: &[Vec<u8>; 4]| judge_stored(Some((&parts[0], &parts[1])), &parts[2], &parts[3]);
            assert_eq!(judge(&parts), Ok(()), "entry {}", entry.index);
            let mut tried = 0;
            for part in 0..parts.len() {
                for at in 0..parts[part].len() {
                    parts[part][at] ^= u8::try_from(at % 255 + 1).unwrap();
                    assert!(judge(&parts).is_err(), "byte {at} of part {part} of entry {}", entry.index);
                    parts[part][at] ^= u8::try_from(at % 255 + 1).unwrap();
                    tried += 1;
                }
            }
            tried
        })
        .sum();
    println!("{tried} changed bytes of stored entries, all seen");
    assert!(tried > 2_000_000, "{tried}");
}
