//! Between columns and types. A value that cannot be read back is damage, never a default.

use std::str::FromStr;

use jiff::{Timestamp, civil::Date};
use tokio_postgres::{Row, types::FromSql};

use crate::{
    dossier::{Event, Position, Reference},
    receipt::ReceiptId,
    store::{
        Account, CheckpointRow, DossierRow, LogContent, LogRow, NumberSeries, SealedReceipt, Session, StoreError,
        StoredEvent, StoredLogEvent, TreeHead, projection,
    },
    tlog::{LogEvent, Record},
};

/// PostgreSQL's integers have a sign; no log grows beyond them.
pub(super) fn signed(index: u64) -> Result<i64, StoreError> {
    i64::try_from(index).map_err(|_| StoreError::Damaged("an index beyond what the database can count".to_owned()))
}

/// Reads `sequence, reference, office, step, state, applicant, parcel, registered_at, deposited_on, updated_at, due_on,
/// version, erased_by`.
pub(super) fn dossier(row: &Row) -> Result<DossierRow, StoreError> {
    let due_on: Option<&str> = get(row, 10)?;
    Ok(DossierRow {
        sequence: get(row, 0)?,
        reference: text(row, 1)?,
        office: text(row, 2)?,
        position: Position {
            step: text(row, 3)?,
            state: projection::state_named(get(row, 4)?).ok_or_else(|| unreadable(row, 4, "no known state"))?,
        },
        applicant: get(row, 5)?,
        parcel: get(row, 6)?,
        registered_at: moment(row, 7)?,
        deposited_on: text(row, 8)?,
        updated_at: moment(row, 9)?,
        due_on: due_on.map(|_| text::<Date>(row, 10)).transpose()?,
        version: number(row, 11)?,
        erased_by: get::<Option<i64>>(row, 12)?.map(|_| number(row, 12)).transpose()?,
    })
}

/// Reads `reference, id, key_id, issued_at, leaf_index, tree_size, root, seal, copies, replaced_at`.
pub(super) fn receipt(row: &Row) -> Result<SealedReceipt, StoreError> {
    let replaced_at: Option<i64> = get(row, 9)?;
    Ok(SealedReceipt {
        reference: text(row, 0)?,
        id: ReceiptId::new(bytes(row, 1)?),
        key_id: number(row, 2)?,
        issued_at: moment(row, 3)?,
        leaf_index: number(row, 4)?,
        tree_size: number(row, 5)?,
        root: bytes(row, 6)?,
        seal: get(row, 7)?,
        copies: number(row, 8)?,
        replaced_at: replaced_at.map(|_| moment(row, 9)).transpose()?,
    })
}

/// Reads `size, root`.
pub(super) fn tree_head(row: &Row) -> Result<TreeHead, StoreError> {
    Ok(TreeHead { size: number(row, 0)?, root: bytes(row, 1)? })
}

/// Reads `leaf_index, reference, leaf_hash, commitment, record, nonce, told_by`.
pub(super) fn log_row(row: &Row) -> Result<LogRow, StoreError> {
    let reference: Option<&str> = get(row, 1)?;
    let told_by: Option<i64> = get(row, 6)?;
    Ok(LogRow {
        index: number(row, 0)?,
        reference: reference.map(|_| text::<Reference>(row, 1)).transpose()?,
        leaf_hash: bytes(row, 2)?,
        commitment: bytes(row, 3)?,
        content: content(row, 4)?,
        erased_by: told_by.map(|_| number(row, 6)).transpose()?,
    })
}

/// Reads `record, nonce` from a column on, which may not be there.
pub(super) fn content(row: &Row, column: usize) -> Result<Option<LogContent>, StoreError> {
    let record: Option<Vec<u8>> = get(row, column)?;
    record.map(|record| Ok(LogContent { record, nonce: bytes(row, column + 1)? })).transpose()
}

/// Reads `leaf_index, record`. Time, actor and content come from the record alone, so that what a page shows is what the
/// log commits to.
pub(super) fn event(row: &Row) -> Result<StoredEvent, StoreError> {
    let (record, at) = record(row, 1)?;
    let event = Event::from_data(&record.kind, &record.data).map_err(|error| unreadable(row, 1, error))?;
    Ok(StoredEvent { leaf_index: number(row, 0)?, at, actor: record.actor, event })
}

/// Reads `leaf_index, record` of an event of the log itself.
pub(super) fn log_event(row: &Row) -> Result<StoredLogEvent, StoreError> {
    let (record, at) = record(row, 1)?;
    let event = LogEvent::from_data(&record.kind, &record.data).map_err(|error| unreadable(row, 1, error))?;
    Ok(StoredLogEvent { leaf_index: number(row, 0)?, at, actor: record.actor, event })
}

fn record(row: &Row, column: usize) -> Result<(Record, Timestamp), StoreError> {
    let record = Record::decode(get(row, column)?).map_err(|error| unreadable(row, column, error))?;
    let at = Timestamp::from_millisecond(record.at_ms).map_err(|error| unreadable(row, column, error))?;
    Ok((record, at))
}

/// Reads `procedure, year, last`.
pub(super) fn number_series(row: &Row) -> Result<NumberSeries, StoreError> {
    Ok(NumberSeries { procedure: text(row, 0)?, year: number(row, 1)?, last: number(row, 2)? })
}

/// Reads `size, note, published_at`.
pub(super) fn checkpoint(row: &Row) -> Result<CheckpointRow, StoreError> {
    Ok(CheckpointRow { size: number(row, 0)?, note: get(row, 1)?, published_at: moment(row, 2)? })
}

/// Reads `name, password_hash, role, created_at`.
pub(super) fn account(row: &Row) -> Result<Account, StoreError> {
    Ok(Account { name: get(row, 0)?, password_hash: get(row, 1)?, role: text(row, 2)?, created_at: moment(row, 3)? })
}

/// Reads `account, role, created_at, expires_at`.
pub(super) fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session { account: get(row, 0)?, role: text(row, 1)?, created_at: moment(row, 2)?, expires_at: moment(row, 3)? })
}

pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| unreadable(row, column, error))
}

pub(super) fn moment(row: &Row, column: usize) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(get(row, column)?).map_err(|error| unreadable(row, column, error))
}

/// A whole number that its type has room for.
pub(super) fn number<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, StoreError> {
    let value: i64 = get(row, column)?;
    T::try_from(value).map_err(|_| unreadable(row, column, "the number is out of its range"))
}

pub(super) fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], StoreError> {
    let value: &[u8] = get(row, column)?;
    value.try_into().map_err(|_| unreadable(row, column, "the bytes have another length"))
}

pub(super) fn text<T: FromStr<Err: std::fmt::Display>>(row: &Row, column: usize) -> Result<T, StoreError> {
    get::<&str>(row, column)?.parse().map_err(|error| unreadable(row, column, error))
}

fn unreadable(row: &Row, column: usize, error: impl std::fmt::Display) -> StoreError {
    let name = row.columns().get(column).map_or("", |column| column.name());
    StoreError::Damaged(format!("read the column {name}: {error}"))
}
