//! One transaction on the log, in three round trips: take the lock and read what the wishes need; write; commit.
//!
//! READ COMMITTED is enough, because the first statement locks the one row of `frontier`, which every writer of the log locks
//! first: what the later statements see was committed before the lock was given, and nobody changes it before the end.
//! SERIALIZABLE was rejected: it would refuse transactions that the lock has already put in order.

use tokio_postgres::{Error, Row};

use super::{
    columns::Table,
    link::Link,
    log::{CUSTODY, HEAD},
    plan::Outcome,
    receipts, rows,
    wishes::{Found, Granted, Standing, Wish},
};
use crate::store::{
    Appended, Custody, StoreError,
    growth::{self, Growth},
    portable::MARK,
};

/// How long a batch's name is kept, in milliseconds.
const NAMES_KEPT: i64 = 24 * 3600 * 1000;

const LOCK: &str = "SELECT edge FROM frontier WHERE \"only\" = 0 FOR UPDATE";
const NAMED: &str = "SELECT id FROM batches WHERE id = ANY ($1)";
const NEXT_SEQUENCE: &str = "SELECT coalesce(max(sequence), 0) + 1 FROM dossiers";
const GRANTED: &str = "SELECT key, fingerprint, first_leaf, last_leaf FROM idempotency WHERE key = ANY ($1)";
const NUMBERS: &str = "SELECT procedure, year, last FROM numbers
    WHERE (procedure, year) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))";
const STANDINGS: &str = "SELECT dossiers.reference, dossiers.sequence, dossiers.version, events.leaf_hash,
        dossiers.erased_by IS NOT NULL
    FROM dossiers LEFT JOIN events ON events.dossier = dossiers.sequence AND events.position = dossiers.version
    WHERE dossiers.reference = ANY ($1)";
const LEAVES: &str = "SELECT dossiers.reference, events.leaf_index
    FROM dossiers JOIN events ON events.dossier = dossiers.sequence
    WHERE dossiers.reference = ANY ($1) ORDER BY events.dossier, events.position";
const RECEIPTS: &str = "SELECT id, dossier FROM receipts WHERE id = ANY ($1)";
const LAST_LOG_EVENT: &str =
    "SELECT position, leaf_hash FROM events WHERE dossier IS NULL ORDER BY position DESC LIMIT 1";
const IDENTITY: &str = "SELECT value FROM meta WHERE key = 'identity'";

const WRITE_IDENTITY: &str = "UPDATE meta SET value = $1 WHERE key = 'identity'";
const WRITE_NAME: &str = "INSERT INTO batches (id, at)
    VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)";
const FORGET_NAMES: &str = "DELETE FROM batches WHERE id IN (
        SELECT id FROM batches WHERE at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - $1 ORDER BY at LIMIT 2000
    )";

const OUTCOME: &str = "SELECT dossiers.reference, events.position
    FROM events JOIN dossiers ON dossiers.sequence = events.dossier WHERE events.leaf_index = $1";
const HEAD_COVERING: &str = "SELECT size, root FROM heads WHERE size > $1 ORDER BY size LIMIT 1";

/// What a transaction found, and which of the names in question is there.
pub(super) struct Begun {
    pub(super) found: Found,
    pub(super) named: Vec<Vec<u8>>,
}

