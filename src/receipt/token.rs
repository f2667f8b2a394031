//! The receipt token, version 1: 25 bytes, 40 characters, what the QR code carries.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | high nibble: version 1; low nibble: key id 0–15 |
//! | 1–8 | receipt id |
//! | 9–24 | leftmost 16 bytes of HMAC-SHA256(token key, `"milaf/token/v1\0"` ‖ byte 0 ‖ receipt id) |
//!
//! A token opens a status page, so it never shows itself: no `Display`, and a `Debug` without its
//! bytes. A random token looked up in the database was rejected, because every guess would have
//! cost a query; this one is checked before any I/O. 128 bits are RFC 2104's floor for a tag.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::ZeroizeOnDrop;

use super::base32;
use super::receipt_id::ReceiptId;
use super::typed_code::TypedCode;

const VERSION: u8 = 1;
const TOKEN_BYTES: usize = 25;
const TOKEN_CHARACTERS: usize = 40;
const TOKEN_CONTEXT: &[u8] = b"milaf/token/v1\0";
const CODE_CONTEXT: &[u8] = b"milaf/code/v1\0";

/// Why a text is not a token of ours. Visitors are never told which of these it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("a token has 40 characters")]
    Length,
    #[error("a token is written in base 32")]
    Characters,
    #[error("the token's version is unknown")]
    Version,
    #[error("the token's key is unknown")]
    UnknownKey(u8),
    #[error("the token's tag is wrong")]
    Tag,
}

/// A key id has four bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a token key's id is a number from 0 to 15, not {0}")]
pub struct KeyIdError(pub u8);

/// A secret that makes and checks tokens and typed codes.
#[derive(Clone, ZeroizeOnDrop)]
pub struct TokenKey {
    #[zeroize(skip)]
    key_id: u8,
    secret: [u8; 32],
}

impl TokenKey {
    /// `key_id` is 0 to 15; `secret` is 32 random bytes.
    pub fn new(key_id: u8, secret: [u8; 32]) -> Result<Self, KeyIdError> {
        if key_id > 15 {
            return Err(KeyIdError(key_id));
        }
        Ok(Self { key_id, secret })
    }

    pub fn key_id(&self) -> u8 {
        self.key_id
    }

    /// The one token of this receipt under this key: issuing twice gives the same bytes.
    pub fn issue(&self, receipt_id: ReceiptId) -> Token {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[0] = self.first_byte();
        bytes[1..9].copy_from_slice(receipt_id.as_bytes());
        bytes[9..].copy_from_slice(&self.authenticate(TOKEN_CONTEXT, receipt_id)[..16]);
        Token(bytes)
    }

    /// The one typed code of this receipt under this key.
    pub fn typed_code(&self, receipt_id: ReceiptId) -> TypedCode {
        let mut bytes = [0; 5];
        bytes.copy_from_slice(&self.authenticate(CODE_CONTEXT, receipt_id)[..5]);
        TypedCode::new(bytes)
    }

    /// What only a holder of this key can compute and which gives nothing of it away: SHA-256 of the token of a receipt that
    /// there never is.
    pub fn check_value(&self) -> [u8; 32] {
        Sha256::digest(self.issue(ReceiptId::new([0; 8])).as_bytes()).into()
    }

    fn first_byte(&self) -> u8 {
        (VERSION << 4) | self.key_id
    }

    fn authenticate(&self, context: &[u8], receipt_id: ReceiptId) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(context);
        mac.update(&[self.first_byte()]);
        mac.update(receipt_id.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenKey").field("key_id", &self.key_id).field("secret", &"[redacted]").finish()
    }
}

/// A token whose tag was made or checked with one of our keys; there is no other way to get one.
#[derive(Clone, Copy)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// Forty upper-case characters.
    pub fn text(&self) -> String {
        base32::encode(&self.0)
    }

    pub fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    pub fn key_id(&self) -> u8 {
        self.0[0] & 0x0f
    }

    pub fn receipt_id(&self) -> ReceiptId {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[1..9]);
        ReceiptId::new(bytes)
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token([redacted])")
    }
}

/// A text of the right shape and version, whose tag nobody has looked at yet.
pub(super) struct UncheckedToken(Token);

impl UncheckedToken {
    pub(super) fn parse(text: &str) -> Result<Self, TokenError> {
        if text.len() != TOKEN_CHARACTERS {
            return Err(TokenError::Length);
        }
        let decoded = base32::decode(text).map_err(|_| TokenError::Characters)?;
        let bytes: [u8; TOKEN_BYTES] = decoded.try_into().map_err(|_| TokenError::Length)?;
        if bytes[0] >> 4 != VERSION {
            return Err(TokenError::Version);
        }
        Ok(Self(Token(bytes)))
    }

    pub(super) fn key_id(&self) -> u8 {
        self.0.key_id()
    }

    pub(super) fn receipt_id(&self) -> ReceiptId {
        self.0.receipt_id()
    }

    /// Compares the whole token with the one this key makes, in constant time.
    pub(super) fn check(self, key: &TokenKey) -> Result<Token, TokenError> {
        if key.issue(self.0.receipt_id()) == self.0 { Ok(self.0) } else { Err(TokenError::Tag) }
    }
}
