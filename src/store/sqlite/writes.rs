//! The two writes that the log consists of: a registration and an append.
//!
//! Each runs inside a savepoint of the writer's batch, so an error on any line takes back the number, the leaves and the
//! rows written before it.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};

use super::{batch::Batch, errors::During, log, receipts, rows};
use crate::{
    dossier::{Dossier, Event, ProcedureCode, Reference},
    store::{
        Append, Appended, Idempotency, NewDossier, NewEvent, StoreError,
        projection::{self, Projection, checked_version},
    },
    tlog::Hash,
};

/// Writes a dossier's row, which may be new. Place, reference, procedure and day of registration never change.
pub(super) const PUT_DOSSIER: &str =
    "INSERT INTO dossiers (sequence, reference, procedure, version, office, step, state, applicant, parcel, name_key,
        parcel_key, phone, identity_hash, registered_at, updated_at, deposited_on, due_on, answered_on, answered_days)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
    ON CONFLICT (sequence) DO UPDATE SET version = excluded.version, office = excluded.office, step = excluded.step,
        state = excluded.state, applicant = excluded.applicant, parcel = excluded.parcel,
        name_key = excluded.name_key, parcel_key = excluded.parcel_key, phone = excluded.phone,
        identity_hash = excluded.identity_hash, updated_at = excluded.updated_at,
        deposited_on = excluded.deposited_on, due_on = excluded.due_on, answered_on = excluded.answered_on,
        answered_days = excluded.answered_days";

/// What a job has written, before the end of its batch has given it a head and seals.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// The leaves of this job, first and last.
    leaves: (i64, i64),
    replayed: bool,
}

/// The place of a dossier in its tables.
struct Place {
    sequence: i64,
    reference: Reference,
}

pub(super) fn register(batch: &mut Batch<'_>, new: &NewDossier) -> Result<Written, StoreError> {
    if let Some(written) = replay(batch.connection, new.idempotency.as_ref())? {
        return Ok(written);
    }
    let version = checked_version(0, &new.events, &new.after)?;
    let number = next_number(batch.connection, &new.procedure, new.year)?;
    let reference = Reference::new(new.procedure.clone(), new.year, number)
        .map_err(|_| StoreError::Inconsistent("a reference cannot have this year"))?;
    let sequence = batch
        .connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) + 1 FROM dossiers")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .during("find the next place")?;
    let place = Place { sequence, reference };
    project(batch.connection, &place, version, &new.after, new.due_on)?;
    let leaves = push_all(batch, &place, 0, None, &new.events)?;
    receipts::project(batch.connection, place.sequence, &new.after.receipts)?;
    remember(batch.connection, new.idempotency.as_ref(), leaves)?;
    Ok(Written { leaves, replayed: false })
}

pub(super) fn append(batch: &mut Batch<'_>, append: &Append) -> Result<Written, StoreError> {
    if let Some(written) = replay(batch.connection, append.idempotency.as_ref())? {
        return Ok(written);
    }
    let standing: Option<(i64, u32, bool)> = batch
        .connection
        .prepare_cached("SELECT sequence, version, erased_by IS NOT NULL FROM dossiers WHERE reference = ?1")
        .and_then(|mut statement| {
            let standing = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_row([append.reference.to_string()], standing).optional()
        })
        .during("find a dossier")?;
    let (sequence, current, erased) = standing.ok_or(StoreError::UnknownDossier)?;
    if erased {
        return Err(StoreError::Erased);
    }
    if current != append.expected_version {
        return Err(StoreError::Conflict { current });
    }
    let version = checked_version(current, &append.events, &append.after)?;
    if append.after.reference != append.reference {
        return Err(StoreError::Inconsistent("the fold belongs to another dossier"));
    }
    let previous: Hash = batch
        .connection
        .prepare_cached("SELECT leaf_hash FROM events WHERE dossier = ?1 AND position = ?2")
        .and_then(|mut statement| statement.query_row(params![sequence, current], |row| row.get(0)))
        .during("find a dossier's last leaf")?;
    let place = Place { sequence, reference: append.reference.clone() };
    project(batch.connection, &place, version, &append.after, append.due_on)?;
    let leaves = push_all(batch, &place, current, Some(previous), &append.events)?;
    receipts::project(batch.connection, place.sequence, &append.after.receipts)?;
    remember(batch.connection, append.idempotency.as_ref(), leaves)?;
    Ok(Written { leaves, replayed: false })
}

