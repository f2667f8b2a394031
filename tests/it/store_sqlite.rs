//! SQLite passes the conformance suite, and what is SQLite's own: the file, its triggers, its schema, its faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use milaf::store::{OpenError, Portable, Sealer, SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::store_conformance::{
    copy_conformance,
    fixture::{Case, Ground, audit, sealer, wish},
    store_conformance,
};

fn open(path: &Path, sealer: Sealer) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open_or_create(path, sealer).unwrap())
}

fn open_portable(path: &Path, sealer: Sealer) -> Arc<dyn Portable> {
    Arc::new(SqliteStore::open_or_create(path, sealer).unwrap())
}

store_conformance!(crate::store_sqlite::open);
copy_conformance!(crate::store_sqlite::open_portable);

async fn ground_with_dossiers(count: usize) -> (Ground, Arc<dyn Store>) {
    let ground = Ground::new(open);
    let store = ground.store();
    for number in 0..count {
        let mut new = Case::default().new_dossier();
        new.idempotency = Some(wish(&format!("form-{number}"), 1));
        store.register(new).await.unwrap();
    }
    (ground, store)
}

#[tokio::test]
async fn triggers_refuse_to_rewrite_history() {
    let (ground, store) = ground_with_dossiers(2).await;
    let raw = Connection::open(ground.path()).unwrap();
    raw.pragma_update(None, "foreign_keys", false).unwrap();
    let blank = "zeroblob(32)";
    let statements = [
        "UPDATE events SET leaf_hash = zeroblob(32) WHERE leaf_index = 1".to_owned(),
        "UPDATE events SET position = position".to_owned(),
        "DELETE FROM events WHERE leaf_index = 3".to_owned(),
        "DELETE FROM events".to_owned(),
        format!("INSERT OR REPLACE INTO events VALUES (1, 1, 2, {blank}, {blank})"),
        format!("INSERT OR REPLACE INTO events VALUES (4, 1, 2, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (5, 1, 3, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (4, 1, 4, {blank}, {blank})"),
        "UPDATE event_contents SET record = x'00' WHERE leaf_index = 0".to_owned(),
        "DELETE FROM event_contents WHERE leaf_index = 0".to_owned(),
        format!("INSERT OR REPLACE INTO event_contents VALUES (0, x'00', {blank})"),
        "UPDATE heads SET root = zeroblob(32)".to_owned(),
        "DELETE FROM heads WHERE size = 4".to_owned(),
        format!("INSERT OR REPLACE INTO heads VALUES (2, {blank})"),
        format!("INSERT INTO heads VALUES (3, {blank})"),
        "UPDATE seals SET seal = x'00'".to_owned(),
        "DELETE FROM seals".to_owned(),
        "INSERT OR REPLACE INTO seals VALUES (1, 2, x'00')".to_owned(),
    ];
    for statement in statements {
        let error = raw.execute(&statement, []).expect_err(&statement);
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{statement}: {error}");
    }
    assert_eq!(audit(&*store).await, 2);
}

#[tokio::test]
async fn a_tree_that_contradicts_itself_is_not_extended() {
    for damage in [
        "UPDATE frontier SET edge = x'00'",
        "UPDATE frontier SET edge = zeroblob(8)",
        "DELETE FROM frontier",
        "INSERT INTO heads VALUES (99, zeroblob(32))",
    ] {
        let (ground, store) = ground_with_dossiers(2).await;
        Connection::open(ground.path()).unwrap().execute(damage, []).unwrap();
        let outcome = store.register(Case::default().new_dossier()).await;
        assert!(matches!(outcome, Err(StoreError::Damaged(_))), "{damage}: {outcome:?}");
        assert_eq!(store.leaf_hashes(0, 100).await.unwrap().len(), 4, "{damage}");
    }
}

#[tokio::test]
async fn the_last_number_is_the_last() {
    let (ground, store) = ground_with_dossiers(1).await;
    Connection::open(ground.path()).unwrap().execute("UPDATE numbers SET last = 999998", []).unwrap();
    let last = store.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(last.reference.to_string(), "NRU-2026-999999");
    assert_eq!(store.register(Case::default().new_dossier()).await, Err(StoreError::NumbersExhausted));
    let mut next_year = Case::default().new_dossier();
    next_year.year = 2027;
    assert_eq!(store.register(next_year).await.unwrap().reference.to_string(), "NRU-2027-000001");
}

