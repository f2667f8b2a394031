//! A database on a server as one end of a copy, and what it remembers of that; the rows go by `outgoing` and `incoming`.

use std::sync::Arc;

use super::{PostgresStore, ferry::Crossing, incoming, log::CUSTODY, outgoing, rows};
use crate::store::{
    CheckpointRow, Chunk, CosignatureRow, Custody, GrantedWish, Mark, Portable, Remainder, StoreError, Totals,
    portable::MARK,
};

/// Every statement of it reads the same state.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0";
/// Whoever writes to the log takes this lock first, so what comes after it sees what they have written, and they what it has.
const WRITE: &str = "BEGIN; SET LOCAL statement_timeout = 0; SELECT size FROM frontier WHERE \"only\" = 0 FOR UPDATE";

const EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM events) AND NOT EXISTS (SELECT FROM numbers)
        AND NOT EXISTS (SELECT FROM accounts) AND NOT EXISTS (SELECT FROM checkpoints)
        AND NOT EXISTS (SELECT FROM meta WHERE key <> 'identity' OR value <> $1)";
const PUT_FACT: &str =
    "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

#[async_trait::async_trait]
impl Portable for PostgresStore {
    async fn chunk(&self, from: u64, at_least: u32) -> Result<Chunk, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let chunk = outgoing::chunk(&crossing, from, at_least).await?;
        self.0.ferry.commit(crossing).await.map(|()| chunk)
    }

    async fn wishes(&self, after: Option<&str>, limit: u32) -> Result<Vec<GrantedWish>, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let wishes = outgoing::wishes(&crossing, after, limit).await?;
        self.0.ferry.commit(crossing).await.map(|()| wishes)
    }

    async fn checkpoints(&self, from: u64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let checkpoints = outgoing::checkpoints(&crossing, from, limit).await?;
        self.0.ferry.commit(crossing).await.map(|()| checkpoints)
    }

    async fn cosignatures_after(
        &self,
        after: Option<(u64, String)>,
        limit: u32,
    ) -> Result<Vec<CosignatureRow>, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let cosignatures = outgoing::cosignatures_after(&crossing, after, limit).await?;
        self.0.ferry.commit(crossing).await.map(|()| cosignatures)
    }

    async fn remainder(&self) -> Result<Remainder, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let remainder = outgoing::remainder(&crossing).await?;
        self.0.ferry.commit(crossing).await.map(|()| remainder)
    }

    async fn totals(&self) -> Result<Totals, StoreError> {
        let crossing = self.0.ferry.begin(READ).await?;
        let totals = outgoing::totals(&crossing).await?;
        self.0.ferry.commit(crossing).await.map(|()| totals)
    }

    async fn begin_copy(&self, mark: &Mark, identity: &str) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        if custody(&crossing).await? == Custody::InUse {
            let empty = crossing.read("look whether the database is empty", EMPTY, &[&identity]).await?;
            if !empty.first().map_or(Ok(false), |row| rows::get(row, 0))? {
                return Err(StoreError::Inconsistent("the database holds something already"));
            }
        }
        crossing.write("bind the identity", PUT_FACT, &[&"identity", &identity]).await?;
        remember(&crossing, &Custody::Unfinished(mark.clone())).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn add_chunk(&self, chunk: Arc<Chunk>) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        incoming::add_chunk(&crossing, &chunk).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn add_wishes(&self, wishes: Vec<GrantedWish>) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        incoming::add_wishes(&crossing, &wishes).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn add_checkpoints(&self, checkpoints: Vec<CheckpointRow>) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        incoming::add_checkpoints(&crossing, &checkpoints).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn add_cosignatures(&self, cosignatures: Vec<CosignatureRow>) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        incoming::add_cosignatures(&crossing, &cosignatures).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn put_remainder(&self, remainder: Arc<Remainder>) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        incoming::put_remainder(&crossing, &remainder).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn finish_copy(&self, id: &str) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        if custody(&crossing).await?.check_unfinished()?.id != id {
            return Err(StoreError::Inconsistent("the database is the target of another copy"));
        }
        remember(&crossing, &Custody::InUse).await?;
        self.0.ferry.commit(crossing).await
    }

    async fn close_source(&self, mark: &Mark) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        let closed = Custody::Moved(mark.clone());
        match custody(&crossing).await? {
            before if before == closed => {}
            Custody::InUse => remember(&crossing, &closed).await?,
            _ => return Err(StoreError::Inconsistent("the database is one end of another copy")),
        }
        self.0.ferry.commit(crossing).await
    }

    async fn reopen_source(&self, id: &str) -> Result<(), StoreError> {
        let crossing = self.0.ferry.begin(WRITE).await?;
        match custody(&crossing).await? {
            Custody::Moved(mark) if mark.id == id => remember(&crossing, &Custody::InUse).await?,
            _ => return Err(StoreError::Inconsistent("the database is not the source of this copy")),
        }
        self.0.ferry.commit(crossing).await
    }
}

/// Whether the database may be used, or is one end of a copy, as an open transaction sees it.
pub(super) async fn custody(crossing: &Crossing) -> Result<Custody, StoreError> {
    let found = crossing.read("read what it remembers of a copy", CUSTODY, &[&MARK]).await?;
    Custody::read(found.first().map(|row| rows::get(row, 0)).transpose()?)
}

async fn remember(crossing: &Crossing, custody: &Custody) -> Result<(), StoreError> {
    match custody.written() {
        Some(value) => crossing.write("remember a copy", PUT_FACT, &[&MARK, &value]).await,
        None => crossing.write("forget a copy", "DELETE FROM meta WHERE key = $1", &[&MARK]).await,
    }
}
