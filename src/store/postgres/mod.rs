//! The database of a nation: PostgreSQL 15 or newer, for any number of nodes at once.
//!
//! A node keeps nothing of the log in memory from one transaction to the next, so every node can do everything, and none is
//! told from another. One task writes to the log, see `writer`; whatever else changes or is read goes through a pool of
//! connections, one statement at a time, see `pool`. See `migrations/` for the tables.
//!
//! It must never read on a standby and never acknowledge what a standby may lack that the server was told to wait for.
//! One SQL text for both databases was rejected: locks, batches and upserts are where they differ, and what they share has
//! no SQL in it (`growth`, `projection`).

mod accounts;
mod attempts;
mod batch;
mod columns;
mod errors;
mod ferry;
mod incoming;
mod link;
mod log;
mod migrations;
mod nodes;
mod options;
mod outgoing;
mod passfile;
mod plan;
mod pool;
mod portable;
mod presence;
mod primary;
mod published;
mod receipts;
mod rows;
mod search;
mod tls;
mod transaction;
mod wishes;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;

pub use errors::PostgresOpenError;
pub use options::PostgresOptions;

use self::{
    ferry::Ferry,
    link::Connector,
    pool::Pool,
    presence::{Bound, Presence},
    primary::Primary,
    writer::{Job, Writer},
};
use super::{
    Account, Append, Appended, AttemptLimit, AttemptVerdict, CheckpointRow, CosignatureRow, Custody, DossierRow,
    DuplicateProbe, Erased, Erasure, JournalSubject, LogRow, NewDossier, NewLogEvent, NewSession, NumberSeries,
    Remains, Schema, SealedReceipt, Sealer, ServerFacts, Session, Store, StoreError, StoredEvent, StoredLogEvent,
    TreeHead,
};
use crate::{
    dossier::{ProcedureCode, Reference, Role},
    receipt::ReceiptId,
    tlog::{Hash, NodeRange},
};

/// Draws 16 random bytes that name a batch; `None` when the system has none to give. Two batches must never have one name.
pub type BatchNames = Arc<dyn Fn() -> Option<[u8; 16]> + Send + Sync>;

/// A handle to the database; clones share one writer and one pool.
#[derive(Clone, Debug)]
pub struct PostgresStore(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    schema: Schema,
    bound: Bound,
    writer: Writer,
    pool: Pool,
    /// For a copy of the whole database; it connects only then.
    ferry: Ferry,
}

impl PostgresStore {
    /// Connects, looks whether the server is fit, and brings the schema to what this program knows. It blocks until then,
    /// at most for the time that connecting may take.
    ///
    /// # Errors
    /// [`PostgresOpenError`], whose message says what to do.
    pub fn open(options: PostgresOptions, sealer: Sealer, names: BatchNames) -> Result<Self, PostgresOpenError> {
        let bound = Bound::default();
        let shared = Presence::Shared(bound.clone());
        // The writer's connection is there from the beginning to the end, and stands for the others.
        let (of_writer, of_others) =
            if options.alone { (Presence::Alone, Presence::Covered) } else { (shared.clone(), shared) };
        let primary = Arc::new(Primary::default());
        let pool = Pool::new(Connector::new(options.clone(), of_others.clone(), Arc::clone(&primary))?)?;
        let ferry = Ferry::new(Connector::new(options.clone(), of_others, Arc::clone(&primary))?);
        let (writer, schema) = Writer::start(Connector::new(options, of_writer, primary)?, sealer, names)?;
        Ok(Self(Arc::new(Parts { schema, bound, writer, pool, ferry })))
    }
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    async fn register(&self, new: NewDossier) -> Result<Appended, StoreError> {
        self.0.writer.write(|reply| Job::Register(Box::new(new), reply)).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.0.writer.write(|reply| Job::Append(Box::new(append), reply)).await
    }

    async fn append_log_event(&self, new: NewLogEvent) -> Result<u64, StoreError> {
        let rebound = new.rebind.as_ref().map(|rebind| rebind.to.clone());
        let leaf = self.0.writer.write(|reply| Job::LogEvent(Box::new(new), reply)).await?;
        if let Some(identity) = rebound {
            self.0.bound.is_now(&identity);
        }
        Ok(leaf)
    }

    async fn erase(&self, erasure: Erasure) -> Result<Erased, StoreError> {
        let told_by = self.0.writer.write(|reply| Job::Erase(Box::new(erasure), reply)).await?;
        Ok(Erased { told_by, remains: Remains::Server })
    }

    async fn numbers(&self) -> Result<Vec<NumberSeries>, StoreError> {
        log::numbers(&self.0.pool).await
    }

    async fn log_events(&self) -> Result<Vec<StoredLogEvent>, StoreError> {
        log::log_events(&self.0.pool).await
    }

