//! The copy of a database into another one, and the proof that they are equal: both in pages, so that memory stays flat, and
//! the next page is read while one is written.

use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::terminal::progress;
use crate::{
    store::{Chunk, Mark, Portable, Remainder, StoreError, TreeHead},
    tlog::Frontier,
};

/// Leaves at once, and a few more to the end of a batch: a few megabytes.
const LEAVES: u32 = 4096;
/// Rows at once of the tables that are not the log's.
const ROWS: u32 = 4096;

/// The two databases, and how they are called in messages.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) source: Arc<dyn Portable>,
    pub(super) target: Arc<dyn Portable>,
    pub(super) from: String,
    pub(super) to: String,
}

/// What is equal on both sides.
#[derive(Debug)]
pub(super) struct Equal {
    pub(super) head: TreeHead,
    pub(super) dossiers: i64,
    /// Entries without a content.
    pub(super) erased: u64,
}

impl Ends {
    /// Brings the target's log to where the source's stands, and gives its size. It goes on from where the target's log ends.
    pub(super) async fn copy_log(&self) -> anyhow::Result<u64> {
        let all = self.source.head().await.with_context(|| self.cannot_read())?.size;
        let edge = self.target.totals().await.with_context(|| self.cannot_write())?.edge;
        let mut edge = match edge {
            Some(bytes) => Frontier::from_bytes(&bytes).with_context(|| self.cannot_write())?,
            None => Frontier::empty(),
        };
        let bar = progress(all, "copying the log");
        bar.set_position(edge.size());
        let mut next = self.source.chunk(edge.size(), LEAVES).await.with_context(|| self.cannot_read())?;
        while !next.leaves.is_empty() {
            edge = next.recompute(edge).map_err(|problem| self.damaged(&problem))?;
            let (added, read) =
                tokio::join!(self.target.add_chunk(Arc::new(next)), self.source.chunk(edge.size(), LEAVES));
            added.with_context(|| self.cannot_write())?;
            bar.set_length(all.max(edge.size()));
            bar.set_position(edge.size());
            next = read.with_context(|| self.cannot_read())?;
        }
        bar.finish_and_clear();
        Ok(edge.size())
    }

    /// Copies what is not the log's, from a source that is closed. What the target has already stays as it is; what changes
    /// is put in one transaction.
    pub(super) async fn copy_rest(&self) -> anyhow::Result<Arc<Remainder>> {
        let rows = self.source.totals().await.with_context(|| self.cannot_read())?.rows;
        let all = |table: &str| rows.get(table).map_or(0, |count| count.unsigned_abs());
        let bar = progress(all("idempotency"), "copying form keys");
        let mut after: Option<String> = None;
        loop {
            let page = self.source.wishes(after.as_deref(), ROWS).await.with_context(|| self.cannot_read())?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            bar.inc(page.len() as u64);
            self.target.add_wishes(page).await.with_context(|| self.cannot_write())?;
        }
        bar.finish_and_clear();
        let bar = progress(all("checkpoints"), "copying checkpoints");
        let mut from = 0;
        loop {
            let page = self.source.checkpoints(from, ROWS).await.with_context(|| self.cannot_read())?;
            let Some(last) = page.last() else { break };
            from = last.size + 1;
            bar.inc(page.len() as u64);
            self.target.add_checkpoints(page).await.with_context(|| self.cannot_write())?;
        }
        bar.finish_and_clear();
        let mut after = None;
        loop {
            let page = self.source.cosignatures_after(after, ROWS).await.with_context(|| self.cannot_read())?;
            let Some(last) = page.last() else { break };
            after = Some((last.size, last.witness.clone()));
            self.target.add_cosignatures(page).await.with_context(|| self.cannot_write())?;
        }
        let remainder = Arc::new(self.source.remainder().await.with_context(|| self.cannot_read())?);
        self.target.put_remainder(Arc::clone(&remainder)).await.with_context(|| self.cannot_write())?;
        Ok(remainder)
    }

