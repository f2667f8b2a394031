//! What goes out to another database: rows as they stand, in pages.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::{ferry::Crossing, link::Value, published, rows};
use crate::store::{
    CheckpointRow, Chunk, CosignatureRow, GrantedWish, PortableAccount, PortableDossier, PortableErasure, PortableLeaf,
    PortableReceipt, PortableSeal, Remainder, StoreError, Totals,
    portable::{self, MARK},
};

const END: &str = "SELECT coalesce((SELECT min(size) FROM heads WHERE size >= $1), (SELECT max(size) FROM heads), 0)";
const LEAVES: &str = "SELECT events.leaf_index, events.dossier, events.position, events.commitment, events.leaf_hash,
        event_contents.record, event_contents.nonce
    FROM events LEFT JOIN event_contents ON event_contents.leaf_index = events.leaf_index
    WHERE events.leaf_index >= $1 AND events.leaf_index < $2 ORDER BY events.leaf_index";
const HEADS: &str = "SELECT size, root FROM heads WHERE size > $1 AND size <= $2 ORDER BY size";
const SEALS: &str =
    "SELECT leaf_index, tree_size, seal FROM seals WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index";
const ERASURES: &str =
    "SELECT leaf_index, told_by FROM erasures WHERE told_by >= $1 AND told_by < $2 ORDER BY leaf_index";
const ERASED: &str = "SELECT sequence FROM dossiers WHERE erased_by >= $1 AND erased_by < $2";
// The places are handed over as values, so that each is looked up by its index. As a condition on another table, the
// server might read all dossiers for each chunk.
const DOSSIERS: &str =
    "SELECT sequence, reference, procedure, version, office, step, state, applicant, parcel, name_key,
        parcel_key, phone, identity_hash, registered_at, updated_at, deposited_on, due_on, answered_on, answered_days,
        CASE WHEN erased_by < $2 THEN erased_by END
    FROM dossiers WHERE sequence = ANY ($1) ORDER BY sequence";
const RECEIPTS: &str = "SELECT id, key_id, dossier, leaf_index, issued_at, copies, replaced_at
    FROM receipts WHERE dossier = ANY ($1) AND leaf_index < $2 ORDER BY dossier, leaf_index";
const FIRST_WISHES: &str =
    "SELECT key, fingerprint, first_leaf, last_leaf FROM idempotency WHERE key >= $1 ORDER BY key LIMIT $2";
const NEXT_WISHES: &str =
    "SELECT key, fingerprint, first_leaf, last_leaf FROM idempotency WHERE key > $1 ORDER BY key LIMIT $2";
const CHECKPOINTS: &str = "SELECT size, note, published_at FROM checkpoints WHERE size >= $1 ORDER BY size LIMIT $2";
const TOTALS: &str = "SELECT (SELECT count(*) FROM dossiers), (SELECT count(*) FROM events),
        (SELECT count(*) FROM event_contents), (SELECT count(*) FROM heads), (SELECT count(*) FROM receipts),
        (SELECT count(*) FROM seals), (SELECT count(*) FROM idempotency), (SELECT count(*) FROM checkpoints),
        (SELECT count(*) FROM nodes), (SELECT count(*) FROM erasures), (SELECT count(*) FROM cosignatures)";
pub(super) const EDGE: &str = "SELECT edge FROM frontier WHERE \"only\" = 0 AND size > 0";

