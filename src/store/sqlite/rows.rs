//! Between columns and types. A value that cannot be read back is damage, never a default.

use std::str::FromStr;

use jiff::{Timestamp, civil::Date};
use rusqlite::{
    Row,
    types::{FromSqlError, Type},
};

use crate::{
    dossier::{Event, Position, PublicState},
    receipt::ReceiptId,
    store::{
        CheckpointRow, DossierRow, LogContent, LogRow, NumberSeries, SealedReceipt, StoreError, StoredEvent,
        StoredLogEvent, TreeHead, projection,
    },
    tlog::{LogEvent, Record},
};

/// SQLite's integers have a sign; no log grows beyond them.
pub(super) fn signed(index: u64) -> Result<i64, StoreError> {
    i64::try_from(index).map_err(|_| StoreError::Damaged("an index beyond what the database can count".to_owned()))
}

/// The columns that [`dossier`] reads, in its order.
pub(super) const DOSSIER: &str = "sequence, reference, office, step, state, applicant, parcel, registered_at, deposited_on, \
     updated_at, due_on, version, erased_by";

pub(super) fn dossier(row: &Row<'_>) -> rusqlite::Result<DossierRow> {
    Ok(DossierRow {
        sequence: row.get(0)?,
        reference: text(row, 1)?,
        office: text(row, 2)?,
        position: Position { step: text(row, 3)?, state: state(row, 4)? },
        applicant: row.get(5)?,
        parcel: row.get(6)?,
        registered_at: moment(row, 7)?,
        deposited_on: text(row, 8)?,
        updated_at: moment(row, 9)?,
        due_on: day_if_any(row, 10)?,
        version: row.get(11)?,
        erased_by: row.get::<_, Option<i64>>(12)?.map(|_| unsigned(row, 12)).transpose()?,
    })
}

/// Reads `reference, id, key_id, issued_at, leaf_index, tree_size, root, seal, copies, replaced_at`.
pub(super) fn receipt(row: &Row<'_>) -> rusqlite::Result<SealedReceipt> {
    let replaced_at: Option<i64> = row.get(9)?;
    Ok(SealedReceipt {
        reference: text(row, 0)?,
        id: ReceiptId::new(row.get(1)?),
        key_id: row.get(2)?,
        issued_at: moment(row, 3)?,
        leaf_index: unsigned(row, 4)?,
        tree_size: unsigned(row, 5)?,
        root: row.get(6)?,
        seal: row.get(7)?,
        copies: row.get(8)?,
        replaced_at: replaced_at.map(|_| moment(row, 9)).transpose()?,
    })
}

/// Reads `size, root`.
pub(super) fn tree_head(row: &Row<'_>) -> rusqlite::Result<TreeHead> {
    Ok(TreeHead { size: unsigned(row, 0)?, root: row.get(1)? })
}

/// Reads `leaf_index, reference, leaf_hash, commitment, record, nonce, told_by`.
pub(super) fn log_row(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    let told_by: Option<i64> = row.get(6)?;
    Ok(LogRow {
        index: unsigned(row, 0)?,
        reference: row.get_ref(1)?.as_str_or_null()?.map(|_| text(row, 1)).transpose()?,
        leaf_hash: row.get(2)?,
        commitment: row.get(3)?,
        content: content(row, 4)?,
        erased_by: told_by.map(|_| unsigned(row, 6)).transpose()?,
    })
}

/// Reads `record, nonce` from a column on, which may not be there.
pub(super) fn content(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<LogContent>> {
    let record: Option<Vec<u8>> = row.get(column)?;
    record.map(|record| Ok(LogContent { record, nonce: row.get(column + 1)? })).transpose()
}

/// Reads `leaf_index, record`. Time, actor and content come from the record alone, so that what a page shows is what the
/// log commits to.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    let bytes: Vec<u8> = row.get(1)?;
    let record = Record::decode(&bytes).map_err(|error| unreadable(1, Type::Blob, error))?;
    let event = Event::from_data(&record.kind, &record.data).map_err(|error| unreadable(1, Type::Blob, error))?;
    let at = Timestamp::from_millisecond(record.at_ms).map_err(|error| unreadable(1, Type::Blob, error))?;
    Ok(StoredEvent { leaf_index: unsigned(row, 0)?, at, actor: record.actor, event })
}

/// Reads `leaf_index, record` of an event of the log itself.
pub(super) fn log_event(row: &Row<'_>) -> rusqlite::Result<StoredLogEvent> {
    let bytes: Vec<u8> = row.get(1)?;
    let record = Record::decode(&bytes).map_err(|error| unreadable(1, Type::Blob, error))?;
    let event = LogEvent::from_data(&record.kind, &record.data).map_err(|error| unreadable(1, Type::Blob, error))?;
    let at = Timestamp::from_millisecond(record.at_ms).map_err(|error| unreadable(1, Type::Blob, error))?;
    Ok(StoredLogEvent { leaf_index: unsigned(row, 0)?, at, actor: record.actor, event })
}

/// Reads `procedure, year, last`.
pub(super) fn number_series(row: &Row<'_>) -> rusqlite::Result<NumberSeries> {
    Ok(NumberSeries { procedure: text(row, 0)?, year: row.get(1)?, last: row.get(2)? })
}

/// Reads `size, note, published_at`.
pub(super) fn checkpoint(row: &Row<'_>) -> rusqlite::Result<CheckpointRow> {
    Ok(CheckpointRow { size: unsigned(row, 0)?, note: row.get(1)?, published_at: moment(row, 2)? })
}

pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?).map_err(|error| unreadable(column, Type::Integer, error))
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|error| unreadable(column, Type::Integer, error))
}

pub(super) fn text<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    row.get_ref(column)?.as_str()?.parse().map_err(|error| unreadable(column, Type::Text, error))
}

fn day_if_any(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Date>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(_) => text(row, column).map(Some),
        None => Ok(None),
    }
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<PublicState> {
    let name = row.get_ref(column)?.as_str()?;
    projection::state_named(name).ok_or_else(|| unreadable(column, Type::Text, FromSqlError::InvalidType))
}

fn unreadable(column: usize, kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
