//! The log's growth during one transaction, without a database: each leaf hashed and counted, and at the end the head and
//! the seals that follow from it. Every backend feeds it the tree's edge as its transaction found it and writes what comes
//! out; none computes a hash or a seal's claims by itself, so two backends cannot disagree about a leaf.

use std::fmt;

use super::{NewEvent, NewLogEvent, Sealer, StoreError, TreeHead};
use crate::{
    dossier::Reference,
    receipt::{ReceiptId, SealClaims},
    tlog::{self, Frontier, Hash, LOG_SUBJECT, Node, Record},
};

/// The tree as it stands in an open transaction.
pub(super) struct Growth {
    frontier: Frontier,
    /// The leaves that the transaction found.
    begun_at: u64,
    nodes: Vec<Node>,
    unsealed: Vec<Unsealed>,
}

/// A point to which a growth can be taken back.
pub(super) struct Mark {
    frontier: Frontier,
    nodes: usize,
    unsealed: usize,
}

struct Unsealed {
    receipt: ReceiptId,
    reference: Reference,
    issued_at: i64,
    leaf_index: u64,
    commitment16: [u8; 16],
}

/// The next leaf, and what it commits to.
pub(super) struct Leaf {
    pub(super) index: u64,
    pub(super) hash: Hash,
    pub(super) commitment: [u8; 32],
    pub(super) record: Vec<u8>,
}

/// What a transaction that added leaves has to write at its end.
pub(super) struct Grown {
    pub(super) head: TreeHead,
    /// For [`Growth::over`] in the next transaction.
    pub(super) edge: Vec<u8>,
    /// The nodes that the leaves have completed and whose hashes are kept.
    pub(super) nodes: Vec<Node>,
    /// In the order of their leaves.
    pub(super) seals: Vec<NewSeal>,
}

pub(super) struct NewSeal {
    /// The leaf of the receipt's own event.
    pub(super) leaf_index: u64,
    pub(super) seal: Vec<u8>,
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growth").field("size", &self.frontier.size()).finish_non_exhaustive()
    }
}

impl Growth {
    /// Takes up the tree's edge; without one, the empty tree's.
    ///
    /// # Errors
    /// As [`checked_edge`].
    pub(super) fn over(edge: Option<&[u8]>, head: &TreeHead) -> Result<Self, StoreError> {
        let frontier = checked_edge(edge, head)?;
        Ok(Self { begun_at: frontier.size(), frontier, nodes: Vec::new(), unsealed: Vec::new() })
    }

    /// How many leaves there are now.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { frontier: self.frontier.clone(), nodes: self.nodes.len(), unsealed: self.unsealed.len() }
    }

    pub(super) fn return_to(&mut self, mark: Mark) {
        self.frontier = mark.frontier;
        self.nodes.truncate(mark.nodes);
        self.unsealed.truncate(mark.unsealed);
    }

    /// Adds a record as the next leaf.
    pub(super) fn push(&mut self, record: &Record, nonce: &[u8; 32]) -> Leaf {
        let record = record.encode();
        let commitment = tlog::commitment(nonce, &record);
        let hash = tlog::leaf_hash(&tlog::leaf_data(&commitment));
        let index = self.frontier.size();
        self.frontier.push_and_tell(hash, |node| self.nodes.push(node));
        Leaf { index, hash, commitment, record }
    }

    /// Remembers a receipt whose seal needs the head that only the end of the transaction knows.
    pub(super) fn seal_later(&mut self, receipt: ReceiptId, reference: &Reference, new: &NewEvent, leaf: &Leaf) {
        let mut commitment16 = [0; 16];
        commitment16.copy_from_slice(&leaf.commitment[..16]);
        self.unsealed.push(Unsealed {
            receipt,
            reference: reference.clone(),
            issued_at: new.at.as_millisecond().div_euclid(1000),
            leaf_index: leaf.index,
            commitment16,
        });
    }

    /// The head after all the leaves, and every receipt's seal over it; `None` when nothing was added.
    pub(super) fn finish(self, sealer: &Sealer) -> Option<Grown> {
        if self.frontier.size() == self.begun_at {
            return None;
        }
        let head = TreeHead { size: self.frontier.size(), root: self.frontier.root() };
        let seal = |unsealed: Unsealed| {
            let claims = SealClaims {
                issued_at: unsealed.issued_at,
                receipt_id: unsealed.receipt,
                reference: unsealed.reference.to_string(),
                leaf_index: unsealed.leaf_index,
                commitment16: unsealed.commitment16,
                tree_size: head.size,
                root: head.root,
            };
            NewSeal { leaf_index: unsealed.leaf_index, seal: sealer(&claims).bytes().to_vec() }
        };
        let seals = self.unsealed.into_iter().map(seal).collect();
        Some(Grown { edge: self.frontier.to_bytes(), nodes: self.nodes, head, seals })
    }
}

/// Reads the tree's edge; without one, the empty tree's.
///
/// # Errors
/// [`StoreError::Damaged`] when the edge cannot be read or does not fit the newest head.
pub(super) fn checked_edge(edge: Option<&[u8]>, head: &TreeHead) -> Result<Frontier, StoreError> {
    let frontier = match edge {
        Some(bytes) => {
            Frontier::from_bytes(bytes).map_err(|error| StoreError::Damaged(format!("the tree's edge: {error}")))?
        }
        None => Frontier::empty(),
    };
    if (head.size, head.root) != (frontier.size(), frontier.root()) {
        return Err(StoreError::Damaged("the tree's edge and its newest head disagree".to_owned()));
    }
    Ok(frontier)
}

/// The head of the empty tree.
pub(super) fn empty_head() -> TreeHead {
    TreeHead { size: 0, root: Frontier::empty().root() }
}

/// The record of a dossier's event.
pub(super) fn record_of(reference: &Reference, previous: Option<Hash>, new: &NewEvent) -> Record {
    Record {
        kind: new.event.kind().to_owned(),
        reference: reference.to_string(),
        at_ms: new.at.as_millisecond(),
        actor: new.actor.clone(),
        previous,
        data: new.event.to_data(),
    }
}

/// The record of an event of the log itself.
pub(super) fn record_of_log(previous: Option<Hash>, new: &NewLogEvent) -> Record {
    Record {
        kind: new.event.kind().to_owned(),
        reference: LOG_SUBJECT.to_owned(),
        at_ms: new.at.as_millisecond(),
        actor: new.actor.clone(),
        previous,
        data: new.event.to_data(),
    }
}
