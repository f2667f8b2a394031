//! The receipts' rows: written when issued, kept as the fold has them, and read together with their seals.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{errors::During, rows};
use crate::{
    dossier::{IssuedReceipt, Reference},
    receipt::ReceiptId,
    store::{SealedReceipt, StoreError, projection},
};

/// What [`rows::receipt`] reads; a condition follows.
const SELECT: &str = "SELECT dossiers.reference, receipts.id, receipts.key_id, receipts.issued_at, receipts.leaf_index,
        seals.tree_size, heads.root, seals.seal, receipts.copies, receipts.replaced_at
    FROM receipts
    JOIN dossiers ON dossiers.sequence = receipts.dossier
    JOIN seals ON seals.leaf_index = receipts.leaf_index
    JOIN heads ON heads.size = seals.tree_size";

pub(super) fn issue(
    connection: &Connection,
    dossier: i64,
    receipt: ReceiptId,
    key_id: u8,
    leaf_index: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    projection::check_key_id(key_id)?;
    let written = connection
        .prepare_cached(
            "INSERT INTO receipts (id, key_id, dossier, leaf_index, issued_at, copies, replaced_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, NULL) ON CONFLICT (id) DO NOTHING",
        )
        .and_then(|mut s| s.execute(params![receipt.as_bytes(), key_id, dossier, leaf_index, at.as_millisecond()]))
        .during("write a receipt")?;
    if written == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a receipt with this id exists")) }
}

/// Writes what the fold says of the dossier's receipts. The events are not interpreted a second time here, so that a row
/// cannot disagree with the fold about which receipt is in force.
pub(super) fn project(connection: &Connection, dossier: i64, folded: &[IssuedReceipt]) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("UPDATE receipts SET copies = ?3, replaced_at = ?4 WHERE id = ?1 AND dossier = ?2")
        .during("prepare a receipt's state")?;
    for receipt in folded {
        let replaced_at = receipt.replaced_at.map(Timestamp::as_millisecond);
        let changed = statement
            .execute(params![receipt.id.as_bytes(), dossier, receipt.copies, replaced_at])
            .during("write a receipt's state")?;
        if changed != 1 {
            return Err(StoreError::Inconsistent("the fold has a receipt that is not this dossier's"));
        }
    }
    Ok(())
}

pub(super) fn find(connection: &Connection, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE receipts.id = ?1"))
        .and_then(|mut statement| statement.query_row([id.as_bytes()], rows::receipt).optional())
        .during("read a receipt")
}

pub(super) fn of_dossier(connection: &Connection, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError> {
    list(connection, "WHERE dossiers.reference = ?1 ORDER BY receipts.leaf_index", [reference.to_string()])
}

/// Those whose own leaf lies between two leaves, both included.
pub(super) fn between(connection: &Connection, first: i64, last: i64) -> Result<Vec<SealedReceipt>, StoreError> {
    list(connection, "WHERE receipts.leaf_index BETWEEN ?1 AND ?2 ORDER BY receipts.leaf_index", [first, last])
}

fn list(connection: &Connection, condition: &str, values: impl Params) -> Result<Vec<SealedReceipt>, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} {condition}"))
        .and_then(|mut statement| statement.query_map(values, rows::receipt)?.collect())
        .during("read receipts")
}
