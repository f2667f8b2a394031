//! A store that counts what is asked of another one: how long it took, what was written, what went wrong.
//!
//! Each backend counting for itself was rejected, because two backends would count two different things under one name.
//! It adds nothing to the contract and changes no answer.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Account, Append, Appended, AttemptLimit, AttemptVerdict, CheckpointRow, CosignatureRow, Custody, DossierRow,
    DuplicateProbe, Erased, Erasure, JournalSubject, LogRow, NewDossier, NewLogEvent, NewSession, NumberSeries, Schema,
    SealedReceipt, ServerFacts, Session, Store, StoreError, StoredEvent, StoredLogEvent, TreeHead,
};
use crate::{
    dossier::{ProcedureCode, Reference, Role},
    metrics::{Metrics, StoreWork},
    receipt::ReceiptId,
    tlog::{Hash, NodeRange},
};

#[derive(Clone)]
pub struct CountedStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for CountedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl CountedStore {
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn counted<T>(
        &self,
        work: StoreWork,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let answer = asked.await;
        self.tell(work, begun.elapsed(), answer.as_ref().err());
        answer
    }

    async fn read<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.counted(StoreWork::Read, asked).await
    }

    async fn write<T>(&self, asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.counted(StoreWork::Write, asked).await
    }

    fn tell(&self, work: StoreWork, took: Duration, error: Option<&StoreError>) {
        self.metrics.store_took(work, took);
        if let Some(error) = error {
            self.metrics.store_failed(match error {
                StoreError::Conflict { .. } => "conflict",
                StoreError::Unavailable(_) => "unavailable",
                StoreError::Unknown(_) => "unknown",
                StoreError::Damaged(_) => "damaged",
                StoreError::Inconsistent(_) => "inconsistent",
                _ => "refused",
            });
        }
    }

    fn saw_checkpoint(&self, row: &CheckpointRow) {
        self.metrics.checkpoint(row.size, row.published_at);
    }
}

#[async_trait::async_trait]
impl Store for CountedStore {
    async fn register(&self, new: NewDossier) -> Result<Appended, StoreError> {
        let events = new.events.len() as u64;
        let appended = self.counted(StoreWork::Register, self.store.register(new)).await?;
        if !appended.replayed {
            self.metrics.registered(events);
            self.metrics.log_size(appended.head.size);
        }
        Ok(appended)
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let events = append.events.len() as u64;
        let appended = self.counted(StoreWork::Append, self.store.append(append)).await?;
        if !appended.replayed {
            self.metrics.appended(events);
            self.metrics.log_size(appended.head.size);
        }
        Ok(appended)
    }

    async fn append_log_event(&self, new: NewLogEvent) -> Result<u64, StoreError> {
        let leaf = self.counted(StoreWork::Append, self.store.append_log_event(new)).await?;
        self.metrics.appended(1);
        self.metrics.log_size(leaf + 1);
        Ok(leaf)
    }

    async fn erase(&self, erasure: Erasure) -> Result<Erased, StoreError> {
        let erased = self.counted(StoreWork::Append, self.store.erase(erasure)).await?;
        self.metrics.appended(1);
        self.metrics.log_size(erased.told_by + 1);
        Ok(erased)
    }

    async fn numbers(&self) -> Result<Vec<NumberSeries>, StoreError> {
        self.read(self.store.numbers()).await
    }

    async fn log_events(&self) -> Result<Vec<StoredLogEvent>, StoreError> {
        self.read(self.store.log_events()).await
    }

