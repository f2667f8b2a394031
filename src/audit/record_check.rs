//! Whether a record and its nonce are what a receipt's entry commits to.

use std::fmt;

use super::verdict::Outcome;
use crate::{
    receipt::SealClaims,
    tlog::{Record, commitment},
};

/// What is known of a receipt's own event beyond its leaf.
#[derive(Clone, Copy)]
pub enum Opening<'a> {
    Record {
        record: &'a [u8],
        nonce: &'a [u8; 32],
    },
    /// Both were deleted, as the law or the applicant asked; the leaf stays.
    Erased,
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Record { .. } => "Record([redacted])",
            Self::Erased => "Erased",
        })
    }
}

/// Whether the record opens the seal's commitment, and tells of the receipt that the seal names, issued in the same second.
///
/// The commitment alone would be enough of a proof; the rest catches an office that sealed one thing and recorded another.
pub(super) fn tells_of(opening: &Opening<'_>, claims: &SealClaims) -> Outcome {
    let Opening::Record { record: bytes, nonce } = opening else { return Outcome::NotLookedAt };
    let committed = commitment(nonce, bytes)[..16] == claims.commitment16;
    let tells = Record::decode(bytes).is_ok_and(|record| {
        let receipt = record.data.as_map().and_then(|entries| {
            let found = entries.iter().find(|(name, _)| name.as_text() == Some("receipt"))?;
            found.1.as_bytes()
        });
        record.kind == "receipt_issued"
            && record.reference == claims.reference
            && record.at_ms.div_euclid(1000) == claims.issued_at
            && receipt.is_some_and(|id| id.as_slice() == claims.receipt_id.as_bytes())
    });
    if committed && tells { Outcome::Passed } else { Outcome::Failed }
}
