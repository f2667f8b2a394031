#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const TEXT: &str = "suivi.example.ma/log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn witness(seed: u8) -> CosignatureSigner {
    CosignatureSigner::new("witness.example/w1", [seed; 32]).unwrap()
}

fn note(lines: &[String]) -> String {
    format!("{TEXT}\n{}", lines.concat())
}

#[test]
fn a_verifier_key_that_others_published() {
    let vkey = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let verifier = CosignatureVerifier::parse(vkey).unwrap();
    assert_eq!(verifier.to_string(), vkey);
    assert_eq!(verifier.key_id(), [0xda, 0x77, 0xad, 0xe7]);
    for wrong in [
        "remora.n621.de+da77ade8+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+DA77ADE7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.fr+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7",
        "",
    ] {
        assert_eq!(CosignatureVerifier::parse(wrong), Err(NoteError::VerifierKey), "{wrong}");
    }
}

#[test]
fn of_several_the_earliest_counts_and_strangers_do_not() {
    let (ours, other) = (witness(1), witness(2));
    let lines = [other.sign(TEXT, 3).unwrap(), ours.sign(TEXT, 9).unwrap(), ours.sign(TEXT, 7).unwrap()];
    assert_eq!(ours.verifier().verify(&note(&lines)), Ok(Some(7)));
    assert_eq!(ours.verifier().verify(&note(&lines[..1])), Ok(None));
}

#[test]
fn one_wrong_cosignature_by_a_known_key_refuses_the_note() {
    let ours = witness(1);
    let elsewhere = TEXT.replace("\n5\n", "\n6\n");
    let lines = [ours.sign(TEXT, 9).unwrap(), ours.sign(&elsewhere, 9).unwrap()];
    assert_eq!(ours.verifier().verify(&note(&lines)), Err(NoteError::Signature));
}

#[test]
fn a_time_or_a_text_that_has_no_place_is_not_signed() {
    for (text, seconds) in [(TEXT, 0), (TEXT, LATEST + 1), ("no newline", 1), ("a\r\n", 1)] {
        assert_eq!(witness(1).sign(text, seconds), Err(NoteError::Text));
    }
    assert!(!format!("{:?}", witness(0x41)).contains("4141"));
}

proptest! {
    #[test]
    fn round_trip(seed: [u8; 32], seconds in 1..=LATEST) {
        let signer = CosignatureSigner::new("witness.example/w1", seed).unwrap();
        let verifier = CosignatureVerifier::parse(&signer.verifier().to_string()).unwrap();
        prop_assert_eq!(verifier.verify(&note(&[signer.sign(TEXT, seconds).unwrap()])), Ok(Some(seconds)));
    }

    #[test]
    fn any_changed_byte_is_noticed(seconds in 1..=LATEST, at in 4_usize..76, flip in 1_u8..) {
        let signer = witness(1);
        let line = signer.sign(TEXT, seconds).unwrap();
        let (start, encoded) = line.trim_end().rsplit_once(' ').unwrap();
        let mut bytes = BASE64_STANDARD.decode(encoded).unwrap();
        bytes[at] ^= flip;
        let line = format!("{start} {}\n", BASE64_STANDARD.encode(bytes));
        prop_assert_eq!(signer.verifier().verify(&note(&[line])), Err(NoteError::Signature));
    }

    #[test]
    fn arbitrary_bytes_under_our_name_never_panic(bytes: Vec<u8>) {
        let signer = witness(1);
        let mut sent = signer.verifier().key_id().to_vec();
        sent.extend(&bytes);
        let line = format!("— witness.example/w1 {}\n", BASE64_STANDARD.encode(sent));
        prop_assert!(signer.verifier().verify(&note(&[line])).is_err());
    }

    #[test]
    fn arbitrary_text_is_no_key(text: String) {
        prop_assert_eq!(CosignatureVerifier::parse(&text), Err(NoteError::VerifierKey));
    }
}
