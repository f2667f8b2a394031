//! Erasing a dossier's records, so that their bytes are gone from the file and not only from its tables.
//!
//! The connection that writes has `secure_delete` on: what is deleted is overwritten with zeros where it lay. The write-ahead
//! log still holds older pages until it is folded into the file and cut to nothing. Rewriting the whole file with `VACUUM` was
//! rejected, because it would keep every desk waiting for as long as the file is large.

use rusqlite::{Connection, OptionalExtension, params};

use super::{batch::Batch, errors::During, log, rows};
use crate::store::{Erasure, StoreError};

/// Gives the leaf that tells of it.
pub(super) fn erase(batch: &mut Batch<'_>, erasure: &Erasure) -> Result<u64, StoreError> {
    let connection = batch.connection;
    let standing: Option<(i64, u32, bool)> = connection
        .prepare_cached("SELECT sequence, version, erased_by IS NOT NULL FROM dossiers WHERE reference = ?1")
        .and_then(|mut statement| {
            let standing = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_row([erasure.reference.to_string()], standing).optional()
        })
        .during("find a dossier")?;
    let (sequence, current, erased) = standing.ok_or(StoreError::UnknownDossier)?;
    if erased {
        return Err(StoreError::Erased);
    }
    if current != erasure.expected_version {
        return Err(StoreError::Conflict { current });
    }
    let leaves: Vec<u64> = connection
        .prepare_cached("SELECT leaf_index FROM events WHERE dossier = ?1 ORDER BY position")
        .and_then(|mut statement| statement.query_map([sequence], |row| rows::unsigned(row, 0))?.collect())
        .during("find a dossier's leaves")?;
    let told_by = log::append_log_event(batch, &erasure.told(leaves))?;
    let told = rows::signed(told_by)?;
    for statement in [
        "INSERT INTO erasures (leaf_index, told_by) SELECT leaf_index, ?2 FROM events WHERE dossier = ?1",
        "DELETE FROM event_contents WHERE leaf_index IN (SELECT leaf_index FROM events WHERE dossier = ?1) AND ?2 >= 0",
        "UPDATE dossiers SET applicant = '', parcel = NULL, name_key = '', parcel_key = NULL, phone = NULL,
             identity_hash = NULL, erased_by = ?2
         WHERE sequence = ?1",
    ] {
        connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(params![sequence, told]))
            .during("erase a dossier's records")?;
    }
    Ok(told_by)
}

/// Folds the write-ahead log into the file and cuts it to nothing; `false` when somebody reads so long that it cannot be.
pub(super) fn fold_log(connection: &Connection) -> Result<bool, StoreError> {
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .during("fold the write-ahead log")?;
    Ok(busy == 0)
}
