//! Connections for everything but the log's writer. Each borrowing is one statement, and that is a transaction by itself, so
//! a caller who goes away in the middle leaves nothing open.

use std::time::Duration;

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult},
};
use tokio::time::{Instant, timeout};
use tokio_postgres::Row;

use super::{
    PostgresOpenError, errors,
    link::{Connector, Link, LinkError, Value},
};
use crate::store::StoreError;

/// Beyond the server's own limit on a statement, for a server that cannot say anything any more.
const GRACE: Duration = Duration::from_secs(2);
/// A server that somebody has waited for so long, and in vain, may be frozen or cut off.
const SILENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pool {
    links: managed::Pool<Manager>,
    patience: Duration,
}

#[derive(Debug)]
struct Manager(Connector);

impl managed::Manager for Manager {
    type Type = Link;
    type Error = LinkError;

    async fn create(&self) -> Result<Link, LinkError> {
        self.0.connect_again().await
    }

    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<LinkError> {
        if link.is_closed() { Err(RecycleError::message("the connection is closed")) } else { Ok(()) }
    }
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Result<Self, PostgresOpenError> {
        let options = connector.options();
        let patience = options.statement_timeout + GRACE;
        let (size, wait) = (options.pool_size.max(1), options.acquire_timeout);
        let links = managed::Pool::builder(Manager(connector))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(wait))
            .build()
            .map_err(|error| PostgresOpenError::Sql { action: "make connections to", cause: error.to_string() })?;
        Ok(Self { links, patience })
    }

    /// Runs a statement that changes nothing. If its connection turns out to be dead, as all are after the server went
    /// down, it is asked again over a new one.
    pub(super) async fn read(
        &self,
        action: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let outcome = match self.ask(sql, values).await {
            Err(Failure::Lost(_)) => self.ask(sql, values).await,
            outcome => outcome,
        };
        outcome.map(|(rows, _)| rows).map_err(|failure| match failure {
            Failure::Refused(error) => errors::store_error(action, &error),
            Failure::Unreachable(cause) | Failure::Lost(cause) => StoreError::Unavailable(format!("{action}: {cause}")),
        })
    }

    /// Runs a statement that changes something, once.
    pub(super) async fn write(
        &self,
        action: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        match self.ask(sql, values).await {
            Ok((rows, false)) => Ok(rows),
            Ok((_, true)) => Err(StoreError::Unknown(format!("{action}: the server warned while it committed"))),
            Err(Failure::Refused(error)) => Err(errors::store_error(action, &error)),
            Err(Failure::Unreachable(cause)) => Err(StoreError::Unavailable(format!("{action}: {cause}"))),
            Err(Failure::Lost(cause)) => Err(StoreError::Unknown(format!("{action}: {cause}"))),
        }
    }

    /// Runs a statement that changes something and may run twice without harm.
    pub(super) async fn write_again(
        &self,
        action: &'static str,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        match self.write(action, sql, values).await {
            Err(StoreError::Unknown(_)) => self.write(action, sql, values).await,
            outcome => outcome,
        }
    }

    /// The rows, and whether the server warned.
    async fn ask(&self, sql: &'static str, values: &[Value<'_>]) -> Result<(Vec<Row>, bool), Failure> {
        let borrowed = Borrowed::from(&self.links).await.map_err(unreachable)?;
        let link = borrowed.link();
        link.was_warned();
        match timeout(self.patience, link.query(sql, values)).await {
            Ok(Ok(rows)) => {
                let warned = link.was_warned();
                borrowed.give_back();
                Ok((rows, warned))
            }
            Ok(Err(error)) if !errors::ends_the_connection(&error) => {
                borrowed.give_back();
                Err(Failure::Refused(error))
            }
            Ok(Err(error)) => Err(Failure::Lost(errors::cause(&error))),
            Err(_) => Err(Failure::Lost("the server does not answer".to_owned())),
        }
    }

    /// Waits for the statements under way and closes every connection; later ones answer [`StoreError::Unavailable`].
    pub(super) async fn close(&self) {
        self.links.close();
        self.links.manager().0.all_closed().await;
    }
}

/// A connection with a statement on its way. Dropped before the answer has come, it does not go back: neither when it broke
/// nor when whoever asked has lost patience, as a probe does after two seconds. The idle ones go with it if the server was
/// silent, because they lead to the same server; otherwise one request after the other would find out by waiting.
struct Borrowed<'a> {
    pool: &'a managed::Pool<Manager>,
    link: Option<Object<Manager>>,
    since: Instant,
}

impl<'a> Borrowed<'a> {
    async fn from(pool: &'a managed::Pool<Manager>) -> Result<Self, PoolError<LinkError>> {
        Ok(Self { link: Some(pool.get().await?), pool, since: Instant::now() })
    }

    fn link(&self) -> &Link {
        self.link.as_ref().expect("it is there until it is given back")
    }

    fn give_back(mut self) {
        drop(self.link.take());
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            drop(Object::take(link));
            if self.since.elapsed() >= SILENCE {
                drop(self.pool.retain(|_, _| false));
            }
        }
    }
}

enum Failure {
    /// The server refused the statement, and nothing of it is there.
    Refused(tokio_postgres::Error),
    /// It was never sent.
    Unreachable(String),
    /// It was sent, and the connection ended before the answer.
    Lost(String),
}

fn unreachable(error: PoolError<LinkError>) -> Failure {
    Failure::Unreachable(match error {
        PoolError::Timeout(_) => "all connections to the database are in use".to_owned(),
        PoolError::Closed => "the store is closed".to_owned(),
        PoolError::Backend(error) => error.to_string(),
        other => other.to_string(),
    })
}
