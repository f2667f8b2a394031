//! An office whose every secret the test has: it seals what it likes, keeps a log, and has witnesses.

use std::{fs, path::PathBuf};

use ciborium::Value;
use milaf::{
    audit::{keys_file, perfect_root},
    receipt::{
        PublicUrl, PublishedKey, PublishedKeys, ReceiptId, Revocation, SealClaims, SealKey, TokenKey,
        receipt_url_sealed,
    },
    tlog::{
        Checkpoint, CosignatureSigner, Hash, LogKey, Record, TILE_WIDTH, Tile, TileKind, commitment, entry_bundle,
        leaf_data, leaf_hash, root_of,
    },
};

/// Seconds since 1970 of the first receipt.
pub(crate) const START: i64 = 1_790_000_000;

pub(crate) struct Lab {
    folder: tempfile::TempDir,
    pub(crate) host: String,
    pub(crate) seal_key: SealKey,
    pub(crate) log_key: LogKey,
    token_key: TokenKey,
    pub(crate) leaves: Vec<[u8; 33]>,
}

#[derive(Clone)]
pub(crate) struct Paper {
    pub(crate) claims: SealClaims,
    pub(crate) url: String,
    pub(crate) record: Vec<u8>,
    pub(crate) nonce: [u8; 32],
}

impl Paper {
    /// The address' last two parts.
    pub(crate) fn parts(&self) -> (&str, &str) {
        let mut parts = self.url.rsplit('/');
        let seal = parts.next().unwrap();
        (parts.next().unwrap(), seal)
    }
}

impl Lab {
    pub(crate) fn new(seed: u8) -> Self {
        let host = format!("office{seed}.example.ma");
        Self {
            folder: tempfile::tempdir().unwrap(),
            seal_key: SealKey::from_seed([seed; 32]),
            log_key: LogKey::new(&format!("{host}/log"), [seed ^ 0x55; 32]).unwrap(),
            token_key: TokenKey::new(0, [seed ^ 0xaa; 32]).unwrap(),
            leaves: Vec::new(),
            host,
        }
    }

    /// Entries of other people.
    pub(crate) fn grow(&mut self, count: usize) {
        let from = self.leaves.len();
        self.leaves.extend((from..from + count).map(|number| leaf_data(&[u8::try_from(number % 251).unwrap(); 32])));
    }

    pub(crate) fn issue(&mut self) -> Paper {
        let number = u8::try_from(self.leaves.len() % 256).unwrap();
        let (receipt_id, nonce) = (ReceiptId::new([number; 8]), [number ^ 0x0f; 32]);
        let issued_at = START + i64::from(number);
        let reference = format!("NRU-2026-{:06}", self.leaves.len() + 1);
        let data = vec![
            (Value::from("key"), Value::from(0)),
            (Value::from("receipt"), Value::from(receipt_id.as_bytes().as_slice())),
        ];
        let record = Record {
            kind: "receipt_issued".to_owned(),
            reference: reference.clone(),
            at_ms: issued_at * 1000 + 250,
            actor: "clerk".to_owned(),
            previous: None,
            data: Value::Map(data),
        }
        .encode();
        let commitment = commitment(&nonce, &record);
        let leaf_index = self.leaves.len() as u64;
        self.leaves.push(leaf_data(&commitment));
        let claims = SealClaims {
            issued_at,
            receipt_id,
            reference,
            leaf_index,
            commitment16: commitment[..16].try_into().unwrap(),
            tree_size: self.leaves.len() as u64,
            root: root_of(&self.hashes()),
        };
        self.paper(claims, record, nonce)
    }

    pub(crate) fn paper(&self, claims: SealClaims, record: Vec<u8>, nonce: [u8; 32]) -> Paper {
        let url = self.url(&claims, &self.seal_key);
        Paper { claims, url, record, nonce }
    }

    /// These claims as this office's address, sealed with any key.
    pub(crate) fn url(&self, claims: &SealClaims, key: &SealKey) -> String {
        let base = PublicUrl::parse(&format!("https://{}", self.host)).unwrap();
        receipt_url_sealed(&base, &self.token_key.issue(claims.receipt_id), &key.seal(claims))
    }

    fn hashes(&self) -> Vec<Hash> {
        self.leaves.iter().map(leaf_hash).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn published(&self) -> PublishedKeys {
        let seal = PublishedKey {
            kid: self.seal_key.kid(),
            key: self.seal_key.public(),
            not_before_ms: None,
            not_after_ms: None,
            revoked: None,
            vkey: None,
        };
        let public = self.log_key.public();
        let kid = milaf::receipt::SealPublicKey::from_bytes(&public).unwrap().kid();
        let log = PublishedKey { kid, key: public, vkey: Some(self.log_key.vkey()), ..seal.clone() };
        PublishedKeys {
            names: [("ar".to_owned(), "مكتب".to_owned())].into(),
            public_url: format!("https://{}", self.host),
            host: self.host.clone(),
            log_origin: self.log_key.origin().to_owned(),
            seal: vec![seal],
            log: vec![log],
        }
    }

    /// Writes keys.json, with the seal key changed.
    pub(crate) fn keys(&self, name: &str, change: impl FnOnce(&mut PublishedKey)) -> String {
        let mut keys = self.published();
        change(&mut keys.seal[0]);
        self.write(name, &keys_file::write(&keys).unwrap())
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// Signs the log's head, lets witnesses cosign it at these times, and puts it into a mirror with the tiles.
    pub(crate) fn publish(&self, mirror: &str, cosigned: &[(u8, u64)]) -> String {
        let head = Checkpoint {
            origin: self.log_key.origin().to_owned(),
            size: self.leaves.len() as u64,
            root: root_of(&self.hashes()),
        };
        let mut note = self.log_key.sign(&head);
        for (seed, seconds) in cosigned {
            note += &witness(*seed).sign(&head.text(), *seconds).unwrap();
        }
        self.write(&format!("{mirror}/checkpoints/{}", head.size), note.as_bytes());
        self.write(&format!("{mirror}/checkpoint"), note.as_bytes());
        let mut rows = vec![self.hashes()];
        while rows.last().unwrap().len() >= 256 {
            rows.push(rows.last().unwrap().chunks_exact(256).map(perfect_root).collect());
        }
        for tile in Tile::all(head.size) {
            let start = usize::try_from(tile.number() * TILE_WIDTH).unwrap();
            let range = start..start + usize::from(tile.width());
            let bytes = match tile.kind() {
                TileKind::Entries => entry_bundle(&self.leaves[range]),
                TileKind::Hashes { level } => rows[usize::from(level)][range].concat(),
            };
            self.write(&format!("{mirror}/{tile}"), &bytes);
        }
        self.path(mirror).display().to_string()
    }

    /// Both of two witnesses must have cosigned.
    pub(crate) fn policy(&self) -> String {
        let vkey = |seed| witness(seed).verifier().to_string();
        let text =
            format!("witness court {}\nwitness ngo {}\ngroup both all court ngo\nquorum both\n", vkey(1), vkey(2));
        self.write("policy.txt", text.as_bytes())
    }
}

pub(crate) fn revoked(since: i64) -> Revocation {
    Revocation { since_ms: since * 1000, reason: "the server was stolen".to_owned() }
}

fn witness(seed: u8) -> CosignatureSigner {
    CosignatureSigner::new(&format!("witness{seed}.example"), [seed ^ 0x77; 32]).unwrap()
}
