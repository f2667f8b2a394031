//! Reading receipts together with their seals.

use super::{pool::Pool, rows};
use crate::{
    dossier::Reference,
    receipt::ReceiptId,
    store::{SealedReceipt, StoreError},
};

/// What [`rows::receipt`] reads; a condition follows.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT dossiers.reference, receipts.id, receipts.key_id, receipts.issued_at, receipts.leaf_index,
                 seals.tree_size, heads.root, seals.seal, receipts.copies, receipts.replaced_at
             FROM receipts
             JOIN dossiers ON dossiers.sequence = receipts.dossier
             JOIN seals ON seals.leaf_index = receipts.leaf_index
             JOIN heads ON heads.size = seals.tree_size ",
            $condition
        )
    };
}

/// Those whose own leaf lies between two leaves, both included.
pub(super) const BETWEEN: &str = select!("WHERE receipts.leaf_index BETWEEN $1 AND $2 ORDER BY receipts.leaf_index");

pub(super) async fn find(pool: &Pool, id: ReceiptId) -> Result<Option<SealedReceipt>, StoreError> {
    let rows = pool.read("read a receipt", select!("WHERE receipts.id = $1"), &[id.as_bytes()]).await?;
    rows.first().map(rows::receipt).transpose()
}

pub(super) async fn of_dossier(pool: &Pool, reference: &Reference) -> Result<Vec<SealedReceipt>, StoreError> {
    let rows = pool
        .read(
            "read receipts",
            select!("WHERE dossiers.reference = $1 ORDER BY receipts.leaf_index"),
            &[&reference.to_string()],
        )
        .await?;
    rows.iter().map(rows::receipt).collect()
}
