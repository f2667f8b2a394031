//! Carrying a whole database over into another one: what goes out, what comes in, and which of the two is in use meanwhile.
//!
//! An office has one history, so of the two ends of a copy at most one may be in use at any moment. The target is marked as
//! unfinished before its first row, and nothing is added to its log until the mark is taken away; the source is closed for
//! good before its last rows are read. A copy from one long read of an open source was rejected: it would hold a transaction
//! for as long as the copy takes, and whatever was acknowledged after its moment would be missing on the other side.
//!
//! Rows cross as they stand, in numbers, text and bytes. They are not interpreted on the way, because what this program
//! would not write, but an older one did, has to arrive as well.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{CheckpointRow, CosignatureRow, LogContent, Store, StoreError, TreeHead};
use crate::tlog::{Frontier, Hash, Node, commitment, leaf_data, leaf_hash};

/// Where a database says which end of a copy it is, in its table of facts.
pub(super) const MARK: &str = "copy";
/// What a batch adds at most is far less; a longer way to the next head means that heads are missing.
const LONGEST_WAY: u64 = 1 << 17;

/// A database that can be one end of a copy. The use cases know only [`Store`], so no page can begin one.
///
/// As in [`Store`], one method is one transaction; what one of them has written is there after a kill. No method changes or
/// removes an event, a head or a seal.
#[async_trait::async_trait]
pub trait Portable: Store {
    /// The leaves from an index on, at least `at_least` of them and then up to where the batch ends, or up to the newest head;
    /// with their heads and seals, and the rows of every dossier that they touch as they stand now. A chunk without leaves
    /// when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] also when there is no head for far too long.
    async fn chunk(&self, from: u64, at_least: u32) -> Result<Chunk, StoreError>;

    /// The named wishes that were granted, in the order of their keys' bytes, after a key.
    async fn wishes(&self, after: Option<&str>, limit: u32) -> Result<Vec<GrantedWish>, StoreError>;

    /// The checkpoints, the smallest first, from a size on.
    async fn checkpoints(&self, from: u64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError>;

    /// The cosignatures in the order of their sizes and of the bytes of their witnesses' names, after one of them.
    async fn cosignatures_after(
        &self,
        after: Option<(u64, String)>,
        limit: u32,
    ) -> Result<Vec<CosignatureRow>, StoreError>;

    /// What is small and changes: everything that crosses and is in no chunk.
    async fn remainder(&self) -> Result<Remainder, StoreError>;

    /// Counts the rows of each table that grows, and reads the tree's edge. It may read everything.
    async fn totals(&self) -> Result<Totals, StoreError>;

    /// Makes this database the unfinished target of a copy under this identity. It must hold nothing, not even another
    /// identity, or be one end of a copy already: unfinished, or closed by a copy that went the other way.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when it is in use or holds anything.
    async fn begin_copy(&self, mark: &Mark, identity: &str) -> Result<(), StoreError>;

    /// Adds a chunk to the log of an unfinished target, with the nodes that follow from its leaves, and puts the rows of its
    /// dossiers and receipts as the chunk has them. What it tells the erasure of is erased here, too, if it was there.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the target is none, when the chunk does not begin where its log ends, or when the
    /// chunk's heads do not follow from its leaves.
    async fn add_chunk(&self, chunk: Arc<Chunk>) -> Result<(), StoreError>;

    /// Adds to an unfinished target those of the wishes that it does not have.
    async fn add_wishes(&self, wishes: Vec<GrantedWish>) -> Result<(), StoreError>;

    /// Adds to an unfinished target those of the checkpoints that it does not have.
    async fn add_checkpoints(&self, checkpoints: Vec<CheckpointRow>) -> Result<(), StoreError>;

    /// Adds to an unfinished target those of the cosignatures that it does not have; their checkpoints are there.
    async fn add_cosignatures(&self, cosignatures: Vec<CosignatureRow>) -> Result<(), StoreError>;

    /// Puts the remainder of an unfinished target as it is given, and ends every session that it remembers: an old one would
    /// open the desk again for whoever was shut out since.
    async fn put_remainder(&self, remainder: Arc<Remainder>) -> Result<(), StoreError>;

    /// Takes the target into use: its copy is finished.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when it is not the unfinished target of the copy with this id.
    async fn finish_copy(&self, id: &str) -> Result<(), StoreError>;

    /// Closes this database as the source of a copy: once this has returned, nothing is added to its log any more, whoever
    /// has it open. Closing it again for the same copy does nothing.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when it is one end of another copy.
    async fn close_source(&self, mark: &Mark) -> Result<(), StoreError>;

    /// Takes a source into use again whose copy with this id is given up.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when it is not the closed source of this copy.
    async fn reopen_source(&self, id: &str) -> Result<(), StoreError>;
}

/// Whether a database may be used, or is one end of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Custody {
    InUse,
    /// The target of a copy that is not finished.
    Unfinished(Mark),
    /// The source of a copy: the office is elsewhere, or on its way there.
    Moved(Mark),
}

