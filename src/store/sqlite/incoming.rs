//! What comes in from another database: rows as they stood there, into the tables as a batch would have written them, with
//! every trigger and reference in force.

use rusqlite::{Connection, params};

use super::{
    batch,
    errors::During,
    nodes,
    outgoing::edge,
    portable::{custody, put_fact},
    rows,
    writes::PUT_DOSSIER,
};
use crate::{
    store::{Chunk, GrantedWish, PortableDossier, PortableLeaf, Remainder, StoreError, growth, portable::MARK},
    tlog::Frontier,
};

pub(super) fn add_chunk(connection: &Connection, chunk: &Chunk) -> Result<(), StoreError> {
    custody(connection)?.check_unfinished()?;
    let before = growth::checked_edge(edge(connection)?.as_deref(), &batch::head(connection)?)?;
    let mut completed = Vec::new();
    let after = chunk
        .recompute_and_tell(before, |node| completed.push(node))
        .map_err(|_| StoreError::Inconsistent("the chunk does not follow from the log that it is added to"))?;
    chunk.dossiers.iter().try_for_each(|row| put_dossier(connection, row))?;
    chunk.leaves.iter().try_for_each(|leaf| add_leaf(connection, leaf))?;
    for head in &chunk.heads {
        let size = rows::signed(head.size)?;
        connection
            .prepare_cached("INSERT INTO heads (size, root) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![size, head.root]))
            .during("write a head")?;
    }
    put_edge(connection, &after)?;
    nodes::write(connection, &completed)?;
    put_erasures(connection, chunk)?;
    for row in &chunk.receipts {
        connection
            .prepare_cached(
                "INSERT INTO receipts (id, key_id, dossier, leaf_index, issued_at, copies, replaced_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET copies = excluded.copies, replaced_at = excluded.replaced_at",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    row.id,
                    row.key_id,
                    row.dossier,
                    row.leaf_index,
                    row.issued_at,
                    row.copies,
                    row.replaced_at
                ])
            })
            .during("write a receipt")?;
    }
    for row in &chunk.seals {
        connection
            .prepare_cached("INSERT INTO seals (leaf_index, tree_size, seal) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![row.leaf_index, row.tree_size, row.seal]))
            .during("write a seal")?;
    }
    Ok(())
}

fn add_leaf(connection: &Connection, leaf: &PortableLeaf) -> Result<(), StoreError> {
    let index = rows::signed(leaf.index)?;
    connection
        .prepare_cached(
            "INSERT INTO events (leaf_index, dossier, position, commitment, leaf_hash) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![index, leaf.dossier, leaf.position, leaf.commitment, leaf.leaf_hash])
        })
        .during("write a leaf")?;
    let Some(content) = &leaf.content else { return Ok(()) };
    connection
        .prepare_cached("INSERT INTO event_contents (leaf_index, record, nonce) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute(params![index, content.record, content.nonce]))
        .map(drop)
        .during("write an event")
}

/// A leaf may have come with its content before the source erased it.
fn put_erasures(connection: &Connection, chunk: &Chunk) -> Result<(), StoreError> {
    for erasure in &chunk.erasures {
        connection
            .prepare_cached("INSERT INTO erasures (leaf_index, told_by) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute([erasure.leaf_index, erasure.told_by]))
            .during("write an erasure")?;
        connection
            .prepare_cached("DELETE FROM event_contents WHERE leaf_index = ?1")
            .and_then(|mut statement| statement.execute([erasure.leaf_index]))
            .during("erase a content")?;
    }
    for row in chunk.dossiers.iter().filter(|row| row.erased_by.is_some()) {
        connection
            .prepare_cached("UPDATE dossiers SET erased_by = ?2 WHERE sequence = ?1")
            .and_then(|mut statement| statement.execute(params![row.sequence, row.erased_by]))
            .during("write what tells of a dossier's erasure")?;
    }
    Ok(())
}

fn put_edge(connection: &Connection, edge: &Frontier) -> Result<(), StoreError> {
    if edge.size() == 0 {
        return Ok(());
    }
    let size = rows::signed(edge.size())?;
    connection
        .prepare_cached(
            "INSERT INTO frontier (only, size, edge) VALUES (0, ?1, ?2)
             ON CONFLICT (only) DO UPDATE SET size = excluded.size, edge = excluded.edge",
        )
        .and_then(|mut statement| statement.execute(params![size, edge.to_bytes()]))
        .map(drop)
        .during("write the tree's edge")
}

fn put_dossier(connection: &Connection, row: &PortableDossier) -> Result<(), StoreError> {
    connection
        .prepare_cached(PUT_DOSSIER)
        .and_then(|mut statement| {
            statement.execute(params![
                row.sequence,
                row.reference,
                row.procedure,
                row.version,
                row.office,
                row.step,
                row.state,
                row.applicant,
                row.parcel,
                row.name_key,
                row.parcel_key,
                row.phone,
                row.identity_hash,
                row.registered_at,
                row.updated_at,
                row.deposited_on,
                row.due_on,
                row.answered_on,
                row.answered_days,
            ])
        })
        .map(drop)
        .during("write a dossier's row")
}

pub(super) fn add_wishes(connection: &Connection, wishes: &[GrantedWish]) -> Result<(), StoreError> {
    custody(connection)?.check_unfinished()?;
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO idempotency (key, fingerprint, first_leaf, last_leaf) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO NOTHING",
        )
        .during("prepare a granted wish")?;
    for wish in wishes {
        statement
            .execute(params![wish.key, wish.fingerprint, wish.first_leaf, wish.last_leaf])
            .during("write a granted wish")?;
    }
    Ok(())
}

pub(super) fn put_remainder(connection: &Connection, remainder: &Remainder) -> Result<(), StoreError> {
    custody(connection)?.check_unfinished()?;
    connection
        .execute_batch("DELETE FROM sessions; DELETE FROM accounts; DELETE FROM attempts; DELETE FROM numbers")
        .during("make room for the remainder")?;
    connection.execute("DELETE FROM meta WHERE key <> ?1", [MARK]).during("make room for the facts")?;
    for (key, value) in &remainder.facts {
        put_fact(connection, key, value)?;
    }
    for ((procedure, year), last) in &remainder.numbers {
        connection
            .prepare_cached("INSERT INTO numbers (procedure, year, last) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| statement.execute(params![procedure, year, last]))
            .during("write a last number")?;
    }
    for (name, account) in &remainder.accounts {
        connection
            .prepare_cached("INSERT INTO accounts (name, password_hash, created_at, role) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| {
                statement.execute(params![name, account.password_hash, account.created_at, account.role])
            })
            .during("write an account")?;
    }
    for (bucket, (failures, window_ends_at, locked_until)) in &remainder.attempts {
        connection
            .prepare_cached(
                "INSERT INTO attempts (bucket, failures, window_ends_at, locked_until) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut statement| statement.execute(params![bucket, failures, window_ends_at, locked_until]))
            .during("write a count of tries")?;
    }
    Ok(())
}
