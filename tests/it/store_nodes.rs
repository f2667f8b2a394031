//! A log that is older than the table of nodes: its hashes are completed when it is opened, whole or not at all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, sync::Arc, thread};

use milaf::store::{PostgresStore, Schema, SqliteOptions, SqliteStore, Store};
use rusqlite::Connection;

use crate::{
    postgres_server::PostgresServer,
    store_conformance::fixture::{Case, audit, sealer, wish},
    store_postgres::{names, options},
};

/// Those that others refer to first.
const TABLES: [&str; 11] = [
    "meta",
    "numbers",
    "dossiers",
    "events",
    "event_contents",
    "heads",
    "receipts",
    "seals",
    "checkpoints",
    "idempotency",
    "accounts",
];

async fn furnish(store: &dyn Store) {
    for number in 0..150 {
        let mut new = Case::default().new_dossier();
        new.idempotency = Some(wish(&format!("form-{number}"), 1));
        store.register(new).await.unwrap();
    }
}

/// A database with the first migration alone, and a log of three hundred leaves in it.
async fn old_file(folder: &Path) -> std::path::PathBuf {
    let (full, old) = (folder.join("full.db"), folder.join("old.db"));
    let store = SqliteStore::open_or_create(&full, sealer()).unwrap();
    furnish(&store).await;
    store.close().await;
    let mut first = SqliteOptions { create: true, ..SqliteOptions::default() };
    first.series = &first.series[..1];
    let made = SqliteStore::open_with(&old, sealer(), first).unwrap();
    assert_eq!(made.schema(), Schema { before: 0, now: 1, known: 1 });
    made.close().await;
    let raw = Connection::open(&old).unwrap();
    raw.execute("ATTACH ?1 AS complete", [full.to_str().unwrap()]).unwrap();
    for table in TABLES.iter().chain(&["frontier"]) {
        let names = format!("SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')");
        let names: String = raw.query_row(&names, [], |row| row.get(0)).unwrap();
        let copy = format!("INSERT INTO main.{table} ({names}) SELECT {names} FROM complete.{table} ORDER BY 1");
        raw.execute_batch(&copy).unwrap();
    }
    old
}

fn count_nodes(path: &Path) -> i64 {
    let raw = Connection::open(path).unwrap();
    raw.query_row("SELECT count(*) FROM nodes", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn an_older_file_is_completed_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let old = old_file(folder.path()).await;
    let store = SqliteStore::open(&old, sealer()).unwrap();
    assert_eq!(store.schema(), Schema { before: 1, now: 2, known: 2 });
    assert_eq!(audit(&store).await, 150);
    assert_eq!(count_nodes(&old), 300 / 16 + 1);
    store.register(Case::default().new_dossier()).await.unwrap();
    store.register(Case::default().new_dossier()).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(&old, sealer()).unwrap();
    assert_eq!(audit(&store).await, 152, "completed once, and then by each batch");
}

/// As a kill leaves it between the migration and the end of the completion; then two programs start at once.
#[tokio::test]
async fn an_interrupted_completion_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let old = old_file(folder.path()).await;
    let second = SqliteOptions::default().series[1];
    let raw = Connection::open(&old).unwrap();
    raw.execute_batch(second.statements).unwrap();
    raw.execute("INSERT INTO migrations VALUES (2, ?1, 2, 0)", [second.name]).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    assert_eq!(count_nodes(&old), 0);
    let opened = [(); 4].map(|()| {
        let old = old.clone();
        thread::spawn(move || SqliteStore::open(&old, sealer()).unwrap())
    });
    for opening in opened {
        let store = opening.join().unwrap();
        assert_eq!(audit(&store).await, 150);
    }
}

#[tokio::test]
async fn leaves_that_lead_elsewhere_are_not_built_upon() {
    let folder = tempfile::tempdir().unwrap();
    let old = old_file(folder.path()).await;
    let raw = Connection::open(&old).unwrap();
    raw.execute_batch(
        "DROP TRIGGER events_never_change; UPDATE events SET leaf_hash = zeroblob(32) WHERE leaf_index = 7",
    )
    .unwrap();
    for _ in 0..2 {
        let refused = SqliteStore::open(&old, sealer()).unwrap_err().to_string();
        assert!(refused.contains("the leaves do not lead to the newest head"), "{refused}");
        assert!(refused.contains("restore the last sound backup"), "{refused}");
        assert_eq!(count_nodes(&old), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_database_on_a_server_is_completed_when_it_is_opened() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let store = PostgresStore::open(options(&database), sealer(), names()).unwrap();
    furnish(&store).await;
    store.close().await;
    let own = format!("CREATE SCHEMA old AUTHORIZATION milaf; ALTER DATABASE {database} SET search_path = old");
    server.sql(&database, &own);
    let mut first = options(&database);
    first.series = &first.series[..1];
    let made = PostgresStore::open(first, sealer(), names()).unwrap();
    assert_eq!(made.schema(), Schema { before: 0, now: 1, known: 1 });
    made.close().await;
    for table in TABLES {
        let columns = format!(
            "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns
             WHERE table_schema = 'old' AND table_name = '{table}'"
        );
        let columns = server.sql(&database, &columns);
        let copy = format!("INSERT INTO old.{table} ({columns}) SELECT {columns} FROM public.{table} ORDER BY 1");
        server.sql(&database, &copy);
    }
    let edge = "UPDATE old.frontier SET (size, edge) = (SELECT size, edge FROM public.frontier)";
    server.sql(&database, edge);

    // Two nodes of the newer program start at once.
    let open = |database: &str| -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(options(database), sealer(), names()).unwrap())
    };
    let opened = [(); 2].map(|()| {
        let database = database.clone();
        tokio::task::spawn_blocking(move || open(&database))
    });
    for opening in opened {
        let store = opening.await.unwrap();
        assert_eq!(store.schema().now, 2);
        assert_eq!(audit(&*store).await, 150);
    }
    assert_eq!(server.sql(&database, "SELECT count(*) FROM old.nodes"), "19");
    let store = open(&database);
    store.register(Case::default().new_dossier()).await.unwrap();
    store.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(audit(&*store).await, 152, "completed once, and then by each batch");
    store.close().await;

    // As a kill leaves it between the migration and the end of the completion.
    server.sql(&database, "DROP TRIGGER nodes_never_change ON old.nodes; DELETE FROM old.nodes");
    assert_eq!(audit(&*open(&database)).await, 152);
    let damage = "DROP TRIGGER events_never_change ON old.events; DELETE FROM old.nodes;
        UPDATE old.events SET leaf_hash = decode(repeat('00', 32), 'hex') WHERE leaf_index = 7";
    server.sql(&database, damage);
    let refused = PostgresStore::open(options(&database), sealer(), names()).unwrap_err().to_string();
    assert!(refused.contains("the leaves do not lead to the newest head"), "{refused}");
    assert_eq!(server.sql(&database, "SELECT count(*) FROM old.nodes"), "0");
}
