//! Counting tries per bucket, in the database so that a restart or a second process does not give new ones.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{errors::During, rows};
use crate::store::{AttemptLimit, AttemptVerdict, StoreError};

pub(super) fn charge(
    connection: &Connection,
    bucket: [u8; 32],
    now: Timestamp,
    limit: AttemptLimit,
) -> Result<AttemptVerdict, StoreError> {
    forget_finished(connection, now)?;
    let counted: Option<(u32, i64, Option<Timestamp>)> = connection
        .prepare_cached("SELECT failures, window_ends_at, locked_until FROM attempts WHERE bucket = ?1")
        .and_then(|mut statement| {
            let counter = |row: &rusqlite::Row<'_>| {
                let locked: Option<i64> = row.get(2)?;
                Ok((row.get(0)?, row.get(1)?, locked.map(|_| rows::moment(row, 2)).transpose()?))
            };
            statement.query_row([bucket], counter).optional()
        })
        .during("read the tries")?;
    let fresh = (0, later(now, limit.window).as_millisecond());
    let (failures, window_ends_at) = match counted {
        Some((_, _, Some(until))) if until > now => return Ok(AttemptVerdict::Locked { until }),
        // A lock that is over has ended its window too.
        Some((failures, ends, None)) if ends > now.as_millisecond() => (failures, ends),
        _ => fresh,
    };
    let failures = failures.saturating_add(1);
    let locked_until = (failures >= limit.tries).then(|| later(now, limit.lock).as_millisecond());
    connection
        .prepare_cached(
            "INSERT INTO attempts (bucket, failures, window_ends_at, locked_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (bucket) DO UPDATE SET failures = excluded.failures, window_ends_at = excluded.window_ends_at,
                 locked_until = excluded.locked_until",
        )
        .and_then(|mut statement| statement.execute(params![bucket, failures, window_ends_at, locked_until]))
        .during("count a try")?;
    Ok(AttemptVerdict::Allowed)
}

/// One try less is below the limit again, so the lock that the last try set goes with it.
pub(super) fn refund(connection: &Connection, bucket: [u8; 32]) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE attempts SET failures = max(failures - 1, 0), locked_until = NULL WHERE bucket = ?1")
        .and_then(|mut statement| statement.execute([bucket]))
        .during("give back a try")?;
    Ok(())
}

/// Keeps the table as small as the windows that are open.
fn forget_finished(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM attempts WHERE window_ends_at <= ?1 AND coalesce(locked_until, 0) <= ?1")
        .and_then(|mut statement| statement.execute([now.as_millisecond()]))
        .during("forget old tries")?;
    Ok(())
}

fn later(now: Timestamp, by: jiff::SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
