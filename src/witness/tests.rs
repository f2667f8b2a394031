use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::SteppedEnvironment,
    tlog::{CosignatureVerifier, Hash, LogKey, consistency_path},
};

const ORIGIN: &str = "suivi.example.ma/log";

fn key(seed: u8) -> LogKey {
    LogKey::new(ORIGIN, [seed; 32]).unwrap()
}

/// A log's leaves; those from `fork` on differ between branches.
fn leaves(size: u64, fork: u64, branch: u8) -> Vec<Hash> {
    (0..size)
        .map(|at| [u8::try_from(at).unwrap(), if at >= fork { branch } else { 0 }].repeat(16).try_into().unwrap())
        .collect()
}

fn request(old: u64, leaves: &[Hash], note: &str) -> Vec<u8> {
    let mut body = format!("old {old}\n");
    if old > 0 && old < leaves.len() as u64 {
        for hash in consistency_path(leaves, old).unwrap() {
            writeln!(body, "{}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hash)).unwrap();
        }
    }
    format!("{body}\n{note}").into_bytes()
}

fn signed(leaves: &[Hash]) -> String {
    key(1).sign(&Checkpoint { origin: ORIGIN.to_owned(), size: leaves.len() as u64, root: root_of(leaves) })
}

fn clock() -> Arc<SteppedEnvironment> {
    Arc::new(SteppedEnvironment::starting_at("2026-05-04T08:00:00Z".parse().unwrap()))
}

fn witness(folder: &Path, clock: &Arc<SteppedEnvironment>) -> Witness {
    let folder = WitnessFolder::open(folder).unwrap();
    let signer = folder.signer(None, "witness.example", clock.as_ref()).unwrap();
    let keys = vec![key(1).verifier().clone(), key(2).verifier().clone()];
    Witness::new(folder, signer, keys, Arc::clone(clock) as Arc<dyn Environment>).unwrap()
}

fn time(witness: &Witness, note: &str, answer: &Answer) -> u64 {
    let Answer::Cosigned(line) = answer else { panic!("{answer:?} is no cosignature") };
    let verifier = CosignatureVerifier::parse(&witness.vkey()).unwrap();
    verifier.verify(&format!("{note}{line}")).unwrap().expect("it is ours")
}

#[test]
fn every_answer_of_the_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path(), &clock());
    let (five, nine) = (leaves(5, 99, 0), leaves(9, 99, 0));
    let other_five = leaves(5, 3, 1);
    let foreign = LogKey::new("other.example/log", [1; 32]).unwrap();
    let foreign = foreign.sign(&Checkpoint { origin: "other.example/log".to_owned(), size: 5, root: root_of(&five) });
    let untrusted = key(9).sign(&Checkpoint { origin: ORIGIN.to_owned(), size: 5, root: root_of(&five) });
    let note = signed(&five);
    let damaged = note.replace("\n5\n", "\n4\n");
    let check = |body: &[u8], status: u16| {
        let (given, _, text) = witness.add_checkpoint(body).parts();
        assert_eq!(given, status, "{}: {text}", String::from_utf8_lossy(body));
    };
    check(b"", 400);
    check(b"old 0\n", 400);
    check(&request(0, &five, &note)[..30], 400);
    for old in ["old 00", "old +0", "old", "old 0 ", "Old 0", "old -1", "old 18446744073709551616"] {
        check(format!("{old}\n\n{note}").as_bytes(), 400);
    }
    check(format!("old 0\nnot base64\n\n{note}").as_bytes(), 400);
    check(format!("old 0\nAAAA\n\n{note}").as_bytes(), 400);
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [0; 32]);
    check(format!("old 0\n{}\n{note}", format!("{hash}\n").repeat(64)).as_bytes(), 400);
    check(format!("old 0\n{}\n{note}", format!("{hash}\n").repeat(63)).as_bytes(), 422);
    check(format!("old 0\r\n\r\n{note}").as_bytes(), 400);
    check(&request(0, &five, &foreign), 404);
    check(&request(0, &five, &untrusted), 403);
    check(&request(0, &five, &damaged), 403);
    check(&request(6, &five, &note), 400);
    check(&request(2, &five, &note), 409);
    let wrong_empty = key(1).sign(&Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: [1; 32] });
    check(&request(0, &[], &wrong_empty), 422);
    check(&request(0, &[], &signed(&[])), 200);
    check(&request(0, &five, &note), 200);
    check(&request(5, &five, &note), 200);
    check(&request(5, &other_five, &signed(&other_five)), 422);
    check(format!("old 5\n{hash}\n\n{note}").as_bytes(), 422);
    check(format!("old 5\n\n{}", signed(&nine)).as_bytes(), 422);
    check(&request(0, &nine, &signed(&nine)), 409);
    assert_eq!(witness.add_checkpoint(&request(4, &nine, &signed(&nine))), Answer::Conflict { size: 5 });
    assert_eq!(Answer::Conflict { size: 5 }.parts(), (409, "text/x.tlog.size", "5\n".to_owned()));
    let grown_elsewhere = leaves(9, 3, 1);
    check(&request(5, &grown_elsewhere, &signed(&grown_elsewhere)), 422);
    check(&request(5, &nine, &signed(&nine)), 200);
}

