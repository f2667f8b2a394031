//! The hashes of the tree beside its leaves: written with each batch, and once for a log that is older than their table.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{OpenError, batch, errors::During, log, rows};
use crate::{
    store::{StoreError, growth::checked_edge},
    tlog::{Frontier, Hash, Node, NodeRange},
};

/// No caller needs more at once, and no mistake may ask for everything.
const LONGEST_RANGE: u32 = 4096;

pub(super) fn write(connection: &Connection, nodes: &[Node]) -> Result<(), StoreError> {
    if nodes.is_empty() {
        return Ok(());
    }
    let mut statement = connection
        .prepare_cached("INSERT INTO nodes (level, number, hash) VALUES (?1, ?2, ?3)")
        .during("prepare a node")?;
    for node in nodes {
        statement.execute(params![node.level, rows::signed(node.number)?, node.hash]).during("write a node")?;
    }
    Ok(())
}

/// All ranges under one read transaction, so that they are of one moment and the lock is taken once.
pub(super) fn read(connection: &Connection, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError> {
    let moment = connection.unchecked_transaction().during("begin to read")?;
    ranges.iter().map(|range| one(&moment, range)).collect()
}

fn one(connection: &Connection, range: &NodeRange) -> Result<Vec<Hash>, StoreError> {
    let count = range.count.min(LONGEST_RANGE);
    if range.level == 0 {
        return log::leaf_hashes(connection, range.from, count);
    }
    // A number beyond what the database can count is beyond the log's end, where there is nothing.
    let Ok(from) = i64::try_from(range.from) else { return Ok(Vec::new()) };
    let mut statement = connection
        .prepare_cached(
            "SELECT number, hash FROM nodes WHERE level = ?1 AND number >= ?2 AND number < ?3 ORDER BY number",
        )
        .during("prepare to read nodes")?;
    let mut found =
        statement.query(params![range.level, from, from.saturating_add(count.into())]).during("read nodes")?;
    let mut hashes = Vec::with_capacity(count as usize);
    for number in range.from.. {
        let Some(row) = found.next().during("read nodes")? else { break };
        if rows::unsigned(row, 0).during("read a node")? != number {
            break;
        }
        hashes.push(row.get(1).during("read a node")?);
    }
    Ok(hashes)
}

/// Writes the nodes of a log whose leaves are older than the table of nodes: all of them or none, under the writer's lock and
/// from one reading of the leaves, so that an interrupted opening leaves nothing half done. It does nothing when they are there.
pub(super) fn complete(connection: &mut Connection) -> Result<(), OpenError> {
    if count(connection)?.is_complete() {
        return Ok(());
    }
    let transaction =
        Transaction::new(connection, TransactionBehavior::Immediate).map_err(OpenError::sqlite("lock"))?;
    // Counted again: another process may have written them while this one waited for the lock.
    let counted = count(&transaction)?;
    if counted.is_complete() {
        return Ok(());
    }
    fill(&transaction).map_err(|cause| OpenError::Nodes { cause: cause.to_string() })?;
    transaction.commit().map_err(OpenError::sqlite("commit the nodes of"))
}

struct Counted {
    leaves: i64,
    nodes: i64,
}

impl Counted {
    /// The lowest kept level has one node for sixteen leaves, and a batch writes all levels or none.
    fn is_complete(&self) -> bool {
        self.nodes >= self.leaves >> 4
    }
}

fn count(connection: &Connection) -> Result<Counted, OpenError> {
    let counted = connection.query_row(
        "SELECT coalesce((SELECT size FROM frontier), 0), coalesce((SELECT max(number) + 1 FROM nodes WHERE level = 4), 0)",
        [],
        |row| Ok(Counted { leaves: row.get(0)?, nodes: row.get(1)? }),
    );
    counted.map_err(OpenError::sqlite("count the nodes of"))
}

fn fill(connection: &Connection) -> Result<(), StoreError> {
    let edge = super::outgoing::edge(connection)?;
    let edge = checked_edge(edge.as_deref(), &batch::head(connection)?)?;
    let mut leaves =
        connection.prepare("SELECT leaf_hash FROM events ORDER BY leaf_index").during("prepare to read the leaves")?;
    let mut found = leaves.query([]).during("read the leaves")?;
    let (mut frontier, mut completed) = (Frontier::empty(), Vec::new());
    while let Some(row) = found.next().during("read the leaves")? {
        let leaf: Hash = row.get(0).during("read a leaf")?;
        frontier.push_and_tell(leaf, |node| completed.push(node));
        write(connection, &completed)?;
        completed.clear();
    }
    if frontier == edge {
        Ok(())
    } else {
        Err(StoreError::Damaged("the leaves do not lead to the newest head".to_owned()))
    }
}
