//! A bundle of evidence: one ZIP file with everything that somebody needs to judge a dossier's history without the office.
//!
//! | file | what |
//! |---|---|
//! | `evidence.html` | the history for people, and how to check it with other people's tools |
//! | `check.py` | recomputes everything with Python's standard library alone |
//! | `manifest.json` | the form's name, whose bundle it is, and SHA-256 of every other file |
//! | `checkpoint` | the signed note under which everything is proven, with its cosignatures |
//! | `keys.json`, `policy` | the office's public keys and, if it has one, its policy of witnesses: its own word, for comparing |
//! | `events/<leaf>.leaf` | what the log's entry holds, 33 bytes |
//! | `events/<leaf>.tlog-proof` | C2SP tlog-proof that the entry is in the log of `checkpoint` |
//! | `events/<leaf>.record`, `.nonce` | what the entry commits to; both are missing when they were erased |
//! | `events/<leaf>.json` | the record in words that people can read; derived from it, and compared with it when read |
//! | `log/<leaf>.*` | the same for the log's own events: changes of keys, rollbacks, and this dossier's erasure |
//! | `receipts/<number>.seal` | the seal of each receipt, oldest first |
//! | `receipts/<number>.tlog-proof` | of the receipt's own entry, under the earliest checkpoint that others have confirmed |
//! | `receipts/<number>.pdf` | the paper as it was last handed out |
//!
//! The paper's symbol opens the receipt's page, so whoever has the bundle can open it too; it shows less than the records do.
//! Equal contents give equal bytes: order, times and permissions are fixed. The archive is never unpacked to a disk, is read
//! within limits, and is refused wherever two programs could see different files in it. A signature over the whole bundle was
//! rejected: it would say that the office made it, which nothing in it rests on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    bundle_archive::{self, ArchiveFault},
    record_json::record_json,
    tiles::LeafData,
};

pub(super) const FORMAT: &str = "milaf-evidence/1";
/// The script that goes into every bundle.
pub const CHECKER: &str = include_str!("../../assets/evidence/check.py");

const PAGE: &str = "evidence.html";
const SCRIPT: &str = "check.py";
const MANIFEST: &str = "manifest.json";
const CHECKPOINT: &str = "checkpoint";
const KEYS: &str = "keys.json";
const POLICY: &str = "policy";
/// Leaves are numbered in as many digits, so that names sort as numbers do.
const DIGITS: usize = 12;

/// Why bytes are not a whole bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("{0}")]
    Archive(#[from] ArchiveFault),
    #[error("its manifest.json is not that of a bundle: {0}")]
    Manifest(String),
    #[error("it is written in the form {0}, and this program knows {FORMAT} only")]
    Format(String),
    #[error("{0} is not the file that the manifest tells of")]
    Altered(String),
    #[error("{0} is missing")]
    Missing(String),
    #[error("{0} does not belong into a bundle")]
    Unexpected(String),
}

/// What lies in a bundle. Nothing of it is verified but that it is whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    pub reference: String,
    /// The office's public host.
    pub host: String,
    /// The log's name.
    pub origin: String,
    pub page: String,
    pub checker: String,
    /// The signed note.
    pub checkpoint: String,
    pub keys: Vec<u8>,
    pub policy: Option<Vec<u8>>,
    /// The dossier's, in the order of their leaves.
    pub events: Vec<BundledEntry>,
    /// The log's own, in the order of their leaves.
    pub log: Vec<BundledEntry>,
    /// Oldest first.
    pub receipts: Vec<BundledReceipt>,
}

/// An entry of the log, and what it commits to unless that was erased.
#[derive(Clone, PartialEq, Eq)]
pub struct BundledEntry {
    pub leaf: u64,
    pub data: LeafData,
    /// A tlog-proof file.
    pub proof: String,
    pub content: Option<BundledRecord>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct BundledRecord {
    pub record: Vec<u8>,
    pub nonce: [u8; 32],
}

#[derive(Clone, PartialEq, Eq)]
pub struct BundledReceipt {
    pub seal: Vec<u8>,
    /// A tlog-proof file of the receipt's entry, under an earlier checkpoint than the bundle's if there is one.
    pub proof: String,
    /// The paper as PDF, unless it can no longer be drawn.
    pub paper: Option<Vec<u8>>,
}

impl std::fmt::Debug for BundledEntry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BundledEntry").field("leaf", &self.leaf).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BundledRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BundledRecord([redacted])")
    }
}

