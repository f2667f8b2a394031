//! PostgreSQL passes the conformance suite, and what is PostgreSQL's own: its guards, its schema, and who may use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use jiff::Timestamp;
use milaf::store::{
    Account, BatchNames, DuplicateProbe, Portable, PostgresOptions, PostgresStore, Sealer, Store, StoreError,
};

use crate::{
    postgres_server::{PASSWORD, PostgresServer, ROLE, SUPERUSER},
    store_conformance::{
        copy_conformance,
        fixture::{Case, Ground, audit, sealer, wish},
        store_conformance,
    },
};

/// Opens the database whose name stands in the file at the path, and makes one when there is none.
pub(crate) fn open(path: &Path, sealer: Sealer) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(options(&place(path)), sealer, names()).unwrap())
}

/// The name of the database of a ground.
pub(crate) fn place(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|_| {
        let database = PostgresServer::shared().create_database();
        fs::write(path, &database).unwrap();
        database
    })
}

/// As a node has them, for a database of the shared server.
pub(crate) fn options(database: &str) -> PostgresOptions {
    options_for(&PostgresServer::shared().url(database))
}

pub(crate) fn options_for(url: &str) -> PostgresOptions {
    let mut options: PostgresOptions = url.parse().unwrap();
    options.create = true;
    options
}

/// Names that come only once in a run.
pub(crate) fn names() -> BatchNames {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    Arc::new(|| Some(u128::from(DRAWN.fetch_add(1, Ordering::Relaxed)).to_be_bytes()))
}

fn open_portable(path: &Path, sealer: Sealer) -> Arc<dyn Portable> {
    Arc::new(PostgresStore::open(options(&place(path)), sealer, names()).unwrap())
}

store_conformance!(crate::store_postgres::open);
copy_conformance!(crate::store_postgres::open_portable);

async fn ground_with_dossiers(count: usize) -> (String, Ground, Arc<dyn Store>) {
    let ground = Ground::new(open);
    let store = ground.store();
    for number in 0..count {
        let mut new = Case::default().new_dossier();
        new.idempotency = Some(wish(&format!("form-{number}"), 1));
        store.register(new).await.unwrap();
    }
    (place(&ground.path()), ground, store)
}

/// Not even the owner of the tables, nor a session that calls itself a replica.
#[tokio::test]
async fn guards_refuse_to_rewrite_history() {
    let server = PostgresServer::shared();
    let (database, _ground, store) = ground_with_dossiers(2).await;
    let blank = "decode(repeat('00', 32), 'hex')";
    let statements = [
        format!("UPDATE events SET leaf_hash = {blank} WHERE leaf_index = 1"),
        "UPDATE events SET position = position".to_owned(),
        "DELETE FROM events WHERE leaf_index = 3".to_owned(),
        "TRUNCATE events CASCADE".to_owned(),
        format!("INSERT INTO events VALUES (1, 1, 2, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (4, 1, 2, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (5, 1, 3, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (4, 1, 4, {blank}, {blank})"),
        format!("INSERT INTO events VALUES (4, NULL, 2, {blank}, {blank})"),
        format!(
            "INSERT INTO events VALUES (3, 2, 2, {blank}, {blank}) ON CONFLICT (leaf_index) DO UPDATE SET leaf_hash = {blank}"
        ),
        "UPDATE event_contents SET record = '' WHERE leaf_index = 0".to_owned(),
        "DELETE FROM event_contents WHERE leaf_index = 0".to_owned(),
        "TRUNCATE event_contents".to_owned(),
        format!("UPDATE heads SET root = {blank}"),
        "DELETE FROM heads WHERE size = 4".to_owned(),
        "TRUNCATE heads CASCADE".to_owned(),
        format!("INSERT INTO heads VALUES (3, {blank})"),
        "UPDATE seals SET seal = ''".to_owned(),
        "DELETE FROM seals".to_owned(),
        "TRUNCATE seals".to_owned(),
    ];
    for statement in statements {
        let as_replica = format!("SET session_replication_role = replica; {statement}");
        for (role, statement) in [(ROLE, &statement), (SUPERUSER, &as_replica)] {
            let error = server.try_sql(role, &database, statement).expect_err(statement);
            assert!(error.starts_with("23"), "{statement}: {error}");
        }
    }
    assert_eq!(audit(&*store).await, 2);
    assert_eq!(store.check_storage().await, Ok(vec![]));
    server.sql(&database, "ALTER TABLE events DISABLE TRIGGER events_never_change; DROP TRIGGER heads_grow ON heads");
    let problems = store.check_storage().await.unwrap();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("events_never_change") && problems[1].contains("heads_grow"), "{problems:?}");
}

