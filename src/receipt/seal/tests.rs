#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn key() -> SealKey {
    SealKey::from_seed([0x11; 32])
}

fn claims() -> SealClaims {
    SealClaims {
        issued_at: 1_790_000_000,
        receipt_id: ReceiptId::new([1, 2, 3, 4, 5, 6, 7, 8]),
        reference: "PC-2026-000123".to_owned(),
        leaf_index: 290,
        commitment16: [0xcc; 16],
        tree_size: 300,
        root: [0xdd; 32],
    }
}

/// Signs an envelope exactly as given, right or wrong, with the real key.
fn signed(protected: &[u8], unprotected: &[u8], payload: &[u8]) -> Vec<u8> {
    let structure = Value::Array(vec![
        Value::from("Signature1"),
        Value::from(protected),
        Value::Bytes(Vec::new()),
        Value::from(payload),
    ]);
    let mut message = Vec::new();
    ciborium::into_writer(&structure, &mut message).unwrap();
    let signature = key().0.sign(&message).to_bytes().to_vec();
    let mut bytes = vec![0xd2, 0x84];
    ciborium::into_writer(&Value::from(protected), &mut bytes).unwrap();
    bytes.extend_from_slice(unprotected);
    ciborium::into_writer(&Value::from(payload), &mut bytes).unwrap();
    ciborium::into_writer(&Value::from(signature), &mut bytes).unwrap();
    bytes
}

fn check(protected: &str, unprotected: &str, payload: &[u8], expected: Result<(), SealError>) {
    let protected_bytes = hex::decode(protected).unwrap();
    let unprotected = unprotected.replace("kid", &hex::encode(key().kid()));
    let bytes = signed(&protected_bytes, &hex::decode(&unprotected).unwrap(), payload);
    let outcome = verify_seal(&bytes, &[key().public_key()]);
    assert_eq!(outcome.map(drop), expected, "{protected} {unprotected}");
}

#[test]
fn both_names_of_ed25519_and_no_other_algorithm() {
    let payload = write_claims(&claims());
    check("a10127", "a10444kid", &payload, Ok(()));
    check("a10132", "a10444kid", &payload, Ok(()));
    // ES256, HS256, ES384, Ed448, a private number, a text.
    for protected in ["a10126", "a10105", "a1013822", "a1013834", "a1013a00010001", "a1016545643531 39"] {
        let protected = protected.replace(' ', "");
        check(&protected, "a10444kid", &payload, Err(SealError::Algorithm));
    }
}

#[test]
fn one_encoding_only_even_if_the_key_signed_it() {
    let payload = write_claims(&claims());
    let malformed = Err(SealError::Malformed);
    // Longer integers, indefinite lengths, headers that nobody asked for, a key id elsewhere.
    for protected in ["a1013807", "a1180127", "bf0127ff", "a201270440", "a0", "", "a201270127"] {
        check(protected, "a10444kid", &payload, malformed);
    }
    for unprotected in [
        "a0",
        "a1045804kid",
        "bf0444kidff",
        "a1180444kid",
        "a20127 0444kid",
        "a10443000000",
        "a10445kid00",
        "a20444kid0444kid",
        "a1045f44kidff",
    ] {
        check("a10127", &unprotected.replace(' ', ""), &payload, malformed);
    }
    let hexadecimal = hex::encode(&payload);
    let prefix = "a3061a6ab13b8007480102030405060708";
    assert!(hexadecimal.starts_with(prefix));
    let log = &hexadecimal[prefix.len() + 10..];
    let log_claim = format!("3a00010000{log}");
    assert_eq!(hexadecimal, format!("{prefix}{log_claim}"));
    for payload in [
        // Another claim number, an eight-byte integer, a bignum, keys in another order, one twice.
        format!("a3061a6ab13b8008480102030405060708{log_claim}"),
        format!("a3061b000000006ab13b800748 0102030405060708 {log_claim}"),
        format!("a306c2446ab13b800748 0102030405060708 {log_claim}"),
        format!("a307480102030405060708061a6ab13b80{log_claim}"),
        format!("a3061a6ab13b80061a6ab13b80{log_claim}"),
        // A float, a trailing byte, one claim more, nothing.
        format!("a306fb41daac4ee0000000 0748 0102030405060708 {log_claim}"),
        format!("{hexadecimal}00"),
        format!("a4{}0800", &hexadecimal[2..]),
        String::new(),
    ] {
        let payload = hex::decode(payload.replace(' ', "")).unwrap();
        check("a10127", "a10444kid", &payload, malformed);
    }
}

