//! Two nodes over one database, of which one has not got the new key.

use std::{fs, process::Command};

use super::{fetched, key_file, opens, register, run, verified};
use crate::{
    node_process::Node,
    postgres_server::{PostgresServer, wait_until},
    raw_http::Connection,
    real_server::{House, example_issuer, sign_in_at},
};

fn two_houses() -> [House; 2] {
    let server = PostgresServer::shared();
    let url = server.socket_url(&server.create_database());
    let first = House::on_server(&url);
    let second = first.with_the_same_keys();
    second.run(&["init", "--issuer", &example_issuer(), "--database", &url], "");
    [first, second]
}

fn bring(name: &str, from: &House, to: &House) {
    let copied = Command::new("cp").arg("-a").arg(key_file(from, name)).arg(to.data().keys()).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_node_without_the_new_key_says_so_and_issues_nothing() {
    let [first, second] = two_houses();
    let (one, other) = (Node::start(&first, &[]), Node::start(&second, &[]));
    let clerk = sign_in_at(other.address);
    let send = |key: &str| {
        let form = clerk.register(key, &[("procedure", "NRU"), ("applicant", "Fatima")]);
        Connection::open(other.address).unwrap().send(&form.bytes()).unwrap().status
    };
    assert_eq!(send("00000000000000000000000000000001"), 303);
    run(&first, &["keys", "rotate", "seal"]);
    other.wait_for_log("seal-1.key is missing");
    other.wait_until_ready_says(503, "keys\n");
    super::wait_until_in_use(&first, "seal", 1);
    assert_eq!(send("00000000000000000000000000000002"), 503, "it does not seal with a key that has ended");
    one.wait_until_ready_says(200, "ready\n");
    let paper = register(&first);
    assert_eq!(opens(&other, &paper.token), 200, "it shows what others issue");
    assert!(fs::read_to_string(key_file(&second, "seal-1.key")).is_err(), "nothing was made here");

    bring("seal-1.key", &first, &second);
    other.wait_until_ready_says(200, "ready\n");
    assert_eq!(send("00000000000000000000000000000002"), 303);
    let keys = fetched(other.address);
    assert_eq!(keys, fetched(one.address));
    assert_eq!(verified(&paper.seal, &keys).1, keys.seal[1].kid);
    one.stop();
    other.stop();
}

#[test]
fn a_prepared_key_is_brought_first_and_no_node_is_ever_without_it() {
    let [first, second] = two_houses();
    run(&first, &["keys", "rotate", "token", "--prepare"]);
    bring("token-1.key", &first, &second);
    let (one, other) = (Node::start(&first, &[]), Node::start(&second, &[]));
    run(&first, &["keys", "rotate", "token"]);
    super::wait_until_in_use(&first, "token", 1);
    let paper = register(&first);
    let key_id = milaf::receipt::base32::decode(&paper.token).unwrap()[0] & 0x0f;
    assert_eq!(key_id, 1);
    wait_until("both nodes open it", || [&one, &other].iter().all(|node| opens(node, &paper.token) == 200));
    for node in [one, other] {
        let log = node.stop();
        assert!(!log.contains("is missing"), "{log}");
    }
}