/// One copy, as each of its ends remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Random, so that two copies are never taken for one; without a space.
    pub id: String,
    /// The address of the other end, without a password.
    pub other: String,
}

impl Custody {
    /// What the database remembers; nothing when it is in use.
    pub(super) fn read(value: Option<&str>) -> Result<Self, StoreError> {
        let Some(value) = value else { return Ok(Self::InUse) };
        let unreadable = || StoreError::Damaged("what it remembers of a copy cannot be read".to_owned());
        let mut words = value.splitn(3, ' ');
        let (Some(word), Some(id), Some(other)) = (words.next(), words.next(), words.next()) else {
            return Err(unreadable());
        };
        let mark = Mark { id: id.to_owned(), other: other.to_owned() };
        match word {
            "unfinished" => Ok(Self::Unfinished(mark)),
            "moved" => Ok(Self::Moved(mark)),
            _ => Err(unreadable()),
        }
    }

    pub(super) fn written(&self) -> Option<String> {
        match self {
            Self::InUse => None,
            Self::Unfinished(mark) => Some(format!("unfinished {mark}")),
            Self::Moved(mark) => Some(format!("moved {mark}")),
        }
    }

    /// Refuses to add to a log that has ended here or is not whole yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], which says where the office is.
    pub fn check_in_use(&self) -> Result<(), StoreError> {
        match self {
            Self::InUse => Ok(()),
            Self::Unfinished(mark) => {
                Err(StoreError::Unavailable(format!("the copy of {} into this database is not finished", mark.other)))
            }
            Self::Moved(mark) => Err(StoreError::Unavailable(format!("the office has moved to {}", mark.other))),
        }
    }

    /// Whether this is the unfinished target of a copy, which alone may be added to as a copy does.
    pub(super) fn check_unfinished(&self) -> Result<&Mark, StoreError> {
        match self {
            Self::Unfinished(mark) => Ok(mark),
            _ => Err(StoreError::Inconsistent("the database is not the target of a copy")),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.other)
    }
}

/// A part of the log, from the end of one batch to the end of another, with the rows that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The index of the first leaf.
    pub from: u64,
    pub leaves: Vec<PortableLeaf>,
    /// Ascending; the last one is that of the chunk's end.
    pub heads: Vec<TreeHead>,
    pub seals: Vec<PortableSeal>,
    /// What a leaf of the chunk tells the erasure of.
    pub erasures: Vec<PortableErasure>,
    /// Of every dossier that a leaf belongs to or tells the erasure of, in the order of their places.
    pub dossiers: Vec<PortableDossier>,
    /// Of these dossiers, those whose own leaf is not beyond the chunk.
    pub receipts: Vec<PortableReceipt>,
}

impl Chunk {
    /// The number of leaves up to the chunk's end.
    pub fn end(&self) -> u64 {
        self.from + self.leaves.len() as u64
    }

    /// Recomputes every commitment, leaf and root, and gives the tree's edge after the chunk; `edge` is the one before.
    ///
    /// # Errors
    /// Says in plain words which entry does not follow from what.
    pub fn recompute(&self, edge: Frontier) -> Result<Frontier, String> {
        self.recompute_and_tell(edge, |_| {})
    }

    /// As [`Chunk::recompute`], and tells of every node that is completed on the way and whose hash is kept.
    pub(super) fn recompute_and_tell(
        &self,
        mut edge: Frontier,
        mut completed: impl FnMut(Node),
    ) -> Result<Frontier, String> {
        if edge.size() != self.from {
            return Err(format!("entries from {} on are missing", edge.size()));
        }
        let mut heads = self.heads.iter().peekable();
        for leaf in &self.leaves {
            let place = edge.size();
            if leaf.index != place {
                return Err(format!("entry {place} is missing"));
            }
            if let Some(content) = &leaf.content
                && commitment(&content.nonce, &content.record) != leaf.commitment
            {
                return Err(format!("entry {place}: the record does not fit its commitment"));
            }
            if leaf_hash(&leaf_data(&leaf.commitment)) != leaf.leaf_hash {
                return Err(format!("entry {place}: the leaf does not fit its commitment"));
            }
            edge.push_and_tell(leaf.leaf_hash, &mut completed);
            if let Some(head) = heads.next_if(|head| head.size <= edge.size())
                && (head.size, head.root) != (edge.size(), edge.root())
            {
                return Err(format!("the root at {} entries does not follow from the leaves", head.size));
            }
        }
        match (heads.next(), self.heads.last()) {
            (None, Some(last)) if last.size == edge.size() => Ok(edge),
            (None, None) if self.leaves.is_empty() => Ok(edge),
            _ => Err(format!("the head of {} entries is missing", edge.size())),
        }
    }