#[test]
fn the_tag_is_part_of_the_seal() {
    let seal = key().seal(&claims());
    let keys = [key().public_key()];
    assert!(verify_seal(seal.bytes(), &keys).is_ok());
    assert_eq!(verify_seal(&seal.bytes()[1..], &keys), Err(SealError::Malformed));
    let other_tag = [&[0xd1], &seal.bytes()[1..]].concat();
    assert_eq!(verify_seal(&other_tag, &keys), Err(SealError::Malformed));
}

#[test]
fn every_flip_truncation_and_extension_is_refused() {
    let seal = key().seal(&claims());
    let keys = [key().public_key()];
    for bit in 0..seal.bytes().len() * 8 {
        let mut flipped = seal.bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_seal(&flipped, &keys).is_err(), "bit {bit}");
    }
    for length in 0..seal.bytes().len() {
        assert!(verify_seal(&seal.bytes()[..length], &keys).is_err(), "{length} bytes");
    }
    for extra in 0..=u8::MAX {
        let extended = [seal.bytes(), &[extra]].concat();
        assert!(verify_seal(&extended, &keys).is_err(), "extra byte {extra}");
    }
}

#[test]
fn a_key_id_is_a_hint() {
    let seal = key().seal(&claims());
    let ours = key().public_key();
    let foreign = SealKey::from_seed([0x22; 32]).public_key();
    assert_eq!(verify_seal(seal.bytes(), &[]), Err(SealError::UnknownKey));
    assert_eq!(verify_seal(seal.bytes(), &[foreign]), Err(SealError::UnknownKey));
    assert_eq!(verify_seal(seal.bytes(), &[foreign, ours]), Ok(claims()));

    // A seal that names our key id and was signed by another key.
    let forged = envelope(&claims(), Algorithm::EdDSA, key().kid())
        .create_signature(&[], |message| SealKey::from_seed([0x22; 32]).0.sign(message).to_bytes().to_vec())
        .build();
    assert_eq!(verify_seal(&serialise(forged), &[ours]), Err(SealError::Signature));
}

#[test]
fn weak_public_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    for weak in [identity, [0; 32]] {
        assert_eq!(SealPublicKey::from_bytes(&weak), Err(SealError::PublicKey));
    }
}

#[test]
fn nothing_personal_is_shown() {
    let seal = key().seal(&claims());
    let shown = format!("{seal:?} {:?} {:?}", claims(), key());
    for secret in [seal.text(), claims().reference, hex::encode([0x11; 4]), "17, 17".to_owned()] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}

prop_compose! {
    fn any_claims()(
        issued_at: i64,
        receipt_id: [u8; 8],
        reference: String,
        leaf_index: u64,
        commitment16: [u8; 16],
        tree_size: u64,
        root: [u8; 32],
    ) -> SealClaims {
        let receipt_id = ReceiptId::new(receipt_id);
        SealClaims { issued_at, receipt_id, reference, leaf_index, commitment16, tree_size, root }
    }
}

proptest! {
    #[test]
    fn round_trip(seed: [u8; 32], claims in any_claims()) {
        let key = SealKey::from_seed(seed);
        let seal = key.seal(&claims);
        let public = SealPublicKey::from_bytes(&key.public()).unwrap();
        prop_assert_eq!(verify_seal(seal.bytes(), &[public]), Ok(claims));
        prop_assert_eq!(Seal::from_text(&seal.text().to_lowercase()), Ok(seal));
    }

    #[test]
    fn a_foreign_key_is_refused(seed: [u8; 32], foreign: [u8; 32], claims in any_claims()) {
        prop_assume!(seed != foreign);
        let seal = SealKey::from_seed(seed).seal(&claims);
        let keys = [SealKey::from_seed(foreign).public_key()];
        prop_assert!(verify_seal(seal.bytes(), &keys).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, payload: Vec<u8>) {
        let keys = [key().public_key()];
        prop_assert!(verify_seal(&bytes, &keys).is_err());
        let enveloped = signed(&[0xa1, 0x01, 0x27], &[0xa0], &payload);
        prop_assert!(verify_seal(&enveloped, &keys).is_err());
        let _ = read_claims(&payload);
    }
}
