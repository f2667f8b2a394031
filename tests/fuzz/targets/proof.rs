//! Proofs, tile names and entry bundles: never a panic, and nothing is proven that does not follow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::tlog::{
    ConsistencyProof, InclusionProof, ProofFile, Tile, entry_bundle, read_entry_bundle, verify_consistency, verify_inclusion,
};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(tile) = Tile::parse(text) {
            assert_eq!(tile.to_string(), text);
        }
        if let Ok(proof) = text.parse::<ProofFile>() {
            assert_eq!(proof.to_string(), text);
        }
    }
    if let Some(entries) = read_entry_bundle(data) {
        assert_eq!(entry_bundle(&entries), data);
    }
    let Some((index, rest)) = data.split_first_chunk::<8>() else { return };
    let Some((size, rest)) = rest.split_first_chunk::<8>() else { return };
    let (index, size) = (u64::from_be_bytes(*index), u64::from_be_bytes(*size));
    let path = rest.as_chunks::<32>().0.to_vec();
    // No path leads from one made-up leaf to another made-up root without a preimage of SHA-256.
    if path.len() > 1 {
        let inclusion = InclusionProof { index, path: path.clone() };
        assert!(verify_inclusion(&inclusion, &[1; 32], size, &[2; 32]).is_err());
        let consistency = ConsistencyProof { old: index, path };
        assert!(verify_consistency(&consistency, &[1; 32], size, &[2; 32]).is_err());
    }
});