/// Begins, takes the log's lock, and reads what the wishes need. An error of the second kind is about what was read.
pub(super) async fn begin(
    link: &Link,
    wishes: &[Wish<'_>],
    in_question: &[Vec<u8>],
) -> Result<Result<Begun, StoreError>, Error> {
    let keys: Vec<&str> = wishes
        .iter()
        .filter_map(|wish| wish.idempotency())
        .map(|wish| wish.key.as_str())
        .filter(|key| !key.contains('\0'))
        .collect();
    let (mut procedures, mut years, mut references, mut erased) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut of_the_log = false;
    for wish in wishes {
        match wish {
            Wish::Register(new) => {
                procedures.push(new.procedure.as_str());
                years.push(i64::from(new.year));
            }
            Wish::Append(append) => references.push(append.reference.to_string()),
            Wish::LogEvent(new) => {
                of_the_log = true;
                procedures.extend(new.reserve.iter().map(|series| series.procedure.as_str()));
                years.extend(new.reserve.iter().map(|series| i64::from(series.year)));
            }
            Wish::Erase(erasure) => {
                of_the_log = true;
                references.push(erasure.reference.to_string());
                erased.push(erasure.reference.to_string());
            }
        }
    }
    let named: Vec<[u8; 8]> = wishes.iter().flat_map(|wish| wish.receipts()).map(|id| *id.as_bytes()).collect();

    let mut flight = link.flight();
    flight.run("BEGIN");
    flight.query(LOCK, vec![]);
    flight.query(HEAD, vec![]);
    flight.query(NEXT_SEQUENCE, vec![]);
    flight.query(NAMED, vec![&in_question]);
    flight.query(GRANTED, vec![&keys]);
    flight.query(NUMBERS, vec![&procedures, &years]);
    flight.query(STANDINGS, vec![&references]);
    flight.query(RECEIPTS, vec![&named]);
    flight.query(CUSTODY, vec![&MARK]);
    if of_the_log {
        flight.query(LAST_LOG_EVENT, vec![]);
        flight.query(IDENTITY, vec![]);
        flight.query(LEAVES, vec![&erased]);
    }
    let answers = flight.land().await?;
    Ok(read(&answers))
}

fn read(answers: &[Vec<Row>]) -> Result<Begun, StoreError> {
    let [_, edge, head, next, named, granted, numbers, standings, receipts, custody, of_the_log @ ..] = answers else {
        return Err(StoreError::Damaged("the server left a statement unanswered".to_owned()));
    };
    let edge = edge.first().ok_or_else(|| StoreError::Damaged("the tree's edge is gone".to_owned()))?;
    let head = head.first().map_or_else(|| Ok(growth::empty_head()), rows::tree_head)?;
    let growth = Growth::over(Some(rows::get(edge, 0)?), &head)?;
    let next_sequence = next.first().map_or(Ok(1), |row| rows::get(row, 0))?;
    let mut found = Found { next_sequence, ..Found::over(growth) };
    for row in granted {
        let granted =
            Granted { fingerprint: rows::bytes(row, 1)?, first: rows::get(row, 2)?, last: rows::get(row, 3)? };
        found.granted.insert(rows::get(row, 0)?, granted);
    }
    for row in numbers {
        found.numbers.insert((rows::get(row, 0)?, rows::number(row, 1)?), rows::number(row, 2)?);
    }
    for row in standings {
        let standing = Standing {
            sequence: rows::get(row, 1)?,
            version: rows::number(row, 2)?,
            last_leaf: rows::bytes(row, 3)?,
            erased: rows::get(row, 4)?,
        };
        found.standings.insert(rows::get(row, 0)?, standing);
    }
    for row in receipts {
        found.receipts.insert(rows::bytes(row, 0)?, rows::get(row, 1)?);
    }
    found.custody = Custody::read(custody.first().map(|row| rows::get(row, 0)).transpose()?)?;
    if let [last, identity, leaves] = of_the_log {
        for row in leaves {
            found.leaves.entry(rows::get(row, 0)?).or_default().push(rows::number(row, 1)?);
        }
        let last = last.first().map(|row| Ok::<_, StoreError>((rows::number(row, 0)?, rows::bytes(row, 1)?)));
        found.last_log_event = last.transpose()?;
        found.identity = identity.first().map(|row| rows::get(row, 0)).transpose()?;
    }
    let named = named.iter().map(|row| rows::get(row, 0)).collect::<Result<_, _>>()?;
    Ok(Begun { found, named })
}

/// Writes the name of the transaction, and with it whatever the plan and the growth of the log ask for.
pub(super) async fn write(
    link: &Link,
    name: &[u8; 16],
    tables: &[Table<'_>],
    identity: Option<&String>,
    forget_names: bool,
) -> Result<(), Error> {
    let mut flight = link.flight();
    flight.query(WRITE_NAME, vec![name]);
    if forget_names {
        flight.query(FORGET_NAMES, vec![&NAMES_KEPT]);
    }
    for table in tables {
        table.send(&mut flight);
    }
    if let Some(identity) = &identity {
        flight.query(WRITE_IDENTITY, vec![identity]);
    }
    // A commit that waits for its standby must not be cut short: it would then be there, but perhaps only here.
    flight.run("SET LOCAL statement_timeout = 0");
    flight.land().await.map(drop)
}

/// Reads what came of a wish that was granted before.
pub(super) async fn outcome(link: &Link, first: i64, last: i64) -> Result<Result<Outcome, StoreError>, Error> {
    let subject = link.query(OUTCOME, &[&last]).await?;
    let head = link.query(HEAD_COVERING, &[&last]).await?;
    let receipts = link.query(receipts::BETWEEN, &[&first, &last]).await?;
    let read = || {
        let missing = || StoreError::Damaged("read an outcome: its leaves are gone".to_owned());
        let (subject, head) = (subject.first().ok_or_else(missing)?, head.first().ok_or_else(missing)?);
        Ok(Outcome::Dossier(Appended {
            reference: rows::text(subject, 0)?,
            version: rows::number(subject, 1)?,
            first_leaf: u64::try_from(first).map_err(|_| missing())?,
            receipts: receipts.iter().map(rows::receipt).collect::<Result<_, _>>()?,
            head: rows::tree_head(head)?,
            replayed: true,
        }))
    };
    Ok(read())
}
