#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use super::*;
use crate::tlog::{CosignatureSigner, LogKey};
use proptest::prelude::*;

const ORIGIN: &str = "suivi.example.ma/log";

fn log(seed: u8) -> LogKey {
    LogKey::new(ORIGIN, [seed; 32]).unwrap()
}

fn witness(seed: u8) -> CosignatureSigner {
    CosignatureSigner::new(&format!("w{seed}.example"), [seed; 32]).unwrap()
}

fn vkey(seed: u8) -> String {
    witness(seed).verifier().to_string()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: 5, root: [7; 32] }
}

fn note(logs: &[u8], witnesses: &[u8]) -> String {
    let text = checkpoint().text();
    let mut note = format!("{text}\n");
    for seed in logs {
        note.push_str(log(*seed).sign(&checkpoint()).rsplit_once("\n\n").unwrap().1);
    }
    for seed in witnesses {
        note.push_str(&witness(*seed).sign(&text, 1_000 + u64::from(*seed)).unwrap());
    }
    note
}

/// Two of three, and one of two others, in two levels.
fn two_levels() -> String {
    let mut file = format!("log {} https://suivi.example.ma/log/\n", log(0x40).vkey());
    for seed in 1..=5 {
        writeln!(file, "witness W{seed} {}", vkey(seed)).unwrap();
    }
    file + "group X 2 W1 W2 W3\n  group\tY any W4 W5\t\n# a comment\n\ngroup both all X Y\nquorum both\n"
}

fn refused(file: &[u8], line: usize, reason: &PolicyFault) {
    let error = Policy::parse(file).expect_err("a policy that is wrong is refused");
    assert_eq!((error.line, &error.reason), (line, reason), "{}", String::from_utf8_lossy(file));
}

#[test]
fn a_quorum_in_two_levels() {
    let policy = Policy::parse(two_levels().as_bytes()).unwrap();
    for (cosigned, quorum) in [
        (&[][..], false),
        (&[1, 2], false),
        (&[1, 4], false),
        (&[4, 5], false),
        (&[1, 3, 5], true),
        (&[2, 3, 4, 5], true),
        (&[1, 2, 3, 4, 5], true),
    ] {
        let witnessed = policy.judge(&note(&[0x40], cosigned)).unwrap();
        assert_eq!(witnessed.quorum, quorum, "{cosigned:?}");
        assert_eq!(witnessed.checkpoint, checkpoint());
        let expected: Vec<_> = cosigned.iter().map(|seed| (format!("W{seed}"), 1_000 + u64::from(*seed))).collect();
        assert_eq!(witnessed.cosigners, expected);
    }
}

#[test]
fn the_log_must_have_signed_by_a_key_that_is_named() {
    let file = format!("log {}\nlog {}\nquorum none\n", log(0x40).vkey(), log(0x41).vkey());
    let policy = Policy::parse(file.as_bytes()).unwrap();
    for (logs, expected) in [(&[0x40][..], Ok(1)), (&[0x40, 0x41], Ok(2)), (&[0x42], Err(JudgeError::Unsigned))] {
        assert_eq!(policy.judge(&note(logs, &[])).map(|witnessed| witnessed.logs.len()), expected);
    }
    assert_eq!(policy.judge(&note(&[], &[1])), Err(JudgeError::Unsigned));
    let nobody = Policy::parse(b"quorum none\n").unwrap();
    assert_eq!(nobody.judge(&note(&[0x40], &[])), Err(JudgeError::UnknownLog));
    assert!(nobody.judge_with(&note(&[0x40], &[]), &[log(0x40).verifier().clone()]).unwrap().quorum);
    // One wrong signature by a named key spoils the note, a right one beside it notwithstanding.
    let wrong = note(&[0x40], &[]).replace("\n5\n", "\n6\n");
    let wrong_line = wrong.rsplit_once("\n\n").unwrap().0;
    let mixed = format!("{wrong_line}\n\n{}", note(&[0x40], &[]).rsplit_once("\n\n").unwrap().1);
    assert_eq!(policy.judge(&mixed), Err(JudgeError::Note(NoteError::Signature)));
}

