//! The token keys that verify, one of which makes new tokens.
//!
//! Keys arrive here already read. A table in the database of tokens and keys was rejected: a token names its key itself.

use super::key_ring::KeyRingError;
use super::receipt_id::ReceiptId;
use super::token::{Token, TokenError, TokenKey, UncheckedToken};
use super::typed_code::TypedCode;

/// Every token key that is still honoured, one of which makes new tokens.
#[derive(Clone, Debug)]
pub struct TokenKeys {
    pub(super) current: TokenKey,
    pub(super) older: Vec<TokenKey>,
}

impl TokenKeys {
    /// `older` keys still verify, so that paper printed before a change of key stays good.
    pub fn new(current: TokenKey, older: Vec<TokenKey>) -> Result<Self, KeyRingError> {
        let mut seen = [false; 16];
        for key in std::iter::once(&current).chain(&older) {
            let taken = &mut seen[usize::from(key.key_id())];
            if *taken {
                return Err(KeyRingError::DuplicateKeyId(key.key_id()));
            }
            *taken = true;
        }
        Ok(Self { current, older })
    }

    /// The id to store beside a receipt issued now.
    pub fn current_key_id(&self) -> u8 {
        self.current.key_id()
    }

    /// A new receipt's token, under the current key.
    pub fn issue(&self, receipt_id: ReceiptId) -> Token {
        self.current.issue(receipt_id)
    }

    /// The token of a receipt issued earlier under `key_id`, so that a reprint is the same paper.
    /// `None` if that key is no longer honoured.
    pub fn token(&self, key_id: u8, receipt_id: ReceiptId) -> Option<Token> {
        self.key(key_id).map(|key| key.issue(receipt_id))
    }

    /// The typed code of a receipt issued under `key_id`; `None` if that key is no longer honoured.
    pub fn typed_code(&self, key_id: u8, receipt_id: ReceiptId) -> Option<TypedCode> {
        self.key(key_id).map(|key| key.typed_code(receipt_id))
    }

    /// Checks length, version and key id, then the tag in constant time. Does no I/O, so a forged
    /// token never reaches the database.
    pub fn verify(&self, text: &str) -> Result<Token, TokenError> {
        let unchecked = UncheckedToken::parse(text)?;
        let key = self.key(unchecked.key_id()).ok_or(TokenError::UnknownKey(unchecked.key_id()))?;
        unchecked.check(key)
    }

    fn key(&self, key_id: u8) -> Option<&TokenKey> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.key_id() == key_id)
    }
}
