//! A key that was stolen, and papers that outlive the keys that made them.

use std::fs;

use milaf::receipt::KeyTerm;

use super::{exported, fetched, key_file, listed, opens, refused, register, rotate, run, signers, state, verified};
use crate::{
    node_process::Node,
    raw_http::{Answer, Connection, Request, form},
    real_server::{House, hidden_value, sign_in_at},
};

#[test]
fn old_papers_outlive_the_private_keys_that_made_them() {
    let house = House::new();
    let old = register(&house);
    rotate(&house, "seal", 1);
    rotate(&house, "log", 1);
    for name in ["seal.key", "log.key"] {
        fs::remove_file(key_file(&house, name)).unwrap();
    }
    let node = Node::start(&house, &[]);
    node.wait_until_ready_says(200, "ready\n");
    assert_eq!(opens(&node, &old.token), 200);
    let keys = fetched(node.address);
    node.stop();
    let new = register(&house);
    let (claims, kid, term) = verified(&old.seal, &keys);
    assert_eq!((claims.reference, kid, term), (old.reference, keys.seal[0].kid, KeyTerm::Within));
    let (_, kid, term) = verified(&new.seal, &keys);
    assert_eq!((kid, term), (keys.seal[1].kid, KeyTerm::Within));
    assert_eq!(keys.seal[0].not_after_ms.unwrap() - keys.seal[1].not_before_ms.unwrap(), 3_600_000);
    assert_eq!(signers(&house, &keys), [keys.log[1].kid]);
    assert!(listed(&house).iter().any(|row| row["purpose"] == "seal" && row["number"] == 0 && row["here"] == false));
    let doctor = run(&house, &["doctor"]);
    assert!(!doctor.contains("fail  ") && doctor.contains("seal.key is not here"), "{doctor}");
}

#[test]
fn a_revoked_key_says_since_when_and_why() {
    let house = House::new();
    let paper = register(&house);
    let revoke = ["keys", "revoke", "seal", "--key", "0", "--reason", "the server was stolen"];
    let (code, told) = refused(&house, &revoke);
    assert!(code == Some(1) && told.contains("milaf keys rotate seal"), "{told}");
    run(&house, &["keys", "rotate", "seal"]);
    let (code, told) = refused(&house, &["keys", "rotate", "seal"]);
    assert!(code == Some(1) && told.contains("takes over at"), "{told}");
    super::wait_until_in_use(&house, "seal", 1);
    for (more, says) in [(["--since", "2999-01-01T00:00:00Z"], "has not come yet"), (["--key", "9"], "--key")] {
        let (code, told) = refused(&house, &[&revoke[..], &more[..]].concat());
        assert!(code == Some(2) && told.contains(says), "{told}");
    }
    run(&house, &[&revoke[..], &["--since", "2026-09-01T03:00:00+01:00"]].concat());
    let keys = exported(&house);
    let revoked = keys.seal[0].revoked.clone().unwrap();
    let stolen: jiff::Timestamp = "2026-09-01T02:00:00Z".parse().unwrap();
    assert_eq!((revoked.since_ms, revoked.reason.as_str()), (stolen.as_millisecond(), "the server was stolen"));
    assert_eq!(verified(&paper.seal, &keys).2, KeyTerm::Revoked);
    assert_eq!(keys.seal[1].revoked, None);
    let (code, told) = refused(&house, &revoke);
    assert!(code == Some(1) && told.contains("revoked already, since 2026-09-01T02:00:00Z"), "{told}");
    let node = Node::start(&house, &[]);
    assert_eq!(fetched(node.address), keys);
    assert_eq!(opens(&node, &paper.token), 200, "the server itself knows its receipts by their tokens");
    node.stop();
}

/// What the desk answers to the wish for a duplicate.
fn reprinted(node: &Node, reference: &str) -> Answer {
    let clerk = sign_in_at(node.address);
    let mut connection = Connection::open(node.address).unwrap();
    let address = format!("/desk/d/{reference}");
    let page = connection.send(&clerk.on(Request::get(&address)).bytes()).unwrap().text();
    let [csrf, key, version] = ["csrf", "form-key", "version"].map(|name| hidden_value(&page, name));
    let fields = form(&[("csrf", &csrf), ("form-key", &key), ("version", &version)]);
    let send = clerk.on(Request::post(&format!("{address}/reprint-receipt?l=en"), fields));
    connection.send(&send.bytes()).unwrap()
}

#[test]
fn papers_of_a_revoked_token_key_send_their_bearers_to_the_desk() {
    let house = House::new();
    let old = register(&house);
    rotate(&house, "token", 1);
    let new = register(&house);
    let node = Node::start(&house, &[]);
    assert_eq!([&old, &new].map(|paper| opens(&node, &paper.token)), [200, 200]);
    run(&house, &["keys", "revoke", "token", "--key", "0", "--reason", "it was in a stolen backup"]);
    crate::postgres_server::wait_until("the node learns of it", || opens(&node, &old.token) == 410);
    let page = node.get(&format!("/d/{}?l=en", old.token)).text();
    assert!(page.contains("no longer valid") && page.contains("desk"), "{page}");
    assert_eq!(opens(&node, &new.token), 200);
    let mut forged = old.token.clone().into_bytes();
    forged[39] = if forged[39] == b'0' { b'1' } else { b'0' };
    assert_eq!(opens(&node, &String::from_utf8(forged).unwrap()), 404, "a forged one is still told apart");
    let [withdrawn, good] = [&old, &new].map(|paper| reprinted(&node, &paper.reference));
    assert_eq!((withdrawn.status, good.status), (422, 303), "{}", withdrawn.text());
    assert!(withdrawn.text().contains("The key of this receipt is revoked"), "{}", withdrawn.text());
    node.stop();
    let (code, told) = refused(&house, &["receipt", &old.reference, "--out", "-", "--format", "txt"]);
    assert!(code == Some(1) && told.contains("Replace the receipt"), "{told}");
    assert_eq!(state(&house, "token", 0), "revoked");
    fs::remove_file(key_file(&house, "token.key")).unwrap();
    let (code, told) = refused(&house, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && told.contains("token.key is missing"), "{told}");
}
