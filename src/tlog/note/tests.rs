#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const NAME: &str = "suivi.example.ma/log";

fn signer() -> NoteSigner {
    NoteSigner::new(NAME, [0x31; 32]).unwrap()
}

fn stranger() -> NoteSigner {
    NoteSigner::new("witness.example", [0x32; 32]).unwrap()
}

fn signature_line(note: &str) -> &str {
    note.rsplit_once("\n\n").unwrap().1
}

fn refused(note: &str, expected: NoteError) {
    assert_eq!(signer().verifier().open(note), Err(expected), "{note:?}");
}

#[test]
fn the_specification_s_own_example() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let verifier = NoteVerifier::parse(vkey).unwrap();
    assert_eq!(verifier.to_string(), vkey);
    assert_eq!(verifier.open(note), Ok("This is an example message.\n"));
}

#[test]
fn text_rules() {
    for text in ["\n", "a\n", "a\n\nb\n", "\n\n\n", "أ ⵣ é —\n", "— a b\n", "a\n\n— a b\n"] {
        let note = signer().sign(text).unwrap();
        assert_eq!(signer().verifier().open(&note), Ok(text));
    }
    for text in ["", "a", "a\n\nb", "\t\n", "a\r\n", "a\0\n", "\u{1b}[1m\n", "\u{1f}\n"] {
        assert_eq!(signer().sign(text), Err(NoteError::Text), "{text:?}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{3000}", "a\u{1}"] {
        assert_eq!(NoteSigner::new(name, [1; 32]).unwrap_err(), NoteError::Name, "{name:?}");
    }
}

#[test]
fn other_keys_signatures_are_ignored_and_ours_must_be_right() {
    let (ours, theirs) = (signer().sign("a\n").unwrap(), stranger().sign("a\n").unwrap());
    let (our_line, their_line) = (signature_line(&ours), signature_line(&theirs));
    let other_text = signer().sign("b\n").unwrap();
    let wrong_line = signature_line(&other_text);
    for lines in [[our_line, their_line], [their_line, our_line], [our_line, our_line]] {
        let note = format!("a\n\n{}", lines.concat());
        assert_eq!(signer().verifier().open(&note), Ok("a\n"));
    }
    for lines in [[our_line, wrong_line], [wrong_line, our_line], [wrong_line, their_line]] {
        refused(&format!("a\n\n{}", lines.concat()), NoteError::Signature);
    }
    refused(&theirs, NoteError::Unsigned);
    // The same name with another key, and the same key under another name.
    refused(&NoteSigner::new(NAME, [0x33; 32]).unwrap().sign("a\n").unwrap(), NoteError::Unsigned);
    refused(&NoteSigner::new("other", [0x31; 32]).unwrap().sign("a\n").unwrap(), NoteError::Unsigned);
    let sixteen = format!("a\n\n{}{our_line}", their_line.repeat(16));
    assert_eq!(signer().verifier().open(&sixteen), Ok("a\n"));
    refused(&format!("a\n\n{}{our_line}", their_line.repeat(100)), NoteError::Malformed);
}

#[test]
fn malformed_notes() {
    let note = signer().sign("a\n").unwrap();
    let line = signature_line(&note);
    for malformed in [
        String::new(),
        "\n\n".to_owned(),
        "a\n".to_owned(),
        "a\n\n".to_owned(),
        format!("a\n{line}"),
        format!("\n\n\n{line}\n"),
        note.trim_end().to_owned(),
        format!("{note}\n"),
        format!("{note}x\n"),
        note.replace('\n', "\r\n"),
        note.replace('—', "-"),
        note.replace("— ", "—"),
        note.replace("— ", "—  "),
        note.replace('=', ""),
        format!("a\t\n\n{line}"),
        format!("a\n\n— x AAAAAA==\n{line}"),
        format!("a\n\n— x AAAA\n{line}"),
        format!("a\n\n— x+y AAAAAAA=\n{line}"),
        format!("{}\n\n{line}", "a".repeat(1_000_000)),
    ] {
        assert_eq!(signer().verifier().open(&malformed), Err(NoteError::Malformed));
    }
    // A signature of ours of another length is a wrong one.
    let id = signer().verifier().key_id();
    let short = BASE64_STANDARD.encode([id.as_slice(), &[0; 63]].concat());
    refused(&format!("a\n\n— {NAME} {short}\n"), NoteError::Signature);
}

#[test]
fn every_flip_and_truncation_is_refused() {
    let note = signer().sign("origin\n12\nroot é\n").unwrap();
    let verifier = signer().verifier().clone();
    let accepted = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|note| verifier.open(note).is_ok());
    assert!(accepted(note.as_bytes()));
    for bit in 0..note.len() * 8 {
        let mut flipped = note.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepted(&flipped), "bit {bit}");
    }
    for length in 0..note.len() {
        assert!(!accepted(&note.as_bytes()[..length]), "{length} bytes");
    }
    for extra in 0..=u8::MAX {
        assert!(!accepted(&[note.as_bytes(), &[extra]].concat()), "extra byte {extra}");
    }
}

#[test]
fn a_verifier_key_has_one_form() {
    let vkey = signer().verifier().to_string();
    assert_eq!(NoteVerifier::parse(&vkey).as_ref(), Ok(signer().verifier()));
    for bit in 0..vkey.len() * 8 {
        let mut flipped = vkey.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(flipped) = std::str::from_utf8(&flipped) {
            assert!(NoteVerifier::parse(flipped).is_err(), "{flipped}");
        }
    }
    for length in 0..vkey.len() {
        assert!(NoteVerifier::parse(&vkey[..length]).is_err(), "{length} bytes");
    }
    assert!(NoteVerifier::parse(&format!("{vkey}=")).is_err());
    // The point of order one, with a right key id.
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = NoteVerifier::new(NAME, VerifyingKey::from_bytes(&identity).unwrap()).unwrap();
    assert_eq!(NoteVerifier::parse(&weak.to_string()), Err(NoteError::VerifierKey));
    assert!(!format!("{:?}", signer()).contains("3131"));
}

proptest! {
    #[test]
    fn round_trip(lines: Vec<String>, seed: [u8; 32], foreign: [u8; 32]) {
        prop_assume!(seed != foreign);
        let text = lines.join("\n") + "\n";
        let signer = NoteSigner::new(NAME, seed).unwrap();
        if let Ok(note) = signer.sign(&text) {
            prop_assert_eq!(signer.verifier().open(&note), Ok(text.as_str()));
            let foreign = NoteSigner::new(NAME, foreign).unwrap();
            prop_assert_eq!(foreign.verifier().open(&note), Err(NoteError::Unsigned));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text: String, tail: String) {
        prop_assert!(signer().verifier().open(&text).is_err());
        let note = format!("{text}\n\n— {tail}\n");
        prop_assert!(signer().verifier().open(&note).is_err());
        prop_assert!(NoteVerifier::parse(&text).is_err());
    }
}
