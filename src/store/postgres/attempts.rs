//! Counting tries per bucket, for all nodes together.

use jiff::Timestamp;

use super::{pool::Pool, rows};
use crate::store::{AttemptLimit, AttemptVerdict, StoreError};

/// A lock that somebody opens between two looks at it is looked at again, but not for ever.
const LOOKS: u32 = 8;

/// The row's own lock makes this one step: of two nodes that charge at once, the second sees what the first has counted.
const CHARGE: &str = "INSERT INTO attempts AS counted (bucket, failures, window_ends_at, locked_until)
    VALUES ($1, 1, $3, CASE WHEN 1 >= $5::bigint THEN $4::bigint END)
    ON CONFLICT (bucket) DO UPDATE SET
        failures = CASE WHEN counted.locked_until IS NULL AND counted.window_ends_at > $2
            THEN counted.failures + 1 ELSE 1 END,
        window_ends_at = CASE WHEN counted.locked_until IS NULL AND counted.window_ends_at > $2
            THEN counted.window_ends_at ELSE excluded.window_ends_at END,
        locked_until = CASE WHEN counted.locked_until IS NULL AND counted.window_ends_at > $2
            THEN CASE WHEN counted.failures + 1 >= $5 THEN $4 END ELSE excluded.locked_until END
    WHERE coalesce(counted.locked_until, 0) <= $2
    RETURNING failures";

pub(super) async fn charge(
    pool: &Pool,
    bucket: [u8; 32],
    now: Timestamp,
    limit: AttemptLimit,
) -> Result<AttemptVerdict, StoreError> {
    forget_finished(pool, now).await?;
    let later = |by| now.checked_add(by).unwrap_or(Timestamp::MAX).as_millisecond();
    let (now, window, lock) = (now.as_millisecond(), later(limit.window), later(limit.lock));
    for _ in 0..LOOKS {
        let charged =
            pool.write("count a try", CHARGE, &[&bucket, &now, &window, &lock, &i64::from(limit.tries)]).await?;
        if !charged.is_empty() {
            return Ok(AttemptVerdict::Allowed);
        }
        let locked = pool
            .read(
                "read a lock",
                "SELECT locked_until FROM attempts WHERE bucket = $1 AND locked_until > $2",
                &[&bucket, &now],
            )
            .await?;
        if let Some(row) = locked.first() {
            return Ok(AttemptVerdict::Locked { until: rows::moment(row, 0)? });
        }
    }
    Err(StoreError::Unavailable("count a try: others keep changing the same counter".to_owned()))
}

/// One try less is below the limit again, so the lock that the last try set goes with it.
pub(super) async fn refund(pool: &Pool, bucket: [u8; 32]) -> Result<(), StoreError> {
    pool.write(
        "give back a try",
        "UPDATE attempts SET failures = greatest(failures - 1, 0), locked_until = NULL WHERE bucket = $1",
        &[&bucket],
    )
    .await
    .map(drop)
}

/// Keeps the table as small as the windows that are open. Rows that somebody else is busy with are left to him, so that two
/// never wait for one another.
async fn forget_finished(pool: &Pool, now: Timestamp) -> Result<(), StoreError> {
    pool.write_again(
        "forget old tries",
        "DELETE FROM attempts WHERE bucket IN (
             SELECT bucket FROM attempts WHERE window_ends_at <= $1 AND coalesce(locked_until, 0) <= $1
             ORDER BY window_ends_at LIMIT 100 FOR UPDATE SKIP LOCKED
         )",
        &[&now.as_millisecond()],
    )
    .await
    .map(drop)
}
