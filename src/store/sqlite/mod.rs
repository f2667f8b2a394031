//! The database in one file: SQLite, for one machine.
//!
//! One thread writes, a few connections read, and several processes may do so at once on one machine's disk. See `writer`
//! for what a commit means and `migrations/` for the tables. It must never be put on a network file system, whose locks and
//! shared memory do not hold what the write-ahead log needs.
//!
//! After a commit whose outcome is not known the store refuses every further write and [`Store::failed`] completes:
//! the process should then stop, and start again on what the disk really holds. A callback was rejected in its favour,
//! because it would run on the writer's thread, where nobody may wait.

mod accounts;
mod attempts;
pub mod backup;
mod batch;
mod connection;
mod erasure;
mod errors;
#[cfg(test)]
mod fault_tests;
mod incoming;
mod log;
mod migrations;
mod nodes;
mod outgoing;
mod portable;
mod published;
mod readers;
mod receipts;
mod rows;
mod search;
mod writer;
mod writes;

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;

pub use errors::OpenError;

use self::{readers::Readers, writer::Writer};
use super::{
    Account, Append, Appended, AttemptLimit, AttemptVerdict, CheckpointRow, CosignatureRow, Custody, DossierRow,
    DuplicateProbe, Erased, Erasure, JournalSubject, LogRow, Migration, NewDossier, NewLogEvent, NewSession,
    NumberSeries, Remains, Schema, SealedReceipt, Sealer, ServerFacts, Session, Store, StoreError, StoredEvent,
    StoredLogEvent, TreeHead,
};
use crate::{
    dossier::{ProcedureCode, Reference, Role},
    receipt::ReceiptId,
    tlog::{Hash, NodeRange},
};

/// How long a connection waits for another process that holds the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A handle to the database; clones share one writer and one pool of readers.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    schema: Schema,
    writer: Writer,
    readers: Readers,
}

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Make the file, readable by its owner alone, when there is none.
    pub create: bool,
    /// How long to wait for another process that writes.
    pub patience: Duration,
    /// Leave the file without a write-ahead log: for a copy that nobody else uses yet, on whatever disk it lies.
    pub one_file: bool,
    /// The series of migrations that this program knows.
    pub series: &'static [Migration],
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { create: false, patience: PATIENCE, one_file: false, series: migrations::MIGRATIONS }
    }
}

impl SqliteStore {
    /// Opens the database at a path and brings it to the present schema.
    ///
    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open(path: &Path, sealer: Sealer) -> Result<Self, OpenError> {
        Self::open_with(path, sealer, SqliteOptions::default())
    }

    /// As [`SqliteStore::open`], and makes the database when there is none.
    ///
    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open_or_create(path: &Path, sealer: Sealer) -> Result<Self, OpenError> {
        Self::open_with(path, sealer, SqliteOptions { create: true, ..SqliteOptions::default() })
    }

