//! Reading the log, and keeping what was published of it.

use rusqlite::{Connection, OptionalExtension, params};

use super::{errors::During, rows};
use crate::{
    dossier::Reference,
    store::{CheckpointRow, LogRow, StoreError, StoredEvent, TreeHead},
    tlog::Hash,
};

/// The head right after the batch that holds a leaf.
pub(super) fn head_covering(connection: &Connection, leaf: i64) -> Result<TreeHead, StoreError> {
    connection
        .prepare_cached("SELECT size, root FROM heads WHERE size > ?1 ORDER BY size LIMIT 1")
        .and_then(|mut statement| statement.query_row([leaf], rows::tree_head))
        .during("read a batch's head")
}

pub(super) fn events(connection: &Connection, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError> {
    connection
        .prepare_cached(
            "SELECT events.leaf_index, event_contents.record
             FROM dossiers
             JOIN events ON events.dossier = dossiers.sequence
             JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE dossiers.reference = ?1 ORDER BY events.position",
        )
        .and_then(|mut statement| statement.query_map([reference.to_string()], rows::event)?.collect())
        .during("read a dossier's events")
}

pub(super) fn leaf_hashes(connection: &Connection, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
    // An index beyond what the database can count is beyond the log's end, where there is nothing.
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    connection
        .prepare_cached("SELECT leaf_hash FROM events WHERE leaf_index >= ?1 ORDER BY leaf_index LIMIT ?2")
        .and_then(|mut statement| statement.query_map(params![from, limit], |row| row.get(0))?.collect())
        .during("read leaves")
}

pub(super) fn log_rows(connection: &Connection, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    connection
        .prepare_cached(
            "SELECT events.leaf_index, dossiers.reference, events.leaf_hash, events.commitment, event_contents.record,
                 event_contents.nonce
             FROM events
             JOIN dossiers ON dossiers.sequence = events.dossier
             JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE events.leaf_index >= ?1 ORDER BY events.leaf_index LIMIT ?2",
        )
        .and_then(|mut statement| statement.query_map(params![from, limit], rows::log_row)?.collect())
        .during("read the log")
}

pub(super) fn last_checkpoint(connection: &Connection) -> Result<Option<CheckpointRow>, StoreError> {
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], rows::checkpoint).optional())
        .during("read the last checkpoint")
}

pub(super) fn keep_checkpoint(connection: &Connection, checkpoint: &CheckpointRow) -> Result<(), StoreError> {
    let size = rows::signed(checkpoint.size)?;
    connection
        .prepare_cached(
            "INSERT INTO checkpoints (size, note, published_at) VALUES (?1, ?2, ?3) ON CONFLICT (size) DO NOTHING",
        )
        .and_then(|mut s| s.execute(params![size, checkpoint.note, checkpoint.published_at.as_millisecond()]))
        .during("keep a checkpoint")?;
    Ok(())
}

pub(super) fn bind_identity(connection: &Connection, identity: &str) -> Result<String, StoreError> {
    connection
        .prepare_cached("INSERT INTO meta (key, value) VALUES ('identity', ?1) ON CONFLICT (key) DO NOTHING")
        .and_then(|mut statement| statement.execute([identity]))
        .during("bind the identity")?;
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'identity'")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .during("read the identity")
}
