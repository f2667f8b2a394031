//! Reading the projection: one dossier, the latest, those that look alike, and how long answers have taken.

use rusqlite::{Connection, OptionalExtension, params};

use super::{errors::During, rows};
use crate::{
    dossier::{ProcedureCode, Reference},
    store::{DossierRow, DuplicateProbe, StoreError},
};

/// More would not be looked at.
const MOST_DUPLICATES: u32 = 10;
/// How many answered dossiers the typical duration looks back on.
const ANSWERS: u32 = 1000;

pub(super) fn row(connection: &Connection, reference: &Reference) -> Result<Option<DossierRow>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {} FROM dossiers WHERE reference = ?1", rows::DOSSIER))
        .and_then(|mut statement| statement.query_row([reference.to_string()], rows::dossier).optional())
        .during("read a dossier's row")
}

pub(super) fn latest(connection: &Connection, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM dossiers WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2",
            rows::DOSSIER
        ))
        .and_then(|mut s| s.query_map(params![before.unwrap_or(i64::MAX), limit], rows::dossier)?.collect())
        .during("list the latest dossiers")
}

pub(super) fn possible_duplicates(
    connection: &Connection,
    probe: &DuplicateProbe,
) -> Result<Vec<DossierRow>, StoreError> {
    let (name, parcel) = probe.name_and_parcel.as_ref().map(|(name, parcel)| (name.as_str(), parcel.as_str())).unzip();
    // An absent part is NULL, which equals nothing.
    connection
        .prepare_cached(&format!(
            "SELECT {} FROM dossiers
             WHERE identity_hash = ?1 OR phone = ?2 OR (name_key = ?3 AND parcel_key = ?4)
             ORDER BY sequence DESC LIMIT ?5",
            rows::DOSSIER
        ))
        .and_then(|mut statement| {
            let values = params![probe.identity_hash, probe.phone, name, parcel, MOST_DUPLICATES];
            statement.query_map(values, rows::dossier)?.collect()
        })
        .during("look for duplicates")
}

/// The exact median; between two middle values it is their mean, rounded up, so as not to promise an answer too early.
pub(super) fn typical_days(
    connection: &Connection,
    procedure: &ProcedureCode,
    at_least: u32,
) -> Result<Option<u32>, StoreError> {
    connection
        .prepare_cached(
            "WITH answered AS (
                 SELECT answered_days AS days FROM dossiers
                 WHERE procedure = ?1 AND answered_on IS NOT NULL
                 ORDER BY answered_on DESC, sequence DESC LIMIT ?2
             ), ranked AS (
                 SELECT days, row_number() OVER (ORDER BY days) AS rank, count(*) OVER () AS total FROM answered
             )
             SELECT (min(days) + max(days) + 1) / 2 FROM ranked
             WHERE total >= ?3 AND rank IN ((total + 1) / 2, (total + 2) / 2)",
        )
        .and_then(|mut statement| statement.query_row(params![procedure.as_str(), ANSWERS, at_least], |row| row.get(0)))
        .during("take the median")
}
