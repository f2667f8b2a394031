//! The file of an office's public keys, `/.well-known/milaf/keys.json`: a JWK Set (RFC 7517, RFC 8037) and a few members more.
//!
//! Every tool that reads JWK Sets reads the keys; the members of our own say what a key is for and when it counts, and
//! stand here in one place, as the names of the fields of [`KeySet`], [`IssuerMember`] and [`Key`]. Times are RFC 3339 in UTC.
//! A signature over the file was rejected: it would have to be made by one of the keys in it. Who wants to be sure that the
//! file is the office's compares it with what was printed, archived or seen by others.
//!
//! Reading is strict about what a judgement rests on, and passes over members and purposes that it does not know, so that the
//! file can grow.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    receipt::{PublishedKey, PublishedKeys, Revocation, SealPublicKey},
    tlog::NoteVerifier,
};

/// Larger files are not looked at: a thousand keys are a third of it.
pub const LARGEST: usize = 1 << 20;
const VERSION: u32 = 1;
const SEAL: &str = "seal";
const LOG: &str = "log";

/// Why bytes are not an office's keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFileError {
    #[error("the file is larger than {LARGEST} bytes, so it is no keys.json")]
    Large,
    #[error("the file is no keys.json of an office: {0}")]
    Form(String),
    #[error("the keys are written in version {0} of this format, and this program knows version {VERSION} only")]
    Version(u32),
    #[error("the file holds no seal key")]
    Empty,
    #[error("key {kid} cannot be used: {why}")]
    Key { kid: String, why: &'static str },
}

#[derive(Serialize, Deserialize)]
struct KeySet {
    #[serde(rename = "milaf:version")]
    version: u32,
    #[serde(rename = "milaf:issuer")]
    issuer: IssuerMember,
    /// The first line of the log's checkpoints.
    #[serde(rename = "milaf:log")]
    log: String,
    keys: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct IssuerMember {
    /// By language tag.
    names: BTreeMap<String, String>,
    url: String,
    host: String,
}

#[derive(Serialize, Deserialize)]
struct Key {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    /// `seal` or `log`.
    #[serde(rename = "milaf:purpose")]
    purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_reason: Option<String>,
    /// The signed-note verifier key of a log key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vkey: Option<String>,
}

/// Reads an office's keys.
///
/// # Errors
/// [`KeysFileError`].
pub fn read(bytes: &[u8]) -> Result<PublishedKeys, KeysFileError> {
    if bytes.len() > LARGEST {
        return Err(KeysFileError::Large);
    }
    let form = |error: serde_json::Error| KeysFileError::Form(error.to_string());
    let set: KeySet = serde_json::from_slice(bytes).map_err(form)?;
    if set.version != VERSION {
        return Err(KeysFileError::Version(set.version));
    }
    let (mut seal, mut log) = (Vec::new(), Vec::new());
    for key in set.keys {
        let keys = match key.get("milaf:purpose").and_then(serde_json::Value::as_str) {
            Some(SEAL) => &mut seal,
            Some(LOG) => &mut log,
            _ => continue,
        };
        let key: Key = serde_json::from_value(key).map_err(form)?;
        keys.push(published(key, &set.log)?);
    }
    if seal.is_empty() {
        return Err(KeysFileError::Empty);
    }
    let all: Vec<&PublishedKey> = seal.iter().chain(&log).collect();
    if let Some(again) =
        all.iter().enumerate().find(|(place, key)| all[..*place].iter().any(|seen| seen.key == key.key))
    {
        return Err(KeysFileError::Key { kid: hex::encode(again.1.kid), why: "it stands there twice" });
    }
    let IssuerMember { names, url, host } = set.issuer;
    Ok(PublishedKeys { names, public_url: url, host, log_origin: set.log, seal, log })
}

fn published(key: Key, origin: &str) -> Result<PublishedKey, KeysFileError> {
    let refused = |why| KeysFileError::Key { kid: key.kid.chars().take(16).collect(), why };
    if (key.kty.as_str(), key.crv.as_str()) != ("OKP", "Ed25519") {
        return Err(refused("it is not an Ed25519 key"));
    }
    if key.intent.as_deref().is_some_and(|intent| intent != "sig")
        || key.alg.as_deref().is_some_and(|algorithm| !["EdDSA", "Ed25519"].contains(&algorithm))
    {
        return Err(refused("it is not a key for EdDSA signatures"));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&key.x).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| refused("its x is not 32 bytes in base64url"))?;
    let public = SealPublicKey::from_bytes(&bytes).map_err(|_| refused("its x is no usable point of the curve"))?;
    if hex::encode(public.kid()) != key.kid {
        return Err(refused("its kid does not follow from its x"));
    }
    let time = |text: &Option<String>| {
        let time = text.as_ref().map(|text| text.parse::<Timestamp>().map(Timestamp::as_millisecond)).transpose();
        time.map_err(|_| refused("its times are not written as RFC 3339 asks"))
    };
    let (not_before_ms, not_after_ms) = (time(&key.not_before)?, time(&key.not_after)?);
    if not_before_ms.zip(not_after_ms).is_some_and(|(from, until)| from > until) {
        return Err(refused("it ends before it begins"));
    }
    match (key.purpose.as_str(), &key.vkey) {
        (LOG, Some(vkey)) => {
            let verifier = NoteVerifier::parse(vkey).map_err(|_| refused("its vkey is malformed"))?;
            if verifier.public() != bytes || verifier.name() != origin {
                return Err(refused("its vkey is another key's or another log's"));
            }
        }
        (LOG, None) => return Err(refused("a log key needs a vkey")),
        (_, Some(_)) => return Err(refused("a seal key has no vkey")),
        (_, None) => {}
    }
    let revoked = match (time(&key.revoked_at)?, &key.revoked_reason) {
        (Some(since_ms), reason) => Some(Revocation { since_ms, reason: reason.clone().unwrap_or_default() }),
        (None, Some(_)) => return Err(refused("it is revoked without a date")),
        (None, None) => None,
    };
    Ok(PublishedKey { kid: public.kid(), key: bytes, not_before_ms, not_after_ms, revoked, vkey: key.vkey })
}

