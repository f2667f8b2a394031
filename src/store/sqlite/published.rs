//! What was published of the log, and who else has seen it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{errors::During, portable, rows};
use crate::store::{CheckpointRow, CosignatureRow, StoreError};

pub(super) fn last_checkpoint(connection: &Connection) -> Result<Option<CheckpointRow>, StoreError> {
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], rows::checkpoint).optional())
        .during("read the last checkpoint")
}

pub(super) fn checkpoint_of(connection: &Connection, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
    let Ok(size) = i64::try_from(size) else { return Ok(None) };
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints WHERE size = ?1")
        .and_then(|mut statement| statement.query_row([size], rows::checkpoint).optional())
        .during("read a checkpoint")
}

pub(super) fn checkpoint_covering(connection: &Connection, leaf: u64) -> Result<Option<CheckpointRow>, StoreError> {
    let Ok(leaf) = i64::try_from(leaf) else { return Ok(None) };
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints WHERE size > ?1 ORDER BY size LIMIT 1")
        .and_then(|mut statement| statement.query_row([leaf], rows::checkpoint).optional())
        .during("read the checkpoint that covers a leaf")
}

pub(super) fn published_checkpoints(
    connection: &Connection,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<CheckpointRow>, StoreError> {
    let before = before.and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints WHERE size < ?1 ORDER BY size DESC LIMIT ?2")
        .and_then(|mut statement| statement.query_map(params![before, limit], rows::checkpoint)?.collect())
        .during("read the published checkpoints")
}

pub(super) fn keep_checkpoint(connection: &Connection, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    portable::custody(connection)?.check_in_use()?;
    insert_checkpoint(connection, checkpoint)
}

/// Of two of one size the first stays.
pub(super) fn insert_checkpoint(connection: &Connection, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    let size = rows::signed(checkpoint.size)?;
    connection
        .prepare_cached(
            "INSERT INTO checkpoints (size, note, published_at) VALUES (?1, ?2, ?3) ON CONFLICT (size) DO NOTHING",
        )
        .and_then(|mut s| s.execute(params![size, checkpoint.note, checkpoint.published_at.as_millisecond()]))
        .during("keep a checkpoint")?;
    Ok(())
}

pub(super) fn keep_cosignature(connection: &Connection, cosignature: &CosignatureRow) -> Result<(), StoreError> {
    portable::custody(connection)?.check_in_use()?;
    if checkpoint_of(connection, cosignature.size)?.is_none() {
        return Err(StoreError::Inconsistent("a cosignature needs a kept checkpoint"));
    }
    insert_cosignature(connection, cosignature)
}

/// Of two of one witness and size the first stays.
pub(super) fn insert_cosignature(connection: &Connection, row: &CosignatureRow) -> Result<(), StoreError> {
    let size = rows::signed(row.size)?;
    connection
        .prepare_cached(
            "INSERT INTO cosignatures (size, witness, line, at, received_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (size, witness) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![size, row.witness, row.line, row.at, row.received_at.as_millisecond()])
        })
        .during("keep a cosignature")?;
    Ok(())
}

pub(super) fn cosignatures(connection: &Connection, size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
    let Ok(size) = i64::try_from(size) else { return Ok(Vec::new()) };
    connection
        .prepare_cached(
            "SELECT size, witness, line, at, received_at FROM cosignatures WHERE size = ?1 ORDER BY witness",
        )
        .and_then(|mut statement| statement.query_map([size], cosignature)?.collect())
        .during("read the cosignatures of a checkpoint")
}

pub(super) fn cosignatures_after(
    connection: &Connection,
    after: Option<&(u64, String)>,
    limit: u32,
) -> Result<Vec<CosignatureRow>, StoreError> {
    let (size, witness) = match after {
        Some((size, witness)) => (rows::signed(*size)?, witness.as_str()),
        None => (-1, ""),
    };
    connection
        .prepare_cached(
            "SELECT size, witness, line, at, received_at FROM cosignatures WHERE (size, witness) > (?1, ?2)
             ORDER BY size, witness LIMIT ?3",
        )
        .and_then(|mut statement| statement.query_map(params![size, witness, limit], cosignature)?.collect())
        .during("read the cosignatures")
}

pub(super) fn last_cosigned(connection: &Connection, witness: &str) -> Result<Option<u64>, StoreError> {
    connection
        .prepare_cached("SELECT size FROM cosignatures WHERE witness = ?1 ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([witness], |row| rows::unsigned(row, 0)).optional())
        .during("read what a witness has cosigned")
}

fn cosignature(row: &Row<'_>) -> rusqlite::Result<CosignatureRow> {
    Ok(CosignatureRow {
        size: rows::unsigned(row, 0)?,
        witness: row.get(1)?,
        line: row.get(2)?,
        at: row.get(3)?,
        received_at: rows::moment(row, 4)?,
    })
}