    async fn events(&self, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError> {
        log::events(&self.0.pool, reference).await
    }

    async fn row(&self, reference: &Reference) -> Result<Option<DossierRow>, StoreError> {
        search::row(&self.0.pool, reference).await
    }

    async fn latest(&self, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError> {
        search::latest(&self.0.pool, limit, before).await
    }

    async fn possible_duplicates(&self, probe: &DuplicateProbe) -> Result<Vec<DossierRow>, StoreError> {
        search::possible_duplicates(&self.0.pool, probe).await
    }

    async fn typical_days(&self, procedure: &ProcedureCode, at_least: u32) -> Result<Option<u32>, StoreError> {
        search::typical_days(&self.0.pool, procedure, at_least).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError> {
        receipts::find(&self.0.pool, id).await
    }

    async fn receipts(&self, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError> {
        receipts::of_dossier(&self.0.pool, reference).await
    }

    async fn head(&self) -> Result<TreeHead, StoreError> {
        log::head(&self.0.pool).await
    }

    async fn head_at(&self, size: u64) -> Result<Option<TreeHead>, StoreError> {
        log::head_at(&self.0.pool, size).await
    }

    async fn leaf_hashes(&self, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        log::leaf_hashes(&self.0.pool, from, limit).await
    }

    async fn nodes(&self, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError> {
        nodes::read(&self.0.pool, ranges).await
    }

    async fn commitments(&self, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError> {
        log::commitments(&self.0.pool, from, limit).await
    }

    async fn log_rows(&self, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        log::log_rows(&self.0.pool, from, limit).await
    }

    async fn journal(
        &self,
        subject: &JournalSubject,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        log::journal(&self.0.pool, subject, before, limit).await
    }

    async fn last_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        published::last_checkpoint(&self.0.pool).await
    }

    async fn checkpoint_of(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
        published::checkpoint_of(&self.0.pool, size).await
    }

    async fn checkpoint_covering(&self, leaf: u64) -> Result<Option<CheckpointRow>, StoreError> {
        published::checkpoint_covering(&self.0.pool, leaf).await
    }

    async fn published_checkpoints(&self, before: Option<u64>, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
        published::published_checkpoints(&self.0.pool, before, limit).await
    }

    async fn keep_cosignature(&self, cosignature: CosignatureRow) -> Result<(), StoreError> {
        published::keep_cosignature(&self.0.pool, &cosignature).await
    }

    async fn cosignatures(&self, size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
        published::cosignatures(&self.0.pool, size).await
    }

    async fn last_cosigned(&self, witness: &str) -> Result<Option<u64>, StoreError> {
        published::last_cosigned(&self.0.pool, witness).await
    }

    async fn keep_checkpoint(&self, checkpoint: CheckpointRow) -> Result<(), StoreError> {
        published::keep_checkpoint(&self.0.pool, &checkpoint).await
    }

    async fn custody(&self) -> Result<Custody, StoreError> {
        log::custody(&self.0.pool).await
    }

    async fn bind_identity(&self, identity: &str) -> Result<String, StoreError> {
        let bound = log::bind_identity(&self.0.pool, identity).await?;
        self.0.bound.is_now(&bound);
        Ok(bound)
    }

    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        accounts::create(&self.0.pool, &account).await
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        accounts::find(&self.0.pool, name).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        accounts::all(&self.0.pool).await
    }

    async fn set_role(&self, name: &str, role: Role) -> Result<bool, StoreError> {
        accounts::set_role(&self.0.pool, name, role).await
    }

    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        accounts::set_password(&self.0.pool, name, password_hash).await
    }

    async fn create_session(&self, session: NewSession) -> Result<(), StoreError> {
        accounts::create_session(&self.0.pool, &session).await
    }

    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        accounts::session(&self.0.pool, token_hash, now).await
    }

    async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        accounts::end_session(&self.0.pool, token_hash).await
    }

    async fn charge_attempt(
        &self,
        bucket: [u8; 32],
        now: Timestamp,
        limit: AttemptLimit,
    ) -> Result<AttemptVerdict, StoreError> {
        attempts::charge(&self.0.pool, bucket, now, limit).await
    }

    async fn refund_attempt(&self, bucket: [u8; 32]) -> Result<(), StoreError> {
        attempts::refund(&self.0.pool, bucket).await
    }

    async fn check_storage(&self) -> Result<Vec<String>, StoreError> {
        log::check_storage(&self.0.pool).await
    }

    async fn server_facts(&self) -> Result<Option<ServerFacts>, StoreError> {
        log::server_facts(&self.0.pool).await.map(Some)
    }

    async fn failed(&self) {
        let mut failed = self.0.writer.failed();
        if failed.wait_for(|failed| *failed).await.is_err() {
            // The writer has ended in order and can fail no more.
            std::future::pending::<()>().await;
        }
    }

    fn schema(&self) -> Schema {
        self.0.schema
    }

    fn has_failed(&self) -> bool {
        *self.0.writer.failed().borrow()
    }

    async fn close(&self) {
        self.0.writer.close().await;
        self.0.pool.close().await;
        self.0.ferry.close().await;
    }
}
