//! From an event's record to the hash that stands for it in the tree.
//!
//! The leaf holds a commitment under a random nonce and nothing else, so that publishing the log
//! tells nothing of any dossier, not even to someone who guesses a record and hashes it. Hashing
//! the record itself was rejected for that reason: references and steps are easy to guess.
//! Erasing a record and its nonce leaves the leaf, and the log stays valid.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// A SHA-256 hash of a leaf or of an inner node.
pub type Hash = [u8; 32];

/// The version of the leaf's form, its first byte.
const LEAF_VERSION: u8 = 0x01;
/// RFC 6962 §2.1 keeps leaves and inner nodes apart with these.
const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// HMAC-SHA256 with the nonce as key, over the encoded record.
pub fn commitment(nonce: &[u8; 32], record: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(nonce).expect("HMAC takes a key of any length");
    mac.update(record);
    mac.finalize().into_bytes().into()
}

/// What the log publishes for an event: the version byte and the commitment.
pub fn leaf_data(commitment: &[u8; 32]) -> [u8; 33] {
    let mut data = [LEAF_VERSION; 33];
    data[1..].copy_from_slice(commitment);
    data
}

/// SHA-256 of `0x00` ‖ leaf data.
pub fn leaf_hash(leaf_data: &[u8; 33]) -> Hash {
    Sha256::new().chain_update([LEAF_PREFIX]).chain_update(leaf_data).finalize().into()
}

/// SHA-256 of `0x01` ‖ left ‖ right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([NODE_PREFIX]).chain_update(left).chain_update(right).finalize().into()
}
