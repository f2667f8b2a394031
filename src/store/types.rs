//! What goes into a store and comes out of it.

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp, civil::Date};

use crate::{
    dossier::{Dossier, Event, OfficeCode, Position, ProcedureCode, Reference, Role},
    receipt::{ReceiptId, Seal, SealClaims},
    tlog::{Hash, LogEvent},
};

/// Signs a receipt's seal inside the transaction that knows the leaf and the head; the secret stays with the caller.
pub type Sealer = Arc<dyn Fn(&SealClaims) -> Seal + Send + Sync>;

/// An event to be written. The store encodes its record, because only the transaction knows the reference of a new dossier
/// and the hash of the previous leaf.
#[derive(Clone)]
pub struct NewEvent {
    pub event: Event,
    pub at: Timestamp,
    pub actor: String,
    /// 32 random bytes that hide the record behind its commitment.
    pub nonce: [u8; 32],
}

/// The nonce is left out: whoever has it can test guesses against the public leaf.
impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent").field("kind", &self.event.kind()).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The name of one wish, so that a wish sent twice is granted once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// At most 64 bytes.
    pub key: String,
    /// SHA-256 of what was wished.
    pub fingerprint: [u8; 32],
}

#[derive(Clone, Debug)]
pub struct NewDossier {
    pub procedure: ProcedureCode,
    pub year: u16,
    pub events: Vec<NewEvent>,
    /// The fold of the events under any reference; the store puts the allocated one in its place.
    pub after: Dossier,
    pub due_on: Option<Date>,
    pub idempotency: Option<Idempotency>,
}

#[derive(Clone, Debug)]
pub struct Append {
    pub reference: Reference,
    pub expected_version: u32,
    pub events: Vec<NewEvent>,
    /// The fold including the new events.
    pub after: Dossier,
    pub due_on: Option<Date>,
    pub idempotency: Option<Idempotency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    pub reference: Reference,
    pub version: u32,
    /// The leaf of the first of the events written; the others follow at once.
    pub first_leaf: u64,
    pub receipts: Vec<SealedReceipt>,
    /// The log's head right after the batch.
    pub head: TreeHead,
    /// The idempotency key had been used: this is what came of it then.
    pub replayed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub leaf_index: u64,
    pub at: Timestamp,
    pub actor: String,
    pub event: Event,
}

/// A receipt and the seal that is printed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedReceipt {
    pub id: ReceiptId,
    pub key_id: u8,
    pub reference: Reference,
    pub issued_at: Timestamp,
    pub leaf_index: u64,
    pub tree_size: u64,
    pub root: Hash,
    pub seal: Vec<u8>,
    pub copies: u16,
    pub replaced_at: Option<Timestamp>,
}

/// A dossier in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DossierRow {
    pub sequence: i64,
    pub reference: Reference,
    pub office: OfficeCode,
    pub position: Position,
    pub applicant: String,
    pub parcel: Option<String>,
    pub registered_at: Timestamp,
    pub deposited_on: Date,
    pub updated_at: Timestamp,
    pub due_on: Option<Date>,
    pub version: u32,
    /// The leaf that tells of the erasure of its data; the applicant is then empty and the parcel absent.
    pub erased_by: Option<u64>,
}

/// What makes two dossiers look alike; an absent part matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DuplicateProbe {
    pub identity_hash: Option<[u8; 32]>,
    pub phone: Option<String>,
    /// Folded name and folded parcel, both needed.
    pub name_and_parcel: Option<(String, String)>,
}

/// Whose confirmation a commit waits for before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    Nobody,
    /// Whoever streams, which a backup in the making does, too, and nobody can promote it.
    Anybody,
    NamedStandbys,
}

/// What a database server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    pub version: String,
    pub waits_for: WaitsFor,
    /// Nobody on the network can read along.
    pub encrypted: bool,
    /// The server's clock, when it answered.
    pub now: Timestamp,
}

/// How many migrations a database had had when it was opened, how many it has had now, and how many this program knows.
/// There are more than it knows when a newer program has added what this one can work beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    pub before: usize,
    pub now: usize,
    pub known: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    pub size: u64,
    pub root: Hash,
}

/// An event of the log itself, to be written.
#[derive(Clone)]
pub struct NewLogEvent {
    pub event: LogEvent,
    pub at: Timestamp,
    pub actor: String,
    /// 32 random bytes that hide the record behind its commitment.
    pub nonce: [u8; 32],
    /// The database is bound to another identity from this event on.
    pub rebind: Option<Rebind>,
    /// Numbers up to these are given to nobody from this event on.
    pub reserve: Vec<NumberSeries>,
}

/// The nonce is left out: whoever has it can test guesses against the public leaf.
impl fmt::Debug for NewLogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewLogEvent").field("kind", &self.event.kind()).field("at", &self.at).finish_non_exhaustive()
    }
}

