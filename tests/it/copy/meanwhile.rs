//! The office works while it is copied: whatever was acknowledged is on the other side, and nothing is acknowledged after it.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use milaf::config::DataDir;
use rusqlite::Connection as Database;

use super::{assert_equal, copy, dump, file_of, new_server_database, office, refuses, register};
use crate::{
    commands::milaf,
    postgres_server::PostgresServer,
    raw_http::{Connection, Request},
    real_server::{Clerk, House, example_issuer, reference_in},
};

/// What has come since is copied by the next run, however often.
#[test]
fn a_copy_ahead_catches_up_while_the_server_runs() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    let running = office.serve();
    refuses(&office, &file, &server, &[], &["with its server stopped", "--ahead", "Stop the server first"]);
    let stop = AtomicBool::new(false);
    let registered = thread::scope(|scope| {
        let desk = scope.spawn(|| {
            let mut registered = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let made = register(&office, &file, "Meanwhile");
                registered.insert(made["reference"].as_str().unwrap().to_owned());
            }
            registered
        });
        for round in 0..3 {
            let told = copy(&office, &file, &server, &["--ahead"]).expect(0).text();
            assert!(told.contains("cannot be used yet"), "round {round}: {told}");
        }
        stop.store(true, Ordering::Relaxed);
        desk.join().unwrap()
    });
    register(&office, &file, "The last");
    running.terminate();
    let before = dump(&file);
    copy(&office, &file, &server, &[]).expect(0);
    let there = dump(&server);
    assert_equal(&before, &there);
    assert!(!registered.is_empty(), "somebody registered meanwhile");
    let found = |reference: &String| there["dossiers"].iter().any(|row| row.contains(&format!("|{reference}|")));
    assert!(registered.iter().all(found), "whatever was acknowledged is there");
}

/// Another node that nobody stopped. It is refused from the moment at which the source is closed.
#[test]
fn a_forgotten_node_loses_nothing_and_adds_nothing() {
    let url = new_server_database();
    let forgotten = House::on_server(&url);
    let leaving = forgotten.with_the_same_keys();
    leaving.run(&["init", "--issuer", &example_issuer(), "--database", &url], "");
    let node = forgotten.serve();
    let clerks: Vec<Clerk> = (0..4).map(|_| forgotten.sign_in()).collect();
    let acknowledged = Mutex::new(BTreeSet::new());
    let to = format!("sqlite:{}", leaving.data().database().display());
    let moved = AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        let desks: Vec<_> = (0_u32..)
            .zip(&clerks)
            .map(|(desk, clerk)| {
                let (forgotten, acknowledged, moved) = (&forgotten, &acknowledged, &moved);
                scope.spawn(move || {
                    let mut connection = Connection::open(forgotten.address).unwrap();
                    for turn in 0_u32.. {
                        let after = moved.load(Ordering::SeqCst);
                        let form = clerk.register(
                            &format!("{desk:016x}{turn:016x}"),
                            &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")],
                        );
                        let answer = connection.send(&form.bytes()).unwrap();
                        if answer.status == 303 {
                            assert!(!after, "it was acknowledged after the office had moved");
                            let reference = reference_in(answer.header("location").unwrap()).unwrap().to_owned();
                            acknowledged.lock().unwrap().insert(reference);
                        } else if after {
                            return answer.status;
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        while acknowledged.lock().unwrap().len() < 40 {
            thread::yield_now();
        }
        let done = leaving.command(&["copy", "--from", &url, "--to", &to]).output().unwrap();
        moved.store(true, Ordering::SeqCst);
        let refused: Vec<u16> = desks.into_iter().map(|desk| desk.join().unwrap()).collect();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        refused
    });
    assert_eq!(refused, [503; 4]);
    let ready = Connection::open(forgotten.address).unwrap().send(&Request::get("/readyz").closing()).unwrap();
    assert_eq!((ready.status, ready.text().trim()), (503, "database"));
    let log = node.kill();
    assert!(log.contains("the office has moved to sqlite:"), "{log}");

    let database = Database::open(leaving.data().database()).unwrap();
    let mut statement = database.prepare("SELECT reference FROM dossiers").unwrap();
    let there: BTreeSet<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(there, acknowledged.into_inner().unwrap(), "what was acknowledged, and nothing else");
    assert_equal(&dump(&url), &dump(&to));
    fs::remove_file(leaving.data().node_file()).unwrap();
    leaving.run(&["doctor"], "");
    leaving.run(&["register", "--procedure", "NRU", "--applicant", "After"], "");
}

/// Tries that were counted are counted on the other side, so that a copy gives nobody new ones.
#[test]
fn a_lock_holds_on_the_other_side() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    let locked = |attempts: &[String]| attempts.iter().filter(|row| !row.ends_with("|~")).count();
    assert_eq!(locked(&dump(&file)["attempts"]), 1, "karim is locked out");
    copy(&office, &file, &server, &[]).expect(0);
    assert_eq!(locked(&dump(&server)["attempts"]), 1);
    let name = server.rsplit('/').next().unwrap();
    assert_eq!(PostgresServer::shared().sql(name, "SELECT count(*) FROM batches"), "0", "they are not history");
    let data = DataDir::new(office.data());
    milaf(&["account", "list", "--data", &data.root().display().to_string(), "--database", &server], "").expect(0);
}
