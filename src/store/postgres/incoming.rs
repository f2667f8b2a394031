//! What comes in from another database: rows as they stood there, a statement for each table of a chunk, with every trigger
//! and reference in force.
//!
//! COPY was rejected: it cannot leave out what is there already, and the guards, which it does not escape, are what takes
//! the time.

use tokio_postgres::types::ToSql;

use super::{
    columns::{CONTENTS, DOSSIERS, EDGE, EVENTS, NODES, column},
    ferry::Crossing,
    link::Value,
    log, nodes, outgoing, portable, rows,
};
use crate::store::{
    CheckpointRow, Chunk, CosignatureRow, GrantedWish, PortableLeaf, Remainder, StoreError, growth, portable::MARK,
};

const HEADS: &str = "INSERT INTO heads (size, root) SELECT * FROM unnest($1::bigint[], $2::bytea[]) ORDER BY 1";
const RECEIPTS: &str = "INSERT INTO receipts (id, key_id, dossier, leaf_index, issued_at, copies, replaced_at)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    ON CONFLICT (id) DO UPDATE SET copies = excluded.copies, replaced_at = excluded.replaced_at";
const SEALS: &str = "INSERT INTO seals (leaf_index, tree_size, seal)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
const WISHES: &str = "INSERT INTO idempotency (key, fingerprint, first_leaf, last_leaf)
    SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[]) ON CONFLICT (key) DO NOTHING";
const CHECKPOINTS: &str = "INSERT INTO checkpoints (size, note, published_at)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[]) ON CONFLICT (size) DO NOTHING";
const COSIGNATURES: &str = "INSERT INTO cosignatures (size, witness, line, at, received_at)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
    ON CONFLICT (size, witness) DO NOTHING";
const ERASURES: &str = "INSERT INTO erasures (leaf_index, told_by) SELECT * FROM unnest($1::bigint[], $2::bigint[])";
const ERASE: &str = "DELETE FROM event_contents WHERE leaf_index = ANY ($1)";
const ERASED_BY: &str = "UPDATE dossiers SET erased_by = new.erased_by
    FROM unnest($1::bigint[], $2::bigint[]) AS new (sequence, erased_by) WHERE dossiers.sequence = new.sequence";
const FACTS: &str = "INSERT INTO meta (key, value) SELECT * FROM unnest($1::text[], $2::text[])";
const NUMBERS: &str = "INSERT INTO numbers (procedure, year, last)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])";
const ACCOUNTS: &str = "INSERT INTO accounts (name, password_hash, created_at, role)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])";
const ATTEMPTS: &str = "INSERT INTO attempts (bucket, failures, window_ends_at, locked_until)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])";

type Column<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// Writes rows that are given in columns.
async fn put(
    crossing: &Crossing,
    action: &'static str,
    statement: &'static str,
    columns: Vec<Column<'_>>,
) -> Result<(), StoreError> {
    let values: Vec<Value<'_>> = columns.iter().map(|column| &**column as Value<'_>).collect();
    crossing.write(action, statement, &values).await
}

pub(super) async fn add_chunk(crossing: &Crossing, chunk: &Chunk) -> Result<(), StoreError> {
    portable::custody(crossing).await?.check_unfinished()?;
    let head = crossing.read("read the head", log::HEAD, &[]).await?;
    let head = head.first().map_or_else(|| Ok(growth::empty_head()), rows::tree_head)?;
    let before = growth::checked_edge(outgoing::edge(crossing).await?.as_deref(), &head)?;
    let mut completed = Vec::new();
    let after = chunk
        .recompute_and_tell(before, |node| completed.push(node))
        .map_err(|_| StoreError::Inconsistent("the chunk does not follow from the log that it is added to"))?;
    put(crossing, "write dossiers' rows", DOSSIERS, dossiers(chunk)).await?;
    put(crossing, "write leaves", EVENTS, leaves(chunk)?).await?;
    put(crossing, "write events", CONTENTS, contents(chunk)?).await?;
    let heads = &chunk.heads;
    let sizes = heads.iter().map(|head| rows::signed(head.size)).collect::<Result<Vec<_>, _>>()?;
    put(crossing, "write heads", HEADS, vec![Box::new(sizes), column!(heads, head => head.root)]).await?;
    crossing.write("write the tree's edge", EDGE, &[&rows::signed(after.size())?, &after.to_bytes()]).await?;
    let (levels, numbers, hashes) = nodes::columns(&completed)?;
    put(crossing, "write nodes", NODES, vec![Box::new(levels), Box::new(numbers), Box::new(hashes)]).await?;
    put_erasures(crossing, chunk).await?;
    put(crossing, "write receipts", RECEIPTS, receipts(chunk)).await?;
    let seals = vec![
        column!(chunk.seals, row => row.leaf_index),
        column!(chunk.seals, row => row.tree_size),
        column!(chunk.seals, row => row.seal.as_slice()),
    ];
    put(crossing, "write seals", SEALS, seals).await
}