    /// # Errors
    /// [`OpenError`], whose message says what to do.
    pub fn open_with(path: &Path, sealer: Sealer, options: SqliteOptions) -> Result<Self, OpenError> {
        if options.create {
            connection::create_file(path)?;
        } else if !path.exists() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let mut connection = connection::open(path, options.patience)?;
        // A file that is not ours must stay as it is, so it is looked at before its journal is changed.
        migrations::check(&connection, options.series)?;
        if !options.one_file {
            connection::keep_write_ahead_log(&connection, options.patience)?;
        }
        let schema = migrations::apply(&mut connection, options.series)?;
        if schema.now >= migrations::WITH_NODES {
            nodes::complete(&mut connection)?;
        }
        let readers = Readers::open(path, options.patience)?;
        let writer = Writer::start(connection, sealer, options.patience).map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Parts { schema, writer, readers })))
    }
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn register(&self, new: NewDossier) -> Result<Appended, StoreError> {
        self.0.writer.write_log(move |batch| writes::register(batch, &new), writes::settle).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.0.writer.write_log(move |batch| writes::append(batch, &append), writes::settle).await
    }

    async fn append_log_event(&self, new: NewLogEvent) -> Result<u64, StoreError> {
        self.0.writer.write_log(move |batch| log::append_log_event(batch, &new), |_, index| Ok(index)).await
    }

    async fn erase(&self, erasure: Erasure) -> Result<Erased, StoreError> {
        let told_by =
            self.0.writer.write_log(move |batch| erasure::erase(batch, &erasure), |_, index| Ok(index)).await?;
        // Only after the commit, and not by the writer, whose next batch need not wait for readers.
        let remains = match self.0.readers.read(erasure::fold_log).await {
            Ok(true) => Remains::Nowhere,
            Ok(false) | Err(_) => Remains::WriteAheadLog,
        };
        Ok(Erased { told_by, remains })
    }

    async fn numbers(&self) -> Result<Vec<NumberSeries>, StoreError> {
        self.0.readers.read(log::numbers).await
    }

    async fn log_events(&self) -> Result<Vec<StoredLogEvent>, StoreError> {
        self.0.readers.read(log::log_events).await
    }

    async fn events(&self, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError> {
        let reference = reference.clone();
        self.0.readers.read(move |connection| log::events(connection, &reference)).await
    }

    async fn row(&self, reference: &Reference) -> Result<Option<DossierRow>, StoreError> {
        let reference = reference.clone();
        self.0.readers.read(move |connection| search::row(connection, &reference)).await
    }

    async fn latest(&self, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError> {
        self.0.readers.read(move |connection| search::latest(connection, limit, before)).await
    }

    async fn possible_duplicates(&self, probe: &DuplicateProbe) -> Result<Vec<DossierRow>, StoreError> {
        let probe = probe.clone();
        self.0.readers.read(move |connection| search::possible_duplicates(connection, &probe)).await
    }

    async fn typical_days(&self, procedure: &ProcedureCode, at_least: u32) -> Result<Option<u32>, StoreError> {
        let procedure = procedure.clone();
        self.0.readers.read(move |connection| search::typical_days(connection, &procedure, at_least)).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError> {
        self.0.readers.read(move |connection| receipts::find(connection, id)).await
    }

    async fn receipts(&self, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError> {
        let reference = reference.clone();
        self.0.readers.read(move |connection| receipts::of_dossier(connection, &reference)).await
    }

    async fn head(&self) -> Result<TreeHead, StoreError> {
        self.0.readers.read(batch::head).await
    }

    async fn head_at(&self, size: u64) -> Result<Option<TreeHead>, StoreError> {
        self.0.readers.read(move |connection| batch::head_at(connection, size)).await
    }

    async fn leaf_hashes(&self, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.0.readers.read(move |connection| log::leaf_hashes(connection, from, limit)).await
    }

    async fn nodes(&self, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError> {
        let ranges = ranges.to_vec();
        self.0.readers.read(move |connection| nodes::read(connection, &ranges)).await
    }

    async fn commitments(&self, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError> {
        self.0.readers.read(move |connection| log::commitments(connection, from, limit)).await
    }

    async fn log_rows(&self, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.0.readers.read(move |connection| log::log_rows(connection, from, limit)).await
    }

    async fn journal(
        &self,
        subject: &JournalSubject,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        let subject = subject.clone();
        self.0.readers.read(move |connection| log::journal(connection, &subject, before, limit)).await
    }

    async fn last_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        self.0.readers.read(published::last_checkpoint).await
    }

    async fn checkpoint_of(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.0.readers.read(move |connection| published::checkpoint_of(connection, size)).await
    }

    async fn checkpoint_covering(&self, leaf: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.0.readers.read(move |connection| published::checkpoint_covering(connection, leaf)).await
    }

    async fn published_checkpoints(&self, before: Option<u64>, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
        self.0.readers.read(move |connection| published::published_checkpoints(connection, before, limit)).await
    }

    async fn keep_cosignature(&self, cosignature: CosignatureRow) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| published::keep_cosignature(connection, &cosignature)).await
    }

    async fn cosignatures(&self, size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
        self.0.readers.read(move |connection| published::cosignatures(connection, size)).await
    }

    async fn last_cosigned(&self, witness: &str) -> Result<Option<u64>, StoreError> {
        let witness = witness.to_owned();
        self.0.readers.read(move |connection| published::last_cosigned(connection, &witness)).await
    }

    async fn keep_checkpoint(&self, checkpoint: CheckpointRow) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| published::keep_checkpoint(connection, &checkpoint)).await
    }

    async fn custody(&self) -> Result<Custody, StoreError> {
        self.0.readers.read(portable::custody).await
    }

    async fn bind_identity(&self, identity: &str) -> Result<String, StoreError> {
        let identity = identity.to_owned();
        self.0.writer.write(move |connection| log::bind_identity(connection, &identity)).await
    }

    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| accounts::create(connection, &account)).await
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let name = name.to_owned();
        self.0.readers.read(move |connection| accounts::find(connection, &name)).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.0.readers.read(accounts::all).await
    }

    async fn set_role(&self, name: &str, role: Role) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.0.writer.write(move |connection| accounts::set_role(connection, &name, role)).await
    }

    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        let (name, password_hash) = (name.to_owned(), password_hash.to_owned());
        self.0.writer.write(move |connection| accounts::set_password(connection, &name, &password_hash)).await
    }

    async fn create_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| accounts::create_session(connection, &session)).await
    }

    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.0.readers.read(move |connection| accounts::session(connection, token_hash, now)).await
    }

    async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| accounts::end_session(connection, token_hash)).await
    }

    async fn charge_attempt(
        &self,
        bucket: [u8; 32],
        now: Timestamp,
        limit: AttemptLimit,
    ) -> Result<AttemptVerdict, StoreError> {
        self.0.writer.write(move |connection| attempts::charge(connection, bucket, now, limit)).await
    }

    async fn refund_attempt(&self, bucket: [u8; 32]) -> Result<(), StoreError> {
        self.0.writer.write(move |connection| attempts::refund(connection, bucket)).await
    }

    async fn check_storage(&self) -> Result<Vec<String>, StoreError> {
        self.0.readers.read(connection::check_file).await
    }

    async fn server_facts(&self) -> Result<Option<ServerFacts>, StoreError> {
        Ok(None)
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
        self.0.readers.close().await;
    }
}
