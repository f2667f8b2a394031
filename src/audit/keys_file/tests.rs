#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{receipt::SealKey, tlog::LogKey};

const ORIGIN: &str = "suivi.example.ma/log";

fn seal_key(seed: u8) -> PublishedKey {
    let key = SealKey::from_seed([seed; 32]);
    PublishedKey {
        kid: key.kid(),
        key: key.public(),
        not_before_ms: None,
        not_after_ms: None,
        revoked: None,
        vkey: None,
    }
}

fn log_key(seed: u8) -> PublishedKey {
    let vkey = LogKey::new(ORIGIN, [seed; 32]).unwrap().vkey();
    PublishedKey { vkey: Some(vkey), ..seal_key(seed) }
}

fn keys() -> PublishedKeys {
    let revoked = Some(Revocation { since_ms: 1_790_000_500_000, reason: "سُرق الخادم \"x\"".to_owned() });
    let old = PublishedKey { not_after_ms: Some(1_790_003_600_000), revoked, ..seal_key(1) };
    let new = PublishedKey { not_before_ms: Some(1_790_000_000_000), ..seal_key(2) };
    PublishedKeys {
        names: [("ar", "الوكالة"), ("fr", "Agence")].map(|(tag, name)| (tag.to_owned(), name.to_owned())).into(),
        public_url: "https://suivi.example.ma".to_owned(),
        host: "suivi.example.ma".to_owned(),
        log_origin: ORIGIN.to_owned(),
        seal: vec![old, new],
        log: vec![log_key(3)],
    }
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<PublishedKeys, KeysFileError> {
    let mut value: Value = serde_json::from_slice(&write(&keys()).unwrap()).unwrap();
    change(&mut value);
    read(value.to_string().as_bytes())
}

#[test]
fn what_is_written_is_read_back_and_is_a_key_set_for_others() {
    let bytes = write(&keys()).unwrap();
    assert_eq!(read(&bytes), Ok(keys()));
    assert_eq!(write(&keys()).unwrap(), bytes);
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    let first = &value["keys"][0];
    let of_a_jwk = ["kty", "crv", "use", "alg"].map(|name| first[name].as_str().unwrap());
    assert_eq!(of_a_jwk, ["OKP", "Ed25519", "sig", "EdDSA"]);
    assert_eq!(first["revoked_at"], json!("2026-09-21T14:21:40Z"));
    assert_eq!(first["not_after"], json!("2026-09-21T15:13:20Z"));
    assert_eq!(first.get("not_before"), None);
}

#[test]
fn unknown_members_and_purposes_are_passed_over() {
    let read = changed(|value| {
        value["later"] = json!([1]);
        value["keys"][0]["x5c"] = json!([]);
        value["keys"].as_array_mut().unwrap().push(json!({ "kty": "RSA", "milaf:purpose": "letters" }));
        value["keys"].as_array_mut().unwrap().push(json!("not even a key"));
    });
    assert_eq!(read, Ok(keys()));
}

#[test]
fn what_a_judgement_rests_on_must_be_right() {
    let other = serde_json::to_value(LogKey::new("other.example/log", [3; 32]).unwrap().vkey()).unwrap();
    let spoils: [(&str, Value); 12] = [
        ("/keys/0/kid", json!("00000000")),
        ("/keys/0/kty", json!("EC")),
        ("/keys/0/crv", json!("Ed448")),
        ("/keys/0/use", json!("enc")),
        ("/keys/0/alg", json!("none")),
        ("/keys/0/x", json!("AAAA")),
        ("/keys/0/x", json!(BASE64_URL_SAFE_NO_PAD.encode([0; 32]))),
        ("/keys/0/revoked_at", Value::Null),
        ("/keys/0/not_after", json!("yesterday")),
        ("/keys/2/vkey", Value::Null),
        ("/keys/2/vkey", other),
        ("/milaf:version", json!(2)),
    ];
    for (place, spoilt) in spoils {
        let read = changed(|value| *value.pointer_mut(place).unwrap() = spoilt.clone());
        assert!(read.is_err(), "{place} {spoilt}: {read:?}");
    }
    assert!(changed(|value| value["keys"] = json!([])).is_err());
    assert!(changed(|value| value["keys"][1] = value["keys"][0].clone()).is_err());
    assert!(changed(|value| value["keys"][1]["not_after"] = json!("2020-01-01T00:00:00Z")).is_err());
    assert_eq!(read(&vec![b' '; LARGEST + 1]), Err(KeysFileError::Large));
    let twice = String::from_utf8(write(&keys()).unwrap()).unwrap().replacen('{', "{\"milaf:log\":\"a/log\",", 1);
    assert!(read(twice.as_bytes()).is_err(), "one member with two values");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, place in 0_usize..600, byte: u8) {
        let _ = read(&bytes);
        let mut spoilt = write(&keys()).unwrap();
        spoilt[place] = byte;
        let _ = read(&spoilt);
    }
}
