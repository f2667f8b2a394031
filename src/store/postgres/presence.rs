//! Who is there. Every connection of a node holds one lock of the database, shared, and whoever ends the log and begins
//! another holds it alone.
//!
//! The lock of the data folder keeps apart what runs on one machine; nodes on several machines meet in the database alone.
//! An advisory lock is taken with the connection and given back by the server however the connection ends, so it costs no
//! statement anything and leaves nothing behind. A table of nodes that say now and then that they live was rejected: it
//! would have to guess how long a silent one may still be writing.
//!
//! A node that was cut off while a rollback was accepted comes back over a new connection, and must not go on under the name
//! that it began with. So each new connection also looks whether the database is still bound to the same keys and name.
//! While it holds the lock nobody can bind the database to others, so looking once is enough.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::link::LinkError;

/// The letters M, i, L and n, and the schema, because two offices may share a database: the two halves of the lock's number.
macro_rules! lock {
    () => {
        "1298746478, current_schema()::regnamespace::oid::int4"
    };
}

/// Waits no longer than the session's `lock_timeout`.
pub(super) const SHARE: &str = concat!("SELECT pg_advisory_lock_shared(", lock!(), ");");
const TAKE: &str = concat!("SELECT pg_try_advisory_lock(", lock!(), ")");
const HOLDERS: &str = concat!(
    "SELECT DISTINCT coalesce(host(client_addr), 'the database''s own machine')
     FROM pg_locks JOIN pg_stat_activity USING (pid),
         (VALUES (",
    lock!(),
    ")) AS number (first, second)
     WHERE locktype = 'advisory' AND classid = first::oid AND objid = second::oid AND objsubid = 2 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
     ORDER BY 1"
);
const IDENTITY: &str = "SELECT value FROM meta WHERE key = 'identity'";

/// A connection that has just ended may be there for the server a moment longer.
const LEAVING: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What a connection means to the others.
#[derive(Clone, Debug)]
pub(super) enum Presence {
    /// One of many, as long as the database is bound as it was at the beginning.
    Shared(Bound),
    /// Nobody else may be there.
    Alone,
    /// It belongs to somebody who is there alone by another connection.
    Covered,
}

/// To which keys and name the database was found to be bound; nothing before anybody has looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Bound(Arc<Mutex<Option<String>>>);

impl Bound {
    pub(super) fn is_now(&self, identity: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.to_owned());
    }

    fn at_the_beginning(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Presence {
    /// What the session's first statements do about it.
    pub(super) fn statement(&self) -> &'static str {
        match self {
            Self::Shared(_) => SHARE,
            Self::Alone | Self::Covered => "",
        }
    }

    /// What has to be asked once those are done.
    pub(super) async fn settle(&self, client: &Client) -> Result<(), LinkError> {
        match self {
            Self::Covered => Ok(()),
            Self::Shared(bound) => {
                let Some(expected) = bound.at_the_beginning() else { return Ok(()) };
                let found =
                    client.query_opt(IDENTITY, &[]).await?.map(|row| row.try_get::<_, String>(0)).transpose()?;
                // One that has no identity any more is another matter, which whoever reads it tells.
                if found.is_none_or(|found| found == expected) { Ok(()) } else { Err(LinkError::BoundAnew) }
            }
            Self::Alone => {
                let deadline = Instant::now() + LEAVING;
                while !client.query_one(TAKE, &[]).await?.try_get::<_, bool>(0)? {
                    if Instant::now() > deadline {
                        let rows = client.query(HOLDERS, &[]).await?;
                        let holders = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
                        return Err(LinkError::InUse(holders.join(", ")));
                    }
                    sleep(BETWEEN_TRIES).await;
                }
                Ok(())
            }
        }
    }
}