/// Reads the outcome of a job back from what its batch has written, so that a replay answers what the first try did.
pub(super) fn settle(connection: &Connection, written: Written) -> Result<Appended, StoreError> {
    let (first, last) = written.leaves;
    let (reference, version): (String, u32) = connection
        .prepare_cached(
            "SELECT dossiers.reference, events.position
             FROM events JOIN dossiers ON dossiers.sequence = events.dossier WHERE events.leaf_index = ?1",
        )
        .and_then(|mut statement| statement.query_row([last], |row| Ok((row.get(0)?, row.get(1)?))))
        .during("read an outcome")?;
    Ok(Appended {
        reference: reference.parse().map_err(|error| StoreError::Damaged(format!("read an outcome: {error}")))?,
        version,
        first_leaf: u64::try_from(first).map_err(|error| StoreError::Damaged(format!("read an outcome: {error}")))?,
        receipts: receipts::between(connection, first, last)?,
        head: log::head_covering(connection, last)?,
        replayed: written.replayed,
    })
}

fn next_number(connection: &Connection, procedure: &ProcedureCode, year: u16) -> Result<u32, StoreError> {
    let key = params![procedure.as_str(), year, Reference::MAX_NUMBER];
    connection
        .prepare_cached(
            "INSERT INTO numbers (procedure, year, last) VALUES (?1, ?2, 1)
             ON CONFLICT (procedure, year) DO UPDATE SET last = last + 1 WHERE last < ?3
             RETURNING last",
        )
        .and_then(|mut statement| statement.query_row(key, |row| row.get(0)).optional())
        .during("take a number")?
        .ok_or(StoreError::NumbersExhausted)
}

/// Writes what the fold says into the dossier's row, which may be new.
fn project(
    connection: &Connection,
    place: &Place,
    version: u32,
    after: &Dossier,
    due_on: Option<Date>,
) -> Result<(), StoreError> {
    let row = Projection::of(after, due_on);
    connection
        .prepare_cached(PUT_DOSSIER)
        .and_then(|mut statement| {
            statement.execute(params![
                place.sequence,
                place.reference.to_string(),
                place.reference.procedure().as_str(),
                version,
                row.office,
                row.step,
                row.state,
                row.applicant,
                row.parcel,
                row.name_key,
                row.parcel_key,
                row.phone,
                row.identity_hash,
                row.registered_at,
                row.updated_at,
                row.deposited_on,
                row.due_on,
                row.answered_on,
                row.answered_days,
            ])
        })
        .during("write a dossier's row")?;
    Ok(())
}

/// Pushes the events behind one another and gives the first and the last leaf.
fn push_all(
    batch: &mut Batch<'_>,
    place: &Place,
    version: u32,
    mut previous: Option<Hash>,
    events: &[NewEvent],
) -> Result<(i64, i64), StoreError> {
    let mut leaves = None;
    for (position, new) in (version + 1..).zip(events) {
        let leaf = batch.push(place.sequence, &place.reference, position, previous, new)?;
        let index = rows::signed(leaf.index)?;
        if let Event::ReceiptIssued { receipt, key_id } = &new.event {
            receipts::issue(batch.connection, place.sequence, *receipt, *key_id, index, new.at)?;
            batch.seal_later(*receipt, &place.reference, new, &leaf);
        }
        previous = Some(leaf.hash);
        leaves = Some((leaves.map_or(index, |(first, _)| first), index));
    }
    leaves.ok_or(StoreError::Inconsistent("there is no event to write"))
}

/// What came of this wish when it was first made, perhaps earlier in the same batch.
fn replay(connection: &Connection, wish: Option<&Idempotency>) -> Result<Option<Written>, StoreError> {
    let Some(wish) = wish else { return Ok(None) };
    projection::check_wish(wish)?;
    let first: Option<([u8; 32], i64, i64)> = connection
        .prepare_cached("SELECT fingerprint, first_leaf, last_leaf FROM idempotency WHERE key = ?1")
        .and_then(|mut statement| {
            statement.query_row([&wish.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .during("look for an idempotency key")?;
    match first {
        Some((fingerprint, first, last)) if fingerprint == wish.fingerprint => {
            Ok(Some(Written { leaves: (first, last), replayed: true }))
        }
        Some(_) => Err(StoreError::IdempotencyMismatch),
        None => Ok(None),
    }
}

fn remember(connection: &Connection, wish: Option<&Idempotency>, (first, last): (i64, i64)) -> Result<(), StoreError> {
    let Some(wish) = wish else { return Ok(()) };
    connection
        .prepare_cached("INSERT INTO idempotency (key, fingerprint, first_leaf, last_leaf) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| statement.execute(params![wish.key, wish.fingerprint, first, last]))
        .during("keep an idempotency key")?;
    Ok(())
}