#[test]
fn a_log_that_writes_further_lines_is_cosigned_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path(), &clock());
    let text = format!("{}extension\n", Checkpoint { origin: ORIGIN.to_owned(), size: 0, root: root_of(&[]) }.text());
    let note = crate::tlog::NoteSigner::new(ORIGIN, [2; 32]).unwrap().sign(&text).unwrap();
    let answer = witness.add_checkpoint(format!("old 0\n\n{note}").as_bytes());
    assert!(time(&witness, &note, &answer) > 0);
}

#[test]
fn time_never_goes_back_for_a_log_and_the_folder_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let note = signed(&leaves(5, 99, 0));
    let first = witness(folder.path(), &clock);
    let (vkey, body) = (first.vkey(), request(0, &leaves(5, 99, 0), &note));
    let earlier = time(&first, &note, &first.add_checkpoint(&body));
    assert!(matches!(WitnessFolder::open(folder.path()), Err(FolderError::InUse { .. })));
    let shown = first.checkpoint(&hash_of(ORIGIN)).unwrap();
    assert!(shown.starts_with(&note));
    drop(first);
    clock.set("2026-05-03T08:00:00Z".parse().unwrap());
    let second = witness(folder.path(), &clock);
    assert_eq!((second.vkey(), second.checkpoint(&hash_of(ORIGIN)).unwrap()), (vkey, shown));
    assert_eq!(second.add_checkpoint(&body), Answer::Conflict { size: 5 });
    let again = second.add_checkpoint(&request(5, &leaves(5, 99, 0), &note));
    assert_eq!(time(&second, &note, &again), earlier);
}

#[test]
fn what_the_folder_cannot_vouch_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let note = signed(&leaves(5, 99, 0));
    let first = witness(folder.path(), &clock);
    first.add_checkpoint(&request(0, &leaves(5, 99, 0), &note));
    drop(first);
    let file = folder.path().join("logs").join(hash_of(ORIGIN));
    let written = std::fs::read_to_string(&file).unwrap();
    for damaged in [note, written.replace("\n5\n", "\n4\n"), String::new(), "\u{0}".to_owned()] {
        std::fs::write(&file, &damaged).unwrap();
        let folder = WitnessFolder::open(folder.path()).unwrap();
        let signer = folder.signer(None, "", clock.as_ref()).unwrap();
        let keys = vec![key(1).verifier().clone()];
        let outcome = Witness::new(folder, signer, keys, Arc::clone(&clock) as Arc<dyn Environment>);
        assert!(matches!(outcome, Err(FolderError::Checkpoint { .. })), "{damaged:?}");
    }
}

#[test]
fn a_name_is_chosen_once_and_a_key_is_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let held = WitnessFolder::open(folder.path()).unwrap();
    assert!(matches!(held.signer(Some("a b"), "x", clock.as_ref()), Err(FolderError::Name { .. })));
    let signer = held.signer(Some("tribunal.example"), "x", clock.as_ref()).unwrap();
    assert_eq!(held.signer(None, "y", clock.as_ref()).unwrap().verifier(), signer.verifier());
    assert!(matches!(held.signer(Some("z"), "y", clock.as_ref()), Err(FolderError::OtherName { .. })));
    assert_eq!(WitnessFolder::verifier_in(folder.path()).unwrap().as_ref(), Some(signer.verifier()));
    let file = folder.path().join("witness.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(held.signer(None, "y", clock.as_ref()), Err(FolderError::Open { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever two branches of a log submit, in whatever order and with restarts, all that is cosigned is one history.
    #[test]
    fn two_branches_are_never_both_cosigned(steps in proptest::collection::vec((0_u8..2, 1_u64..12, any::<bool>()), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let mut daemon = witness(folder.path(), &clock);
        let mut cosigned: Vec<Vec<Hash>> = Vec::new();
        for (branch, size, restart) in steps {
            if restart {
                drop(daemon);
                daemon = witness(folder.path(), &clock);
            }
            let leaves = leaves(size, 4, branch);
            let old = cosigned.last().map_or(0, |last| last.len() as u64);
            if let Answer::Cosigned(_) = daemon.add_checkpoint(&request(old, &leaves, &signed(&leaves))) {
                cosigned.push(leaves);
            }
        }
        for pair in cosigned.windows(2) {
            prop_assert!(pair[1].starts_with(&pair[0]));
        }
    }

    #[test]
    fn arbitrary_requests_never_panic(body: Vec<u8>, text in "(old [0-9]{1,3}\n)?([A-Za-z0-9+/=]{44}\n){0,3}\n?.*") {
        let folder = tempfile::tempdir().unwrap();
        let witness = witness(folder.path(), &clock());
        prop_assert!(witness.add_checkpoint(&body).parts().0 >= 400);
        prop_assert!(witness.add_checkpoint(text.as_bytes()).parts().0 >= 400);
    }
}
