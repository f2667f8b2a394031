//! The four answers, and for each check a receipt that fails it.

use milaf::{
    audit::{Answer, CheckKind, Ended, Evidence, Later, Outcome, judge_text},
    receipt::{Seal, SealClaims, SealKey},
    tlog::{InclusionProof, ProofFile, inclusion_path, leaf_hash},
};

use super::{
    check,
    lab::{Lab, START, revoked},
    outcome, verify,
};
use crate::commands::{Office, milaf};

#[test]
fn a_paper_by_itself_with_the_offices_keys() {
    let mut lab = Lab::new(1);
    let (first, second) = (lab.issue(), lab.issue());
    let keys = lab.keys("keys.json", |_| {});
    let keys = ["--keys", keys.as_str()];
    let (token, seal) = first.parts();
    let base = first.url.strip_suffix(&format!("/{token}/{seal}")).unwrap();

    let genuine = check("as printed", &first.url, &keys, 0, &[("tag", "not-looked-at"), ("replaced", "not-looked-at")]);
    assert_eq!(genuine["reference"], "NRU-2026-000001");
    assert_eq!(genuine["leaf_index"], 0);
    assert_eq!(genuine["issued_at"], "2026-09-21T14:13:20Z");
    check("lower case", &first.url.to_lowercase(), &keys, 0, &[]);
    check("spaces around it", &format!("  {}  ", first.url), &keys, 0, &[]);

    let unknown =
        check("without keys", &first.url, &[], 2, &[("seal", "passed"), ("key", "missing"), ("host", "missing")]);
    assert!(unknown["reference"].is_null(), "nothing is told of a seal that nobody checked: {unknown}");
    check("no seal", &format!("{base}/{token}"), &keys, 2, &[("seal", "missing")]);
    check("a token alone", token, &keys, 2, &[("address", "not-looked-at"), ("seal", "missing")]);

    let failed = |what: &str, input: &str, kind: &str| check(what, input, &keys, 1, &[(kind, "failed")]);
    failed("seal of another receipt", &format!("{base}/{token}/{}", second.parts().1), "match");
    failed("token of another receipt", &format!("{base}/{}/{seal}", second.parts().0), "match");
    failed("token cut off", &format!("{base}/{}", &token[..39]), "token");
    failed("token cut off, alone", &token[..39], "token");
    failed("seal cut off", &first.url[..first.url.len() - 8], "seal");
    failed("seal of other letters", &format!("{base}/{token}/{}", seal.replace('0', "U")), "seal");
    failed("another host", &first.url.replacen("OFFICE1", "0FFICE1", 1), "host");
    failed("another page", &first.url.replacen("/D/", "/E/", 1), "address");
    failed("no address of ours", "https://example.org/", "address");
    failed("with a query", &format!("{}?x", first.url), "seal");
    let impossible = SealClaims { leaf_index: 7, ..first.claims.clone() };
    failed("a place outside the tree", &lab.url(&impossible, &lab.seal_key), "contents");
    let nobody = SealClaims { reference: "nru/2026/1".to_owned(), ..first.claims.clone() };
    failed("no reference", &lab.url(&nobody, &lab.seal_key), "contents");
}

#[test]
fn a_seal_by_somebody_else() {
    let (mut lab, mut foreign) = (Lab::new(2), Lab::new(3));
    let paper = lab.issue();
    let keys = lab.keys("keys.json", |_| {});
    let keys = ["--keys", keys.as_str()];
    let forger = SealKey::from_seed([99; 32]);
    let forged = lab.url(&paper.claims, &forger);
    let verdict =
        check("a key nobody published", &forged, &keys, 1, &[("key", "failed"), ("signature", "not-looked-at")]);
    assert!(verdict["reference"].is_null(), "a forger's words are not repeated: {verdict}");

    // The same with the office's key id written over the forger's.
    let (token, seal) = forged.rsplit_once('/').unwrap();
    let bytes = Seal::from_text(seal).unwrap().bytes().to_vec();
    let at = bytes.windows(4).position(|window| window == forger.kid()).unwrap();
    let kid = lab.seal_key.kid();
    let bytes = [&bytes[..at], &kid, &bytes[at + 4..]].concat();
    let disguised = format!("{token}/{}", Seal::from_bytes(bytes).text());
    check("under the office's key id", &disguised, &keys, 1, &[("key", "passed"), ("signature", "failed")]);
    check("another office's receipt", &foreign.issue().url, &keys, 1, &[("host", "failed"), ("key", "failed")]);
}

