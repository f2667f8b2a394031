//! What a receipt carries: the token behind the QR code, the code that can be typed instead,
//! the seal that proves the receipt offline, and the address that holds them.
//!
//! Everything here is a function of its arguments. This room never reads a clock, draws a random
//! number, opens a file or touches a database: identifiers, secrets and times are passed in.
//! Rejected: drawing the receipt id here, which would have made every test of a receipt depend on
//! chance.

pub mod base32;
mod key_history;
mod key_ring;
mod published_keys;
mod receipt_id;
mod seal;
mod token;
mod token_keys;
mod typed_code;
mod url;

pub use base32::Base32Error;
pub use key_history::{HistoricKey, HistoryError, KeyHistory, MOST_TOKEN_KEYS, takes_over_at};
pub use key_ring::{HeldKeys, KeyRing, KeyRingError};
pub use published_keys::{KeyTerm, PublishedKey, PublishedKeys, Revocation};
pub use receipt_id::ReceiptId;
pub use seal::{Seal, SealClaims, SealError, SealKey, SealPublicKey, verify_seal};
pub use token::{KeyIdError, Token, TokenError, TokenKey};
pub use token_keys::TokenKeys;
pub use typed_code::{TypedCode, TypedCodeError};
pub use url::{PublicUrl, PublicUrlError, ScannedPath, receipt_url_compact, receipt_url_sealed};
