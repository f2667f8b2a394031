//! The log during one transaction: each leaf pushed, and at the end the head and the seals that follow from it.

use rusqlite::{Connection, OptionalExtension, params};

use super::{errors::During, nodes, portable, rows};
use crate::{
    dossier::Reference,
    receipt::ReceiptId,
    store::{
        Custody, NewEvent, Sealer, StoreError, TreeHead,
        growth::{self, Growth, Leaf, Mark},
    },
    tlog::{Hash, Record},
};

/// The open transaction and the tree as it stands in it.
#[derive(Debug)]
pub(super) struct Batch<'connection> {
    pub(super) connection: &'connection Connection,
    growth: Growth,
    custody: Custody,
}

impl<'connection> Batch<'connection> {
    /// Reads the tree's edge inside the transaction, because another process may have moved it since the last one.
    pub(super) fn begin(connection: &'connection Connection) -> Result<Self, StoreError> {
        let edge: Option<Vec<u8>> = connection
            .prepare_cached("SELECT edge FROM frontier")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
            .during("read the tree's edge")?;
        let growth = Growth::over(edge.as_deref(), &head(connection)?)?;
        // Read here as well, because another process may have closed the database meanwhile.
        Ok(Self { connection, growth, custody: portable::custody(connection)? })
    }

    pub(super) fn mark(&self) -> Mark {
        self.growth.mark()
    }

    pub(super) fn return_to(&mut self, mark: Mark) {
        self.growth.return_to(mark);
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
        self.push_record(Some(dossier), position, &growth::record_of(reference, previous, new), &new.nonce)
    }

    /// Writes a record as the next leaf; without a dossier it is an event of the log itself.
    pub(super) fn push_record(
        &mut self,
        dossier: Option<i64>,
        position: u32,
        record: &Record,
        nonce: &[u8; 32],
    ) -> Result<Leaf, StoreError> {
        self.custody.check_in_use()?;
        let leaf = self.growth.push(record, nonce);
        let row = rows::signed(leaf.index)?;
        self.connection
            .prepare_cached(
                "INSERT INTO events (leaf_index, dossier, position, commitment, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| statement.execute(params![row, dossier, position, leaf.commitment, leaf.hash]))
            .during("write a leaf")?;
        self.connection
            .prepare_cached("INSERT INTO event_contents (leaf_index, record, nonce) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![row, leaf.record, nonce]))
            .during("write an event")?;
        Ok(leaf)
    }

    /// Remembers a receipt whose seal needs the head that only the end of the batch knows.
    pub(super) fn seal_later(&mut self, receipt: ReceiptId, reference: &Reference, new: &NewEvent, leaf: &Leaf) {
        self.growth.seal_later(receipt, reference, new, leaf);
    }

    /// Writes the head after all the leaves of this batch, and every receipt's seal over it.
    pub(super) fn finish(self, sealer: &Sealer) -> Result<(), StoreError> {
        let Some(grown) = self.growth.finish(sealer) else { return Ok(()) };
        let size = rows::signed(grown.head.size)?;
        self.connection
            .prepare_cached("INSERT INTO heads (size, root) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![size, grown.head.root]))
            .during("write the head")?;
        self.connection
            .prepare_cached(
                "INSERT INTO frontier (only, size, edge) VALUES (0, ?1, ?2)
                 ON CONFLICT (only) DO UPDATE SET size = excluded.size, edge = excluded.edge",
            )
            .and_then(|mut statement| statement.execute(params![size, grown.edge]))
            .during("write the tree's edge")?;
        nodes::write(self.connection, &grown.nodes)?;
        for new in grown.seals {
            let leaf_index = rows::signed(new.leaf_index)?;
            self.connection
                .prepare_cached("INSERT INTO seals (leaf_index, tree_size, seal) VALUES (?1, ?2, ?3)")
                .and_then(|mut statement| statement.execute(params![leaf_index, size, new.seal]))
                .during("write a seal")?;
        }
        Ok(())
    }
}

/// The head of a size at which a batch ended.
pub(super) fn head_at(connection: &Connection, size: u64) -> Result<Option<TreeHead>, StoreError> {
    let Some(size) = i64::try_from(size).ok().filter(|size| *size > 0) else {
        return Ok((size == 0).then(growth::empty_head));
    };
    connection
        .prepare_cached("SELECT size, root FROM heads WHERE size = ?1")
        .and_then(|mut statement| statement.query_row([size], rows::tree_head).optional())
        .during("read a head")
}

/// The newest head; the empty tree's when there is none.
pub(super) fn head(connection: &Connection) -> Result<TreeHead, StoreError> {
    let newest = connection
        .prepare_cached("SELECT size, root FROM heads ORDER BY size DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], rows::tree_head).optional())
        .during("read the head")?;
    Ok(newest.unwrap_or_else(growth::empty_head))
}