#[tokio::test]
async fn a_tree_that_contradicts_itself_is_not_extended() {
    let blank = "decode(repeat('00', 32), 'hex')";
    for damage in [
        "UPDATE frontier SET edge = '\\x00'".to_owned(),
        "UPDATE frontier SET edge = '\\x0000000000000000'".to_owned(),
        "DELETE FROM frontier".to_owned(),
        format!("INSERT INTO heads VALUES (99, {blank})"),
    ] {
        let (database, _ground, store) = ground_with_dossiers(2).await;
        PostgresServer::shared().sql(&database, &damage);
        let outcome = store.register(Case::default().new_dossier()).await;
        assert!(matches!(outcome, Err(StoreError::Damaged(_))), "{damage}: {outcome:?}");
        assert_eq!(store.leaf_hashes(0, 100).await.unwrap().len(), 4, "{damage}");
    }
}

#[tokio::test]
async fn the_last_number_is_the_last() {
    let (database, _ground, store) = ground_with_dossiers(1).await;
    PostgresServer::shared().sql(&database, "UPDATE numbers SET last = 999998");
    let last = store.register(Case::default().new_dossier()).await.unwrap();
    assert_eq!(last.reference.to_string(), "NRU-2026-999999");
    assert_eq!(store.register(Case::default().new_dossier()).await, Err(StoreError::NumbersExhausted));
    let mut next_year = Case::default().new_dossier();
    next_year.year = 2027;
    assert_eq!(store.register(next_year).await.unwrap().reference.to_string(), "NRU-2027-000001");
}

/// PostgreSQL's text has no zero byte, and visitors type what they like.
#[tokio::test]
async fn a_zero_byte_is_found_nowhere_and_harms_nobody() {
    let (_, _ground, store) = ground_with_dossiers(1).await;
    let name = "sal\0ma";
    assert_eq!(store.account(name).await, Ok(None));
    assert_eq!(store.set_password(name, "x").await, Ok(false));
    let account = Account {
        name: name.into(),
        password_hash: "x".into(),
        role: milaf::dossier::Role::Desk,
        created_at: Timestamp::UNIX_EPOCH,
    };
    assert!(matches!(store.create_account(account).await, Err(StoreError::Inconsistent(_))));
    let pair = Some((name.to_owned(), name.to_owned()));
    let probe = DuplicateProbe { phone: Some(name.into()), name_and_parcel: pair, ..DuplicateProbe::default() };
    assert_eq!(store.possible_duplicates(&probe).await, Ok(vec![]));
    let mut new = Case::default().new_dossier();
    new.idempotency = Some(wish(name, 1));
    assert!(matches!(store.register(new).await, Err(StoreError::Inconsistent(_))));
    assert_eq!(audit(&*store).await, 1);
}

