//! Changing and revoking keys, as an administrator does it while the office is open: the real program, its files, its pages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod interrupted;
mod most;
mod moved;
mod nodes;
mod places;
mod revoking;
mod under_load;

use std::{fs, path::PathBuf};

use milaf::{
    audit::keys_file,
    receipt::{KeyTerm, PublishedKeys, SealClaims, verify_seal},
    tlog::{Checkpoint, NoteVerifier},
};
use serde_json::Value;

use crate::{
    node_process::Node,
    postgres_server::wait_until,
    raw_http::{Connection, Request},
    real_server::House,
};

/// A house whose program takes keys from its folder, whatever the test's own environment says.
fn run(house: &House, arguments: &[&str]) -> String {
    String::from_utf8(house.run(arguments, "").stdout).unwrap()
}

/// What a command that must fail says, and its exit code.
fn refused(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let output = house.command(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn key_file(house: &House, name: &str) -> PathBuf {
    house.data().keys().join(name)
}

/// `milaf keys list` for programs.
fn listed(house: &House) -> Vec<Value> {
    serde_json::from_str(&run(house, &["keys", "list", "--json"])).unwrap()
}

fn state(house: &House, purpose: &str, number: u32) -> String {
    let rows = listed(house);
    let row = rows.iter().find(|row| row["purpose"] == purpose && row["number"] == number);
    row.map_or_else(String::new, |row| row["state"].as_str().unwrap().to_owned())
}

/// Changes a key and waits until the new one is in use.
fn rotate(house: &House, purpose: &str, number: u32) {
    run(house, &["keys", "rotate", purpose]);
    wait_until_in_use(house, purpose, number);
}

fn wait_until_in_use(house: &House, purpose: &str, number: u32) {
    wait_until("the new key is in use", || state(house, purpose, number) == "in use");
}

fn exported(house: &House) -> PublishedKeys {
    keys_file::read(run(house, &["keys", "export"]).as_bytes()).unwrap()
}

/// The keys as a stranger gets them.
fn fetched(address: std::net::SocketAddr) -> PublishedKeys {
    let request = Request::get("/.well-known/milaf/keys.json").closing();
    let answer = Connection::open(address).unwrap().send(&request).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    keys_file::read(&answer.body).unwrap()
}

/// A receipt as the command line hands it out: its token and its seal.
struct Paper {
    token: String,
    seal: Vec<u8>,
    reference: String,
}

fn register(house: &House) -> Paper {
    let json = run(house, &["register", "--procedure", "NRU", "--applicant", "Fatima Ben Ali", "--json"]);
    let value: Value = serde_json::from_str(&json).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let url = text("url");
    let seal = milaf::receipt::Seal::from_text(url.rsplit('/').next().unwrap()).unwrap();
    Paper { token: text("token"), seal: seal.bytes().to_vec(), reference: text("reference") }
}

/// What the seal states, which one of the keys must have signed within its own time.
fn verified(seal: &[u8], keys: &PublishedKeys) -> (SealClaims, [u8; 4], KeyTerm) {
    let (claims, key) = keys
        .seal
        .iter()
        .find_map(|key| {
            let public = milaf::receipt::SealPublicKey::from_bytes(&key.key).unwrap();
            Some((verify_seal(seal, &[public]).ok()?, key))
        })
        .expect("a published key signed the seal");
    let term = key.term_at(claims.issued_at * 1000);
    (claims, key.kid, term)
}

/// How many of the published log keys have signed the published checkpoint, which must be at least one.
fn signers(house: &House, keys: &PublishedKeys) -> Vec<[u8; 4]> {
    let note = fs::read_to_string(house.data().checkpoint()).unwrap();
    let signed = keys.log.iter().filter(|key| {
        let verifier = NoteVerifier::parse(key.vkey.as_deref().unwrap()).unwrap();
        Checkpoint::parse_signed(&note, &verifier).is_ok()
    });
    signed.map(|key| key.kid).collect()
}

fn opens(node: &Node, token: &str) -> u16 {
    node.get(&format!("/d/{token}")).status
}

/// The digits and the bytes of every key in the folder.
fn secrets(house: &House) -> Vec<Vec<u8>> {
    let files = fs::read_dir(house.data().keys()).unwrap().map(|entry| entry.unwrap().path());
    let digits = files.map(|path| fs::read_to_string(path).unwrap().trim().to_owned());
    digits
        .flat_map(|digits| [hex::decode(&digits).unwrap(), digits.to_uppercase().into_bytes(), digits.into_bytes()])
        .collect()
}

fn assert_no_secret(house: &House, place: &str, bytes: &[u8]) {
    for secret in secrets(house) {
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "a secret key is in {place}");
    }
}
