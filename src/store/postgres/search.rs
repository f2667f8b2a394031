//! Reading the projection: one dossier, the latest, those that look alike, and how long answers have taken.

use super::{pool::Pool, rows};
use crate::{
    dossier::{ProcedureCode, Reference},
    store::{DossierRow, DuplicateProbe, StoreError},
};

/// More would not be looked at.
const MOST_DUPLICATES: i64 = 10;
/// How many answered dossiers the typical duration looks back on.
const ANSWERS: i64 = 1000;

/// What [`rows::dossier`] reads; a condition follows.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT sequence, reference, office, step, state, applicant, parcel, registered_at, deposited_on, updated_at,
                 due_on, version, erased_by FROM dossiers ",
            $condition
        )
    };
}

pub(super) async fn row(pool: &Pool, reference: &Reference) -> Result<Option<DossierRow>, StoreError> {
    let rows = pool.read("read a dossier's row", select!("WHERE reference = $1"), &[&reference.to_string()]).await?;
    rows.first().map(rows::dossier).transpose()
}

pub(super) async fn latest(pool: &Pool, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError> {
    let rows = pool
        .read(
            "list the latest dossiers",
            select!("WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2"),
            &[&before.unwrap_or(i64::MAX), &i64::from(limit)],
        )
        .await?;
    rows.iter().map(rows::dossier).collect()
}

pub(super) async fn possible_duplicates(pool: &Pool, probe: &DuplicateProbe) -> Result<Vec<DossierRow>, StoreError> {
    // A zero byte cannot be in PostgreSQL's text, so what holds one has no duplicate.
    let storable = |text: &&str| !text.contains('\0');
    let phone = probe.phone.as_deref().filter(storable);
    let pair = probe.name_and_parcel.as_ref().map(|(name, parcel)| (name.as_str(), parcel.as_str()));
    let (name, parcel) = pair.filter(|(name, parcel)| storable(name) && storable(parcel)).unzip();
    // An absent part is NULL, which equals nothing.
    let rows = pool
        .read(
            "look for duplicates",
            select!(
                "WHERE identity_hash = $1 OR phone = $2 OR (name_key = $3 AND parcel_key = $4)
                 ORDER BY sequence DESC LIMIT $5"
            ),
            &[&probe.identity_hash, &phone, &name, &parcel, &MOST_DUPLICATES],
        )
        .await?;
    rows.iter().map(rows::dossier).collect()
}

/// The exact median; between two middle values it is their mean, rounded up, so as not to promise an answer too early.
pub(super) async fn typical_days(
    pool: &Pool,
    procedure: &ProcedureCode,
    at_least: u32,
) -> Result<Option<u32>, StoreError> {
    let rows = pool
        .read(
            "take the median",
            "WITH answered AS (
                 SELECT answered_days AS days FROM dossiers
                 WHERE procedure = $1 AND answered_on IS NOT NULL
                 ORDER BY answered_on DESC, sequence DESC LIMIT $2
             ), ranked AS (
                 SELECT days, row_number() OVER (ORDER BY days) AS rank, count(*) OVER () AS total FROM answered
             )
             SELECT (min(days) + max(days) + 1) / 2 AS days FROM ranked
             WHERE total >= $3 AND rank IN ((total + 1) / 2, (total + 2) / 2)
             HAVING count(*) > 0",
            &[&procedure.as_str(), &ANSWERS, &i64::from(at_least)],
        )
        .await?;
    rows.first().map(|row| rows::number(row, 0)).transpose()
}
