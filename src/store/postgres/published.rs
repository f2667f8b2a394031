//! What was published of the log, and who else has seen it.

use tokio_postgres::Row;

use super::{pool::Pool, rows};
use crate::store::{CheckpointRow, CosignatureRow, Custody, StoreError, portable::MARK};

pub(super) const COSIGNATURES_AFTER: &str =
    "SELECT size, witness, line, at, received_at FROM cosignatures WHERE (size, witness) > ($1, $2)
    ORDER BY size, witness LIMIT $3";

pub(super) async fn last_checkpoint(pool: &Pool) -> Result<Option<CheckpointRow>, StoreError> {
    let sql = "SELECT size, note, published_at FROM checkpoints ORDER BY size DESC LIMIT 1";
    let rows = pool.read("read the last checkpoint", sql, &[]).await?;
    rows.first().map(rows::checkpoint).transpose()
}

pub(super) async fn checkpoint_of(pool: &Pool, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
    let Ok(size) = i64::try_from(size) else { return Ok(None) };
    let sql = "SELECT size, note, published_at FROM checkpoints WHERE size = $1";
    let rows = pool.read("read a checkpoint", sql, &[&size]).await?;
    rows.first().map(rows::checkpoint).transpose()
}

pub(super) async fn checkpoint_covering(pool: &Pool, leaf: u64) -> Result<Option<CheckpointRow>, StoreError> {
    let Ok(leaf) = i64::try_from(leaf) else { return Ok(None) };
    let sql = "SELECT size, note, published_at FROM checkpoints WHERE size > $1 ORDER BY size LIMIT 1";
    let rows = pool.read("read the checkpoint that covers a leaf", sql, &[&leaf]).await?;
    rows.first().map(rows::checkpoint).transpose()
}

pub(super) async fn published_checkpoints(
    pool: &Pool,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<CheckpointRow>, StoreError> {
    let before = before.and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
    let sql = "SELECT size, note, published_at FROM checkpoints WHERE size < $1 ORDER BY size DESC LIMIT $2";
    let rows = pool.read("read the published checkpoints", sql, &[&before, &i64::from(limit)]).await?;
    rows.iter().map(rows::checkpoint).collect()
}

pub(super) async fn keep_checkpoint(pool: &Pool, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    let rows = pool
        .write_again(
            "keep a checkpoint",
            "WITH kept AS (
                 INSERT INTO checkpoints (size, note, published_at)
                 SELECT $1::bigint, $2::text, $3::bigint WHERE NOT EXISTS (SELECT FROM meta WHERE key = $4::text)
                 ON CONFLICT (size) DO NOTHING
             )
             SELECT value FROM meta WHERE key = $4",
            &[&rows::signed(checkpoint.size)?, &checkpoint.note, &checkpoint.published_at.as_millisecond(), &MARK],
        )
        .await?;
    Custody::read(rows.first().map(|row| rows::get(row, 0)).transpose()?)?.check_in_use()
}

pub(super) async fn keep_cosignature(pool: &Pool, row: &CosignatureRow) -> Result<(), StoreError> {
    if row.witness.contains('\0') || row.line.contains('\0') {
        return Err(StoreError::Inconsistent("a cosignature holds a zero byte"));
    }
    let missing = StoreError::Inconsistent("a cosignature needs a kept checkpoint");
    let Ok(size) = i64::try_from(row.size) else { return Err(missing) };
    let found = pool
        .write_again(
            "keep a cosignature",
            "WITH kept AS (
                 INSERT INTO cosignatures (size, witness, line, at, received_at)
                 SELECT size, $2::text, $3::text, $4::bigint, $5::bigint FROM checkpoints
                 WHERE size = $1 AND NOT EXISTS (SELECT FROM meta WHERE key = $6::text)
                 ON CONFLICT (size, witness) DO NOTHING
             )
             SELECT (SELECT value FROM meta WHERE key = $6), EXISTS (SELECT FROM checkpoints WHERE size = $1)",
            &[&size, &row.witness, &row.line, &row.at, &row.received_at.as_millisecond(), &MARK],
        )
        .await?;
    let found = found.first().ok_or_else(|| StoreError::Unavailable("the server gave no answer".to_owned()))?;
    Custody::read(rows::get(found, 0)?)?.check_in_use()?;
    if rows::get(found, 1)? { Ok(()) } else { Err(missing) }
}

pub(super) async fn cosignatures(pool: &Pool, size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
    let Ok(size) = i64::try_from(size) else { return Ok(Vec::new()) };
    let sql = "SELECT size, witness, line, at, received_at FROM cosignatures WHERE size = $1 ORDER BY witness";
    let rows = pool.read("read the cosignatures of a checkpoint", sql, &[&size]).await?;
    rows.iter().map(cosignature).collect()
}

pub(super) async fn last_cosigned(pool: &Pool, witness: &str) -> Result<Option<u64>, StoreError> {
    if witness.contains('\0') {
        return Ok(None);
    }
    let sql = "SELECT size FROM cosignatures WHERE witness = $1 ORDER BY size DESC LIMIT 1";
    let rows = pool.read("read what a witness has cosigned", sql, &[&witness]).await?;
    rows.first().map(|row| rows::number(row, 0)).transpose()
}

/// Reads `size, witness, line, at, received_at`.
pub(super) fn cosignature(row: &Row) -> Result<CosignatureRow, StoreError> {
    Ok(CosignatureRow {
        size: rows::number(row, 0)?,
        witness: rows::get(row, 1)?,
        line: rows::get(row, 2)?,
        at: rows::get(row, 3)?,
        received_at: rows::moment(row, 4)?,
    })
}