impl std::fmt::Debug for BundledReceipt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BundledReceipt([redacted])")
    }
}

/// Records are personal, and papers open pages.
impl std::fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Bundle");
        shown.field("reference", &self.reference).field("events", &self.events.len());
        shown.field("receipts", &self.receipts.len()).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    reference: String,
    host: String,
    origin: String,
    /// SHA-256 of every other file, in hex.
    files: BTreeMap<String, String>,
}

impl Bundle {
    /// Whether bytes look like a bundle and not like another file; says nothing of whether it is whole.
    pub fn resembles(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04") && bytes.get(30..30 + PAGE.len()) == Some(PAGE.as_bytes())
    }

    /// The one file that these contents make.
    ///
    /// # Errors
    /// When a record cannot be read, or when the bundle would be larger than its own reader allows.
    pub fn write(&self) -> Result<Vec<u8>, BundleError> {
        let mut files = BTreeMap::new();
        let mut put = |name: String, bytes: Vec<u8>| files.insert(name, bytes);
        put(CHECKPOINT.to_owned(), self.checkpoint.clone().into_bytes());
        put(KEYS.to_owned(), self.keys.clone());
        if let Some(policy) = &self.policy {
            put(POLICY.to_owned(), policy.clone());
        }
        for (folder, entries) in [("events", &self.events), ("log", &self.log)] {
            for entry in entries {
                let name = |kind: &str| format!("{folder}/{:0DIGITS$}.{kind}", entry.leaf);
                put(name("leaf"), entry.data.to_vec());
                put(name("tlog-proof"), entry.proof.clone().into_bytes());
                let Some(content) = &entry.content else { continue };
                let json = record_json(&content.record).ok_or_else(|| BundleError::Altered(name("record")))?;
                put(name("json"), json.into_bytes());
                put(name("record"), content.record.clone());
                put(name("nonce"), content.nonce.to_vec());
            }
        }
        for (number, receipt) in (1..).zip(&self.receipts) {
            let name = |kind: &str| format!("receipts/{number:03}.{kind}");
            put(name("seal"), receipt.seal.clone());
            put(name("tlog-proof"), receipt.proof.clone().into_bytes());
            if let Some(paper) = &receipt.paper {
                put(name("pdf"), paper.clone());
            }
        }
        let (page, script) = (self.page.as_bytes(), self.checker.as_bytes());
        let mut hashes: BTreeMap<String, String> =
            files.iter().map(|(name, bytes)| (name.clone(), hash(bytes))).collect();
        hashes.insert(PAGE.to_owned(), hash(page));
        hashes.insert(SCRIPT.to_owned(), hash(script));
        let manifest = manifest_bytes(&Manifest {
            format: FORMAT.to_owned(),
            reference: self.reference.clone(),
            host: self.host.clone(),
            origin: self.origin.clone(),
            files: hashes,
        })?;
        let first = [(PAGE, page), (SCRIPT, script), (MANIFEST, manifest.as_slice())];
        let rest = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        Ok(bundle_archive::write(first.into_iter().chain(rest))?)
    }