/// Every process that starts first must be able to be the first.
#[test]
fn many_may_create_it_at_once() {
    let database = PostgresServer::shared().create_database();
    thread::scope(|scope| {
        let open = || PostgresStore::open(options(&database), sealer(), names());
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
    let applied = PostgresServer::shared().sql(&database, "SELECT number, name FROM migrations ORDER BY 1");
    assert_eq!(applied, "1|0001_initial\n2|0002_audit");
}

#[test]
fn a_database_that_is_not_fit_is_refused_with_what_to_do() {
    let server = PostgresServer::shared();
    let open = |options: PostgresOptions| PostgresStore::open(options, sealer(), names());
    let made = || {
        let database = server.create_database();
        open(options(&database)).unwrap();
        database
    };
    let with = |database: String, sql: &str| {
        server.sql(&database, sql);
        server.url(&database)
    };
    let not_durable = PostgresServer::start(&["fsync=off"]);
    let port = server.port();
    let free = crate::real_server::free_address().port();
    let empty = server.create_database();
    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    // What an older server says of itself, since there is none here to ask.
    let old = "CREATE SCHEMA old; GRANT USAGE ON SCHEMA old TO PUBLIC;
        CREATE FUNCTION old.current_setting(text) RETURNS text LANGUAGE sql AS
        $$ SELECT CASE $1 WHEN 'server_version_num' THEN '140011' WHEN 'server_version' THEN '14.11'
            ELSE pg_catalog.current_setting($1) END $$";
    let old_server = server.create_database();
    server.sql(&old_server, &format!("{old}; ALTER DATABASE {old_server} SET search_path = old, pg_catalog"));
    let nowhere = server.create_database();
    server.sql(&nowhere, &format!("ALTER DATABASE {nowhere} SET search_path = nowhere"));
    let standby = server.create_database();
    server.sql(&standby, &format!("ALTER DATABASE {standby} SET default_transaction_read_only = on"));
    let table: [(String, bool, &str); 14] = [
        (
            format!("postgres://{ROLE}:wrong@127.0.0.1:{port}/{empty}"),
            true,
            "refuses milaf: password authentication failed",
        ),
        (format!("postgres://{ROLE}@127.0.0.1:{port}/{empty}"), true, "asks for a password"),
        (format!("postgres://nobody:x@127.0.0.1:{port}/{empty}"), true, "refuses nobody"),
        (server.url("missing"), true, "there is no database missing on the server: create it"),
        (PostgresServer::url_through(free, &empty), true, &format!("no PostgreSQL server answers at 127.0.0.1:{free}")),
        (server.url("latin"), true, "encoding is LATIN1"),
        (server.url(&old_server), true, "PostgreSQL 14.11 is too old"),
        (server.url(&nowhere), true, "no schema of the search_path exists"),
        (server.url(&standby), true, "takes writes"),
        (server.url(&empty), false, "is empty"),
        (with(server.create_database(), "CREATE TABLE theirs (x int)"), true, "another program's tables"),
        (
            with(made(), "INSERT INTO migrations VALUES (3, 'newer', 3, 0)"),
            true,
            "schema 3, for programs that know schema 3, and this one knows up to 2: run the newer",
        ),
        (with(made(), "DROP TABLE frontier"), true, "another program's tables"),
        (not_durable.url("postgres"), true, "fsync = off"),
    ];
    for (url, create, message) in table {
        let mut options = options_for(&url);
        options.create = create;
        let error = open(options).expect_err(message).to_string();
        assert!(error.contains(message), "{message}: {error}");
        assert!(!error.contains(PASSWORD) && !error.contains("wrong"), "{error}");
    }
    assert_eq!(server.sql(&empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0", "left as it was");
    // Another program's schema beside ours is none of our business, and neither is an extension.
    let shared = server.create_database();
    server.sql(&shared, "CREATE TABLE theirs (x int); CREATE SCHEMA ours AUTHORIZATION milaf");
    server.sql(&shared, "CREATE EXTENSION pg_stat_statements SCHEMA ours");
    server.sql(&shared, &format!("ALTER DATABASE {shared} SET search_path = ours"));
    open(options(&shared)).unwrap();
    assert_eq!(server.sql(&shared, "SELECT count(*) FROM pg_tables WHERE schemaname = 'ours'"), "19");
}
