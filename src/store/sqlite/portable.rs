//! A database in one file as one end of a copy, and what it remembers of that; the rows go by `outgoing` and `incoming`.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::{SqliteStore, errors::During, incoming, outgoing, published};
use crate::store::{
    CheckpointRow, Chunk, CosignatureRow, Custody, GrantedWish, Mark, Portable, Remainder, StoreError, Totals,
    portable::MARK,
};

#[async_trait::async_trait]
impl Portable for SqliteStore {
    async fn chunk(&self, from: u64, at_least: u32) -> Result<Chunk, StoreError> {
        self.0
            .readers
            .read(move |connection| outgoing::in_one_moment(connection, |c| outgoing::chunk(c, from, at_least)))
            .await
    }

    async fn wishes(&self, after: Option<&str>, limit: u32) -> Result<Vec<GrantedWish>, StoreError> {
        let after = after.map(str::to_owned);
        self.0.readers.read(move |connection| outgoing::wishes(connection, after.as_deref(), limit)).await
    }

    async fn checkpoints(&self, from: u64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
        self.0.readers.read(move |connection| outgoing::checkpoints(connection, from, limit)).await
    }

    async fn cosignatures_after(
        &self,
        after: Option<(u64, String)>,
        limit: u32,
    ) -> Result<Vec<CosignatureRow>, StoreError> {
        self.0.readers.read(move |connection| published::cosignatures_after(connection, after.as_ref(), limit)).await
    }

    async fn remainder(&self) -> Result<Remainder, StoreError> {
        self.0.readers.read(|connection| outgoing::in_one_moment(connection, outgoing::remainder)).await
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        self.0.readers.read(|connection| outgoing::in_one_moment(connection, outgoing::totals)).await
    }

    async fn begin_copy(&self, mark: &Mark, identity: &str) -> Result<(), StoreError> {
        let (mark, identity) = (mark.clone(), identity.to_owned());
        self.0.writer.write(move |connection| begin(connection, mark, &identity)).await
    }

    async fn add_chunk(&self, chunk: Arc<Chunk>) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| incoming::add_chunk(connection, &chunk)).await
    }

    async fn add_wishes(&self, wishes: Vec<GrantedWish>) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| incoming::add_wishes(connection, &wishes)).await
    }

    async fn add_checkpoints(&self, checkpoints: Vec<CheckpointRow>) -> Result<(), StoreError> {
        let add = move |connection: &Connection| {
            custody(connection)?.check_unfinished()?;
            checkpoints.iter().try_for_each(|checkpoint| published::insert_checkpoint(connection, checkpoint))
        };
        self.0.writer.write(add).await
    }

    async fn add_cosignatures(&self, cosignatures: Vec<CosignatureRow>) -> Result<(), StoreError> {
        let add = move |connection: &Connection| {
            custody(connection)?.check_unfinished()?;
            cosignatures.iter().try_for_each(|cosignature| published::insert_cosignature(connection, cosignature))
        };
        self.0.writer.write(add).await
    }

    async fn put_remainder(&self, remainder: Arc<Remainder>) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| incoming::put_remainder(connection, &remainder)).await
    }

    async fn finish_copy(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        let finish = move |connection: &Connection| {
            if custody(connection)?.check_unfinished()?.id != id {
                return Err(StoreError::Inconsistent("the database is the target of another copy"));
            }
            remember(connection, &Custody::InUse)
        };
        self.0.writer.write(finish).await
    }

    async fn close_source(&self, mark: &Mark) -> Result<(), StoreError> {
        let closed = Custody::Moved(mark.clone());
        let close = move |connection: &Connection| match custody(connection)? {
            before if before == closed => Ok(()),
            Custody::InUse => remember(connection, &closed),
            _ => Err(StoreError::Inconsistent("the database is one end of another copy")),
        };
        self.0.writer.write(close).await
    }

    async fn reopen_source(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        let reopen = move |connection: &Connection| match custody(connection)? {
            Custody::Moved(mark) if mark.id == id => remember(connection, &Custody::InUse),
            _ => Err(StoreError::Inconsistent("the database is not the source of this copy")),
        };
        self.0.writer.write(reopen).await
    }
}

/// Whether the database may be used, or is one end of a copy.
pub(super) fn custody(connection: &Connection) -> Result<Custody, StoreError> {
    let value: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut statement| statement.query_row([MARK], |row| row.get(0)).optional())
        .during("read what it remembers of a copy")?;
    Custody::read(value.as_deref())
}

fn remember(connection: &Connection, custody: &Custody) -> Result<(), StoreError> {
    match custody.written() {
        Some(value) => put_fact(connection, MARK, &value),
        None => connection
            .execute("DELETE FROM meta WHERE key = ?1", [MARK])
            .map(drop)
            .during("forget what it remembered of a copy"),
    }
}

pub(super) fn put_fact(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .and_then(|mut statement| statement.execute([key, value]))
        .map(drop)
        .during("write a fact")
}

fn begin(connection: &Connection, mark: Mark, identity: &str) -> Result<(), StoreError> {
    if custody(connection)? == Custody::InUse {
        let holds: bool = connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM numbers) OR EXISTS (SELECT 1 FROM accounts)
                     OR EXISTS (SELECT 1 FROM checkpoints) OR EXISTS (SELECT 1 FROM meta WHERE key <> 'identity' OR value <> ?1)",
                [identity],
                |row| row.get(0),
            )
            .during("look whether the database is empty")?;
        if holds {
            return Err(StoreError::Inconsistent("the database holds something already"));
        }
    }
    put_fact(connection, "identity", identity)?;
    remember(connection, &Custody::Unfinished(mark))
}