pub(super) async fn chunk(crossing: &Crossing, from: u64, at_least: u32) -> Result<Chunk, StoreError> {
    let first = rows::signed(from)?;
    let bound = first.saturating_add(at_least.into());
    let ends = crossing.read("find a chunk's end", END, &[&bound]).await?;
    let end: i64 = ends.first().map_or(Ok(0), |row| rows::get(row, 0))?;
    if end <= first {
        return Ok(Chunk { from, ..Chunk::default() });
    }
    portable::check_way(from, end.unsigned_abs(), at_least)?;
    let bounds: [Value<'_>; 2] = [&first, &end];
    let leaves = crossing.read("read leaves with their contents", LEAVES, &bounds).await?;
    let leaves: Vec<PortableLeaf> = leaves.iter().map(leaf).collect::<Result<_, _>>()?;
    let heads = crossing.read("read heads", HEADS, &bounds).await?;
    let seals = crossing.read("read seals", SEALS, &bounds).await?;
    let erasures = crossing.read("read erasures", ERASURES, &bounds).await?;
    let erased = crossing.read("find erased dossiers", ERASED, &bounds).await?;
    let erased: Vec<i64> = erased.iter().map(|row| rows::get(row, 0)).collect::<Result<_, _>>()?;
    let places = Chunk::touched(&leaves, erased);
    let dossiers = crossing.read("read dossiers' rows", DOSSIERS, &[&places, &end]).await?;
    let receipts = crossing.read("read receipts' rows", RECEIPTS, &[&places, &end]).await?;
    Ok(Chunk {
        from,
        leaves,
        heads: heads.iter().map(rows::tree_head).collect::<Result<_, _>>()?,
        seals: seals.iter().map(seal).collect::<Result<_, _>>()?,
        erasures: erasures.iter().map(erasure).collect::<Result<_, _>>()?,
        dossiers: dossiers.iter().map(dossier).collect::<Result<_, _>>()?,
        receipts: receipts.iter().map(receipt).collect::<Result<_, _>>()?,
    })
}

fn leaf(row: &Row) -> Result<PortableLeaf, StoreError> {
    Ok(PortableLeaf {
        index: rows::number(row, 0)?,
        dossier: rows::get(row, 1)?,
        position: rows::get(row, 2)?,
        commitment: rows::bytes(row, 3)?,
        leaf_hash: rows::bytes(row, 4)?,
        content: rows::content(row, 5)?,
    })
}

fn erasure(row: &Row) -> Result<PortableErasure, StoreError> {
    Ok(PortableErasure { leaf_index: rows::get(row, 0)?, told_by: rows::get(row, 1)? })
}

fn seal(row: &Row) -> Result<PortableSeal, StoreError> {
    Ok(PortableSeal { leaf_index: rows::get(row, 0)?, tree_size: rows::get(row, 1)?, seal: rows::get(row, 2)? })
}

fn dossier(row: &Row) -> Result<PortableDossier, StoreError> {
    let identity_hash: Option<&[u8]> = rows::get(row, 12)?;
    Ok(PortableDossier {
        sequence: rows::get(row, 0)?,
        reference: rows::get(row, 1)?,
        procedure: rows::get(row, 2)?,
        version: rows::get(row, 3)?,
        office: rows::get(row, 4)?,
        step: rows::get(row, 5)?,
        state: rows::get(row, 6)?,
        applicant: rows::get(row, 7)?,
        parcel: rows::get(row, 8)?,
        name_key: rows::get(row, 9)?,
        parcel_key: rows::get(row, 10)?,
        phone: rows::get(row, 11)?,
        identity_hash: identity_hash.map(|_| rows::bytes(row, 12)).transpose()?,
        registered_at: rows::get(row, 13)?,
        updated_at: rows::get(row, 14)?,
        deposited_on: rows::get(row, 15)?,
        due_on: rows::get(row, 16)?,
        answered_on: rows::get(row, 17)?,
        answered_days: rows::get(row, 18)?,
        erased_by: rows::get(row, 19)?,
    })
}

fn receipt(row: &Row) -> Result<PortableReceipt, StoreError> {
    Ok(PortableReceipt {
        id: rows::bytes(row, 0)?,
        key_id: rows::get(row, 1)?,
        dossier: rows::get(row, 2)?,
        leaf_index: rows::get(row, 3)?,
        issued_at: rows::get(row, 4)?,
        copies: rows::get(row, 5)?,
        replaced_at: rows::get(row, 6)?,
    })
}

pub(super) async fn wishes(
    crossing: &Crossing,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<GrantedWish>, StoreError> {
    let statement = if after.is_some() { NEXT_WISHES } else { FIRST_WISHES };
    let values: [Value<'_>; 2] = [&after.unwrap_or_default(), &i64::from(limit)];
    let found = crossing.read("read the wishes that were granted", statement, &values).await?;
    let wish = |row: &Row| {
        Ok(GrantedWish {
            key: rows::get(row, 0)?,
            fingerprint: rows::bytes(row, 1)?,
            first_leaf: rows::get(row, 2)?,
            last_leaf: rows::get(row, 3)?,
        })
    };
    found.iter().map(wish).collect()
}

pub(super) async fn checkpoints(crossing: &Crossing, from: u64, limit: u32) -> Result<Vec<CheckpointRow>, StoreError> {
    let from = rows::signed(from).unwrap_or(i64::MAX);
    let found = crossing.read("read the checkpoints", CHECKPOINTS, &[&from, &i64::from(limit)]).await?;
    found.iter().map(rows::checkpoint).collect()
}

pub(super) async fn cosignatures_after(
    crossing: &Crossing,
    after: Option<(u64, String)>,
    limit: u32,
) -> Result<Vec<CosignatureRow>, StoreError> {
    let (size, witness) = match &after {
        Some((size, witness)) => (rows::signed(*size)?, witness.as_str()),
        None => (-1, ""),
    };
    let values: [Value<'_>; 3] = [&size, &witness, &i64::from(limit)];
    let found = crossing.read("read the cosignatures", published::COSIGNATURES_AFTER, &values).await?;
    found.iter().map(published::cosignature).collect()
}

pub(super) async fn remainder(crossing: &Crossing) -> Result<Remainder, StoreError> {
    let facts = crossing.read("read the facts", "SELECT key, value FROM meta", &[]).await?;
    let numbers = crossing.read("read the numbers given", "SELECT procedure, year, last FROM numbers", &[]).await?;
    let accounts =
        crossing.read("list the accounts", "SELECT name, password_hash, created_at, role FROM accounts", &[]).await?;
    let attempts = crossing
        .read("read the tries", "SELECT bucket, failures, window_ends_at, locked_until FROM attempts", &[])
        .await?;
    let get = rows::get::<String>;
    let mut facts: BTreeMap<_, _> =
        facts.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect::<Result<_, StoreError>>()?;
    facts.remove(MARK);
    Ok(Remainder {
        facts,
        numbers: numbers
            .iter()
            .map(|row| Ok(((get(row, 0)?, rows::get(row, 1)?), rows::get(row, 2)?)))
            .collect::<Result<_, StoreError>>()?,
        accounts: accounts
            .iter()
            .map(|row| {
                let account =
                    PortableAccount { password_hash: get(row, 1)?, created_at: rows::get(row, 2)?, role: get(row, 3)? };
                Ok((get(row, 0)?, account))
            })
            .collect::<Result<_, StoreError>>()?,
        attempts: attempts
            .iter()
            .map(|row| Ok((rows::bytes(row, 0)?, (rows::get(row, 1)?, rows::get(row, 2)?, rows::get(row, 3)?))))
            .collect::<Result<_, StoreError>>()?,
    })
}

pub(super) async fn totals(crossing: &Crossing) -> Result<Totals, StoreError> {
    let counted = crossing.read("count rows", TOTALS, &[]).await?;
    let counts = counted.first().ok_or_else(|| StoreError::Unavailable("the server gave no answer".to_owned()))?;
    let count = |(column, table)| Ok((table, rows::get(counts, column)?));
    Ok(Totals {
        rows: portable::COUNTED.into_iter().enumerate().map(count).collect::<Result<_, StoreError>>()?,
        edge: edge(crossing).await?,
    })
}

pub(super) async fn edge(crossing: &Crossing) -> Result<Option<Vec<u8>>, StoreError> {
    let found = crossing.read("read the tree's edge", EDGE, &[]).await?;
    found.first().map(|row| rows::get(row, 0)).transpose()
}