    /// The places of the dossiers that the leaves belong to and of those `erased`, each once, ascending.
    pub(super) fn touched(leaves: &[PortableLeaf], erased: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut places: Vec<i64> = leaves.iter().filter_map(|leaf| leaf.dossier).chain(erased).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// Refuses a way to the next head that no batch can have gone.
pub(super) fn check_way(from: u64, end: u64, at_least: u32) -> Result<(), StoreError> {
    if end.saturating_sub(from) > u64::from(at_least) + LONGEST_WAY {
        return Err(StoreError::Damaged(format!("heads after {from} entries are missing")));
    }
    Ok(())
}

#[derive(Clone, PartialEq, Eq)]
pub struct PortableLeaf {
    pub index: u64,
    /// The place of the dossier; `None` for an event of the log itself.
    pub dossier: Option<i64>,
    pub position: i64,
    pub commitment: [u8; 32],
    pub leaf_hash: Hash,
    /// `None` when it was erased, for a person's sake.
    pub content: Option<LogContent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableSeal {
    pub leaf_index: i64,
    pub tree_size: i64,
    pub seal: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableErasure {
    /// The leaf whose content is gone.
    pub leaf_index: i64,
    /// The leaf that tells of it.
    pub told_by: i64,
}

/// A dossier's row with what it is searched by. Times are milliseconds since 1970, days are ISO dates.
#[derive(Clone, PartialEq, Eq)]
pub struct PortableDossier {
    pub sequence: i64,
    pub reference: String,
    pub procedure: String,
    pub version: i64,
    pub office: String,
    pub step: String,
    pub state: String,
    pub applicant: String,
    pub parcel: Option<String>,
    pub name_key: String,
    pub parcel_key: Option<String>,
    pub phone: Option<String>,
    pub identity_hash: Option<[u8; 32]>,
    pub registered_at: i64,
    pub updated_at: i64,
    pub deposited_on: String,
    pub due_on: Option<String>,
    pub answered_on: Option<String>,
    pub answered_days: Option<i64>,
    /// The leaf that tells of the erasure, unless it is beyond the chunk.
    pub erased_by: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableReceipt {
    pub id: [u8; 8],
    pub key_id: i64,
    pub dossier: i64,
    pub leaf_index: i64,
    pub issued_at: i64,
    pub copies: i64,
    pub replaced_at: Option<i64>,
}

/// What came of a named wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedWish {
    pub key: String,
    pub fingerprint: [u8; 32],
    pub first_leaf: i64,
    pub last_leaf: i64,
}

/// Sessions are not among it: everybody signs in anew on the other side. Tries are, because a copy must not give new ones.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Remainder {
    /// Facts about the database as a whole, such as `identity`, but for what it remembers of a copy.
    pub facts: BTreeMap<String, String>,
    /// The last number by procedure and year, those included that were only reserved.
    pub numbers: BTreeMap<(String, i64), i64>,
    /// By name.
    pub accounts: BTreeMap<String, PortableAccount>,
    /// Failures, the window's end and the lock's end, by bucket.
    pub attempts: BTreeMap<[u8; 32], (i64, i64, Option<i64>)>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct PortableAccount {
    pub password_hash: String,
    pub created_at: i64,
    pub role: String,
}

impl fmt::Debug for PortableAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortableAccount").field("role", &self.role).finish_non_exhaustive()
    }
}

/// How much there is of what grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// By table.
    pub rows: BTreeMap<&'static str, i64>,
    /// What the next leaf is added to.
    pub edge: Option<Vec<u8>>,
}

/// The tables whose rows are counted.
pub(super) const COUNTED: [&str; 11] = [
    "dossiers",
    "events",
    "event_contents",
    "heads",
    "receipts",
    "seals",
    "idempotency",
    "checkpoints",
    "nodes",
    "erasures",
    "cosignatures",
];

impl Remainder {
    pub fn identity(&self) -> Option<&str> {
        self.facts.get("identity").map(String::as_str)
    }
}

/// Whoever has record and nonce knows what happened; neither belongs into a message.
impl fmt::Debug for PortableLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortableLeaf").field("index", &self.index).finish_non_exhaustive()
    }
}

impl fmt::Debug for PortableDossier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortableDossier").field("reference", &self.reference).finish_non_exhaustive()
    }
}

impl fmt::Debug for Remainder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remainder").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}
