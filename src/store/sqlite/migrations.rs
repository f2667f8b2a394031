//! Brings a database to the schema this program knows, or refuses it.
//!
//! A migration is never edited after it has landed: a change is the next number. The alternative, a table of applied
//! migrations as the usual tools keep, was rejected because one number in the file's header says the same and is
//! readable without knowing any table.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::OpenError;
use crate::store::Schema;

/// "MiLf": what `file` and SQLite's own tools show for a database of this program.
pub(super) const APPLICATION_ID: i32 = 0x4D69_4C66;

/// In order; a migration's number is its place, counted from 1.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];

/// Refuses a file that is not this program's to change.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    committed_version(connection).map(|_| ())
}

/// As [`check`], and refuses a file in which there is nothing yet; asked inside a transaction.
pub(super) fn check_filled(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if version_of(connection)? == 0 { Err(OpenError::Empty(path.to_owned())) } else { Ok(()) }
}

/// Applies what is missing under an exclusive lock, so that two processes that start together do not both apply it.
pub(super) fn apply(connection: &mut Connection) -> Result<Schema, OpenError> {
    let known = MIGRATIONS.len();
    if committed_version(connection)? == known {
        return Ok(Schema { before: known, now: known });
    }
    let transaction =
        Transaction::new(connection, TransactionBehavior::Exclusive).map_err(OpenError::sqlite("lock"))?;
    // Read again: another process may have brought it up to date while this one waited for the lock.
    let applied = version_of(&transaction)?;
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        transaction.execute_batch(migration).map_err(OpenError::sqlite("migrate"))?;
        set(&transaction, "user_version", i32::try_from(number + 1).unwrap_or(i32::MAX))?;
    }
    set(&transaction, "application_id", APPLICATION_ID)?;
    transaction.commit().map_err(OpenError::sqlite("commit the migration of"))?;
    Ok(Schema { before: applied, now: known })
}

/// Reads inside one transaction, because between two statements another process may commit the first migration.
fn committed_version(connection: &Connection) -> Result<usize, OpenError> {
    let transaction = connection.unchecked_transaction().map_err(OpenError::sqlite("read the header of"))?;
    version_of(&transaction)
}

/// How many migrations the database has had; asked inside a transaction.
fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let application_id: i32 = get(connection, "application_id")?;
    let version: i32 = get(connection, "user_version")?;
    if application_id != APPLICATION_ID {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(OpenError::sqlite("read the schema of"))?;
        let pristine = application_id == 0 && version == 0 && tables == 0;
        return if pristine { Ok(0) } else { Err(OpenError::Foreign) };
    }
    match usize::try_from(version) {
        Ok(found) if (1..=MIGRATIONS.len()).contains(&found) => Ok(found),
        Ok(found) if found > MIGRATIONS.len() => Err(OpenError::Newer { found, known: MIGRATIONS.len() }),
        _ => Err(OpenError::Foreign),
    }
}

fn get(connection: &Connection, pragma: &str) -> Result<i32, OpenError> {
    connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(OpenError::sqlite("read the header of"))
}

fn set(connection: &Connection, pragma: &str, value: i32) -> Result<(), OpenError> {
    connection.pragma_update(None, pragma, value).map_err(OpenError::sqlite("write the header of"))
}