#[test]
fn keys_count_in_their_time() {
    let mut lab = Lab::new(4);
    lab.grow(3);
    let paper = lab.issue();
    let at = paper.claims.issued_at;
    let time = |name, from: Option<i64>, until: Option<i64>| {
        lab.keys(name, |key| {
            (key.not_before_ms, key.not_after_ms) = (from.map(|s| s * 1000), until.map(|s| s * 1000));
        })
    };
    let early = time("early.json", Some(at + 10), None);
    check("before it was in use", &paper.url, &["--keys", &early], 1, &[("term", "failed")]);
    let late = time("late.json", None, Some(at - 10_000));
    check("after it was replaced", &paper.url, &["--keys", &late], 1, &[("term", "failed")]);
    let within = time("within.json", Some(at - 10), Some(at + 10));
    check("within", &paper.url, &["--keys", &within], 0, &[("term", "passed"), ("revocation", "passed")]);

    let after = lab.keys("after.json", |key| key.revoked = Some(revoked(at + 1000)));
    let before = lab.keys("before.json", |key| key.revoked = Some(revoked(at - 1000)));
    let policy = lab.policy();
    let seconds = |offset: i64| u64::try_from(at + offset).unwrap();
    let in_time = lab.publish("in-time", &[(1, seconds(100)), (2, seconds(900))]);
    let too_late = lab.publish("too-late", &[(1, seconds(100)), (2, seconds(1001))]);
    let one_only = lab.publish("one-only", &[(1, seconds(100))]);
    let ended = check("revoked later, no log", &paper.url, &["--keys", &after], 3, &[("revocation", "failed")]);
    assert_eq!(ended["revoked"]["reason"], "the server was stolen");
    assert!(ended["revoked"]["since"].as_str().unwrap().starts_with("2026-09-21T14:3"), "{ended}");
    let run = |what: &str, keys: &str, log: &str, code, outcome| {
        let arguments = ["--keys", keys, "--log", log, "--policy", &policy];
        check(what, &paper.url, &arguments, code, &[("revocation", outcome), ("inclusion", "passed")])
    };
    let kept = run("witnessed before the revocation", &after, &in_time, 0, "passed");
    assert_eq!(kept["witnesses"], serde_json::json!(["court", "ngo"]));
    assert_eq!(kept["published_by"].as_str().unwrap(), "2026-09-21T14:28:23Z", "the second of two witnesses: {kept}");
    run("one of two witnesses was too late", &after, &too_late, 3, "failed");
    run("one witness is not enough", &after, &one_only, 3, "failed");
    run("sealed after the revocation", &before, &in_time, 3, "failed");
    let unwitnessed = ["--keys", &after, "--log", &in_time];
    check("without a policy nobody is a witness", &paper.url, &unwitnessed, 3, &[("revocation", "failed")]);
}

#[test]
fn the_log_holds_the_paper() {
    let mut lab = Lab::new(5);
    lab.grow(290);
    let paper = lab.issue();
    let old = lab.publish("old", &[]);
    lab.grow(300);
    let (log, policy, keys) = (lab.publish("log", &[(1, 1_790_000_900)]), lab.policy(), lab.keys("keys.json", |_| {}));
    let on = |what: &str, url: &str, log: &str, code, outcomes: &[(&str, &str)]| {
        check(what, url, &["--keys", &keys, "--log", log], code, outcomes)
    };
    let whole = [("checkpoint", "passed"), ("inclusion", "passed"), ("root", "passed"), ("witnesses", "absent")];
    let verdict = on("in the log", &paper.url, &log, 0, &whole);
    assert_eq!(verdict["log_size"], 591);
    on("at its very head", &paper.url, &old, 0, &whole);
    let few = ["--keys", keys.as_str(), "--log", &log, "--policy", &policy];
    check("too few witnesses", &paper.url, &few, 2, &[("witnesses", "failed"), ("inclusion", "passed")]);

    let other_root = SealClaims { root: [9; 32], ..paper.claims.clone() };
    on(
        "another history",
        &lab.url(&other_root, &lab.seal_key),
        &log,
        1,
        &[("root", "failed"), ("inclusion", "passed")],
    );
    let other_entry = SealClaims { commitment16: [9; 16], ..paper.claims.clone() };
    on("another entry", &lab.url(&other_entry, &lab.seal_key), &log, 1, &[("inclusion", "failed")]);
    let later = lab.issue();
    on("newer than the copy", &later.url, &log, 2, &[("inclusion", "missing"), ("root", "missing")]);

    let tile = format!("{log}/tile/0/001");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&tile, &bytes).unwrap();
    on("a damaged copy", &paper.url, &log, 2, &[("checkpoint", "passed"), ("inclusion", "missing")]);
    std::fs::remove_file(&tile).unwrap();
    on("a copy with a gap", &paper.url, &log, 2, &[("inclusion", "missing")]);
    let mut other = Lab::new(6);
    other.leaves.clone_from(&lab.leaves);
    other.host.clone_from(&lab.host);
    let unsigned = other.publish("unsigned", &[]);
    on(
        "a head that the office did not sign",
        &paper.url,
        &unsigned,
        2,
        &[("checkpoint", "failed"), ("inclusion", "absent")],
    );
    let empty = lab.path("empty").display().to_string();
    std::fs::create_dir(&empty).unwrap();
    on("an empty folder", &paper.url, &empty, 2, &[("checkpoint", "missing")]);
}

