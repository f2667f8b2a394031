//! The one connection over which a copy goes, in transactions of several statements.
//!
//! The pool's connections are not used for it: each of those is lent for one statement, and a caller who goes away in the
//! middle of a transaction would hand an open one to the next.

use std::sync::{Mutex, PoisonError};

use tokio_postgres::Row;

use super::{
    errors,
    link::{Connector, Link, Value},
};
use crate::store::StoreError;

/// Keeps its connection between two transactions.
#[derive(Debug)]
pub(super) struct Ferry {
    connector: Connector,
    idle: Mutex<Option<Link>>,
}

/// An open transaction. Dropped without a commit, it takes its connection with it, and the server takes it back.
#[derive(Debug)]
pub(super) struct Crossing(Link);

impl Crossing {
    /// Runs a statement, and gives what it answers.
    pub(super) async fn read(
        &self,
        action: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        self.0.query(statement, values).await.map_err(|error| errors::store_error(action, &error))
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn write(
        &self,
        action: &'static str,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<(), StoreError> {
        self.read(action, statement, values).await.map(drop)
    }
}

impl Ferry {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Mutex::new(None) }
    }

    /// Begins with a statement such as `BEGIN`.
    pub(super) async fn begin(&self, statement: &str) -> Result<Crossing, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|link| !link.is_closed());
        if let Some(link) = idle
            && link.run(statement).await.is_ok()
        {
            return Ok(Crossing(link));
        }
        // One that lay idle may have died meanwhile.
        let connected = self.connector.connect().await;
        let link = connected.map_err(|error| StoreError::Unavailable(format!("connect: {error}")))?;
        link.run(statement).await.map_err(|error| errors::store_error("begin", &error))?;
        Ok(Crossing(link))
    }

    /// # Errors
    /// [`StoreError::Unknown`] when the answer is lost, or when the server warns that its standby may not have it.
    pub(super) async fn commit(&self, crossing: Crossing) -> Result<(), StoreError> {
        let Crossing(link) = crossing;
        link.was_warned();
        let unknown = |cause: String| StoreError::Unknown(format!("commit: {cause}"));
        link.run("COMMIT").await.map_err(|error| unknown(errors::cause(&error)))?;
        if link.was_warned() {
            return Err(unknown("the server warned that its standby may not have it".to_owned()));
        }
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
        Ok(())
    }

    /// Closes the connection and waits for its end.
    pub(super) async fn close(&self) {
        drop(self.idle.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.connector.all_closed().await;
    }
}
