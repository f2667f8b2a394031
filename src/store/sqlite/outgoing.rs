//! What goes out to another database: rows as they stand, in pages.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{errors::During, rows};
use crate::store::{
    CheckpointRow, Chunk, GrantedWish, PortableAccount, PortableDossier, PortableErasure, PortableLeaf,
    PortableReceipt, PortableSeal, Remainder, StoreError, Totals,
    portable::{self, COUNTED, MARK},
};

/// Several statements read the same state of the database.
pub(super) fn in_one_moment<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let moment = connection.unchecked_transaction().during("begin to read")?;
    read(&moment)
}

pub(super) fn chunk(connection: &Connection, from: u64, at_least: u32) -> Result<Chunk, StoreError> {
    let first = rows::signed(from)?;
    let end: i64 = connection
        .prepare_cached(
            "SELECT coalesce((SELECT min(size) FROM heads WHERE size >= ?1), (SELECT max(size) FROM heads), 0)",
        )
        .and_then(|mut statement| statement.query_row([first.saturating_add(at_least.into())], |row| row.get(0)))
        .during("find a chunk's end")?;
    if end <= first {
        return Ok(Chunk { from, ..Chunk::default() });
    }
    portable::check_way(from, end.unsigned_abs(), at_least)?;
    let bounds = params![first, end];
    let leaves: Vec<PortableLeaf> = connection
        .prepare_cached(
            "SELECT events.leaf_index, events.dossier, events.position, events.commitment, events.leaf_hash,
                 event_contents.record, event_contents.nonce
             FROM events LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE events.leaf_index >= ?1 AND events.leaf_index < ?2 ORDER BY events.leaf_index",
        )
        .and_then(|mut statement| statement.query_map(bounds, leaf)?.collect())
        .during("read leaves with their contents")?;
    let heads = connection
        .prepare_cached("SELECT size, root FROM heads WHERE size > ?1 AND size <= ?2 ORDER BY size")
        .and_then(|mut statement| statement.query_map(bounds, rows::tree_head)?.collect())
        .during("read heads")?;
    let seals = connection
        .prepare_cached(
            "SELECT leaf_index, tree_size, seal FROM seals WHERE leaf_index >= ?1 AND leaf_index < ?2 ORDER BY leaf_index",
        )
        .and_then(|mut statement| statement.query_map(bounds, seal)?.collect())
        .during("read seals")?;
    let erasures = connection
        .prepare_cached(
            "SELECT leaf_index, told_by FROM erasures WHERE told_by >= ?1 AND told_by < ?2 ORDER BY leaf_index",
        )
        .and_then(|mut statement| statement.query_map(bounds, erasure)?.collect())
        .during("read erasures")?;
    let erased: Vec<i64> = connection
        .prepare_cached("SELECT sequence FROM dossiers WHERE erased_by >= ?1 AND erased_by < ?2")
        .and_then(|mut statement| statement.query_map(bounds, |row| row.get(0))?.collect())
        .during("find erased dossiers")?;
    let (mut dossiers, mut receipts) = (Vec::new(), Vec::new());
    let mut of_dossier = connection
        .prepare_cached(
            "SELECT sequence, reference, procedure, version, office, step, state, applicant, parcel, name_key, parcel_key,
                 phone, identity_hash, registered_at, updated_at, deposited_on, due_on, answered_on, answered_days,
                 CASE WHEN erased_by < ?2 THEN erased_by END
             FROM dossiers WHERE sequence = ?1",
        )
        .during("read dossiers' rows")?;
    let mut of_receipt = connection
        .prepare_cached(
            "SELECT id, key_id, dossier, leaf_index, issued_at, copies, replaced_at
             FROM receipts WHERE dossier = ?1 AND leaf_index < ?2 ORDER BY leaf_index",
        )
        .during("read receipts' rows")?;
    for place in Chunk::touched(&leaves, erased) {
        dossiers.extend(of_dossier.query_row(params![place, end], dossier).optional().during("read a dossier's row")?);
        let found = of_receipt.query_map(params![place, end], receipt).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        receipts.extend(found.during("read a dossier's receipts")?);
    }
    Ok(Chunk { from, leaves, heads, seals, erasures, dossiers, receipts })
}

fn leaf(row: &Row<'_>) -> rusqlite::Result<PortableLeaf> {
    Ok(PortableLeaf {
        index: rows::unsigned(row, 0)?,
        dossier: row.get(1)?,
        position: row.get(2)?,
        commitment: row.get(3)?,
        leaf_hash: row.get(4)?,
        content: rows::content(row, 5)?,
    })
}

