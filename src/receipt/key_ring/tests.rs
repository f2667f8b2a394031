#![allow(clippy::unwrap_used)]

use super::*;
use crate::receipt::{KeyIdError, ReceiptId, TokenError, base32};
use proptest::prelude::*;

const SECRET: [u8; 32] = [0x5a; 32];

fn keys(current: u8, older: &[u8]) -> Result<TokenKeys, KeyRingError> {
    let key = |id: u8| TokenKey::new(id, [id ^ 0x5a; 32]).unwrap();
    TokenKeys::new(key(current), older.iter().copied().map(key).collect())
}

fn refused(keys: &TokenKeys, text: &str, expected: TokenError) {
    assert_eq!(keys.verify(text), Err(expected), "{text:?}");
}

#[test]
fn a_ring_refuses_what_would_be_ambiguous() {
    assert_eq!(TokenKey::new(16, SECRET).unwrap_err(), KeyIdError(16));
    assert_eq!(keys(3, &[2, 3]).unwrap_err(), KeyRingError::DuplicateKeyId(3));
    assert_eq!(keys(3, &[2, 2]).unwrap_err(), KeyRingError::DuplicateKeyId(2));
    let shared = KeyRing::new(
        keys(0, &[]).unwrap(),
        SealKey::from_seed([1; 32]),
        LogKey::new("office.example/log", [1; 32]).unwrap(),
    );
    assert_eq!(shared.unwrap_err(), KeyRingError::SharedKey);
}

#[test]
fn debug_shows_no_secret() {
    let ring = KeyRing::new(
        keys(7, &[1]).unwrap(),
        SealKey::from_seed([0xa1; 32]),
        LogKey::new("office.example/log", [0xb2; 32]).unwrap(),
    )
    .unwrap();
    let token = ring.token_keys.issue(ReceiptId::new([9; 8]));
    let shown = format!("{ring:?} {ring:#?} {token:?}");
    for (secret, number) in [(7 ^ 0x5a, "93"), (0xa1, "161"), (0xb2, "178")] {
        let hexadecimal = hex::encode([secret; 3]);
        assert!(!shown.to_lowercase().contains(&hexadecimal), "{shown}");
        assert!(!shown.contains(&format!("{number}, {number}")), "{shown}");
    }
    assert!(!shown.contains(&token.text()), "{shown}");
}

#[test]
fn old_paper_stays_good_until_its_key_goes() {
    let id = ReceiptId::new([4; 8]);
    let before = keys(1, &[]).unwrap();
    let paper = before.issue(id);
    let after = keys(2, &[1]).unwrap();
    assert_eq!(after.verify(&paper.text()), Ok(paper));
    assert_eq!(after.token(1, id), Some(paper));
    assert_eq!(after.typed_code(1, id), before.typed_code(1, id));
    assert_ne!(after.issue(id), paper);
    let gone = keys(2, &[]).unwrap();
    refused(&gone, &paper.text(), TokenError::UnknownKey(1));
    assert_eq!(gone.typed_code(1, id), None);
}

#[test]
fn texts_of_another_shape_are_refused() {
    let keys = keys(0, &[]).unwrap();
    let token = keys.issue(ReceiptId::new([0xc3; 8]));
    let text = token.text();
    for length in 0..text.len() {
        refused(&keys, &text[..length], TokenError::Length);
    }
    refused(&keys, &format!("{text}0"), TokenError::Length);
    refused(&keys, &format!("{text}{text}"), TokenError::Length);
    refused(&keys, &"0".repeat(1 << 16), TokenError::Length);
    for stranger in ["I", "L", "O", "U", "-", " ", "\0", "%", "/"] {
        refused(&keys, &format!("{}{stranger}", &text[..39]), TokenError::Characters);
    }
    // Two bytes of UTF-8 in the place of two characters.
    refused(&keys, &format!("{}Е", &text[..38]), TokenError::Characters);
}

proptest! {
    #[test]
    fn every_bit_counts(id: [u8; 8], key_id in 0_u8..16) {
        let keys = keys(key_id, &[]).unwrap();
        let token = keys.issue(ReceiptId::new(id));
        prop_assert_eq!(token.text().len(), 40);
        prop_assert_eq!(keys.verify(&token.text()), Ok(token));
        prop_assert_eq!(keys.verify(&token.text().to_lowercase()), Ok(token));
        prop_assert_eq!((token.key_id(), *token.receipt_id().as_bytes()), (key_id, id));
        for bit in 0..200 {
            let mut flipped = *token.as_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(keys.verify(&base32::encode(&flipped)).is_err(), "bit {}", bit);
        }
    }

    #[test]
    fn a_foreign_key_is_refused(id: [u8; 8], secret: [u8; 32], foreign: [u8; 32]) {
        prop_assume!(secret != foreign);
        let ours = TokenKeys::new(TokenKey::new(0, secret).unwrap(), Vec::new()).unwrap();
        let theirs = TokenKey::new(0, foreign).unwrap().issue(ReceiptId::new(id));
        prop_assert_eq!(ours.verify(&theirs.text()), Err(TokenError::Tag));
    }

    #[test]
    fn arbitrary_text_never_panics(text: String, forty in "[0-9A-Za-z]{40}") {
        let keys = keys(0, &[]).unwrap();
        prop_assert!(keys.verify(&text).is_err());
        prop_assert!(keys.verify(&forty).is_err());
    }
}
