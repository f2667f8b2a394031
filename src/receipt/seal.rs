//! The seal, version 1: what makes a receipt provable without asking the server.
//!
//! A tagged `COSE_Sign1` (RFC 9052) over CWT claims (RFC 8392), signed with Ed25519, in
//! deterministic CBOR (RFC 8949 §4.2.1):
//!
//! - protected `{1: -8}`, unprotected `{4: kid}`, no external data;
//! - payload `{6: issued at, 7: receipt id, -65537: [reference, leaf index, commitment16, tree
//!   size, root]}`.
//!
//! `coset` lays out the envelope and the bytes to be signed, so that other people's verifiers agree.
//! It accepts more than one encoding of the same seal; this module does not: what was read is
//! written again and must be the same bytes. Checking each header by hand was rejected, because
//! the comparison also refuses everything nobody thought of. A seal never decides what a page
//! shows, and it is redacted in `Debug` because it names a dossier.

use std::fmt;

use ciborium::Value;
use coset::iana::Algorithm;
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, RegisteredLabelWithPrivate, TaggedCborSerializable};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroize;

use super::base32::{self, Base32Error};
use super::receipt_id::ReceiptId;

/// CWT claim "iat", RFC 8392 §3.1.6.
const CLAIM_ISSUED_AT: i64 = 6;
/// CWT claim "cti", RFC 8392 §3.1.7.
const CLAIM_RECEIPT_ID: i64 = 7;
/// A claim of our own, in the range for private use.
const CLAIM_LOG: i64 = -65537;

/// Why bytes are not a seal by one of the given keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    #[error("the bytes are not a seal in deterministic CBOR")]
    Malformed,
    #[error("the seal's algorithm is not Ed25519")]
    Algorithm,
    #[error("no known key has the seal's key id")]
    UnknownKey,
    #[error("the seal's signature is wrong")]
    Signature,
    #[error("the public key is not a usable Ed25519 key")]
    PublicKey,
}

/// What a seal states. `commitment16` is the first 16 bytes of the commitment of the receipt's own
/// event, `leaf_index` that event's place in the log, `tree_size` and `root` the log's head right
/// after the batch that holds it. `issued_at` counts seconds since 1970.
#[derive(Clone, PartialEq, Eq)]
pub struct SealClaims {
    pub issued_at: i64,
    pub receipt_id: ReceiptId,
    pub reference: String,
    pub leaf_index: u64,
    pub commitment16: [u8; 16],
    pub tree_size: u64,
    pub root: [u8; 32],
}

impl fmt::Debug for SealClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SealClaims")
            .field("receipt_id", &self.receipt_id)
            .field("leaf_index", &self.leaf_index)
            .field("tree_size", &self.tree_size)
            .finish_non_exhaustive()
    }
}

/// The bytes of a seal, signed here or merely read: only [`verify_seal`] says which.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal(Vec<u8>);

impl Seal {
    /// Wraps bytes that were stored or scanned, without checking them.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Reads the text form, of either case, without checking what it says.
    pub fn from_text(text: &str) -> Result<Self, Base32Error> {
        base32::decode(text).map(Self)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Upper-case base 32, as in the receipt's URL.
    pub fn text(&self) -> String {
        base32::encode(&self.0)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seal([redacted])")
    }
}

/// The secret that signs seals. The curve library wipes it when it is dropped.
#[derive(Clone)]
pub struct SealKey(SigningKey);

impl SealKey {
    /// `seed` is 32 random bytes.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self(key)
    }

    /// The first four bytes of SHA-256 of the raw public key.
    pub fn kid(&self) -> [u8; 4] {
        kid_of(&self.public())
    }

    /// The raw public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public half, ready to verify with.
    pub fn public_key(&self) -> SealPublicKey {
        SealPublicKey(self.0.verifying_key())
    }

    /// Signs. The same claims always give the same bytes.
    pub fn seal(&self, claims: &SealClaims) -> Seal {
        let envelope = envelope(claims, Algorithm::EdDSA, self.kid())
            .create_signature(&[], |message| self.0.sign(message).to_bytes().to_vec())
            .build();
        Seal(serialise(envelope))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealKey({}, [redacted])", hex::encode(self.kid()))
    }
}

/// A published key. Being of this type binds it to Ed25519: it never verifies anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealPublicKey(VerifyingKey);

impl SealPublicKey {
    /// Refuses bytes that are no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SealError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| SealError::PublicKey)?;
        if key.is_weak() {
            return Err(SealError::PublicKey);
        }
        Ok(Self(key))
    }

    pub fn kid(&self) -> [u8; 4] {
        kid_of(self.0.as_bytes())
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SealPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealPublicKey({})", hex::encode(self.kid()))
    }
}