    /// Reads a bundle and compares every file with the manifest.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut files = bundle_archive::read(bytes)?;
        let manifest = files.remove(MANIFEST).ok_or_else(|| BundleError::Missing(MANIFEST.to_owned()))?;
        let manifest = read_manifest(&manifest)?;
        for (name, expected) in &manifest.files {
            let file = files.get(name).ok_or_else(|| BundleError::Missing(shown(name)))?;
            if hash(file) != *expected {
                return Err(BundleError::Altered(shown(name)));
            }
        }
        if let Some(name) = files.keys().find(|name| !manifest.files.contains_key(*name)) {
            return Err(BundleError::Unexpected(shown(name)));
        }
        let mut files = Files(files);
        let bundle = Self {
            reference: manifest.reference,
            host: manifest.host,
            origin: manifest.origin,
            page: files.text(PAGE)?,
            checker: files.text(SCRIPT)?,
            checkpoint: files.text(CHECKPOINT)?,
            keys: files.bytes(KEYS)?,
            policy: files.optional(POLICY),
            events: files.entries("events/")?,
            log: files.entries("log/")?,
            receipts: files.receipts()?,
        };
        match files.0.into_keys().next() {
            Some(name) => Err(BundleError::Unexpected(shown(&name))),
            None => Ok(bundle),
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A stranger chose the name, and it ends up in a message.
fn shown(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(60).collect()
}

fn manifest_bytes(manifest: &Manifest) -> Result<Vec<u8>, BundleError> {
    let mut bytes = serde_json::to_vec_pretty(manifest).map_err(|error| BundleError::Manifest(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_manifest(bytes: &[u8]) -> Result<Manifest, BundleError> {
    let refused = |error: serde_json::Error| BundleError::Manifest(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(refused)?;
    match value.get("format").and_then(serde_json::Value::as_str) {
        Some(FORMAT) => {}
        Some(other) => return Err(BundleError::Format(shown(other))),
        None => return Err(BundleError::Manifest("it names no format".to_owned())),
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(refused)?;
    // Two programs could read a second spelling differently.
    if manifest_bytes(&manifest)? == bytes {
        Ok(manifest)
    } else {
        Err(BundleError::Manifest("it is not written as it has to be".to_owned()))
    }
}

/// The files that have not been taken yet.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn optional(&mut self, name: &str) -> Option<Vec<u8>> {
        self.0.remove(name)
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, BundleError> {
        self.optional(name).ok_or_else(|| BundleError::Missing(shown(name)))
    }

    fn text(&mut self, name: &str) -> Result<String, BundleError> {
        String::from_utf8(self.bytes(name)?).map_err(|_| BundleError::Altered(shown(name)))
    }

    fn array<const N: usize>(&mut self, name: &str) -> Result<[u8; N], BundleError> {
        self.bytes(name)?.try_into().map_err(|_| BundleError::Altered(shown(name)))
    }

    fn entries(&mut self, folder: &str) -> Result<Vec<BundledEntry>, BundleError> {
        let leaves: Vec<String> = self
            .0
            .keys()
            .filter_map(|name| name.strip_prefix(folder)?.strip_suffix(".leaf").map(str::to_owned))
            .collect();
        leaves.into_iter().map(|number| self.entry(folder, &number)).collect()
    }

    fn entry(&mut self, folder: &str, number: &str) -> Result<BundledEntry, BundleError> {
        let name = |kind: &str| format!("{folder}{number}.{kind}");
        let leaf = number.parse::<u64>().ok().filter(|leaf| format!("{leaf:0DIGITS$}") == number);
        let leaf = leaf.ok_or_else(|| BundleError::Unexpected(shown(&name("leaf"))))?;
        let content = if let Some(record) = self.optional(&name("record")) {
            if record_json(&record) != Some(self.text(&name("json"))?) {
                return Err(BundleError::Altered(shown(&name("json"))));
            }
            Some(BundledRecord { record, nonce: self.array(&name("nonce"))? })
        } else {
            None
        };
        Ok(BundledEntry { leaf, data: self.array(&name("leaf"))?, proof: self.text(&name("tlog-proof"))?, content })
    }

    fn receipts(&mut self) -> Result<Vec<BundledReceipt>, BundleError> {
        let mut receipts = Vec::new();
        loop {
            let name = |kind: &str| format!("receipts/{:03}.{kind}", receipts.len() + 1);
            let Some(seal) = self.optional(&name("seal")) else { return Ok(receipts) };
            let proof = self.text(&name("tlog-proof"))?;
            let paper = self.optional(&name("pdf"));
            receipts.push(BundledReceipt { seal, proof, paper });
        }
    }
}
