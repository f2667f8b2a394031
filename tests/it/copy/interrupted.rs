//! Killed at any moment: never are both in use, and the same command leads to the same end.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{assert_equal, copy, doctor, dump, file_of, new_server_database, office, run};
use crate::{
    commands::{Office, program},
    postgres_server::{PostgresServer, ROLE},
};

const ROUNDS: u32 = 12;

/// What a kill left behind.
#[derive(Debug, Default)]
struct Left {
    before: u32,
    nowhere: u32,
    after: u32,
}

/// When a copy is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it began.
    After(Duration),
    /// So long after it closed its source.
    Closed(Duration),
}

fn is_closed(database: &str) -> bool {
    let sql = "SELECT count(*) FROM meta WHERE key = 'copy'";
    match database.strip_prefix("sqlite:") {
        Some(file) => rusqlite::Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap(),
        None => PostgresServer::shared().sql(database.rsplit('/').next().unwrap(), sql) == "1",
    }
}

fn wait(mut until: impl FnMut() -> bool) {
    while !until() {
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Starts a copy, and kills it.
fn kill_at(office: &Office, from: &str, to: &str, moment: Moment) {
    let arguments = ["copy", "--from", from, "--to", to, "--data", &office.data()];
    let mut child = program().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut began = Instant::now();
    let after = match moment {
        Moment::After(after) => after,
        Moment::Closed(after) => {
            wait(|| is_closed(from) || child.try_wait().unwrap().is_some());
            began = Instant::now();
            after
        }
    };
    wait(|| began.elapsed() >= after);
    let _ = child.kill();
    child.wait().unwrap();
}

/// Kills copies at moments over a whole run; `fresh` makes an office with its database, and an empty target.
fn killed_at_any_moment(fresh: impl Fn() -> (Office, String, String)) {
    let (measured, from, to) = fresh();
    let began = Instant::now();
    copy(&measured, &from, &to, &[]).expect(0);
    let whole = began.elapsed();
    let mut left = Left::default();
    for round in 0..ROUNDS {
        let (office, from, to) = fresh();
        let before = dump(&from);
        let part = |of: u32| whole.mul_f64(f64::from(round) / f64::from(of));
        let moment = if round % 2 == 0 { Moment::After(part(ROUNDS)) } else { Moment::Closed(part(3 * ROUNDS)) };
        kill_at(&office, &from, &to, moment);
        // Killed once more on the way, sooner.
        if round % 3 == 0 {
            kill_at(&office, &from, &to, Moment::After(part(2 * ROUNDS)));
        }
        let used = |database: &str| run(&office, database, &["account", "list"]).code == 0;
        match (used(&from), used(&to)) {
            (true, true) => panic!("round {round}: both are in use"),
            (true, false) => left.before += 1,
            (false, false) => left.nowhere += 1,
            (false, true) => left.after += 1,
        }
        copy(&office, &from, &to, &[]).expect(0);
        assert!(!used(&from) && used(&to), "round {round}");
        let (source, target) = (dump(&from), dump(&to));
        assert_equal(&source, &target);
        for table in ["events", "event_contents", "heads", "seals", "receipts", "dossiers", "numbers", "idempotency"] {
            assert_eq!(before[table], source[table], "round {round}: {table} of the source");
        }
        doctor(&office, &to);
    }
    println!("{left:?} of {ROUNDS}, a whole run takes {whole:?}");
    assert!(left.before > 0 && left.nowhere > 0, "{left:?}: the kills came at one kind of moment only");
}

#[test]
fn a_copy_to_a_server_is_finished_after_any_kill() {
    killed_at_any_moment(|| {
        let office = office();
        let file = file_of(&office);
        (office, file, new_server_database())
    });
}

#[test]
fn a_copy_from_a_server_is_finished_after_any_kill() {
    let server = PostgresServer::shared();
    let origin = office();
    let original = new_server_database();
    copy(&origin, &file_of(&origin), &original, &[]).expect(0);
    killed_at_any_moment(|| {
        let office = origin.copy();
        let twin = server.create_database();
        server.sql("postgres", &format!("DROP DATABASE {twin}"));
        let template = original.rsplit('/').next().unwrap();
        server.sql("postgres", &format!("CREATE DATABASE {twin} TEMPLATE {template} OWNER {ROLE}"));
        let target = format!("sqlite:{}", office.path("target.db").display());
        (office, server.socket_url(&twin), target)
    });
}