/// A leaf may have come with its content before the source erased it.
async fn put_erasures(crossing: &Crossing, chunk: &Chunk) -> Result<(), StoreError> {
    let leaves: Vec<i64> = chunk.erasures.iter().map(|erasure| erasure.leaf_index).collect();
    let told_by: Vec<i64> = chunk.erasures.iter().map(|erasure| erasure.told_by).collect();
    crossing.write("write erasures", ERASURES, &[&leaves, &told_by]).await?;
    crossing.write("erase contents", ERASE, &[&leaves]).await?;
    let (sequences, erased_by): (Vec<i64>, Vec<i64>) =
        chunk.dossiers.iter().filter_map(|row| Some((row.sequence, row.erased_by?))).unzip();
    crossing.write("write what tells of dossiers' erasures", ERASED_BY, &[&sequences, &erased_by]).await
}

fn dossiers(chunk: &Chunk) -> Vec<Column<'_>> {
    let dossiers = &chunk.dossiers;
    vec![
        column!(dossiers, row => row.sequence),
        column!(dossiers, row => row.reference.as_str()),
        column!(dossiers, row => row.procedure.as_str()),
        column!(dossiers, row => row.version),
        column!(dossiers, row => row.office.as_str()),
        column!(dossiers, row => row.step.as_str()),
        column!(dossiers, row => row.state.as_str()),
        column!(dossiers, row => row.applicant.as_str()),
        column!(dossiers, row => row.parcel.as_deref()),
        column!(dossiers, row => row.name_key.as_str()),
        column!(dossiers, row => row.parcel_key.as_deref()),
        column!(dossiers, row => row.phone.as_deref()),
        column!(dossiers, row => row.identity_hash),
        column!(dossiers, row => row.registered_at),
        column!(dossiers, row => row.updated_at),
        column!(dossiers, row => row.deposited_on.as_str()),
        column!(dossiers, row => row.due_on.as_deref()),
        column!(dossiers, row => row.answered_on.as_deref()),
        column!(dossiers, row => row.answered_days),
    ]
}

fn leaves(chunk: &Chunk) -> Result<Vec<Column<'_>>, StoreError> {
    let leaves = &chunk.leaves;
    Ok(vec![
        Box::new(indexes(leaves.iter())?),
        column!(leaves, leaf => leaf.dossier),
        column!(leaves, leaf => leaf.position),
        column!(leaves, leaf => leaf.commitment),
        column!(leaves, leaf => leaf.leaf_hash),
    ])
}

fn contents(chunk: &Chunk) -> Result<Vec<Column<'_>>, StoreError> {
    let kept = || chunk.leaves.iter().filter(|leaf| leaf.content.is_some());
    let contents: Vec<_> = chunk.leaves.iter().filter_map(|leaf| leaf.content.as_ref()).collect();
    Ok(vec![
        Box::new(indexes(kept())?),
        column!(contents, content => content.record.as_slice()),
        column!(contents, content => content.nonce),
    ])
}

fn indexes<'a>(leaves: impl Iterator<Item = &'a PortableLeaf>) -> Result<Vec<i64>, StoreError> {
    leaves.map(|leaf| rows::signed(leaf.index)).collect()
}