#[tokio::test]
async fn only_its_own_databases_are_opened() {
    let (ground, store) = ground_with_dossiers(1).await;
    store.close().await;
    let beside = |name: &str| ground.path().with_file_name(name);
    let foreign = beside("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let numbered = beside("numbered.db");
    Connection::open(&numbered).unwrap().pragma_update(None, "user_version", 1).unwrap();
    let newer = beside("newer.db");
    fs::copy(ground.path(), &newer).unwrap();
    let beyond = "INSERT INTO migrations VALUES (3, 'newer', 3, 0); PRAGMA user_version = 3";
    Connection::open(&newer).unwrap().execute_batch(beyond).unwrap();
    let text = beside("text.db");
    fs::write(&text, "a letter to the director, long enough to be looked at\n".repeat(40)).unwrap();

    let table = [
        (beside("missing.db"), "there is no database"),
        (foreign, "another program"),
        (numbered, "another program"),
        (newer, "schema 3, for programs that know schema 3, and this one knows up to 2: run the newer program"),
        (text, "file is not a database"),
        (beside("missing folder/milaf.db"), "there is no database"),
    ];
    for (path, message) in table {
        let before = fs::read(&path).ok();
        let error = SqliteStore::open(&path, sealer()).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
        assert!(fs::read(&path).ok() == before, "{message}: the file is as it was");
    }
    let error = SqliteStore::open_or_create(&beside("missing folder/milaf.db"), sealer()).unwrap_err();
    assert!(matches!(error, OpenError::Create { .. }), "{error}");
    SqliteStore::open(&ground.path(), sealer()).unwrap();
}

#[tokio::test]
async fn the_file_is_its_owners_alone_and_whole_after_closing() {
    let (ground, store) = ground_with_dossiers(3).await;
    let files = || {
        let entries = fs::read_dir(ground.path().parent().unwrap()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    assert_eq!(files().len(), 3, "the database, its write-ahead log and the shared memory");
    for file in files() {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    store.close().await;
    assert_eq!(files(), [ground.path()], "one file to back up");
}

/// Every process that starts first must be able to be the first.
#[test]
fn many_may_create_it_at_once() {
    let ground = Ground::new(open);
    let path = ground.path();
    thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteStore::open_or_create(&path, sealer()))).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
    let raw = Connection::open(&path).unwrap();
    assert_eq!(raw.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
}

/// While another process writes, jobs gather; then they share a transaction, and one that fails takes nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_that_gather_share_a_transaction() {
    let (ground, store) = ground_with_dossiers(1).await;
    let taken = store.latest(1, None).await.unwrap()[0].reference.clone();
    let taken = store.receipts(&taken).await.unwrap()[0].id;
    let raw = Connection::open(ground.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (asked, all_asked) = mpsc::channel();
    let mut jobs = JoinSet::new();
    for number in 0..30 {
        let (store, asked) = (store.clone(), asked.clone());
        jobs.spawn(async move {
            let bad = number % 3 == 1;
            let new = if bad { Case::default().with_receipt(taken) } else { Case::default().new_dossier() };
            let mut register = store.register(new);
            // The first poll puts the job into the queue, which has room for it.
            let first =
                std::future::poll_fn(|context| std::task::Poll::Ready(register.as_mut().poll(context).is_pending()));
            assert!(first.await, "nothing is answered before the commit");
            asked.send(()).unwrap();
            let outcome = register.await;
            assert_eq!(outcome.is_err(), bad, "{outcome:?}");
            outcome.ok()
        });
    }
    tokio::task::spawn_blocking(move || (0..30).for_each(|_| all_asked.recv().unwrap())).await.unwrap();
    raw.execute_batch("COMMIT").unwrap();
    let mut sizes: Vec<u64> = jobs.join_all().await.into_iter().flatten().map(|appended| appended.head.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() <= 2, "those that came before the lock was asked for, and all the others: {sizes:?}");
    assert_eq!(audit(&*store).await, 1 + 20);
}

#[tokio::test]
async fn a_lock_that_is_not_given_back_is_unavailable() {
    let (ground, store) = ground_with_dossiers(1).await;
    let options = SqliteOptions { patience: Duration::from_millis(20), ..SqliteOptions::default() };
    let impatient = SqliteStore::open_with(&ground.path(), sealer(), options).unwrap();
    let raw = Connection::open(ground.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut new = Case::default().new_dossier();
    new.idempotency = Some(wish("again", 1));
    let outcome = impatient.register(new.clone()).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(impatient.head().await.unwrap().size, 2, "reading goes on");
    raw.execute_batch("ROLLBACK").unwrap();
    assert!(!impatient.register(new).await.unwrap().replayed, "nothing of the first try was written");
    assert!(!impatient.has_failed());
    assert_eq!(audit(&*store).await, 2);
}

/// A file system in memory, for a disk that is full or read-only. Only root may mount one.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.mount_with("size=2m").then_some(disk)
    }

    fn mount_with(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path());
        mount.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        // Where nothing is mounted, or something is still open, there is nothing more to be done.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_loses_nothing() {
    let Some(disk) = TinyDisk::mount() else {
        println!("not root here: the writer's own tests fill a database without a disk");
        return;
    };
    let path = disk.0.path().join("milaf.db");
    let store = SqliteStore::open_or_create(&path, sealer()).unwrap();
    let filler = disk.0.path().join("filler");
    for round in 0..3 {
        // A new hole of another size each time, so that the disk is full at another point of the transaction.
        fs::write(&filler, vec![1; 1_200_000 - round * 150_001]).unwrap();
        let mut acknowledged = store.head().await.unwrap().size;
        let refused = loop {
            match store.register(Case::default().new_dossier()).await {
                Ok(appended) => acknowledged = appended.head.size,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
        assert!(!store.has_failed());
        assert_eq!(store.head().await.unwrap().size, acknowledged);
        audit(&store).await;
        fs::remove_file(&filler).unwrap();
        store.register(Case::default().new_dossier()).await.unwrap();
        audit(&store).await;
    }
    store.close().await;
    drop(store);

    assert!(disk.mount_with("remount,ro"));
    let error = SqliteStore::open(&path, sealer()).unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly(_)), "{error}");
}
