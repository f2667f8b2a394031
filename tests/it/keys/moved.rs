//! What an administrator does with an office whose keys were changed: it is backed up, restored, put back to an earlier moment
//! and moved to a server, and every paper goes on opening.

use serde_json::Value;

use super::{Paper, exported, listed, opens, register, rotate, run, state, verified, wait_until_in_use};
use crate::{
    node_process::Node,
    postgres_server::{PostgresServer, wait_until},
    real_server::House,
};

const ALL: [&str; 3] = ["token", "seal", "log"];

fn backup(house: &House, name: &str) -> String {
    let file = house.data().root().with_file_name(name).display().to_string();
    run(house, &["backup", "--to", &file]);
    file
}

fn is_sound(house: &House, more: &[&str]) {
    let told = run(house, &[&["doctor"], more].concat());
    assert!(!told.contains("fail  "), "{told}");
    let told = run(house, &[&["log", "audit"], more].concat());
    assert!(told.contains("Nothing is wrong: every row follows from the log"), "{told}");
}

fn all_open(house: &House, more: &[&str], papers: &[&Paper]) {
    let node = Node::start(house, more);
    node.wait_until_ready_says(200, "ready\n");
    for paper in papers {
        assert_eq!(opens(&node, &paper.token), 200, "{}", paper.reference);
    }
    node.stop();
}

/// An office with a paper from before and one from after a change of every key, and the backup from before.
fn changed() -> (House, Paper, Paper, String) {
    let house = House::new();
    let old = register(&house);
    let early = backup(&house, "early.db");
    for purpose in ALL {
        run(&house, &["keys", "rotate", purpose]);
    }
    for purpose in ALL {
        wait_until_in_use(&house, purpose, 1);
    }
    let new = register(&house);
    (house, old, new, early)
}

#[test]
fn backed_up_restored_and_moved_after_a_change_of_every_key() {
    let (house, old, new, early) = changed();
    is_sound(&house, &[]);
    let before = exported(&house);
    let kept = backup(&house, "kept.db");
    run(&house, &["restore", &kept]);
    assert_eq!(exported(&house), before);
    is_sound(&house, &[]);
    all_open(&house, &[], &[&old, &new]);

    // Rolled back to where the keys had been changed already.
    let lost = register(&house);
    run(&house, &["restore", &kept, "--accept-rollback", "--reason", "both disks failed"]);
    is_sound(&house, &[]);
    assert!(ALL.iter().all(|purpose| state(&house, purpose, 1) == "in use"));
    let next = register(&house);
    assert_ne!(next.reference, lost.reference);
    let (_, kid, _) = verified(&next.seal, &exported(&house));
    assert_eq!(kid, before.seal[1].kid);
    all_open(&house, &[], &[&old, &new, &next]);

    // Moved to a server, where the next change is made.
    let server = PostgresServer::shared();
    let url = server.socket_url(&server.create_database());
    let from = format!("sqlite:{}", house.data().database().display());
    run(&house, &["copy", "--from", &from, "--to", &url]);
    let there = ["--database", url.as_str()];
    is_sound(&house, &there);
    all_open(&house, &there, &[&old, &new, &next]);
    run(&house, &["keys", "rotate", "seal", "--database", &url]);
    wait_until("the third seal key is in use", || {
        let rows: Vec<Value> =
            serde_json::from_str(&run(&house, &["keys", "list", "--json", "--database", &url])).unwrap();
        rows.iter().any(|row| row["purpose"] == "seal" && row["number"] == 2 && row["state"] == "in use")
    });
    run(&house, &["register", "--procedure", "NRU", "--applicant", "Idir", "--database", &url]);
    is_sound(&house, &there);

    // Of the first copy of the database nobody has taken the early backup into use.
    let refused = house.command(&["restore", &early]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "the office has moved");
}

#[test]
fn put_back_to_before_a_change_the_office_goes_on_with_its_first_keys() {
    let (house, old, new, early) = changed();
    run(&house, &["restore", &early, "--accept-rollback", "--reason", "both disks failed"]);
    is_sound(&house, &[]);
    assert!(listed(&house).iter().all(|row| row["number"] == 0 && row["state"] == "in use"));
    let next = register(&house);
    let node = Node::start(&house, &[]);
    node.wait_until_ready_says(200, "ready\n");
    assert_eq!([&old, &next, &new].map(|paper| opens(&node, &paper.token)), [200, 200, 404]);
    node.stop();
    // The files of the change that was lost are taken up again.
    rotate(&house, "seal", 1);
    let keys = exported(&house);
    let (_, kid, _) = verified(&register(&house).seal, &keys);
    assert_eq!(kid, keys.seal[1].kid);
    is_sound(&house, &[]);
}
