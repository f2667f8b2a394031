//! Reading the log, and its own events.

use rusqlite::{Connection, OptionalExtension, params};

use super::{batch::Batch, errors::During, rows};
use crate::{
    dossier::Reference,
    store::{
        JournalSubject, LogRow, NewLogEvent, NumberSeries, StoreError, StoredEvent, StoredLogEvent, TreeHead, growth,
    },
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

pub(super) fn log_events(connection: &Connection) -> Result<Vec<StoredLogEvent>, StoreError> {
    connection
        .prepare_cached(
            "SELECT events.leaf_index, event_contents.record
             FROM events JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             WHERE events.dossier IS NULL ORDER BY events.position",
        )
        .and_then(|mut statement| statement.query_map([], rows::log_event)?.collect())
        .during("read the log's own events")
}

/// Writes an event of the log itself and gives its leaf's index.
pub(super) fn append_log_event(batch: &mut Batch<'_>, new: &NewLogEvent) -> Result<u64, StoreError> {
    let last: Option<(u32, Hash)> = batch
        .connection
        .prepare_cached("SELECT position, leaf_hash FROM events WHERE dossier IS NULL ORDER BY position DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .during("find the log's last own event")?;
    if let Some(rebind) = &new.rebind {
        let changed = batch
            .connection
            .prepare_cached("UPDATE meta SET value = ?2 WHERE key = 'identity' AND value = ?1")
            .and_then(|mut statement| statement.execute([&rebind.from, &rebind.to]))
            .during("bind another identity")?;
        if changed != 1 {
            return Err(StoreError::Inconsistent("the database is bound to another identity"));
        }
    }
    for series in &new.reserve {
        reserve(batch.connection, series)?;
    }
    let record = growth::record_of_log(last.map(|(_, hash)| hash), new);
    let position = last.map_or(1, |(position, _)| position.saturating_add(1));
    Ok(batch.push_record(None, position, &record, &new.nonce)?.index)
}

fn reserve(connection: &Connection, series: &NumberSeries) -> Result<(), StoreError> {
    if !(1..=Reference::MAX_NUMBER).contains(&series.last) {
        return Err(StoreError::Inconsistent("a number to be reserved is none"));
    }
    connection
        .prepare_cached(
            "INSERT INTO numbers (procedure, year, last) VALUES (?1, ?2, ?3)
             ON CONFLICT (procedure, year) DO UPDATE SET last = max(last, excluded.last)",
        )
        .and_then(|mut statement| statement.execute(params![series.procedure.as_str(), series.year, series.last]))
        .during("reserve numbers")?;
    Ok(())
}

pub(super) fn numbers(connection: &Connection) -> Result<Vec<NumberSeries>, StoreError> {
    connection
        .prepare_cached("SELECT procedure, year, last FROM numbers ORDER BY procedure, year")
        .and_then(|mut statement| statement.query_map([], rows::number_series)?.collect())
        .during("read the numbers given")
}

pub(super) fn leaf_hashes(connection: &Connection, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
    // An index beyond what the database can count is beyond the log's end, where there is nothing.
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    connection
        .prepare_cached("SELECT leaf_hash FROM events WHERE leaf_index >= ?1 ORDER BY leaf_index LIMIT ?2")
        .and_then(|mut statement| statement.query_map(params![from, limit], |row| row.get(0))?.collect())
        .during("read leaves")
}

pub(super) fn commitments(connection: &Connection, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    connection
        .prepare_cached("SELECT commitment FROM events WHERE leaf_index >= ?1 ORDER BY leaf_index LIMIT ?2")
        .and_then(|mut statement| statement.query_map(params![from, limit], |row| row.get(0))?.collect())
        .during("read commitments")
}

pub(super) fn log_rows(connection: &Connection, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
    let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
    connection
        .prepare_cached(
            "SELECT events.leaf_index, dossiers.reference, events.leaf_hash, events.commitment, event_contents.record,
                 event_contents.nonce, erasures.told_by
             FROM events
             LEFT JOIN dossiers ON dossiers.sequence = events.dossier
             LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
             WHERE events.leaf_index >= ?1 ORDER BY events.leaf_index LIMIT ?2",
        )
        .and_then(|mut statement| statement.query_map(params![from, limit], rows::log_row)?.collect())
        .during("read the log")
}

pub(super) fn journal(
    connection: &Connection,
    subject: &JournalSubject,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<LogRow>, StoreError> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let (condition, reference) = match subject {
        JournalSubject::Everything => ("?3 IS NULL", None),
        JournalSubject::Log => ("events.dossier IS NULL AND ?3 IS NULL", None),
        JournalSubject::Dossier(reference) => (
            "events.leaf_index IN (
                 SELECT leaf_index FROM events
                 WHERE dossier = (SELECT sequence FROM dossiers WHERE reference = ?3)
                 UNION ALL SELECT erased_by FROM dossiers WHERE reference = ?3
             )",
            Some(reference.to_string()),
        ),
    };
    connection
        .prepare_cached(&format!(
            "SELECT events.leaf_index, dossiers.reference, events.leaf_hash, events.commitment, event_contents.record,
                 event_contents.nonce, erasures.told_by
             FROM events
             LEFT JOIN dossiers ON dossiers.sequence = events.dossier
             LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
             LEFT JOIN erasures ON erasures.leaf_index = events.leaf_index
             WHERE events.leaf_index < ?1 AND {condition} ORDER BY events.leaf_index DESC LIMIT ?2"
        ))
        .and_then(|mut statement| statement.query_map(params![before, limit, reference], rows::log_row)?.collect())
        .during("read the journal")
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