    async fn events(&self, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError> {
        self.read(self.store.events(reference)).await
    }

    async fn row(&self, reference: &Reference) -> Result<Option<DossierRow>, StoreError> {
        self.read(self.store.row(reference)).await
    }

    async fn latest(&self, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError> {
        self.read(self.store.latest(limit, before)).await
    }

    async fn possible_duplicates(&self, probe: &DuplicateProbe) -> Result<Vec<DossierRow>, StoreError> {
        self.read(self.store.possible_duplicates(probe)).await
    }

    async fn typical_days(&self, procedure: &ProcedureCode, at_least: u32) -> Result<Option<u32>, StoreError> {
        self.read(self.store.typical_days(procedure, at_least)).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError> {
        self.read(self.store.receipt(id)).await
    }

    async fn receipts(&self, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError> {
        self.read(self.store.receipts(reference)).await
    }

    async fn head(&self) -> Result<TreeHead, StoreError> {
        let head = self.read(self.store.head()).await?;
        self.metrics.log_size(head.size);
        Ok(head)
    }

    async fn head_at(&self, size: u64) -> Result<Option<TreeHead>, StoreError> {
        self.read(self.store.head_at(size)).await
    }

    async fn leaf_hashes(&self, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        self.read(self.store.leaf_hashes(from, limit)).await
    }

    async fn nodes(&self, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError> {
        self.read(self.store.nodes(ranges)).await
    }

    async fn commitments(&self, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError> {
        self.read(self.store.commitments(from, limit)).await
    }

    async fn log_rows(&self, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        self.read(self.store.log_rows(from, limit)).await
    }

    async fn journal(
        &self,
        subject: &JournalSubject,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.read(self.store.journal(subject, before, limit)).await
    }

    async fn last_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        let row = self.read(self.store.last_checkpoint()).await?;
        if let Some(row) = &row {
            self.saw_checkpoint(row);
        }
        Ok(row)
    }

    async fn checkpoint_of(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.read(self.store.checkpoint_of(size)).await
    }

    async fn checkpoint_covering(&self, leaf: u64) -> Result<Option<CheckpointRow>, StoreError> {
        self.read(self.store.checkpoint_covering(leaf)).await
    }

    async fn published_checkpoints(&self, before: Option<u64>, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
        self.read(self.store.published_checkpoints(before, limit)).await
    }

    async fn keep_cosignature(&self, cosignature: CosignatureRow) -> Result<(), StoreError> {
        self.write(self.store.keep_cosignature(cosignature)).await
    }

    async fn cosignatures(&self, size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
        self.read(self.store.cosignatures(size)).await
    }

    async fn last_cosigned(&self, witness: &str) -> Result<Option<u64>, StoreError> {
        self.read(self.store.last_cosigned(witness)).await
    }

    async fn keep_checkpoint(&self, checkpoint: CheckpointRow) -> Result<(), StoreError> {
        self.write(self.store.keep_checkpoint(checkpoint.clone())).await?;
        self.saw_checkpoint(&checkpoint);
        Ok(())
    }

    async fn custody(&self) -> Result<Custody, StoreError> {
        self.read(self.store.custody()).await
    }

    async fn bind_identity(&self, identity: &str) -> Result<String, StoreError> {
        self.write(self.store.bind_identity(identity)).await
    }

    async fn create_account(&self, account: Account) -> Result<(), StoreError> {
        self.write(self.store.create_account(account)).await
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        self.read(self.store.account(name)).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.read(self.store.accounts()).await
    }

    async fn set_role(&self, name: &str, role: Role) -> Result<bool, StoreError> {
        self.write(self.store.set_role(name, role)).await
    }

    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError> {
        self.write(self.store.set_password(name, password_hash)).await
    }

    async fn create_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.write(self.store.create_session(session)).await
    }

    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read(self.store.session(token_hash, now)).await
    }

    async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.write(self.store.end_session(token_hash)).await
    }

    async fn charge_attempt(
        &self,
        bucket: [u8; 32],
        now: Timestamp,
        limit: AttemptLimit,
    ) -> Result<AttemptVerdict, StoreError> {
        self.write(self.store.charge_attempt(bucket, now, limit)).await
    }

    async fn refund_attempt(&self, bucket: [u8; 32]) -> Result<(), StoreError> {
        self.write(self.store.refund_attempt(bucket)).await
    }

    async fn check_storage(&self) -> Result<Vec<String>, StoreError> {
        self.read(self.store.check_storage()).await
    }

    async fn server_facts(&self) -> Result<Option<ServerFacts>, StoreError> {
        self.read(self.store.server_facts()).await
    }

    async fn failed(&self) {
        self.store.failed().await;
    }

    fn schema(&self) -> Schema {
        self.store.schema()
    }

    fn has_failed(&self) -> bool {
        self.store.has_failed()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
