//! The identifier of one issued receipt.
//!
//! It is eight random bytes and says nothing of the dossier. Deriving it from the dossier's number
//! was rejected: whoever held one receipt could have guessed the neighbours'. It opens nothing by
//! itself, so unlike a token it may be printed in a log line.

use std::fmt;

/// Eight bytes, unique among all receipts ever issued.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId([u8; 8]);

impl ReceiptId {
    /// Wraps bytes that the caller drew at random.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for ReceiptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ReceiptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ReceiptId({self})")
    }
}
