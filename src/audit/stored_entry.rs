//! Whether what an office stores of one entry is what the log commits to.

use crate::tlog::{commitment, leaf_data, leaf_hash};

/// Compares record and nonce with the commitment, and the commitment with the leaf. Every byte of the four counts. `content` is
/// `None` where it was erased.
///
/// # Errors
/// Says what does not fit.
pub fn judge_stored(
    content: Option<(&[u8], &[u8])>,
    stored_commitment: &[u8],
    stored_leaf: &[u8],
) -> Result<(), &'static str> {
    let committed: [u8; 32] = stored_commitment.try_into().map_err(|_| "the commitment has not 32 bytes")?;
    if let Some((record, nonce)) = content {
        let nonce = nonce.try_into().map_err(|_| "the nonce has not 32 bytes")?;
        if commitment(nonce, record) != committed {
            return Err("the record does not fit its commitment");
        }
    }
    if leaf_hash(&leaf_data(&committed)) != *stored_leaf {
        return Err("the leaf does not fit its commitment");
    }
    Ok(())
}
