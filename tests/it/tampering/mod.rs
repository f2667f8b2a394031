//! A log of ten thousand events that somebody tampers with, in every way and at every place, and no way goes unseen.
//!
//! The judges are asked one by one where a change touches one of them alone, so that every byte can be tried; whole audits and
//! the real program are asked often enough to show that they ask the judges.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod database;
mod mirroring;
mod order;
mod program;
mod server;
mod site;
mod stored_bytes;
mod tile_bytes;

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use milaf::{
    audit::{SourceError, TileSource},
    clock::SystemEnvironment,
    config::{DataDir, Issuer, KeyFiles},
    dossier::{Command, Reference},
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{IdentityKey, LiveKeys, Parts, RawIntake, Service},
    store::{Inspect, SqliteStore, Store, inspect},
    tlog::{Checkpoint, Hash, LogKey, Tile, TileKind, entry_bundle, leaf_data, leaf_hash, root_of},
};

use crate::{
    commands::Office,
    harness::{clerk, paragraph},
};

/// When the first checkpoint was kept.
const BEFORE: u64 = 6_000;
const EVENTS: u64 = 10_000;

/// The office of these tests: nobody changes it, everybody copies it.
static OFFICE: LazyLock<Tampered> = LazyLock::new(Tampered::make);

struct Tampered {
    office: Office,
    /// Every entry as the database has it.
    entries: Vec<inspect::EntryRow>,
    /// The checkpoint from before, and the last one.
    before: String,
    last: String,
}

/// An office whose service is used without a server.
struct Open {
    store: Arc<SqliteStore>,
    service: Arc<Service>,
}

fn log_key(office: &Office) -> LogKey {
    let files = KeyFiles::in_folder(&DataDir::new(office.data()).keys()).unwrap();
    LogKey::new("suivi.example.ma/log", files.log).unwrap()
}

impl Open {
    fn new(office: &Office) -> Self {
        let folder = DataDir::new(office.data());
        let files = KeyFiles::in_folder(&folder.keys()).unwrap();
        let token_keys = TokenKeys::new(TokenKey::new(0, files.token).unwrap(), Vec::new()).unwrap();
        let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed(files.seal), log_key(office)).unwrap());
        let seal_key = keys.seal_key.clone();
        let sealer = Arc::new(move |claims: &_| seal_key.seal(claims));
        let store = Arc::new(SqliteStore::open(&folder.database(), sealer).unwrap());
        let service = Arc::new(Service::new(Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            issuer: Arc::new(Issuer::load(&folder.issuer_file()).unwrap()),
            keys: LiveKeys::fixed(&keys),
            identity_key: IdentityKey::new(files.identity),
            environment: Arc::new(SystemEnvironment),
            checkpoint_file: folder.checkpoint(),
        }));
        Self { store, service }
    }

    /// Registers that many dossiers, each two events, many at once.
    async fn register(&self, count: usize) -> Vec<Reference> {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..count {
            let service = Arc::clone(&self.service);
            tasks.spawn(async move {
                let raw = RawIntake {
                    procedure: if number % 3 == 0 { "PC" } else { "NRU" }.into(),
                    applicant: format!("Aicha {number}"),
                    parcel: format!("T-{number}/36"),
                    phone: "0612345678".into(),
                    documents: if number % 3 == 0 { vec!["request".into()] } else { Vec::new() },
                    ..RawIntake::default()
                };
                service.register(&clerk(), &raw, Some(&format!("form-{count}-{number}"))).await.unwrap().reference
            });
        }
        let mut references = tasks.join_all().await;
        references.sort_by_key(Reference::to_string);
        references
    }

    async fn execute(&self, reference: &Reference, command: &Command) {
        let version = self.service.dossier(reference).await.unwrap().unwrap().dossier.version;
        self.service.execute(&clerk(), reference, version, command, None).await.unwrap();
    }
}

