//! Older and newer programs over one database: side by side through a migration that adds, and kept apart by one that takes
//! away. The newer programs are this one with a longer series.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use milaf::store::{Migration, PostgresStore, Schema, SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::{
    commands::{Office, milaf},
    postgres_server::PostgresServer,
    store_conformance::fixture::{Case, audit, sealer, wish},
    store_postgres::{names, options},
};

const EXPAND: Migration =
    Migration { name: "0003_assignee", statements: "ALTER TABLE dossiers ADD COLUMN assignee TEXT", needs: 2 };
const CONTRACT: Migration =
    Migration { name: "0004_no_assignee", statements: "ALTER TABLE dossiers DROP COLUMN assignee", needs: 3 };

/// The series of a newer program.
fn series(known: &'static [Migration], more: &[Migration]) -> &'static [Migration] {
    [known, more].concat().leak()
}

fn register(store: &Arc<dyn Store>, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
    let mut new = Case::default().new_dossier();
    new.idempotency = Some(wish(key, 1));
    let store = Arc::clone(store);
    async move { store.register(new).await.map(drop) }
}

/// Registers through the older program while the newer one opens the database and changes its tables.
async fn expand_under_load(
    old: &Arc<dyn Store>,
    open: impl FnOnce() -> Arc<dyn Store> + Send + 'static,
) -> Arc<dyn Store> {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut clerks = JoinSet::new();
    for clerk in 0..4 {
        let old = Arc::clone(old);
        clerks.spawn(async move {
            for form in 0..25 {
                register(&old, &format!("{clerk}-{form}")).await.unwrap();
            }
        });
    }
    let first = register(old, "first");
    clerks.spawn(async move {
        first.await.unwrap();
        begun.send(()).unwrap();
    });
    has_begun.await.unwrap();
    let new = tokio::task::spawn_blocking(open).await.unwrap();
    register(&new, "of the newer").await.unwrap();
    clerks.join_all().await;
    new
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_work_side_by_side_on_postgres() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let known = options(&database).series;
    let open = move |database: &str, more: &[Migration]| {
        let mut options = options(database);
        options.series = series(known, more);
        PostgresStore::open(options, sealer(), names())
    };
    let old: Arc<dyn Store> = Arc::new(open(&database, &[]).unwrap());
    let place = database.clone();
    let new = expand_under_load(&old, move || Arc::new(open(&place, &[EXPAND]).unwrap())).await;
    assert_eq!(new.schema(), Schema { before: 2, now: 3, known: 3 });
    let restarted: Arc<dyn Store> = Arc::new(open(&database, &[]).unwrap());
    assert_eq!(restarted.schema(), Schema { before: 3, now: 3, known: 2 });
    register(&restarted, "of the restarted").await.unwrap();
    assert_eq!(audit(&*new).await, 103);

    // What the older ones need is not taken away under them, and nothing of the try is left.
    let refused = open(&database, &[EXPAND, CONTRACT]).expect_err("older programs are connected").to_string();
    assert!(refused.contains("0004_no_assignee") && refused.contains("schema 2"), "{refused}");
    assert_eq!(server.sql(&database, "SELECT max(number) FROM migrations"), "3");
    register(&old, "of the older").await.unwrap();

    // An older one whose connections are cut at that moment comes back to tables that are not for it.
    restarted.close().await;
    let others = format!(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
         WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    );
    server.sql("postgres", &others);
    let newest: Arc<dyn Store> = Arc::new(open(&database, &[EXPAND, CONTRACT]).unwrap());
    assert_eq!(newest.schema(), Schema { before: 3, now: 4, known: 4 });
    for outcome in [register(&old, "too late").await, old.head().await.map(drop)] {
        let told = "schema 4, for programs that know schema 3, and this one knows up to 2: run the newer program";
        assert!(matches!(&outcome, Err(StoreError::Unavailable(why)) if why.contains(told)), "{outcome:?}");
    }
    let refused = open(&database, &[]).expect_err("it is older").to_string();
    assert!(refused.contains("run the newer program"), "{refused}");
    register(&new, "of the middle one").await.unwrap();
    register(&newest, "of the newest").await.unwrap();
    assert_eq!(audit(&*newest).await, 106);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_work_side_by_side_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("milaf.db");
    let open = |path: &std::path::Path, more: &[Migration]| {
        let mut options = SqliteOptions { create: true, ..SqliteOptions::default() };
        options.series = series(options.series, more);
        SqliteStore::open_with(path, sealer(), options)
    };
    let old: Arc<dyn Store> = Arc::new(open(&path, &[]).unwrap());
    let place = path.clone();
    let new = expand_under_load(&old, move || Arc::new(open(&place, &[EXPAND]).unwrap())).await;
    assert_eq!(new.schema(), Schema { before: 2, now: 3, known: 3 });
    let restarted: Arc<dyn Store> = Arc::new(open(&path, &[]).unwrap());
    assert_eq!(restarted.schema(), Schema { before: 3, now: 3, known: 2 });
    register(&restarted, "of the restarted").await.unwrap();
    old.close().await;
    restarted.close().await;

    let newest: Arc<dyn Store> = Arc::new(open(&path, &[EXPAND, CONTRACT]).unwrap());
    assert_eq!(newest.schema(), Schema { before: 3, now: 4, known: 4 });
    let refused = open(&path, &[]).expect_err("it is older").to_string();
    assert!(refused.contains("knows up to 2: run the newer program"), "{refused}");
    register(&new, "of the middle one").await.unwrap();
    assert_eq!(audit(&*newest).await, 104);
}

/// The program itself beside a newer one, which has already changed the tables.
#[test]
fn the_program_works_on_a_newer_schema_that_is_fit_for_it() {
    let office = Office::new();
    let database = Connection::open(office.path("data/milaf.db")).unwrap();
    let newer = |needs: u32| {
        database
            .execute("INSERT OR REPLACE INTO migrations VALUES (3, '0003_assignee', ?1, 0)", [needs])
            .and_then(|_| database.pragma_update(None, "user_version", 3))
            .unwrap();
    };
    newer(2);
    let migrate = || milaf(&["migrate", "--data", &office.data()], "");
    let told = migrate().expect(0).text();
    assert!(told.contains("schema 3, of a newer program; this one, of schema 2, works beside it"), "{told}");
    office.register("Fatima", &[]);
    newer(3);
    let told = migrate().expect(1).stderr;
    assert!(told.contains("for programs that know schema 3"), "{told}");
}
