//! Where the events live. [`Store`] is the contract; each backend passes the same conformance suite.
//!
//! One method is one transaction, so no transaction object crosses the trait and no caller can hold one open. A generic
//! repository per entity was rejected: the leaf, the number, the projection and the tree head are only right together.
//!
//! This room must never decide anything about a dossier and never know a page, a language or an HTTP status.

mod counted;
mod growth;
mod portable;
mod postgres;
mod projection;
mod series;
mod sqlite;
mod types;

pub use counted::CountedStore;
pub use portable::{
    Chunk, Custody, GrantedWish, Mark, Portable, PortableAccount, PortableDossier, PortableErasure, PortableLeaf,
    PortableReceipt, PortableSeal, Remainder, Totals,
};
pub use postgres::{BatchNames, PostgresOpenError, PostgresOptions, PostgresStore};
pub use series::{Migration, TooNew};
pub use sqlite::{OpenError, SqliteOptions, SqliteStore, backup as sqlite_backup};
pub use types::{
    Account, Append, Appended, AttemptLimit, AttemptVerdict, CheckpointRow, CosignatureRow, DossierRow, DuplicateProbe,
    Erased, Erasure, Idempotency, JournalSubject, LogContent, LogRow, NewDossier, NewEvent, NewLogEvent, NewSession,
    NumberSeries, Rebind, Remains, Schema, SealedReceipt, Sealer, ServerFacts, Session, StoreError, StoredEvent,
    StoredLogEvent, TreeHead, WaitsFor,
};

use std::fmt;

use jiff::Timestamp;

use crate::{
    dossier::{ProcedureCode, Reference, Role},
    receipt::ReceiptId,
    tlog::{Hash, NodeRange},
};

