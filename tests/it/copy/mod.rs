//! Moving an office between a file and a server, as an administrator does it: the real program, a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod interrupted;
mod meanwhile;
mod refusals;
mod there_and_back;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use milaf::{
    clock::SystemEnvironment,
    config::{DataDir, Issuer, KeyFiles},
    dossier::Reference,
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{IdentityKey, LiveKeys, Parts, RawIntake, Service},
    store::{SqliteStore, Store},
    tlog::LogKey,
};
use tokio::task::JoinSet;

use crate::{
    commands::{Office, Ran, milaf},
    harness::{clerk, moves, paragraph},
    postgres_server::PostgresServer,
};

/// Enough for several pages of the log.
const DOSSIERS: usize = 2_500;

/// Every table that crosses, with its columns; a hash sign stands before those that hold bytes.
const TABLES: [(&str, &[&str]); 12] = [
    ("meta", &["key", "value"]),
    ("numbers", &["procedure", "year", "last"]),
    (
        "dossiers",
        &[
            "sequence",
            "reference",
            "procedure",
            "version",
            "office",
            "step",
            "state",
            "applicant",
            "parcel",
            "name_key",
            "parcel_key",
            "phone",
            "#identity_hash",
            "registered_at",
            "updated_at",
            "deposited_on",
            "due_on",
            "answered_on",
            "answered_days",
        ],
    ),
    ("events", &["leaf_index", "dossier", "position", "#commitment", "#leaf_hash"]),
    ("event_contents", &["leaf_index", "#record", "#nonce"]),
    ("heads", &["size", "#root"]),
    ("frontier", &["size", "#edge"]),
    ("receipts", &["#id", "key_id", "dossier", "leaf_index", "issued_at", "copies", "replaced_at"]),
    ("seals", &["leaf_index", "tree_size", "#seal"]),
    ("checkpoints", &["size", "note", "published_at"]),
    ("idempotency", &["key", "#fingerprint", "first_leaf", "last_leaf"]),
    ("accounts", &["name", "password_hash", "created_at"]),
];

/// What a database holds, table by table, as lines of text.
type Dump = BTreeMap<&'static str, Vec<String>>;

/// The text of a row in either database's SQL; `hex` makes a word of bytes.
fn row_text(columns: &[&str], hex: impl Fn(&str) -> String) -> String {
    let value = |column: &&str| match column.strip_prefix('#') {
        Some(bytes) => format!("coalesce({}, '~')", hex(bytes)),
        // Notes have several lines, and a row should be one.
        None => format!("coalesce(replace(CAST({column} AS TEXT), '\n', ' / '), '~')"),
    };
    columns.iter().map(value).collect::<Vec<_>>().join(" || '|' || ")
}

