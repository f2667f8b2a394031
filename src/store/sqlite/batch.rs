//! The log during one transaction: each leaf pushed, and at the end the head and the seals that follow from it.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, params};

use super::{errors::During, rows};
use crate::{
    dossier::Reference,
    receipt::{ReceiptId, SealClaims},
    store::{NewEvent, Sealer, StoreError, TreeHead},
    tlog::{self, Frontier, Hash, Record},
};

/// The open transaction and the tree as it stands in it.
pub(super) struct Batch<'connection> {
    pub(super) connection: &'connection Connection,
    frontier: Frontier,
    /// The leaves this transaction found.
    begun_at: u64,
    unsealed: Vec<Unsealed>,
}

/// A point to which a batch can be taken back together with its savepoint.
pub(super) struct Mark {
    frontier: Frontier,
    unsealed: usize,
}

struct Unsealed {
    receipt: ReceiptId,
    reference: Reference,
    issued_at: i64,
    leaf_index: u64,
    commitment16: [u8; 16],
}

/// A leaf that was just written.
pub(super) struct Leaf {
    pub(super) index: u64,
    pub(super) hash: Hash,
    commitment: [u8; 32],
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("size", &self.frontier.size()).finish_non_exhaustive()
    }
}

impl<'connection> Batch<'connection> {
    /// Reads the tree's edge inside the transaction, because another process may have moved it since the last one.
    pub(super) fn begin(connection: &'connection Connection) -> Result<Self, StoreError> {
        let edge: Option<Vec<u8>> = connection
            .prepare_cached("SELECT edge FROM frontier")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
            .during("read the tree's edge")?;
        let frontier = match edge {
            Some(bytes) => Frontier::from_bytes(&bytes)
                .map_err(|error| StoreError::Damaged(format!("the tree's edge: {error}")))?,
            None => Frontier::empty(),
        };
        let expected = TreeHead { size: frontier.size(), root: frontier.root() };
        if head(connection)? != expected {
            return Err(StoreError::Damaged("the tree's edge and its newest head disagree".to_owned()));
        }
        Ok(Self { connection, begun_at: frontier.size(), frontier, unsealed: Vec::new() })
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { frontier: self.frontier.clone(), unsealed: self.unsealed.len() }
    }

    pub(super) fn return_to(&mut self, mark: Mark) {
        self.frontier = mark.frontier;
        self.unsealed.truncate(mark.unsealed);
    }

    /// Writes an event as the next leaf of the log and as the event at `position` (from 1) of its dossier.
    pub(super) fn push(
        &mut self,
        dossier: i64,
        reference: &Reference,
        position: u32,
        previous: Option<Hash>,
        new: &NewEvent,
    ) -> Result<Leaf, StoreError> {
        let record = Record {
            kind: new.event.kind().to_owned(),
            reference: reference.to_string(),
            at_ms: new.at.as_millisecond(),
            actor: new.actor.clone(),
            previous,
            data: new.event.to_data(),
        };
        self.push_record(Some(dossier), position, &record, &new.nonce)
    }

    /// Writes a record as the next leaf; without a dossier it is an event of the log itself.
    pub(super) fn push_record(
        &mut self,
        dossier: Option<i64>,
        position: u32,
        record: &Record,
        nonce: &[u8; 32],
    ) -> Result<Leaf, StoreError> {
        let record = record.encode();
        let commitment = tlog::commitment(nonce, &record);
        let hash = tlog::leaf_hash(&tlog::leaf_data(&commitment));
        let index = self.frontier.size();
        let row = rows::signed(index)?;
        self.connection
            .prepare_cached(
                "INSERT INTO events (leaf_index, dossier, position, commitment, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.execute(params![row, dossier, position, commitment, hash]))
            .during("write a leaf")?;
        self.connection
            .prepare_cached("INSERT INTO event_contents (leaf_index, record, nonce) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![row, record, nonce]))
            .during("write an event")?;
        self.frontier.push(hash);
        Ok(Leaf { index, hash, commitment })
    }

    /// Remembers a receipt whose seal needs the head that only the end of the batch knows.
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

    /// Writes the head after all the leaves of this batch, and every receipt's seal over it.
    pub(super) fn finish(self, sealer: &Sealer) -> Result<(), StoreError> {
        if self.frontier.size() == self.begun_at {
            return Ok(());
        }
        let tree_size = self.frontier.size();
        let root = self.frontier.root();
        let size = rows::signed(tree_size)?;
        self.connection
            .prepare_cached("INSERT INTO heads (size, root) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![size, root]))
            .during("write the head")?;
        self.connection
            .prepare_cached(
                "INSERT INTO frontier (only, size, edge) VALUES (0, ?1, ?2)
                 ON CONFLICT (only) DO UPDATE SET size = excluded.size, edge = excluded.edge",
            )
            .and_then(|mut statement| statement.execute(params![size, self.frontier.to_bytes()]))
            .during("write the tree's edge")?;
        for unsealed in self.unsealed {
            let claims = SealClaims {
                issued_at: unsealed.issued_at,
                receipt_id: unsealed.receipt,
                reference: unsealed.reference.to_string(),
                leaf_index: unsealed.leaf_index,
                commitment16: unsealed.commitment16,
                tree_size,
                root,
            };
            let seal = sealer(&claims);
            self.connection
                .prepare_cached("INSERT INTO seals (leaf_index, tree_size, seal) VALUES (?1, ?2, ?3)")
                .and_then(|mut statement| {
                    statement.execute(params![
                        rows::signed(unsealed.leaf_index).unwrap_or(i64::MAX),
                        size,
                        seal.bytes()
                    ])
                })
                .during("write a seal")?;
        }
        Ok(())
    }
}

/// The newest head; the empty tree's when there is none.
pub(super) fn head(connection: &Connection) -> Result<TreeHead, StoreError> {
    let newest = connection
        .prepare_cached("SELECT size, root FROM heads ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], rows::tree_head).optional())
        .during("read the head")?;
    Ok(newest.unwrap_or_else(|| TreeHead { size: 0, root: Frontier::empty().root() }))
}