/// The contract of a database.
///
/// * Durability: a write returns `Ok` only after its transaction is on stable storage. An error other than
///   [`StoreError::Unknown`] means that nothing of it was written: no number, no leaf, no row, no idempotency key.
/// * After [`StoreError::Unknown`] a backend may refuse every further write until it is opened again, because going on
///   would be a guess. The idempotency key then tells what happened.
/// * Order: leaves are numbered 0, 1, 2 … in commit order; a dossier's events are in leaf order.
/// * Readers see committed state only, and a read that starts after a write was acknowledged sees it.
/// * Numbers: per procedure and year 1, 2, 3 … without gaps, because a number is allocated in the transaction that uses it.
/// Only an event of the log itself may leave numbers out.
/// * Several processes may use one database at once.
/// * A write whose parts contradict one another answers [`StoreError::Inconsistent`]. Rows follow the fold that comes with
///   the events (`after`), also a receipt's copies and replacement; a backend does not interpret events a second time.
/// * A log whose own parts contradict one another is never extended: [`StoreError::Damaged`].
/// * Events and their leaves, heads and seals are never changed or removed; the database itself refuses it. Only an erasure
/// removes the records and nonces of a dossier, and an event of the log tells of it.
/// * A database that is one end of a copy, see [`Custody`], takes no new leaf and no checkpoint: [`StoreError::Unavailable`].
#[async_trait::async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Allocates the next number, writes the events with their leaves, the projection, the receipts with their seals and the
    /// tree head. With an idempotency key that was used before, by whatever process or in the same batch, returns the first
    /// outcome with `replayed` set; its receipts are shown as they stand now. Keys are kept for good.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyMismatch`] when the key came with another fingerprint; [`StoreError::NumbersExhausted`];
    /// [`StoreError::Inconsistent`]; [`StoreError::Unavailable`] (nothing written, try again); [`StoreError::Unknown`] (the outcome is not known: ask
    /// again with the same idempotency key).
    async fn register(&self, new: NewDossier) -> Result<Appended, StoreError>;

    /// Appends events to a dossier that still stands at `expected_version`.
    ///
    /// # Errors
    /// As `register`, and [`StoreError::Conflict`] when someone else changed it, [`StoreError::UnknownDossier`],
    /// [`StoreError::Erased`].
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Writes an event of the log itself as the next leaf, and gives the leaf's index. In the same transaction `rebind`
    /// binds the database to another identity, and `reserve` raises the last number of each of its series, or leaves it
    /// where it is higher.
    ///
    /// # Errors
    /// As `register`; [`StoreError::Inconsistent`] when the database is not bound to `rebind.from`, or when a number to be
    /// reserved is none.
    async fn append_log_event(&self, new: NewLogEvent) -> Result<u64, StoreError>;

    /// Deletes the records and nonces of a dossier that still stands at `expected_version`. In one transaction the log's own
    /// event tells of it, every leaf of the dossier is named as erased, and its row loses what says whose it is. Leaves,
    /// receipts and seals stay. The row has `erased_by`, and the dossier has no events, from then on.
    ///
    /// # Errors
    /// As `append`; [`StoreError::Erased`] when it was erased before.
    async fn erase(&self, erasure: Erasure) -> Result<Erased, StoreError>;

    /// The last number of every series that has one, by procedure and year.
    async fn numbers(&self) -> Result<Vec<NumberSeries>, StoreError>;

    /// Every event of the log itself, oldest first.
    async fn log_events(&self) -> Result<Vec<StoredLogEvent>, StoreError>;

    /// Every event of a dossier, oldest first; empty when there is none, or when they were erased.
    async fn events(&self, reference: &Reference) -> Result<Vec<StoredEvent>, StoreError>;

    async fn row(&self, reference: &Reference) -> Result<Option<DossierRow>, StoreError>;

    /// The newest registrations first; `before` continues after the row with that `sequence`.
    async fn latest(&self, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, StoreError>;

    /// Dossiers with the same identity, the same telephone, or the same name and parcel, newest first, at most 10.
    async fn possible_duplicates(&self, probe: &DuplicateProbe) -> Result<Vec<DossierRow>, StoreError>;

    /// The median number of calendar days from deposit to the answer over the procedure's last 1,000 answered dossiers;
    /// `None` below `at_least` of them. Between two middle values it is their mean, rounded up.
    async fn typical_days(&self, procedure: &ProcedureCode, at_least: u32) -> Result<Option<u32>, StoreError>;

    async fn receipt(&self, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError>;

    /// A dossier's receipts, oldest first.
    async fn receipts(&self, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError>;

    async fn head(&self) -> Result<TreeHead, StoreError>;

    /// The head of this size, if the log ever stood there at the end of a batch; the empty tree's for 0.
    async fn head_at(&self, size: u64) -> Result<Option<TreeHead>, StoreError>;

    /// Leaf hashes from an index on, at most `limit`.
    async fn leaf_hashes(&self, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError>;

    /// The hashes of each of the ranges, in their order; of a range as many as are there without a gap. The hash of every
    /// perfect subtree at level 4, 8, 12 … is there with the leaf that completes it. At most 4096 of a range are given.
    async fn nodes(&self, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError>;

    /// What the leaves commit to, from an index on, at most `limit`: all that an entry of the public log says.
    async fn commitments(&self, from: u64, limit: u32) -> Result<Vec<[u8; 32]>, StoreError>;

    /// Log rows from an index on, at most `limit`, with record and nonce unless they were erased: what an audit recomputes.
    async fn log_rows(&self, from: u64, limit: u32) -> Result<Vec<LogRow>, StoreError>;

    /// Log rows of a subject, the newest first, at most `limit`; those before an index.
    async fn journal(
        &self,
        subject: &JournalSubject,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<LogRow>, StoreError>;

    /// The largest checkpoint that was published.
    async fn last_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError>;

    /// The checkpoint of this size, if one was published.
    async fn checkpoint_of(&self, size: u64) -> Result<Option<CheckpointRow>, StoreError>;

    /// The smallest published checkpoint that covers a leaf.
    async fn checkpoint_covering(&self, leaf: u64) -> Result<Option<CheckpointRow>, StoreError>;

    /// The published checkpoints, the newest first; those smaller than `before`.
    async fn published_checkpoints(&self, before: Option<u64>, limit: u32) -> Result<Vec<CheckpointRow>, StoreError>;

    /// Keeps a cosignature of a kept checkpoint; another one of the same witness and size is no error, and the first stays.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when no checkpoint of this size was kept.
    async fn keep_cosignature(&self, cosignature: CosignatureRow) -> Result<(), StoreError>;

    /// The cosignatures of the checkpoint of this size, in the order of the bytes of the witnesses' names.
    async fn cosignatures(&self, size: u64) -> Result<Vec<CosignatureRow>, StoreError>;

    /// The size of the largest checkpoint that this witness has cosigned.
    async fn last_cosigned(&self, witness: &str) -> Result<Option<u64>, StoreError>;

    /// Keeps a signed checkpoint; one of the same size again is no error, and the first stays.
    async fn keep_checkpoint(&self, checkpoint: CheckpointRow) -> Result<(), StoreError>;

    /// Whether the database may be used, or is one end of a copy.
    async fn custody(&self) -> Result<Custody, StoreError>;

    /// Binds an empty database to the keys' public identity, or tells to which it is bound: the text that was stored first.
    async fn bind_identity(&self, identity: &str) -> Result<String, StoreError>;

    /// # Errors
    /// [`StoreError::AccountExists`].
    async fn create_account(&self, account: Account) -> Result<(), StoreError>;

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError>;

    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// Gives an account another role, which its sessions have at once; `false` when there is no such account.
    async fn set_role(&self, name: &str, role: Role) -> Result<bool, StoreError>;

    /// Sets the password hash and ends every session of the account; `false` when there is no such account.
    async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, StoreError>;

    /// Also removes the sessions that have expired by then.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when there is no such account.
    async fn create_session(&self, session: NewSession) -> Result<(), StoreError>;

    /// The session with this hash, unless it has expired at `now`, with the role that its account has now.
    async fn session(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError>;

    async fn end_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError>;

    /// Charges one try to a bucket before the try is judged, so that parallel guesses cannot slip through. The window begins
    /// with its first try; the last allowed try is `Allowed` and locks the bucket; a lock that ends begins a new window.
    async fn charge_attempt(
        &self,
        bucket: [u8; 32],
        now: Timestamp,
        limit: AttemptLimit,
    ) -> Result<AttemptVerdict, StoreError>;

    /// Gives back the try that turned out right, and opens the lock if that try or a later one had set it.
    async fn refund_attempt(&self, bucket: [u8; 32]) -> Result<(), StoreError>;

    /// What the database finds wrong with its own storage, at most twenty lines; empty when it is sound or when the backend
    /// has no such check. It may read everything.
    async fn check_storage(&self) -> Result<Vec<String>, StoreError>;

    /// What the server says of itself; `None` where there is no server.
    async fn server_facts(&self) -> Result<Option<ServerFacts>, StoreError>;

    /// Completes when this backend has given up writing for good, so that the process should end and start again on what
    /// the database really holds; never, if that does not happen.
    async fn failed(&self);

    /// What opening the database did to its schema.
    fn schema(&self) -> Schema;

    /// Whether [`Store::failed`] would complete at once.
    fn has_failed(&self) -> bool;

    /// Finishes what was accepted and closes; later calls answer [`StoreError::Unavailable`]. Closing again does nothing.
    async fn close(&self);
}