#[test]
fn names_are_octets() {
    let mut file = b"witness K ".to_vec();
    file.extend(vkey(1).bytes());
    file.extend(b"\nwitness \xe2\x84\xaa ");
    file.extend(vkey(2).bytes());
    file.extend(b" http://\xff.example\nwitness \xff ");
    file.extend(vkey(3).bytes());
    file.extend(b"\nquorum \xff\n");
    let policy = Policy::parse(&file).unwrap();
    assert_eq!(policy.witnesses().len(), 3);
    assert_eq!(policy.quorum, Some(2));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let [log, w1, w2] = [log(0x40).vkey(), vkey(1), vkey(2)];
    let two = format!("witness a {w1}\nwitness b {w2}\n");
    let cases: Vec<(String, usize, PolicyFault)> = vec![
        (String::new(), 1, PolicyFault::NoQuorum),
        (format!("log {log}\n"), 1, PolicyFault::NoQuorum),
        ("quorum none".to_owned(), 1, PolicyFault::CutOff),
        ("# a\r\nquorum none\n".to_owned(), 1, PolicyFault::Character),
        ("quorum none\nquorum none\n".to_owned(), 2, PolicyFault::SecondQuorum),
        ("quorum\n".to_owned(), 1, PolicyFault::QuorumForm),
        ("quorum a b\n".to_owned(), 1, PolicyFault::QuorumForm),
        ("quorum a\n".to_owned(), 1, PolicyFault::UnknownName("a".to_owned())),
        ("Quorum none\n".to_owned(), 1, PolicyFault::Keyword),
        ("log\n".to_owned(), 1, PolicyFault::LogForm),
        (format!("log {log} a b\n"), 1, PolicyFault::LogForm),
        (format!("log {w1}\n"), 1, PolicyFault::LogKey),
        (format!("log {log}\nlog {log}\n"), 2, PolicyFault::DuplicateKey),
        (format!("witness {w1}\n"), 1, PolicyFault::WitnessForm),
        (format!("witness a {log}\n"), 1, PolicyFault::WitnessKey),
        (format!("witness none {w1}\n"), 1, PolicyFault::DuplicateName("none".to_owned())),
        (format!("witness a {w1}\nwitness b {w1}\n"), 2, PolicyFault::DuplicateKey),
        (format!("witness a {w1}\nwitness a {w2}\n"), 2, PolicyFault::DuplicateName("a".to_owned())),
        (format!("{two}group a any b\n"), 3, PolicyFault::DuplicateName("a".to_owned())),
        (format!("{two}group g any\n"), 3, PolicyFault::GroupForm),
        (format!("{two}group g 0 a b\n"), 3, PolicyFault::GroupForm),
        (format!("{two}group g 3 a b\n"), 3, PolicyFault::GroupForm),
        (format!("{two}group g 02 a b\n"), 3, PolicyFault::GroupForm),
        (format!("{two}group g +2 a b\n"), 3, PolicyFault::GroupForm),
        (format!("{two}group g any g\n"), 3, PolicyFault::UnknownName("g".to_owned())),
        (format!("{two}group g any none\n"), 3, PolicyFault::UnknownName("none".to_owned())),
        (format!("{two}group g 2 a a\n"), 3, PolicyFault::SecondMembership("a".to_owned())),
        (format!("{two}group g any a\ngroup h any a b\n"), 4, PolicyFault::SecondMembership("a".to_owned())),
    ];
    for (file, line, reason) in cases {
        refused(file.as_bytes(), line, &reason);
    }
}

#[test]
fn a_policy_has_a_largest_size() {
    let mut file = String::new();
    for seed in 0..=MOST_OF_A_KIND {
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&(seed as u64).to_be_bytes());
        writeln!(file, "witness w{seed} {}", CosignatureSigner::new("w", bytes).unwrap().verifier()).unwrap();
    }
    refused(file.as_bytes(), MOST_OF_A_KIND + 1, &PolicyFault::TooMany);
    refused(&vec![b'#'; LARGEST_FILE + 1], 1, &PolicyFault::TooLarge);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, words in "((log|witness|group|quorum|any|all|[0-9]|a|b) ?\n?){0,40}") {
        let _ = Policy::parse(&bytes);
        let _ = Policy::parse(words.as_bytes());
        let policy = Policy::parse(two_levels().as_bytes()).unwrap();
        prop_assert!(policy.judge(&words).is_err());
    }

    #[test]
    fn a_threshold_counts_members(cosigned in proptest::collection::btree_set(1_u8..=5, 0..=5), k in 1_usize..=5) {
        let mut file = format!("log {}\n", log(0x40).vkey());
        for seed in 1..=5 {
            writeln!(file, "witness {seed} {}", vkey(seed)).unwrap();
        }
        writeln!(file, "group g {k} 1 2 3 4 5\nquorum g").unwrap();
        let policy = Policy::parse(file.as_bytes()).unwrap();
        let signed: Vec<u8> = cosigned.iter().copied().collect();
        prop_assert_eq!(policy.judge(&note(&[0x40], &signed)).unwrap().quorum, signed.len() >= k);
    }
}