/// Writes an office's keys. The same keys always give the same bytes.
///
/// # Errors
/// When a time is outside what can be written.
pub fn write(keys: &PublishedKeys) -> Result<Vec<u8>, KeysFileError> {
    let seal = keys.seal.iter().map(|key| member(SEAL, key));
    let all: Vec<serde_json::Value> =
        seal.chain(keys.log.iter().map(|key| member(LOG, key))).collect::<Result<_, _>>()?;
    let (names, url, host) = (keys.names.clone(), keys.public_url.clone(), keys.host.clone());
    let issuer = IssuerMember { names, url, host };
    let set = KeySet { version: VERSION, issuer, log: keys.log_origin.clone(), keys: all };
    let mut bytes = serde_json::to_vec_pretty(&set).map_err(|error| KeysFileError::Form(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn member(purpose: &str, key: &PublishedKey) -> Result<serde_json::Value, KeysFileError> {
    let time = |at: Option<i64>| {
        let time = at.map(Timestamp::from_millisecond).transpose();
        let text = time.map(|time| time.map(|time| time.to_string()));
        text.map_err(|_| KeysFileError::Key { kid: hex::encode(key.kid), why: "its times cannot be written" })
    };
    let key = Key {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: BASE64_URL_SAFE_NO_PAD.encode(key.key),
        kid: hex::encode(key.kid),
        intent: Some("sig".to_owned()),
        alg: Some("EdDSA".to_owned()),
        purpose: purpose.to_owned(),
        not_before: time(key.not_before_ms)?,
        not_after: time(key.not_after_ms)?,
        revoked_at: time(key.revoked.as_ref().map(|revoked| revoked.since_ms))?,
        revoked_reason: key.revoked.as_ref().map(|revoked| revoked.reason.clone()),
        vkey: key.vkey.clone(),
    };
    serde_json::to_value(key).map_err(|error| KeysFileError::Form(error.to_string()))
}

#[cfg(test)]
mod tests;
