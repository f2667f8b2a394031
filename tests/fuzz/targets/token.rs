//! A token or a typed code as somebody might type, scan or forge it: never a panic, never accepted without the key, and
//! what is accepted is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::receipt::{ReceiptId, ScannedPath, TokenKey, TokenKeys, TypedCode};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let keys = TokenKeys::new(TokenKey::new(0, [0x5a; 32]).expect("an id below 16"), Vec::new()).expect("one key");
    if let Ok(token) = keys.verify(text) {
        assert_eq!(token.text(), text.to_uppercase());
        assert_eq!(keys.issue(token.receipt_id()), token);
    }
    let (token, seal) = text.split_once('/').map_or((text, None), |(token, seal)| (token, Some(seal)));
    let _ = ScannedPath::parse(token, seal);
    if let Ok(code) = text.parse::<TypedCode>() {
        assert!(code.to_string().parse() == Ok(code), "a code is read as it is shown");
    }
    if let Some(id) = data.first_chunk::<8>() {
        assert!(keys.verify(&keys.issue(ReceiptId::new(*id)).text()).is_ok());
    }
});
