//! A folder and a database for one story, on SQLite or on PostgreSQL, with what an administrator could do to either.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use milaf::store::{PostgresStore, Sealer, SqliteStore, Store};

use crate::{
    postgres_server::PostgresServer,
    store_postgres::{names, options},
};

pub(crate) struct Premises {
    folder: tempfile::TempDir,
    /// The name of the database on the shared PostgreSQL; without one the database is a file in the folder.
    database: Option<String>,
}

impl Premises {
    pub(crate) fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: None }
    }

    pub(crate) fn postgres() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database: Some(PostgresServer::shared().create_database()) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("milaf.db")
    }

    /// One more handle on the database, which is made when there is none.
    pub(crate) fn open(&self, sealer: Sealer) -> Arc<dyn Store> {
        match &self.database {
            None => Arc::new(SqliteStore::open_or_create(&self.file(), sealer).unwrap()),
            Some(database) => Arc::new(PostgresStore::open(options(database), sealer, names()).unwrap()),
        }
    }

    /// Runs SQL past the program.
    pub(crate) fn sql(&self, statements: &str) {
        match &self.database {
            None => rusqlite::Connection::open(self.file()).unwrap().execute_batch(statements).unwrap(),
            Some(database) => drop(PostgresServer::shared().sql(database, statements)),
        }
    }

    /// As [`Premises::sql`], by somebody who has taken the guards of the history away.
    pub(crate) fn sql_without_guards(&self, statements: &str) {
        let drops: Vec<String> = match &self.database {
            None => {
                let raw = rusqlite::Connection::open(self.file()).unwrap();
                let mut triggers = raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").unwrap();
                let drop = |row: &rusqlite::Row<'_>| Ok(format!("DROP TRIGGER {}", row.get::<_, String>(0)?));
                triggers.query_map([], drop).unwrap().map(Result::unwrap).collect()
            }
            Some(database) => {
                let triggers = "SELECT format('DROP TRIGGER %s ON %s', tgname, tgrelid::regclass) FROM pg_trigger
                    WHERE NOT tgisinternal";
                PostgresServer::shared().sql(database, triggers).lines().map(str::to_owned).collect()
            }
        };
        assert!(!drops.is_empty(), "there are guards to be taken away");
        self.sql(&drops.join("; "));
        self.sql(statements);
    }

    /// Copies the closed database and gives the copy's name.
    pub(crate) fn copy(&self) -> String {
        match &self.database {
            None => {
                fs::copy(self.file(), self.path().join("copy.db")).unwrap();
                "copy.db".to_owned()
            }
            Some(database) => {
                let copy = format!("{database}_copy");
                PostgresServer::shared().sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {database}"));
                copy
            }
        }
    }

    /// Puts a copy in the database's place, whoever still has that open.
    pub(crate) fn put_back(&self, copy: &str) {
        match &self.database {
            None => {
                for file in ["milaf.db-wal", "milaf.db-shm"] {
                    let _ = fs::remove_file(self.path().join(file));
                }
                fs::copy(self.path().join(copy), self.file()).unwrap();
            }
            Some(database) => {
                let server = PostgresServer::shared();
                server.sql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"));
                server.sql("postgres", &format!("CREATE DATABASE {database} TEMPLATE {copy} OWNER milaf"));
            }
        }
    }
}

/// Makes two tests of each story, one for each database. A story takes its [`Premises`].
macro_rules! on_both_databases {
    ($($story:ident,)*) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story($crate::premises::Premises::sqlite()).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story($crate::premises::Premises::postgres()).await;
                }
            )*
        }
    };
}

pub(crate) use on_both_databases;