fn receipts(chunk: &Chunk) -> Vec<Column<'_>> {
    let receipts = &chunk.receipts;
    vec![
        column!(receipts, row => row.id),
        column!(receipts, row => row.key_id),
        column!(receipts, row => row.dossier),
        column!(receipts, row => row.leaf_index),
        column!(receipts, row => row.issued_at),
        column!(receipts, row => row.copies),
        column!(receipts, row => row.replaced_at),
    ]
}

pub(super) async fn add_wishes(crossing: &Crossing, wishes: &[GrantedWish]) -> Result<(), StoreError> {
    portable::custody(crossing).await?.check_unfinished()?;
    let columns = vec![
        column!(wishes, wish => wish.key.as_str()),
        column!(wishes, wish => wish.fingerprint),
        column!(wishes, wish => wish.first_leaf),
        column!(wishes, wish => wish.last_leaf),
    ];
    put(crossing, "write granted wishes", WISHES, columns).await
}

pub(super) async fn add_checkpoints(crossing: &Crossing, checkpoints: &[CheckpointRow]) -> Result<(), StoreError> {
    portable::custody(crossing).await?.check_unfinished()?;
    let sizes = checkpoints.iter().map(|row| rows::signed(row.size)).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<Column<'_>> = vec![
        Box::new(sizes),
        column!(checkpoints, row => row.note.as_str()),
        column!(checkpoints, row => row.published_at.as_millisecond()),
    ];
    put(crossing, "write checkpoints", CHECKPOINTS, columns).await
}

pub(super) async fn add_cosignatures(crossing: &Crossing, cosignatures: &[CosignatureRow]) -> Result<(), StoreError> {
    portable::custody(crossing).await?.check_unfinished()?;
    let sizes = cosignatures.iter().map(|row| rows::signed(row.size)).collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<Column<'_>> = vec![
        Box::new(sizes),
        column!(cosignatures, row => row.witness.as_str()),
        column!(cosignatures, row => row.line.as_str()),
        column!(cosignatures, row => row.at),
        column!(cosignatures, row => row.received_at.as_millisecond()),
    ];
    put(crossing, "write cosignatures", COSIGNATURES, columns).await
}

pub(super) async fn put_remainder(crossing: &Crossing, remainder: &Remainder) -> Result<(), StoreError> {
    portable::custody(crossing).await?.check_unfinished()?;
    for statement in ["DELETE FROM sessions", "DELETE FROM accounts", "DELETE FROM attempts", "DELETE FROM numbers"] {
        crossing.write("make room for the remainder", statement, &[]).await?;
    }
    crossing.write("make room for the facts", "DELETE FROM meta WHERE key <> $1", &[&MARK]).await?;
    let facts = &remainder.facts;
    let columns = vec![column!(facts, (key, _) => key.as_str()), column!(facts, (_, value) => value.as_str())];
    put(crossing, "write facts", FACTS, columns).await?;
    let numbers = &remainder.numbers;
    let columns = vec![
        column!(numbers, ((procedure, _), _) => procedure.as_str()),
        column!(numbers, ((_, year), _) => *year),
        column!(numbers, (_, last) => *last),
    ];
    put(crossing, "write the last numbers", NUMBERS, columns).await?;
    let accounts = &remainder.accounts;
    let columns = vec![
        column!(accounts, (name, _) => name.as_str()),
        column!(accounts, (_, account) => account.password_hash.as_str()),
        column!(accounts, (_, account) => account.created_at),
        column!(accounts, (_, account) => account.role.as_str()),
    ];
    put(crossing, "write accounts", ACCOUNTS, columns).await?;
    let attempts = &remainder.attempts;
    let columns = vec![
        column!(attempts, (bucket, _) => *bucket),
        column!(attempts, (_, (failures, _, _)) => *failures),
        column!(attempts, (_, (_, window_ends_at, _)) => *window_ends_at),
        column!(attempts, (_, (_, _, locked_until)) => *locked_until),
    ];
    put(crossing, "write the counts of tries", ATTEMPTS, columns).await
}