/// An erasure of a dossier's records, as somebody decided on it.
#[derive(Clone)]
pub struct Erasure {
    pub reference: Reference,
    /// The version at which it was looked at.
    pub expected_version: u32,
    /// Without personal data: it stays in the log for good.
    pub reason: String,
    pub at: Timestamp,
    pub actor: String,
    /// 32 random bytes that hide the record of the erasure behind its commitment.
    pub nonce: [u8; 32],
}

/// The nonce is left out: whoever has it can test guesses against the public leaf.
impl fmt::Debug for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasure").field("reference", &self.reference).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Erasure {
    /// The log's own event that tells of it.
    pub(super) fn told(&self, leaves: Vec<u64>) -> NewLogEvent {
        let (reference, reason) = (self.reference.to_string(), self.reason.clone());
        NewLogEvent {
            event: LogEvent::Erased { reference, leaves, reason },
            at: self.at,
            actor: self.actor.clone(),
            nonce: self.nonce,
            rebind: None,
            reserve: Vec::new(),
        }
    }
}

/// What an erasure came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The leaf that tells of it.
    pub told_by: u64,
    pub remains: Remains,
}

/// Where deleted bytes may still lie in the database's own files. Backups are nobody's but the administrator's to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// They were overwritten.
    Nowhere,
    /// In the write-ahead log, which somebody is reading; it goes when the database is next closed or erased from.
    WriteAheadLog,
    /// In the server's tables until they are vacuumed, and in its write-ahead log until that is recycled.
    Server,
}

/// The last number of a procedure in a year that was given or reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberSeries {
    pub procedure: ProcedureCode,
    pub year: u16,
    pub last: u32,
}

/// The identity that a database must be bound to, and the one that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebind {
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLogEvent {
    pub leaf_index: u64,
    pub at: Timestamp,
    pub actor: String,
    pub event: LogEvent,
}

#[derive(Clone, PartialEq, Eq)]
pub struct LogRow {
    pub index: u64,
    /// `None` for an event of the log itself.
    pub reference: Option<Reference>,
    pub leaf_hash: Hash,
    pub commitment: [u8; 32],
    /// `None` when it was erased, for a person's sake.
    pub content: Option<LogContent>,
    /// The leaf of the log's own event that tells of the erasure.
    pub erased_by: Option<u64>,
}

/// What a leaf commits to.
#[derive(Clone, PartialEq, Eq)]
pub struct LogContent {
    pub record: Vec<u8>,
    pub nonce: [u8; 32],
}

/// Whoever has record and nonce knows what happened; neither belongs into a message.
impl fmt::Debug for LogContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogContent(…)")
    }
}

impl fmt::Debug for LogRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRow").field("index", &self.index).field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Which entries of the log a reader is after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalSubject {
    Everything,
    /// A dossier's own entries, and the one that tells of its erasure.
    Dossier(Reference),
    /// The log's own.
    Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    pub size: u64,
    /// The signed note, whole.
    pub note: String,
    pub published_at: Timestamp,
}

/// A witness's word that it has seen a published checkpoint and nothing that contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignatureRow {
    pub size: u64,
    /// What tells the witness from every other.
    pub witness: String,
    /// The signature line of the note, without its end.
    pub line: String,
    /// Seconds since 1970, by the witness's clock.
    pub at: i64,
    pub received_at: Timestamp,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
    pub role: Role,
    pub created_at: Timestamp,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub struct NewSession {
    /// SHA-256 of the cookie's secret, which itself is stored nowhere.
    pub token_hash: [u8; 32],
    pub account: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("account", &self.account).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub account: String,
    /// That of the account, as it stands now.
    pub role: Role,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// `tries` within `window`; the last of them locks the bucket for `lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimit {
    pub tries: u32,
    pub window: SignedDuration,
    pub lock: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptVerdict {
    Allowed,
    Locked { until: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the dossier now stands at version {current}")]
    Conflict { current: u32 },
    #[error("no such dossier")]
    UnknownDossier,
    /// Its records are gone, so nothing can be appended to it or erased a second time.
    #[error("the dossier's data were erased")]
    Erased,
    #[error("the idempotency key was used for something else")]
    IdempotencyMismatch,
    #[error("the year's numbers of this procedure are used up")]
    NumbersExhausted,
    #[error("an account of this name exists")]
    AccountExists,
    /// The caller's own parts do not fit together: a fold with another number of events, a receipt of another dossier, an id
    /// that is taken. Asking again with the same parts will not help.
    #[error("nothing was written, because {0}")]
    Inconsistent(&'static str),
    #[error("nothing was written: {0}")]
    Unavailable(String),
    #[error("it is not known whether it was written: {0}")]
    Unknown(String),
    #[error("the database is damaged: {0}")]
    Damaged(String),
}