#[test]
fn a_record_and_its_nonce_tell_what_was_recorded() {
    let mut lab = Lab::new(7);
    let (paper, other) = (lab.issue(), lab.issue());
    let keys = lab.keys("keys.json", |_| {});
    let record = lab.write("record", &paper.record);
    let wrong = lab.write("wrong", &other.record);
    let (nonce, wrong_nonce) = (hex::encode(paper.nonce), hex::encode(other.nonce));
    let run = |what: &str, record: &str, nonce: &str, code, outcome| {
        let arguments = ["--keys", &keys, "--record", record, "--nonce", nonce];
        check(what, &paper.url, &arguments, code, &[("record", outcome)]);
    };
    run("its own", &record, &nonce, 0, "passed");
    run("of another", &wrong, &nonce, 1, "failed");
    run("with another nonce", &record, &wrong_nonce, 1, "failed");
    // The office sealed one moment and recorded another.
    let other_moment = SealClaims { issued_at: START - 60, ..paper.claims.clone() };
    let arguments = ["--keys", &keys, "--record", &record, "--nonce", &nonce];
    check("another moment", &lab.url(&other_moment, &lab.seal_key), &arguments, 1, &[("record", "failed")]);

    // A proof file of the same entry.
    let log = lab.publish("log", &[]);
    let hashes: Vec<_> = lab.leaves.iter().map(leaf_hash).collect();
    let index = paper.claims.leaf_index;
    let proof = InclusionProof { index, path: inclusion_path(&hashes, index).unwrap() };
    let note = std::fs::read_to_string(format!("{log}/checkpoint")).unwrap();
    let file = ProofFile { extra: None, index: proof.index, path: proof.path, checkpoint_note: note };
    let place = lab.write("entry.tlog-proof", file.to_string().as_bytes());
    let prove = |record: &str, nonce: &str| {
        milaf(&["verify", &place, "--json", "--keys", &keys, "--record", record, "--nonce", nonce], "")
    };
    prove(&record, &nonce).expect(0);
    let refused = prove(&wrong, &wrong_nonce).expect(1).text();
    assert_eq!(outcome(&serde_json::from_str(&refused).unwrap(), "inclusion"), "failed");
    let bare = milaf(&["verify", &place, "--keys", &keys], "").expect(2).text();
    assert!(bare.contains("--record"), "{bare}");
}

#[test]
fn what_only_the_office_can_know() {
    let mut lab = Lab::new(8);
    let paper = lab.issue();
    let keys = lab.published();
    let ended = Ended { since_ms: START * 1000, reason: "lost".to_owned() };
    let judge = |tag, later| judge_text(&paper.url, &Evidence { keys: Some(&keys), tag, later, ..Evidence::default() });
    assert_eq!(judge(Some(true), Later::InForce).answer, Answer::Genuine);
    let forged = judge(Some(false), Later::Unknown);
    assert_eq!((forged.answer, forged.decisive().unwrap().kind), (Answer::NotGenuine, CheckKind::Tag));
    let replaced = judge(None, Later::Replaced(&ended));
    assert_eq!((replaced.answer, replaced.replaced.as_ref()), (Answer::NoLongerInForce, Some(&ended)));
    for verdict in [forged, judge(None, Later::Unknown)] {
        for made in &verdict.checks {
            assert!(made.kind.outcomes().contains(&made.outcome), "{made:?}");
        }
    }
    assert_eq!(judge(None, Later::Unknown).outcome(CheckKind::Replaced), Some(Outcome::NotLookedAt));
}

#[test]
fn receipts_of_a_real_office() {
    let office = Office::new();
    let registered = office.register("Salma Bensalem", &[]);
    let keys = office.path("keys.json").display().to_string();
    milaf(&["keys", "export", "--out", &keys, "--data", &office.data()], "").expect(0);
    let url = registered["url"].as_str().unwrap();
    let verdict = check("a real one", url, &["--keys", &keys], 0, &[]);
    assert_eq!(verdict["reference"], registered["reference"]);
    assert_eq!(verdict["leaf_index"], registered["leaf_index"]);
    let reference = registered["reference"].as_str().unwrap();
    for format in ["pdf", "png"] {
        let out = office.path(&format!("papers/receipt.{format}"));
        std::fs::create_dir_all(out.parent().unwrap()).unwrap();
        let out = out.display().to_string();
        milaf(&["receipt", reference, "--data", &office.data(), "--format", format, "--out", &out], "").expect(0);
        let read = milaf(&["verify", &out, "--keys", &keys], "").expect(0).text();
        assert!(read.contains(reference), "{format}: {read}");
    }
    let papers = office.path("papers").display().to_string();
    let both = milaf(&["verify", &papers, "--brief", "--keys", &keys], "").expect(0).text();
    assert_eq!(both.lines().filter(|line| line.contains(reference)).count(), 2, "{both}");
    let (ran, objects) = verify(&format!("{url}\n\nhttps://example.org\n{url}\n"), &["--keys", &keys]);
    assert_eq!((ran.code, objects.len()), (1, 3), "the worst of all");
    assert_eq!(objects[1]["input"], "line 3");
}