/// Returns what the seal states, if one of these keys signed exactly these bytes.
///
/// The seal's key id is four bytes and only a hint, so every key that matches it is tried.
pub fn verify_seal(bytes: &[u8], keys: &[SealPublicKey]) -> Result<SealClaims, SealError> {
    let envelope = CoseSign1::from_tagged_slice(bytes).map_err(|_| SealError::Malformed)?;
    let algorithm = match envelope.protected.header.alg {
        Some(RegisteredLabelWithPrivate::Assigned(algorithm @ (Algorithm::EdDSA | Algorithm::Ed25519))) => algorithm,
        Some(_) => return Err(SealError::Algorithm),
        None => return Err(SealError::Malformed),
    };
    let kid = array(&envelope.unprotected.key_id)?;
    let claims = read_claims(envelope.payload.as_deref().ok_or(SealError::Malformed)?)?;
    let signature: [u8; 64] = array(&envelope.signature)?;

    let canonical = self::envelope(&claims, algorithm, kid).signature(signature.to_vec()).build();
    let message = canonical.tbs_data(&[]);
    if serialise(canonical) != bytes {
        return Err(SealError::Malformed);
    }

    let signature = Signature::from_bytes(&signature);
    let mut outcome = Err(SealError::UnknownKey);
    for key in keys.iter().filter(|key| key.kid() == kid) {
        if key.0.verify_strict(&message, &signature).is_ok() {
            return Ok(claims);
        }
        outcome = Err(SealError::Signature);
    }
    outcome
}

/// The first four bytes of SHA-256 of a raw public key.
pub(super) fn kid_of(public: &[u8; 32]) -> [u8; 4] {
    let mut kid = [0; 4];
    kid.copy_from_slice(&Sha256::digest(public)[..4]);
    kid
}

fn envelope(claims: &SealClaims, algorithm: Algorithm, kid: [u8; 4]) -> CoseSign1Builder {
    CoseSign1Builder::new()
        .protected(HeaderBuilder::new().algorithm(algorithm).build())
        .unprotected(HeaderBuilder::new().key_id(kid.to_vec()).build())
        .payload(write_claims(claims))
}

fn serialise(envelope: CoseSign1) -> Vec<u8> {
    envelope.to_tagged_vec().expect("headers without custom labels always serialise")
}

/// The keys stand in the order of their encodings (06, 07, 3a…), as determinism asks.
fn write_claims(claims: &SealClaims) -> Vec<u8> {
    let log = vec![
        Value::from(claims.reference.as_str()),
        Value::from(claims.leaf_index),
        Value::from(claims.commitment16.as_slice()),
        Value::from(claims.tree_size),
        Value::from(claims.root.as_slice()),
    ];
    let payload = Value::Map(vec![
        (CLAIM_ISSUED_AT.into(), claims.issued_at.into()),
        (CLAIM_RECEIPT_ID.into(), Value::from(claims.receipt_id.as_bytes().as_slice())),
        (CLAIM_LOG.into(), Value::Array(log)),
    ]);
    let mut bytes = Vec::with_capacity(128);
    ciborium::into_writer(&payload, &mut bytes).expect("a vector takes every write");
    bytes
}

fn read_claims(payload: &[u8]) -> Result<SealClaims, SealError> {
    let value: Value = ciborium::de::from_reader_with_recursion_limit(payload, 8).map_err(|_| SealError::Malformed)?;
    let Value::Map(entries) = value else {
        return Err(SealError::Malformed);
    };
    let [(_, issued_at), (_, receipt_id), (_, Value::Array(log))] = entries.as_slice() else {
        return Err(SealError::Malformed);
    };
    let [reference, leaf_index, commitment16, tree_size, root] = log.as_slice() else {
        return Err(SealError::Malformed);
    };
    // The map's keys are not looked at here: writing the claims again puts the right ones in, and
    // the caller compares.
    Ok(SealClaims {
        issued_at: integer(issued_at)?,
        receipt_id: ReceiptId::new(byte_string(receipt_id)?),
        reference: reference.as_text().ok_or(SealError::Malformed)?.to_owned(),
        leaf_index: integer(leaf_index)?,
        commitment16: byte_string(commitment16)?,
        tree_size: integer(tree_size)?,
        root: byte_string(root)?,
    })
}

fn integer<T: TryFrom<ciborium::value::Integer>>(value: &Value) -> Result<T, SealError> {
    let integer = value.as_integer().ok_or(SealError::Malformed)?;
    T::try_from(integer).map_err(|_| SealError::Malformed)
}

fn byte_string<const LENGTH: usize>(value: &Value) -> Result<[u8; LENGTH], SealError> {
    array(value.as_bytes().ok_or(SealError::Malformed)?)
}

fn array<const LENGTH: usize>(bytes: &[u8]) -> Result<[u8; LENGTH], SealError> {
    bytes.try_into().map_err(|_| SealError::Malformed)
}

#[cfg(test)]
mod tests;