fn erasure(row: &Row<'_>) -> rusqlite::Result<PortableErasure> {
    Ok(PortableErasure { leaf_index: row.get(0)?, told_by: row.get(1)? })
}

fn seal(row: &Row<'_>) -> rusqlite::Result<PortableSeal> {
    Ok(PortableSeal { leaf_index: row.get(0)?, tree_size: row.get(1)?, seal: row.get(2)? })
}

fn dossier(row: &Row<'_>) -> rusqlite::Result<PortableDossier> {
    Ok(PortableDossier {
        sequence: row.get(0)?,
        reference: row.get(1)?,
        procedure: row.get(2)?,
        version: row.get(3)?,
        office: row.get(4)?,
        step: row.get(5)?,
        state: row.get(6)?,
        applicant: row.get(7)?,
        parcel: row.get(8)?,
        name_key: row.get(9)?,
        parcel_key: row.get(10)?,
        phone: row.get(11)?,
        identity_hash: row.get(12)?,
        registered_at: row.get(13)?,
        updated_at: row.get(14)?,
        deposited_on: row.get(15)?,
        due_on: row.get(16)?,
        answered_on: row.get(17)?,
        answered_days: row.get(18)?,
        erased_by: row.get(19)?,
    })
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<PortableReceipt> {
    Ok(PortableReceipt {
        id: row.get(0)?,
        key_id: row.get(1)?,
        dossier: row.get(2)?,
        leaf_index: row.get(3)?,
        issued_at: row.get(4)?,
        copies: row.get(5)?,
        replaced_at: row.get(6)?,
    })
}

pub(super) fn wishes(connection: &Connection, after: Option<&str>, limit: u32) -> Result<Vec<GrantedWish>, StoreError> {
    let wish = |row: &Row<'_>| {
        Ok(GrantedWish { key: row.get(0)?, fingerprint: row.get(1)?, first_leaf: row.get(2)?, last_leaf: row.get(3)? })
    };
    let sql = if after.is_some() {
        "SELECT key, fingerprint, first_leaf, last_leaf FROM idempotency WHERE key > ?1 ORDER BY key LIMIT ?2"
    } else {
        "SELECT key, fingerprint, first_leaf, last_leaf FROM idempotency WHERE key >= ?1 ORDER BY key LIMIT ?2"
    };
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(params![after.unwrap_or_default(), limit], wish)?.collect())
        .during("read the wishes that were granted")
}

pub(super) fn checkpoints(connection: &Connection, from: u64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
    connection
        .prepare_cached("SELECT size, note, published_at FROM checkpoints WHERE size >= ?1 ORDER BY size LIMIT ?2")
        .and_then(|mut statement| {
            statement.query_map(params![rows::signed(from).unwrap_or(i64::MAX), limit], rows::checkpoint)?.collect()
        })
        .during("read the checkpoints")
}

pub(super) fn remainder(connection: &Connection) -> Result<Remainder, StoreError> {
    let mut facts: BTreeMap<String, String> =
        all(connection, "SELECT key, value FROM meta", |row| Ok((row.get(0)?, row.get(1)?)))?;
    facts.remove(MARK);
    Ok(Remainder {
        facts,
        numbers: all(connection, "SELECT procedure, year, last FROM numbers", |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
        })?,
        accounts: all(connection, "SELECT name, password_hash, created_at, role FROM accounts", |row| {
            let account = PortableAccount { password_hash: row.get(1)?, created_at: row.get(2)?, role: row.get(3)? };
            Ok((row.get(0)?, account))
        })?,
        attempts: all(connection, "SELECT bucket, failures, window_ends_at, locked_until FROM attempts", |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
        })?,
    })
}

fn all<T, C: FromIterator<T>>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<C, StoreError> {
    let mut statement = connection.prepare_cached(sql).during("prepare to read a table")?;
    statement.query_map([], read).and_then(Iterator::collect).during("read a table")
}

pub(super) fn totals(connection: &Connection) -> Result<Totals, StoreError> {
    let count = |table: &'static str| {
        let count = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        Ok((table, count.during("count rows")?))
    };
    let rows = COUNTED.into_iter().map(count).collect::<Result<_, StoreError>>()?;
    Ok(Totals { rows, edge: edge(connection)? })
}

pub(super) fn edge(connection: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    connection
        .prepare_cached("SELECT edge FROM frontier")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .during("read the tree's edge")
}
