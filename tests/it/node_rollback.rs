//! An office on PostgreSQL whose database went back in time: accepted once, while nobody else is there, and then brought to
//! each node.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use milaf::{
    config::KeyFiles,
    tlog::{Checkpoint, LogKey},
};

use crate::{
    node_process::Node,
    postgres_server::{PostgresServer, ROLE, wait_until},
    raw_http::{Connection, Request},
    real_server::{House, example_issuer},
};

const ACCEPT: [&str; 4] = ["restore", "--accept-rollback", "--reason", "the server's disks failed"];
/// Of a node that can be cut off from the database without the others.
const OUTPOST: &str = "milaf_outpost";

/// What a command said, which must end with this code.
fn said(house: &House, arguments: &[&str], code: i32) -> String {
    let output = house.command(arguments).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "milaf {arguments:?}: {text}");
    text
}

fn refuses_to_serve(house: &House, phrase: &str) {
    let told = said(house, &["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(told.contains(phrase), "{phrase:?} is not in {told}");
}

fn register(house: &House, applicant: &str) -> serde_json::Value {
    let output = house.run(&["register", "--procedure", "NRU", "--applicant", applicant, "--json"], "");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(registered: &serde_json::Value) -> u32 {
    registered["reference"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap()
}

fn read(house: &House, name: &str) -> String {
    fs::read_to_string(house.data().root().join(name)).unwrap()
}

/// The name and the size of the log in the published checkpoint.
fn published(house: &House) -> (String, u64) {
    let note = read(house, "checkpoint");
    let mut lines = note.lines();
    (lines.next().unwrap().to_owned(), lines.next().unwrap().parse().unwrap())
}

/// A database that can be put back to a moment.
struct Past {
    database: String,
    then: String,
}

impl Past {
    fn new() -> Self {
        let database = PostgresServer::shared().create_database();
        Self { then: format!("{database}_then"), database }
    }

    fn url(&self) -> String {
        PostgresServer::shared().socket_url(&self.database)
    }

    fn keep(&self) {
        Self::copy(&self.database, &self.then);
    }

    fn put_back(&self) {
        PostgresServer::shared().sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.database));
        Self::copy(&self.then, &self.database);
    }

    fn copy(from: &str, to: &str) {
        PostgresServer::shared().sql("postgres", &format!("CREATE DATABASE {to} TEMPLATE {from} OWNER {ROLE}"));
    }
}

fn join(first: &House, url: &str) -> House {
    let node = first.with_the_same_keys();
    node.run(&["init", "--issuer", &example_issuer(), "--database", url], "");
    node
}

#[test]
fn a_rollback_is_accepted_once_and_brought_to_each_node() {
    let server = PostgresServer::shared();
    let past = Past::new();
    let first = House::on_server(&past.url());
    let second = join(&first, &past.url());
    register(&first, "Fatima");
    // A node that was down while the office went on, so that it does not know that anything is lost.
    server.sql(
        &past.database,
        &format!(
            "DO $$ BEGIN CREATE ROLE {OUTPOST} LOGIN IN ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ),
    );
    let third = join(&first, &past.url().replace(&format!("{ROLE}@"), &format!("{OUTPOST}@")));
    past.keep();
    let lost = register(&first, "Ali");
    register(&second, "Salma");
    assert_eq!((published(&first).1, published(&second).1), (4, 6));
    past.put_back();
    for house in [&first, &second] {
        refuses_to_serve(house, "older than what was published");
    }
    let told = said(&second, &["restore", "/backup/base", "--accept-rollback", "--reason", "x"], 2);
    assert!(told.contains("examples/three-nodes/BACKUP.md") && told.contains("without a file"), "{told}");

    let outpost = Node::start(&third, &[]);
    assert_eq!(outpost.get("/readyz").status, 200, "nothing in its folder says that the database is older");
    let told = said(&second, &ACCEPT, 1);
    assert!(told.contains("other nodes or commands use it") && told.contains("Stop them first"), "{told}");
    refuses_to_serve(&second, "older than what was published");

    // Cut off, it is not there; let in again, it must not go on with the log that has ended.
    server.sql("postgres", &format!("ALTER ROLE {OUTPOST} NOLOGIN"));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{OUTPOST}'");
    wait_until("the node is cut off", || server.sql("postgres", &end).is_empty());
    let told = said(&second, &ACCEPT, 0);
    for phrase in ["Entries 2 to 5, 4 of them, are lost", "goes on as suivi.example.ma/log-2", "The next ones are"] {
        assert!(told.contains(phrase), "{phrase:?} is not in {told}");
    }
    server.sql("postgres", &format!("ALTER ROLE {OUTPOST} LOGIN"));
    outpost.wait_for_log("a rollback was accepted in the database since this node began");
    outpost.wait_until_ready_says(503, "database\n");
    outpost.signal("TERM");
    let (status, log) = outpost.end();
    assert_eq!(status.code(), Some(1), "it could publish nothing more: {log}");

    // The node that accepted it works while the others are brought along.
    let one = second.serve();
    for house in [&first, &third] {
        refuses_to_serve(house, "accepted on another node");
        let told = said(house, &ACCEPT, 0);
        assert!(told.contains("the log goes on as suivi.example.ma/log-2"), "{told}");
        assert_eq!(read(house, "log-name"), "suivi.example.ma/log-2\n");
        // As a power cut would leave it.
        let ended = format!("checkpoint-lost-{}", if house.address == first.address { 4 } else { 2 });
        fs::copy(house.data().root().join(&ended), house.data().checkpoint()).unwrap();
        refuses_to_serve(house, "accepted rollback was interrupted");
        said(house, &ACCEPT, 0);
        assert!(said(house, &ACCEPT, 0).contains("Nothing is to be accepted"));
        let found = said(house, &["doctor"], 0);
        for phrase in ["ok    rollback: accepted", "by cli at entry 2", "a published checkpoint of 6", "disks failed"] {
            assert!(found.contains(phrase), "{phrase:?} is not in {found}");
        }
        assert_eq!(found.matches("rollback: accepted").count(), 1, "{found}");
    }
    let other = first.serve();
    let page = |house: &House, registered: &serde_json::Value| {
        let path = format!("/D/{}", registered["token"].as_str().unwrap());
        Connection::open(house.address).unwrap().send(&Request::get(&path).closing()).unwrap().status
    };
    let next = register(&third, "Nadia");
    assert_eq!(number(&next), 1 + 2 + 1000 + 1, "half as many as leaves were lost, and a margin");
    assert_eq!((page(&first, &next), page(&second, &next), page(&first, &lost)), (200, 200, 404));
    wait_until("both publish the new log", || {
        [&first, &second].iter().all(|house| published(house) == ("suivi.example.ma/log-2".to_owned(), 5))
    });
    one.stop();
    other.stop();
}

/// The rollback was accepted on a node that had been down for long, so that too few numbers were left out.
#[test]
fn a_node_that_published_more_than_was_told_has_it_accepted_anew() {
    let past = Past::new();
    let first = House::on_server(&past.url());
    let second = join(&first, &past.url());
    register(&first, "Fatima");
    past.keep();
    register(&first, "Ali");
    past.put_back();
    let files = KeyFiles::in_folder(&second.data().keys()).unwrap();
    let key = LogKey::new("suivi.example.ma/log", files.log).unwrap();
    let far = Checkpoint { origin: "suivi.example.ma/log".to_owned(), size: 5000, root: [7; 32] };
    fs::write(second.data().checkpoint(), key.sign(&far)).unwrap();

    said(&first, &ACCEPT, 0);
    assert_eq!(number(&register(&first, "Salma")), 1 + 1 + 1000 + 1);
    let serving = first.serve();
    let told = said(&second, &ACCEPT, 1);
    assert!(told.contains("other nodes or commands use it"), "{told}");
    serving.stop();
    let told = said(&second, &ACCEPT, 0);
    for phrase in ["told of 4 entries at most", "5000 were published", "goes on as suivi.example.ma/log-3"] {
        assert!(told.contains(phrase), "{phrase:?} is not in {told}");
    }
    assert_eq!(number(&register(&second, "Nadia")), 1003 + 2498 + 1000 + 1);
    refuses_to_serve(&first, "belongs to the log suivi.example.ma/log-3");
    said(&first, &ACCEPT, 0);
    assert_eq!(said(&first, &["doctor"], 0).matches("ok    rollback: accepted").count(), 2);
    assert_eq!(published(&first).0, "suivi.example.ma/log-3");
    register(&first, "Hassan");
}

/// Killed at moments over the whole run: afterwards the old state or the interruption, and the same command leads to the end.
#[test]
fn killed_at_any_moment_it_is_finished_by_the_same_command() {
    let past = Past::new();
    let house = House::on_server(&past.url());
    register(&house, "Fatima");
    past.keep();
    let lost = register(&house, "Ali");
    let (data, before) = (house.data().root().to_owned(), house.data().root().with_file_name("before"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        fs::remove_dir_all(to).ok();
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&data, &before);
    past.put_back();
    let began = Instant::now();
    said(&house, &ACCEPT, 0);
    let whole = began.elapsed();

    let (mut untouched, mut interrupted) = (0, 0);
    for round in 0..12 {
        past.put_back();
        copy(&before, &data);
        let moment = Instant::now() + whole.mul_f64(f64::from(round) / 10.0);
        let mut child = house.command(&ACCEPT).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while let Some(left) = moment.checked_duration_since(Instant::now()) {
            thread::park_timeout(left.min(Duration::from_millis(1)));
        }
        child.kill().ok();
        child.wait().unwrap();
        let found = house.command(&["doctor"]).output().unwrap();
        let found = format!("{}{}", String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
        if found.contains("older than what was published") {
            untouched += 1;
        } else if found.contains("accepted rollback was interrupted") {
            interrupted += 1;
        } else {
            assert!(found.contains("ok    rollback: accepted"), "round {round}: {found}");
        }
        said(&house, &ACCEPT, 0);
        assert_eq!(read(&house, "log-name"), "suivi.example.ma/log-2\n", "round {round}");
        assert_eq!(published(&house), ("suivi.example.ma/log-2".to_owned(), 3), "round {round}");
        assert!(read(&house, "checkpoint-lost-4").starts_with("suivi.example.ma/log\n4\n"), "round {round}");
        assert_eq!(said(&house, &["doctor"], 0).matches("rollback: accepted").count(), 1, "round {round}");
    }
    println!("{untouched} untouched, {interrupted} interrupted");
    assert!(untouched > 0, "no kill came early enough");
    assert!(number(&register(&house, "Salma")) > number(&lost));
}