impl Tampered {
    fn make() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        // The first to ask may be inside a runtime of its own.
        std::thread::spawn(move || runtime.block_on(Self::filled())).join().unwrap()
    }

    async fn filled() -> Self {
        let office = Office::new();
        let open = Open::new(&office);
        let note = |office: &Office| fs::read_to_string(DataDir::new(office.data()).checkpoint()).unwrap();
        let references = open.register(2_900).await;
        let enter = Command::EnterStep { step: "completeness".parse().unwrap() };
        for reference in references.iter().filter(|reference| reference.procedure().to_string() == "PC").take(100) {
            open.execute(reference, &enter).await;
        }
        for reference in references.iter().rev().take(40) {
            let version = open.service.dossier(reference).await.unwrap().unwrap().dossier.version;
            let lost = paragraph("Perdu");
            open.service.replace_receipt(&clerk(), reference, version, lost, None).await.unwrap();
        }
        for reference in references.iter().rev().skip(40).take(20) {
            open.execute(reference, &Command::ReprintReceipt).await;
        }
        assert_eq!(open.service.publish_checkpoint().await.unwrap(), BEFORE);
        let before = note(&office);
        open.register(2_000).await;
        assert_eq!(open.service.publish_checkpoint().await.unwrap(), EVENTS);
        let entries = all_entries(&*open.store).await;
        open.store.close().await;
        let last = note(&office);
        assert_eq!(entries.len() as u64, EVENTS);
        Self { office, entries, before, last }
    }

    fn key(&self) -> LogKey {
        log_key(&self.office)
    }

    fn data(&self) -> Vec<[u8; 33]> {
        self.entries.iter().map(|entry| leaf_data(entry.commitment.as_slice().try_into().unwrap())).collect()
    }

    /// The log as its site serves it.
    fn published(&self) -> Memory {
        Memory { checkpoint: self.last.clone(), tiles: tiles(&self.data()) }
    }
}

async fn all_entries(store: &dyn Inspect) -> Vec<inspect::EntryRow> {
    let mut entries = Vec::new();
    loop {
        let from = entries.len() as u64;
        let page = inspect::entries(store, from, from + 2000).await.unwrap();
        if page.is_empty() {
            return entries;
        }
        entries.extend(page);
    }
}

/// A log in memory.
#[derive(Clone)]
struct Memory {
    checkpoint: String,
    tiles: HashMap<Tile, Vec<u8>>,
}

impl TileSource for Memory {
    fn checkpoint(&self) -> Result<String, SourceError> {
        Ok(self.checkpoint.clone())
    }

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, SourceError> {
        self.tiles.get(&tile).cloned().ok_or(SourceError::Missing)
    }
}

impl Memory {
    fn write_to(&self, folder: &Path) {
        for (tile, bytes) in &self.tiles {
            let path = folder.join(tile.to_string());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(folder.join("checkpoint"), &self.checkpoint).unwrap();
    }
}

/// Every tile of the log with these entries, made in another way than the program makes them.
fn tiles(data: &[[u8; 33]]) -> HashMap<Tile, Vec<u8>> {
    let mut rows: Vec<Vec<Hash>> = vec![data.iter().map(leaf_hash).collect()];
    while rows.last().unwrap().len() >= 256 {
        let above = rows.last().unwrap().chunks_exact(256).map(root_of).collect();
        rows.push(above);
    }
    let bytes = |tile: Tile| {
        let start = usize::try_from(tile.number() * 256).unwrap();
        let range = start..start + usize::from(tile.width());
        match tile.kind() {
            TileKind::Entries => entry_bundle(&data[range]),
            TileKind::Hashes { level } => rows[usize::from(level)][range].as_flattened().to_vec(),
        }
    };
    Tile::all(data.len() as u64).map(|tile| (tile, bytes(tile))).collect()
}

/// A head that is true to these entries, signed with the office's own key: what only a thief of the key, or the office, can do.
fn signed(key: &LogKey, data: &[[u8; 33]]) -> String {
    let leaves: Vec<Hash> = data.iter().map(leaf_hash).collect();
    key.sign(&Checkpoint { origin: key.origin().to_owned(), size: data.len() as u64, root: root_of(&leaves) })
}

/// The same numbers in every run.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    }
}
