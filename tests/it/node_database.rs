//! Nodes over one PostgreSQL database, each the real program on a folder of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeSet, fs, thread};

use crate::{
    postgres_server::{PostgresServer, ROLE, wait_until},
    raw_http::{Connection, Request},
    real_server::{House, example_issuer, reference_in},
};

fn url() -> String {
    let server = PostgresServer::shared();
    server.socket_url(&server.create_database())
}

/// Runs a command that must fail, and gives its exit code and what it says.
fn refused(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let output = house.command(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn published(house: &House) -> u64 {
    let note = fs::read_to_string(house.data().checkpoint()).unwrap();
    note.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn two_nodes_are_one_office() {
    let url = url();
    let first = House::on_server(&url);
    let second = first.with_the_same_keys();
    second.run(&["init", "--issuer", &example_issuer(), "--database", &url], "");
    let (one, other) = (first.serve(), second.serve());

    let clerk = first.sign_in();
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        let desks = [&first, &second].map(|house| {
            let clerk = clerk.clone();
            scope.spawn(move || {
                let mut connection = Connection::open(house.address).unwrap();
                let register = |number: u32| {
                    let key = format!("{:016x}{:016x}", house.address.port(), number);
                    let request = clerk.register(&key, &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")]);
                    let answer = connection.send(&request.bytes()).unwrap();
                    assert_eq!(answer.status, 303, "{}", answer.text());
                    reference_in(answer.header("location").unwrap()).unwrap().to_owned()
                };
                (0..40).map(register).collect::<Vec<_>>()
            })
        });
        for desk in desks {
            seen.extend(desk.join().unwrap());
        }
    });
    let year = seen.first().unwrap()[4..8].to_owned();
    let expected: BTreeSet<_> = (1..=80).map(|number| format!("NRU-{year}-{number:06}")).collect();
    assert_eq!(seen, expected, "each number once, whichever node gave it");

    let form = clerk.register("0123456789abcdef0123456789abcdef", &[("procedure", "NRU"), ("applicant", "Ali")]);
    let location = |house: &House| {
        let answer = Connection::open(house.address).unwrap().send(&form.bytes()).unwrap();
        reference_in(answer.header("location").unwrap()).unwrap().to_owned()
    };
    assert_eq!(location(&first), location(&second), "a form sent again to another node makes no second dossier");

    wait_until("both nodes publish the same checkpoint", || published(&first) == 162 && published(&second) == 162);
    let files = [&first, &second].map(|house| fs::read_to_string(house.data().checkpoint()).unwrap());
    assert_eq!(files[0], files[1]);
    let ready = Connection::open(second.address).unwrap().send(&Request::get("/readyz").closing()).unwrap();
    assert_eq!((ready.status, ready.text().trim()), (200, "ready"));

    let out = clerk.on(Request::post("/desk/sign-out", format!("csrf={}", clerk.csrf))).bytes();
    assert_eq!(Connection::open(second.address).unwrap().send(&out).unwrap().status, 303);
    let desk = clerk.on(Request::get("/desk/register")).bytes();
    assert_eq!(Connection::open(first.address).unwrap().send(&desk).unwrap().status, 303, "signed out everywhere");

    one.stop();
    other.stop();
    for house in [&first, &second] {
        let told = String::from_utf8(house.run(&["doctor"], "").stdout).unwrap();
        for line in ["ok    database: PostgreSQL 1", "ok    log: 162 entries", "warn  database: no standby confirms"] {
            assert!(told.contains(line), "{line} is not in {told}");
        }
        let migrated = String::from_utf8(house.run(&["migrate"], "").stdout).unwrap();
        assert!(migrated.contains("schema 2, nothing to do"), "{migrated}");
    }
}

#[test]
fn a_database_takes_no_strangers() {
    let url = url();
    let first = House::on_server(&url);
    let stranger = House::empty();
    let (code, told) = refused(&stranger, &["init", "--issuer", &example_issuer(), "--database", &url]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("belongs to an office already") && told.contains("data/keys"), "{told}");
    assert!(!stranger.data().keys().exists() && !stranger.data().log_name().exists(), "nothing is left in the way");

    // Another office's keys in the place of this office's.
    let other = House::new();
    fs::remove_dir_all(first.data().keys()).unwrap();
    fs::rename(other.data().keys(), first.data().keys()).unwrap();
    let (code, told) = refused(&first, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the keys do not belong to this database"), "{told}");
}

#[test]
fn a_server_that_cannot_be_used_is_told_with_advice_and_without_the_password() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let house = House::on_server(&server.socket_url(&database));
    let right = server.url(&database);
    for (wrong, says) in [
        (right.replace("Cedar", "Wrong"), "password"),
        (right.replace(&database, "nowhere"), "nowhere"),
        (right.replace(&format!(":{}/", server.port()), ":1/"), "127.0.0.1:1"),
        ("postgres://127.0.0.1/milaf?target_session_attrs=any".to_owned(), "milaf"),
        ("oracle://db/milaf".to_owned(), "postgres://USER@HOST/NAME"),
    ] {
        let output = house.command(&["account", "list"]).env("MILAF_DATABASE", &wrong).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(says), "{says:?} is not in {told}");
        assert!(!told.contains("Harbour"), "the password is in {told}");
    }
    let (code, told) = refused(&house, &["backup", "--to", "/tmp/never.db"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("pg_basebackup"), "{told}");
}

#[test]
fn a_database_that_went_back_is_refused_by_every_node() {
    let server = PostgresServer::shared();
    let (before, after) = (server.create_database(), server.create_database());
    let house = House::on_server(&server.socket_url(&before));
    house.run(&["register", "--procedure", "NRU", "--applicant", "Fatima"], "");
    // A copy of this moment, as a backup would hold it.
    server.sql("postgres", &format!("DROP DATABASE {after}"));
    server.sql("postgres", &format!("CREATE DATABASE {after} TEMPLATE {before} OWNER {ROLE}"));
    house.run(&["register", "--procedure", "NRU", "--applicant", "Ali"], "");
    let old = server.socket_url(&after);
    let (code, told) = refused(&house, &["serve", "--listen", "127.0.0.1:0", "--database", &old]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("older than what was published"), "{told}");
}
