//! PostgreSQL passes the conformance suite, and what is PostgreSQL's own: its guards, its schema, and who may use it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use milaf::store::{BatchNames, PostgresOpenError, PostgresOptions, PostgresStore, Sealer, Store, StoreError};

use crate::{
    postgres_server::{PostgresServer, ROLE, SUPERUSER},
    store_conformance::{
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

store_conformance!(crate::store_postgres::open);
