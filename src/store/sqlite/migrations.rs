//! Brings a database to the schema this program knows, or refuses it.
//!
//! One number in the file's header says how far the series has come: it is readable without knowing any table, so a file
//! of another program is told apart before anything of it is read. Which programs can still work with the tables stands in
//! the table of migrations, see [`series`](super::super::series). There is no lock on that as PostgreSQL has one: the
//! processes of one file are one machine's, and an administrator stops them before he replaces the program.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::OpenError;
use crate::store::{
    Schema,
    series::{Applied, Migration},
};

/// "MiLf": what `file` and SQLite's own tools show for a database of this program.
pub(super) const APPLICATION_ID: i32 = 0x4D69_4C66;

/// The migration that made the table of nodes.
pub(super) const WITH_NODES: usize = 2;

/// What this program knows.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_initial", statements: include_str!("migrations/0001_initial.sql"), needs: 1 },
    // Nobody may add leaves without their nodes any more, nor read an erased dossier as a damaged one.
    Migration { name: "0002_audit", statements: include_str!("migrations/0002_audit.sql"), needs: 2 },
];

/// Refuses a file that is not this program's to change.
pub(super) fn check(connection: &Connection, known: &[Migration]) -> Result<(), OpenError> {
    fit(committed(connection)?, known).map(drop)
}

/// As [`check`], and refuses a file in which there is nothing yet; asked inside a transaction.
pub(super) fn check_filled(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if fit(applied(connection)?, MIGRATIONS)? == 0 { Err(OpenError::Empty(path.to_owned())) } else { Ok(()) }
}

/// Applies what is missing under an exclusive lock, so that two processes that start together do not both apply it.
pub(super) fn apply(connection: &mut Connection, known: &[Migration]) -> Result<Schema, OpenError> {
    let before = fit(committed(connection)?, known)?;
    if before >= known.len() {
        return Ok(Schema { before, now: before, known: known.len() });
    }
    let transaction =
        Transaction::new(connection, TransactionBehavior::Exclusive).map_err(OpenError::sqlite("lock"))?;
    // Read again: another process may have brought it up to date while this one waited for the lock.
    let before = fit(applied(&transaction)?, known)?;
    for (number, migration) in (1_i32..).zip(known).skip(before) {
        transaction.execute_batch(migration.statements).map_err(OpenError::sqlite("migrate"))?;
        transaction
            .execute(
                "INSERT INTO migrations (number, name, needs, applied_at)
                 VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
                (number, migration.name, i64::try_from(migration.needs).unwrap_or(i64::MAX)),
            )
            .map_err(OpenError::sqlite("migrate"))?;
        set(&transaction, "user_version", number)?;
    }
    set(&transaction, "application_id", APPLICATION_ID)?;
    transaction.commit().map_err(OpenError::sqlite("commit the migration of"))?;
    Ok(Schema { before, now: before.max(known.len()), known: known.len() })
}

/// How many migrations the database has had, if this program can work with them.
fn fit(applied: Option<Applied>, known: &[Migration]) -> Result<usize, OpenError> {
    let Some(applied) = applied else { return Ok(0) };
    applied.is_fit_for(known.len())?;
    Ok(applied.number)
}

/// Reads inside one transaction, because between two statements another process may commit the first migration.
fn committed(connection: &Connection) -> Result<Option<Applied>, OpenError> {
    let transaction = connection.unchecked_transaction().map_err(OpenError::sqlite("read the header of"))?;
    applied(&transaction)
}

/// What the database has had, or `None` when there is nothing in it yet; asked inside a transaction.
fn applied(connection: &Connection) -> Result<Option<Applied>, OpenError> {
    let application_id: i32 = get(connection, "application_id")?;
    let version: i32 = get(connection, "user_version")?;
    let one = |sql: &str| {
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(OpenError::sqlite("read the schema of"))
    };
    if application_id != APPLICATION_ID {
        let pristine = application_id == 0 && version == 0 && one("SELECT count(*) FROM sqlite_schema")? == 0;
        return if pristine { Ok(None) } else { Err(OpenError::Foreign) };
    }
    if one("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'")? == 0 {
        return Err(OpenError::Foreign);
    }
    let needs = one("SELECT coalesce(max(needs), 0) FROM migrations")?;
    match (usize::try_from(version), usize::try_from(needs)) {
        (Ok(number), Ok(needs)) if number > 0 && needs > 0 => Ok(Some(Applied { number, needs })),
        _ => Err(OpenError::Foreign),
    }
}

fn get(connection: &Connection, pragma: &str) -> Result<i32, OpenError> {
    connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(OpenError::sqlite("read the header of"))
}

fn set(connection: &Connection, pragma: &str, value: i32) -> Result<(), OpenError> {
    connection.pragma_update(None, pragma, value).map_err(OpenError::sqlite("write the header of"))
}
