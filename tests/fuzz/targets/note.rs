//! Signed notes, checkpoints and verifier keys: never a panic, and what is read is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use milaf::tlog::{Checkpoint, CosignatureSigner, CosignatureVerifier, LogKey, NoteVerifier};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let key = LogKey::new("suivi.example.ma/log", [0x33; 32]).expect("a name for a key");
    let _ = key.verifier().open(text);
    if let Ok(checkpoint) = Checkpoint::parse_signed(text, key.verifier()) {
        assert!(text.starts_with(&checkpoint.text()));
    }
    let witness = CosignatureSigner::new("witness.example/w1", [0x44; 32]).expect("a name for a key");
    let _ = witness.verifier().verify(text);
    if let Ok(verifier) = CosignatureVerifier::parse(text) {
        assert_eq!(verifier.to_string(), text);
    }
    if let Ok(verifier) = NoteVerifier::parse(text) {
        assert_eq!(verifier.to_string(), text);
    }
});