/// The tables that cross, and the counted tries; what a database remembers of the copy itself is left out.
fn dump(database: &str) -> Dump {
    let attempts = ("attempts", ["#bucket", "failures", "window_ends_at", "locked_until"].as_slice());
    let read = |(table, columns): (&'static str, &[&str])| {
        let mut lines = if let Some(file) = database.strip_prefix("sqlite:") {
            // SQLite's hex makes an empty text of nothing.
            let text = row_text(columns, |column| format!("nullif(hex({column}), '')"));
            let connection = rusqlite::Connection::open(file).unwrap();
            let mut statement = connection.prepare(&format!("SELECT {text} FROM {table}")).unwrap();
            statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect()
        } else {
            let text = row_text(columns, |column| format!("upper(encode({column}, 'hex'))"));
            let name = database.rsplit('/').next().unwrap();
            let told = PostgresServer::shared().sql(name, &format!("SELECT {text} FROM {table}"));
            told.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        lines.retain(|line| !line.starts_with("copy|"));
        lines.sort();
        (table, lines)
    };
    TABLES.into_iter().chain([attempts]).map(read).collect()
}

#[track_caller]
fn assert_equal(ours: &Dump, theirs: &Dump) {
    for (table, rows) in ours {
        let other = &theirs[table];
        assert_eq!(rows.len(), other.len(), "the rows of {table}");
        if let Some((ours, theirs)) = rows.iter().zip(other).find(|(ours, theirs)| ours != theirs) {
            panic!("{table}: {ours} and {theirs}");
        }
    }
}

/// The rows of the last sign-ins that are still open.
fn sessions(database: &str) -> i64 {
    let count = "SELECT count(*) FROM sessions";
    match database.strip_prefix("sqlite:") {
        Some(file) => rusqlite::Connection::open(file).unwrap().query_row(count, [], |row| row.get(0)).unwrap(),
        None => PostgresServer::shared().sql(database.rsplit('/').next().unwrap(), count).parse().unwrap(),
    }
}

/// A database of one test's own on the shared server.
fn new_server_database() -> String {
    let server = PostgresServer::shared();
    server.socket_url(&server.create_database())
}

fn file_of(office: &Office) -> String {
    format!("sqlite:{}/milaf.db", office.data())
}

/// Copies with these further arguments.
fn copy(office: &Office, from: &str, to: &str, more: &[&str]) -> Ran {
    milaf(&[&["copy", "--from", from, "--to", to, "--data", &office.data()], more].concat(), "")
}

/// A copy that must fail, and what it must say.
#[track_caller]
fn refuses(office: &Office, from: &str, to: &str, more: &[&str], phrases: &[&str]) {
    let ran = copy(office, from, to, more).expect(1);
    for phrase in phrases {
        assert!(ran.stderr.contains(phrase), "{phrase:?} is not in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// Runs a command on the office's folder over one of its databases.
fn run(office: &Office, database: &str, command: &[&str]) -> Ran {
    milaf(&[command, &["--data", &office.data(), "--database", database]].concat(), "")
}

/// Registers over one of the databases, and gives what it answers.
fn register(office: &Office, database: &str, name: &str) -> serde_json::Value {
    let command = ["register", "--procedure", "NRU", "--applicant", name, "--json"];
    serde_json::from_slice(&run(office, database, &command).expect(0).stdout).unwrap()
}

fn number(registered: &serde_json::Value) -> u32 {
    registered["reference"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap()
}

/// The doctor's findings over a database, which must be sound.
fn doctor(office: &Office, database: &str) -> String {
    run(office, database, &["doctor"]).expect(0).text()
}

/// An office with something of everything, in its file.
fn office() -> Office {
    static MADE: OnceLock<Office> = OnceLock::new();
    MADE.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(furnished())
    })
    .copy()
}

async fn furnished() -> Office {
    let office = Office::new();
    let add = |name: &str| {
        milaf(&["account", "add", name, "--data", &office.data()], "Quartz-Lantern-58-Saffron\n").expect(0);
    };
    add("salma");
    add("karim");
    // A rollback leaves an event of the log itself, numbers that are only reserved, and another name of the log.
    office.register("Before", &[]);
    let kept = office.path("kept.db").display().to_string();
    milaf(&["backup", "--to", &kept, "--data", &office.data()], "").expect(0);
    office.register("Lost", &[]);
    let restore = ["restore", &kept, "--data", &office.data(), "--accept-rollback", "--reason", "both disks failed"];
    milaf(&restore, "").expect(0);

    let (service, store) = open(&office);
    let service = Arc::new(service);
    let mut desks = JoinSet::new();
    for desk in 0..50 {
        let service = Arc::clone(&service);
        desks.spawn(async move {
            for number in 0..DOSSIERS / 50 {
                let raw = RawIntake {
                    procedure: if number % 3 == 0 { "PC" } else { "NRU" }.into(),
                    applicant: format!("فاطمة {desk}"),
                    phone: "0612345678".into(),
                    identity: "AB123456".into(),
                    parcel: "T-4711/36".into(),
                    documents: ["request", "identity"].map(String::from).to_vec(),
                    ..RawIntake::default()
                };
                let key = (number % 2 == 0).then(|| format!("{desk:016x}{number:016x}"));
                service.register(&clerk(), &raw, key.as_deref()).await.unwrap();
            }
        });
    }
    while let Some(done) = desks.join_next().await {
        done.unwrap();
    }
    service.publish_checkpoint().await.unwrap();
    let projects = store.latest(60, None).await.unwrap();
    let projects = projects.iter().filter(|row| row.reference.procedure().as_str() == "PC").take(8);
    let projects: Vec<Reference> = projects.map(|row| row.reference.clone()).collect();
    for (reference, sample) in projects.iter().zip(["decided", "collected", "incomplete", "withdrawn"]) {
        for (_, command) in moves(sample, service.today()) {
            service.execute(&clerk(), reference, version(&service, reference).await, &command, None).await.unwrap();
        }
    }
    let [.., printed, replaced] = projects.as_slice() else { panic!("there are projects") };
    service.reprint(&clerk(), printed, version(&service, printed).await).await.unwrap();
    let at = version(&service, replaced).await;
    service.replace_receipt(&clerk(), replaced, at, paragraph("Perdu"), Some("lost-paper")).await.unwrap();
    service.sign_in("salma", "Quartz-Lantern-58-Saffron", "10.0.0.1").await.unwrap();
    // One more than are allowed, so that the account is locked.
    for _ in 0..11 {
        service.sign_in("karim", "Wrong", "10.0.0.2").await.unwrap_err();
    }
    service.publish_checkpoint().await.unwrap();
    store.close().await;
    office
}

async fn version(service: &Service, reference: &Reference) -> u32 {
    service.dossier(reference).await.unwrap().unwrap().dossier.version
}

/// The office's use cases in this process, under its own keys.
fn open(office: &Office) -> (Service, Arc<dyn Store>) {
    let folder = DataDir::new(office.data());
    let files = KeyFiles::in_folder(&folder.keys()).unwrap();
    let token_keys = TokenKeys::new(TokenKey::new(0, files.token).unwrap(), Vec::new()).unwrap();
    let name = fs::read_to_string(folder.log_name()).unwrap();
    let log_key = LogKey::new(name.trim_end(), files.log).unwrap();
    let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed(files.seal), log_key).unwrap());
    let seal_key = keys.seal_key.clone();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&folder.database(), Arc::new(move |claims: &_| seal_key.seal(claims))).unwrap());
    let service = Service::new(Parts {
        store: Arc::clone(&store),
        issuer: Arc::new(Issuer::load(&folder.issuer_file()).unwrap()),
        keys: LiveKeys::fixed(&keys),
        identity_key: IdentityKey::new(files.identity),
        environment: Arc::new(SystemEnvironment),
        checkpoint_file: folder.checkpoint(),
    });
    (service, store)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
