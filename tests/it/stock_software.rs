//! Receipts checked with other people's software and the published keys alone: two Python libraries for COSE and CWT, and
//! openssl. `tests/run` installs them; `MILAF_STOCK_PYTHON` names another Python that has them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use milaf::receipt::{Seal, base32};
use serde_json::Value;

use crate::commands::{Office, milaf};

/// An office with receipts, and the keys that it publishes.
struct Issued {
    office: Office,
    keys: String,
    receipts: Vec<Value>,
}

impl Issued {
    fn new() -> Self {
        let office = Office::new();
        let names = ["Salma Bensalem", "علي أيت بها", "ⵜⵉⵍⵍⵍⵉ"];
        let receipts = names.iter().map(|name| office.register(name, &[])).collect();
        let keys = office.path("keys.json").display().to_string();
        milaf(&["keys", "export", "--data", &office.data(), "--out", &keys], "").expect(0);
        Self { office, keys, receipts }
    }

    fn urls(&self) -> Vec<&str> {
        self.receipts.iter().map(|receipt| receipt["url"].as_str().unwrap()).collect()
    }

    /// What both libraries say of each address.
    fn judged(&self, urls: &[String]) -> Vec<[Value; 2]> {
        let said = python(&["verify", &self.keys], &(urls.join("\n") + "\n"));
        let lines: Vec<_> = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
        assert_eq!(lines.len(), urls.len(), "{said}");
        lines.into_iter().map(|line| [line["cwt"].clone(), line["pycose"].clone()]).collect()
    }

    /// Whether openssl finds the signature of the seal in this address right.
    fn openssl(&self, url: &str) -> bool {
        let folder = self.office.path("openssl");
        fs::create_dir_all(&folder).unwrap();
        python(&["openssl", &self.keys, folder.to_str().unwrap()], url);
        let verify =
            ["pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "message", "-sigfile", "signature"];
        let output = Command::new("openssl").args(verify).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Signature"), "openssl looked at it: {said} {}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }
}

fn python(arguments: &[&str], stdin: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = env::var_os("MILAF_STOCK_PYTHON").map_or_else(|| root.join("target/stock/bin/python"), PathBuf::from);
    let mut child = Command::new(&python)
        .arg(root.join("tests/stock/check_seals.py"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; tests/run puts it there", python.display()));
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The address with one bit of its seal's bytes changed.
fn with_flipped_bit(url: &str, bit: usize) -> String {
    let (start, seal) = url.rsplit_once('/').unwrap();
    let mut bytes = base32::decode(seal).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    format!("{start}/{}", Seal::from_bytes(bytes).text())
}

#[test]
fn python_libraries_read_what_the_receipt_says() {
    let issued = Issued::new();
    let urls: Vec<String> = issued.urls().into_iter().map(str::to_owned).collect();
    for (judged, receipt) in issued.judged(&urls).iter().zip(&issued.receipts) {
        for said in judged {
            assert_eq!(said["reference"], receipt["reference"], "{said}");
            assert_eq!(said["leaf_index"], receipt["leaf_index"], "{said}");
        }
        assert_eq!(judged[0], judged[1], "the two libraries agree");
    }
}

#[test]
fn python_libraries_refuse_a_changed_seal() {
    let issued = Issued::new();
    let url = issued.urls()[0];
    let bits = base32::decode(url.rsplit_once('/').unwrap().1).unwrap().len() * 8;
    let signed = issued.judged(&[url.to_owned()]).remove(0);
    let changed: Vec<String> = (0..bits).step_by(7).map(|bit| with_flipped_bit(url, bit)).collect();
    for (judged, bit) in issued.judged(&changed).iter().zip((0..bits).step_by(7)) {
        for (said, before) in judged.iter().zip(&signed) {
            // A bit outside what is signed, such as the envelope's own tag, may leave the statement as it was, and never
            // changes it.
            assert!(said["refused"].is_string() || said == before, "bit {bit}: {said}");
        }
    }
    let refused = issued.judged(&changed).iter().filter(|judged| judged[0]["refused"].is_string()).count();
    assert!(refused > changed.len() * 9 / 10, "{refused} of {}", changed.len());
}

#[test]
fn openssl_verifies_the_signature_and_refuses_another() {
    let issued = Issued::new();
    let url = issued.urls()[1];
    assert!(issued.openssl(url));
    let bits = base32::decode(url.rsplit_once('/').unwrap().1).unwrap().len() * 8;
    assert!(!issued.openssl(&with_flipped_bit(url, bits - 12)), "the signature's end");
}
