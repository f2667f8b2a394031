//! The published vectors, made by an independent program from the description of the formats.
//!
//! `MILAF_VECTORS` names another file of the same form. Every field of the file is recomputed from
//! the others and compared, and no unknown field is let through, so a file with one wrong character
//! fails; the module `damage` spoils every value of the file in turn to show it.

mod damage;

use std::fmt::{Debug, Display};
use std::path::PathBuf;

use milaf::receipt::{ReceiptId, Seal, SealClaims, SealKey, SealPublicKey, TokenKey, TokenKeys, base32, verify_seal};
use milaf::tlog::{
    Checkpoint, ConsistencyProof, Hash, InclusionProof, LogKey, NoteVerifier, Record, commitment, consistency_path,
    inclusion_path, leaf_data, leaf_hash, root_of, verify_consistency, verify_inclusion,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    tokens: Vec<TokenVector>,
    ed25519: KeyVector,
    leaf_data: Vec<String>,
    entries: Vec<EntryVector>,
    trees: Vec<TreeVector>,
    seals: Vec<SealVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenVector {
    key: String,
    kid: u8,
    receipt_id: String,
    bytes: String,
    text: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyVector {
    seed: String,
    public: String,
    kid: String,
    note_vkey: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryVector {
    index: u64,
    record: String,
    nonce: String,
    commitment: String,
    leaf_data: String,
    leaf_hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeVector {
    size: u64,
    root: String,
    checkpoint: String,
    inclusion: Option<InclusionVector>,
    consistency: Option<ConsistencyVector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InclusionVector {
    index: u64,
    path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsistencyVector {
    old: u64,
    path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealVector {
    issued_at: i64,
    receipt_id: String,
    reference: String,
    leaf_index: u64,
    commitment16: String,
    tree_size: u64,
    root: String,
    cose: String,
    text: String,
}

/// Fails unless both are the same; `what` says which field of the file is wrong.
fn same<T: PartialEq + Debug + ?Sized>(what: impl Display, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: the file has {found:?}, it should be {expected:?}")) }
}

fn accepted<T, E: Display>(what: impl Display, outcome: Result<T, E>) -> Result<T, String> {
    outcome.map_err(|error| format!("{what}: {error}"))
}

/// Lower-case hexadecimal of exactly this many bytes.
fn bytes<const LENGTH: usize>(what: impl Display, text: &str) -> Result<[u8; LENGTH], String> {
    let bytes = accepted(&what, hex::decode(text))?;
    same(&what, text, &hex::encode(&bytes))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| format!("{what}: {length} bytes, not {LENGTH}"))
}

/// The whole check. The error names the first field that is wrong.
fn check(json: &str) -> Result<(), String> {
    let vectors: Vectors = accepted("the file", serde_json::from_str(json))?;
    for (name, empty) in [
        ("tokens", vectors.tokens.is_empty()),
        ("leaf_data", vectors.leaf_data.is_empty()),
        ("entries", vectors.entries.is_empty()),
        ("trees", vectors.trees.is_empty()),
        ("seals", vectors.seals.is_empty()),
    ] {
        same(format!("{name} is empty"), &empty, &false)?;
    }
    for (number, token) in vectors.tokens.iter().enumerate() {
        check_token(token).map_err(|error| format!("token {number}, {error}"))?;
    }
    let leaves = check_leaf_data(&vectors.leaf_data)?;
    for entry in &vectors.entries {
        check_entry(entry, &vectors.leaf_data, &leaves).map_err(|error| format!("entry {}, {error}", entry.index))?;
    }
    let (log_key, seal_key) = check_key(&vectors.ed25519)?;
    for tree in &vectors.trees {
        check_tree(tree, &leaves, &log_key, &vectors.ed25519.note_vkey)
            .map_err(|error| format!("tree of {}, {error}", tree.size))?;
    }
    for (number, seal) in vectors.seals.iter().enumerate() {
        check_seal(seal, &vectors, &leaves, &seal_key).map_err(|error| format!("seal {number}, {error}"))?;
    }
    Ok(())
}

fn check_token(vector: &TokenVector) -> Result<(), String> {
    let secret = bytes("key", &vector.key)?;
    let receipt_id = ReceiptId::new(bytes("receipt_id", &vector.receipt_id)?);
    let key = accepted("kid", TokenKey::new(vector.kid, secret))?;
    let token = key.issue(receipt_id);
    same("bytes", vector.bytes.as_str(), &hex::encode(token.as_bytes()))?;
    same("text", vector.text.as_str(), &token.text())?;
    let code = key.typed_code(receipt_id);
    same("code", vector.code.as_str(), &code.to_string())?;
    same("code as read", &accepted("code", vector.code.parse())?, &code)?;

    let keys = accepted("key", TokenKeys::new(key, Vec::new()))?;
    let verified = accepted("text", keys.verify(&vector.text))?;
    same("kid as verified", &verified.key_id(), &vector.kid)?;
    same("receipt_id as verified", &verified.receipt_id(), &receipt_id)
}

fn check_leaf_data(texts: &[String]) -> Result<Vec<Hash>, String> {
    let hash = |(index, text): (usize, &String)| {
        let what = format!("leaf_data {index}");
        let data: [u8; 33] = bytes(&what, text)?;
        let commitment: [u8; 32] = bytes(&what, &text[2..])?;
        same(&what, &data, &leaf_data(&commitment))?;
        Ok(leaf_hash(&data))
    };
    texts.iter().enumerate().map(hash).collect()
}

fn check_entry(vector: &EntryVector, data: &[String], leaves: &[Hash]) -> Result<(), String> {
    let nonce = bytes("nonce", &vector.nonce)?;
    let encoded = accepted("record", hex::decode(&vector.record))?;
    let record = accepted("record", Record::decode(&encoded))?;
    same("record", vector.record.as_str(), &hex::encode(record.encode()))?;
    let commitment = commitment(&nonce, &encoded);
    same("commitment", vector.commitment.as_str(), &hex::encode(commitment))?;
    let leaf = leaf_data(&commitment);
    same("leaf_data", vector.leaf_data.as_str(), &hex::encode(leaf))?;
    same("leaf_hash", vector.leaf_hash.as_str(), &hex::encode(leaf_hash(&leaf)))?;

    let index = accepted("index", usize::try_from(vector.index))?;
    same("leaf_data at the index", &data.get(index), &Some(&vector.leaf_data))?;
    if let Some(previous) = record.previous {
        let earlier = leaves[..index].contains(&previous);
        same("the record's previous event is in the log before it", &earlier, &true)?;
    }
    Ok(())
}

fn check_key(vector: &KeyVector) -> Result<(LogKey, SealKey), String> {
    let seed = bytes("seed", &vector.seed)?;
    let seal_key = SealKey::from_seed(seed);
    same("public", vector.public.as_str(), &hex::encode(seal_key.public()))?;
    same("kid", vector.kid.as_str(), &hex::encode(seal_key.kid()))?;
    let verifier = accepted("note_vkey", NoteVerifier::parse(&vector.note_vkey))?;
    let log_key = accepted("note_vkey", LogKey::new(verifier.name(), seed))?;
    same("note_vkey", vector.note_vkey.as_str(), &log_key.vkey())?;
    Ok((log_key, seal_key))
}

fn check_tree(vector: &TreeVector, leaves: &[Hash], log_key: &LogKey, vkey: &str) -> Result<(), String> {
    let size = accepted("size", usize::try_from(vector.size))?;
    let tree = leaves.get(..size).ok_or("size: there are not so many leaves")?;
    let root = root_of(tree);
    same("root", vector.root.as_str(), &hex::encode(root))?;

    let origin = log_key.origin().to_owned();
    let checkpoint = Checkpoint { origin, size: vector.size, root };
    same("checkpoint", vector.checkpoint.as_str(), &log_key.sign(&checkpoint))?;
    let verifier = accepted("note_vkey", NoteVerifier::parse(vkey))?;
    let read = Checkpoint::parse_signed(&vector.checkpoint, &verifier);
    same("checkpoint as read", &accepted("checkpoint", read)?, &checkpoint)?;

    // Only the empty tree has nothing to prove.
    same("inclusion is there", &vector.inclusion.is_some(), &(size > 0))?;
    same("consistency is there", &vector.consistency.is_some(), &(size > 0))?;
    if let Some(vector) = &vector.inclusion {
        let index = vector.index;
        let path = accepted("inclusion index", inclusion_path(tree, index))?;
        same("inclusion path", &vector.path, &path.iter().map(hex::encode).collect())?;
        let at = accepted("inclusion index", usize::try_from(index))?;
        let proof = InclusionProof { index, path };
        accepted("inclusion", verify_inclusion(&proof, &tree[at], size as u64, &root))?;
    }
    if let Some(vector) = &vector.consistency {
        let old = vector.old;
        let path = accepted("consistency old", consistency_path(tree, old))?;
        same("consistency path", &vector.path, &path.iter().map(hex::encode).collect())?;
        let at = accepted("consistency old", usize::try_from(old))?;
        let proof = ConsistencyProof { old, path };
        let old_root = root_of(&tree[..at]);
        accepted("consistency", verify_consistency(&proof, &old_root, size as u64, &root))?;
    }
    Ok(())
}

fn check_seal(vector: &SealVector, vectors: &Vectors, leaves: &[Hash], key: &SealKey) -> Result<(), String> {
    let claims = SealClaims {
        issued_at: vector.issued_at,
        receipt_id: ReceiptId::new(bytes("receipt_id", &vector.receipt_id)?),
        reference: vector.reference.clone(),
        leaf_index: vector.leaf_index,
        commitment16: bytes("commitment16", &vector.commitment16)?,
        tree_size: vector.tree_size,
        root: bytes("root", &vector.root)?,
    };
    let at = accepted("leaf_index", usize::try_from(vector.leaf_index))?;
    let leaf = vectors.leaf_data.get(at).ok_or("leaf_index: there are not so many leaves")?;
    same("commitment16", vector.commitment16.as_str(), &leaf[2..34])?;
    let size = accepted("tree_size", usize::try_from(vector.tree_size))?;
    let tree = leaves.get(..size).ok_or("tree_size: there are not so many leaves")?;
    same("root", &claims.root, &root_of(tree))?;
    same("leaf_index is in the tree", &(at < size), &true)?;

    let seal = key.seal(&claims);
    same("cose", vector.cose.as_str(), &hex::encode(seal.bytes()))?;
    same("text", vector.text.as_str(), &base32::encode(seal.bytes()))?;
    let read = accepted("text", Seal::from_text(&vector.text))?;
    let public = bytes("public", &vectors.ed25519.public)?;
    let public = accepted("public", SealPublicKey::from_bytes(&public))?;
    let verified = verify_seal(read.bytes(), &[public]);
    same("the claims as verified", &accepted("cose", verified)?, &claims)
}

fn file_named_or_ours() -> String {
    let ours = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/formats.json");
    let path = std::env::var_os("MILAF_VECTORS").map_or_else(ours, PathBuf::from);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[test]
fn every_field_is_as_recomputed() {
    if let Err(error) = check(&file_named_or_ours()) {
        panic!("the vectors do not hold: {error}");
    }
}