    /// Reads both sides from the first row to the last, recomputes every commitment, leaf and root from the target's, and
    /// compares everything that crosses.
    pub(super) async fn compare(&self, remainder: &Remainder) -> anyhow::Result<Equal> {
        let (mut edge, mut erased) = (Frontier::empty(), 0);
        let bar = progress(self.source.head().await.with_context(|| self.cannot_read())?.size, "comparing both");
        loop {
            let at = edge.size();
            let (ours, theirs) = tokio::join!(self.source.chunk(at, LEAVES), self.target.chunk(at, LEAVES));
            let (ours, theirs) =
                (ours.with_context(|| self.cannot_read())?, theirs.with_context(|| self.cannot_write())?);
            if let Some(what) = difference(&ours, &theirs) {
                bail!(self.unequal(&format!("{what} of the entries from {at} to {}", ours.end())));
            }
            if theirs.leaves.is_empty() {
                break;
            }
            erased += theirs.leaves.iter().filter(|leaf| leaf.content.is_none()).count() as u64;
            edge = theirs.recompute(edge).map_err(|problem| anyhow!(self.unequal(&problem)))?;
            bar.set_position(edge.size());
        }
        bar.finish_and_clear();
        let head = TreeHead { size: edge.size(), root: edge.root() };
        if self.target.head().await.with_context(|| self.cannot_write())? != head {
            bail!(self.unequal("the newest head"));
        }
        if self.target.remainder().await.with_context(|| self.cannot_write())? != *remainder {
            bail!(self.unequal("the numbers, the accounts, the counted tries or the facts"));
        }
        let (ours, theirs) = tokio::join!(self.source.totals(), self.target.totals());
        let (ours, theirs) = (ours.with_context(|| self.cannot_read())?, theirs.with_context(|| self.cannot_write())?);
        if ours != theirs {
            bail!(self.unequal(&format!("the number of rows: {:?} and {:?}", ours.rows, theirs.rows)));
        }
        let all = |table: &str| theirs.rows.get(table).copied().unwrap_or_default();
        self.compare_wishes(all("idempotency").unsigned_abs()).await?;
        self.compare_checkpoints().await?;
        self.compare_cosignatures().await?;
        let dossiers = all("dossiers");
        Ok(Equal { head, dossiers, erased })
    }

    async fn compare_wishes(&self, all: u64) -> anyhow::Result<()> {
        let bar = progress(all, "comparing form keys");
        let mut after: Option<String> = None;
        loop {
            let after_key = after.as_deref();
            let (ours, theirs) = tokio::join!(self.source.wishes(after_key, ROWS), self.target.wishes(after_key, ROWS));
            let (ours, theirs) =
                (ours.with_context(|| self.cannot_read())?, theirs.with_context(|| self.cannot_write())?);
            if ours != theirs {
                bail!(self.unequal("the keys of forms that were sent"));
            }
            bar.inc(ours.len() as u64);
            let Some(last) = ours.into_iter().next_back() else { break };
            after = Some(last.key);
        }
        bar.finish_and_clear();
        Ok(())
    }

    async fn compare_checkpoints(&self) -> anyhow::Result<()> {
        let mut from = 0;
        loop {
            let (ours, theirs) = tokio::join!(self.source.checkpoints(from, ROWS), self.target.checkpoints(from, ROWS));
            let (ours, theirs) =
                (ours.with_context(|| self.cannot_read())?, theirs.with_context(|| self.cannot_write())?);
            if ours != theirs {
                bail!(self.unequal("the published checkpoints"));
            }
            let Some(last) = ours.last() else { return Ok(()) };
            from = last.size + 1;
        }
    }

    async fn compare_cosignatures(&self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let (ours, theirs) = tokio::join!(
                self.source.cosignatures_after(after.clone(), ROWS),
                self.target.cosignatures_after(after, ROWS)
            );
            let (ours, theirs) =
                (ours.with_context(|| self.cannot_read())?, theirs.with_context(|| self.cannot_write())?);
            if ours != theirs {
                bail!(self.unequal("the cosignatures"));
            }
            let Some(last) = ours.into_iter().next_back() else { return Ok(()) };
            after = Some((last.size, last.witness));
        }
    }

    /// Closes the source for this copy, for good.
    pub(super) async fn close_source(&self, id: &str) -> anyhow::Result<()> {
        let mark = Mark { id: id.to_owned(), other: self.to.clone() };
        let closed = match self.source.close_source(&mark).await {
            // Closing it twice is closing it once.
            Err(StoreError::Unknown(_)) => self.source.close_source(&mark).await,
            outcome => outcome,
        };
        closed.with_context(|| format!("{} cannot be closed. Run the same command again", self.from))
    }

    pub(super) async fn close(&self) {
        self.target.close().await;
        self.source.close().await;
    }

    pub(super) fn cannot_read(&self) -> String {
        format!("{} cannot be read", self.from)
    }

    pub(super) fn cannot_write(&self) -> String {
        format!("{} cannot be written", self.to)
    }

    fn damaged(&self, problem: &str) -> anyhow::Error {
        anyhow!(
            "{} is damaged: {problem}. Nothing has been changed in it. Run `milaf doctor`, and restore the last sound backup \
             before you copy",
            self.from
        )
    }

    fn unequal(&self, what: &str) -> String {
        format!(
            "{to} is not equal to {from}, and is not taken into use: {what}. Somebody else has written to one of them. Give an \
             empty database, and copy again",
            to = self.to,
            from = self.from,
        )
    }
}

/// Which part of two chunks differs.
fn difference(ours: &Chunk, theirs: &Chunk) -> Option<&'static str> {
    let parts = [
        (ours.leaves == theirs.leaves, "the records"),
        (ours.heads == theirs.heads, "the heads"),
        (ours.seals == theirs.seals, "the seals"),
        (ours.erasures == theirs.erasures, "the erasures"),
        (ours.dossiers == theirs.dossiers, "the dossiers"),
        (ours.receipts == theirs.receipts, "the receipts"),
    ];
    parts.into_iter().find(|(equal, _)| !equal).map(|(_, what)| what)
}
