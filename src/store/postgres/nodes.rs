//! The hashes of the tree beside its leaves: read for proofs and tiles, and written once for a log that is older than their
//! table. Each batch writes its own, see `columns`.

use super::{
    PostgresOpenError,
    columns::NODES,
    errors::cause,
    link::{Link, Value},
    log::HEAD,
    outgoing::EDGE,
    pool::Pool,
    rows,
};
use crate::{
    store::{
        StoreError,
        growth::{checked_edge, empty_head},
    },
    tlog::{Frontier, Hash, Node, NodeRange},
};

/// No caller needs more at once, and no mistake may ask for everything.
const LONGEST_RANGE: u32 = 4096;
/// Leaves at once while an older log is completed.
const PAGE: i64 = 8192;

const READ: &str = "WITH asked AS (
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS asked (level, first, beyond, place)
    )
    SELECT place, leaf_index, leaf_hash FROM asked JOIN events ON leaf_index >= first AND leaf_index < beyond
    WHERE asked.level = 0
    UNION ALL
    SELECT place, number, hash FROM asked JOIN nodes ON nodes.level = asked.level AND number >= first AND number < beyond
    WHERE asked.level > 0
    ORDER BY 1, 2";
/// Whoever writes to the log takes this lock first.
const LOCK: &str = "SELECT size FROM frontier WHERE \"only\" = 0 FOR UPDATE";
const COUNT: &str = "SELECT (SELECT size FROM frontier WHERE \"only\" = 0),
        coalesce((SELECT max(number) + 1 FROM nodes WHERE level = 4), 0)";
const LEAVES: &str = "SELECT leaf_hash FROM events WHERE leaf_index >= $1 ORDER BY leaf_index LIMIT $2";

pub(super) async fn read(pool: &Pool, ranges: &[NodeRange]) -> Result<Vec<Vec<Hash>>, StoreError> {
    // A number beyond what the database can count is beyond the log's end, where there is nothing.
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let levels: Vec<i64> = ranges.iter().map(|range| i64::from(range.level)).collect();
    let firsts: Vec<i64> = ranges.iter().map(|range| bound(range.from)).collect();
    let beyond: Vec<i64> =
        ranges.iter().map(|range| bound(range.from.saturating_add(range.count.min(LONGEST_RANGE).into()))).collect();
    let found = pool.read("read nodes", READ, &[&levels, &firsts, &beyond]).await?;
    let mut hashes: Vec<Vec<Hash>> = ranges.iter().map(|_| Vec::new()).collect();
    for row in &found {
        let (place, number): (usize, u64) = (rows::number(row, 0)?, rows::number(row, 1)?);
        let Some((range, hashes)) = place.checked_sub(1).and_then(|at| Some((ranges.get(at)?, hashes.get_mut(at)?)))
        else {
            return Err(StoreError::Damaged("read nodes: the server answered another question".to_owned()));
        };
        // What stands behind a gap is not given.
        if number == range.from + hashes.len() as u64 {
            hashes.push(rows::bytes(row, 2)?);
        }
    }
    Ok(hashes)
}

/// Levels, numbers and hashes, for one statement.
type Columns = (Vec<i64>, Vec<i64>, Vec<Hash>);

/// Nodes as columns.
pub(super) fn columns(nodes: &[Node]) -> Result<Columns, StoreError> {
    let numbers = nodes.iter().map(|node| rows::signed(node.number)).collect::<Result<_, _>>()?;
    Ok((
        nodes.iter().map(|node| i64::from(node.level)).collect(),
        numbers,
        nodes.iter().map(|node| node.hash).collect(),
    ))
}

/// Writes the nodes of a log whose leaves are older than the table of nodes: all of them or none, under the log's lock and
/// from one reading of the leaves in pages, so that an interrupted opening leaves nothing half done. It does nothing when
/// they are there.
pub(super) async fn complete(link: &Link) -> Result<(), PostgresOpenError> {
    let failed =
        |error: StoreError| PostgresOpenError::Sql { action: "complete the hashes of", cause: error.to_string() };
    let sql = |error: tokio_postgres::Error| PostgresOpenError::Sql {
        action: "complete the hashes of",
        cause: cause(&error),
    };
    if is_complete(link).await.map_err(failed)? {
        return Ok(());
    }
    // A log may be long by then, and another node that does the same is waited for.
    link.run("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await.map_err(sql)?;
    match fill(link).await {
        Ok(()) => link.run("COMMIT").await.map_err(sql),
        Err(error) => {
            // The connection's end would take the transaction back as well.
            let _ = link.run("ROLLBACK").await;
            Err(failed(error))
        }
    }
}

/// The lowest kept level has one node for sixteen leaves, and a batch writes all levels or none.
async fn is_complete(link: &Link) -> Result<bool, StoreError> {
    let counted = ask(link, COUNT, &[]).await?;
    let counts = counted.first().ok_or_else(|| StoreError::Damaged("the tree's edge is gone".to_owned()))?;
    let (leaves, nodes): (i64, i64) = (rows::get(counts, 0)?, rows::get(counts, 1)?);
    Ok(nodes >= leaves >> 4)
}

async fn fill(link: &Link) -> Result<(), StoreError> {
    ask(link, LOCK, &[]).await?;
    // Counted again: another node may have written them while this one waited for the lock.
    if is_complete(link).await? {
        return Ok(());
    }
    let head = ask(link, HEAD, &[]).await?;
    let head = head.first().map_or_else(|| Ok(empty_head()), rows::tree_head)?;
    let edge = ask(link, EDGE, &[]).await?;
    let edge = checked_edge(edge.first().map(|row| rows::get(row, 0)).transpose()?, &head)?;
    let mut frontier = Frontier::empty();
    loop {
        let leaves = ask(link, LEAVES, &[&rows::signed(frontier.size())?, &PAGE]).await?;
        if leaves.is_empty() {
            break;
        }
        let mut completed = Vec::new();
        for leaf in &leaves {
            frontier.push_and_tell(rows::bytes(leaf, 0)?, |node| completed.push(node));
        }
        let (levels, numbers, hashes) = columns(&completed)?;
        ask(link, NODES, &[&levels, &numbers, &hashes]).await?;
    }
    if frontier == edge {
        Ok(())
    } else {
        Err(StoreError::Damaged("the leaves do not lead to the newest head".to_owned()))
    }
}

async fn ask(link: &Link, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>, StoreError> {
    link.query(sql, values).await.map_err(|error| StoreError::Unavailable(cause(&error)))
}
