//! A seal's bytes: never a panic, never two encodings of one statement, never a statement that the key did not sign.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::receipt::{SealKey, verify_seal};

fuzz_target!(|data: &[u8]| {
    let key = SealKey::from_seed([0x22; 32]);
    if let Ok(claims) = verify_seal(data, &[key.public_key()]) {
        assert_eq!(key.seal(&claims).bytes(), data);
    }
});
