//! An accepted rollback that is cut short: nothing starts half-way, and the same command finishes it.

use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{Office, backup, copy_folder, doctor, names, number, read, refuses, run};
use crate::commands::program;

const ACCEPTING: [&str; 3] = ["--accept-rollback", "--reason", "both disks failed"];

/// Each state that a power cut between two steps leaves, made by taking the last steps back.
#[test]
fn every_half_way_state_is_refused_and_finished() {
    let office = Office::new();
    office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let lost = office.register("Second", &[]);
    let restore = [&[file.as_str()], &ACCEPTING[..]].concat();
    run(&office, "restore", &restore).expect(0);
    let (name, checkpoint) = (read(&office, "log-name"), read(&office, "checkpoint"));
    assert!(doctor(&office).contains("ok    rollback"));
    let data = office.path("data");
    let take_back = |steps: usize| {
        // The first checkpoint of the new log takes the old one's place last.
        fs::copy(data.join("checkpoint-lost-4"), data.join("checkpoint")).unwrap();
        let database = rusqlite::Connection::open(data.join("milaf.db")).unwrap();
        assert_eq!(database.execute("DELETE FROM checkpoints WHERE size = 3", []).unwrap(), 1);
        if steps > 1 {
            fs::write(data.join("log-name"), "suivi.example.ma/log\n").unwrap();
        }
        if steps > 2 {
            fs::remove_file(data.join("checkpoint-lost-4")).unwrap();
        }
        // An earlier version of the program moved the old checkpoint away first.
        if steps > 3 {
            fs::rename(data.join("checkpoint"), data.join("checkpoint-lost-4")).unwrap();
        }
        if steps > 4 {
            fs::write(data.join("log-name"), "suivi.example.ma/log-2\n").unwrap();
        }
    };
    for steps in 1..=5 {
        for command in [&["--accept-rollback", "--reason", "again"][..], &restore] {
            take_back(steps);
            refuses(&office, "serve", &[], 1, &["accepted rollback was interrupted", "suivi.example.ma/log-2"]);
            refuses(&office, "doctor", &[], 1, &["accepted rollback was interrupted"]);
            refuses(&office, "restore", &[&file], 1, &["accepted rollback was interrupted"]);
            let told = run(&office, "restore", command).expect(0).text();
            assert!(told.contains("that was interrupted is finished"), "{told}");
            let now = (read(&office, "log-name"), read(&office, "checkpoint"));
            assert_eq!(now, (name.clone(), checkpoint.clone()), "after {steps} steps taken back");
            assert_eq!(names(&office, "checkpoint-lost-"), ["checkpoint-lost-4"]);
            doctor(&office);
        }
    }
    assert!(number(&office.register("Third", &[])) > number(&lost));
}

/// Killed at moments over the whole run: afterwards the old state or the interruption, never anything else; and the same
/// command leads to the same end.
#[test]
fn killed_at_any_moment_it_is_finished_by_the_same_command() {
    let office = Office::new();
    let kept = office.register("First", &[]);
    let file = backup(&office, "kept.db");
    office.register("Second", &[]);
    let before = office.path("before");
    copy_folder(&office.path("data"), &before);
    let start_over = || {
        fs::remove_dir_all(office.path("data")).unwrap();
        copy_folder(&before, &office.path("data"));
    };
    let data = office.data();
    let arguments = [&["restore", &file, "--data", &data], &ACCEPTING[..]].concat();
    let began = Instant::now();
    assert!(program().args(&arguments).stdout(Stdio::null()).status().unwrap().success());
    let whole = began.elapsed();

    let (mut untouched, mut interrupted, mut finished) = (0, 0, 0);
    for round in 0..30 {
        start_over();
        let moment = Instant::now() + whole.mul_f64(f64::from(round) / 25.0);
        let mut child = program().args(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while let Some(left) = moment.checked_duration_since(Instant::now()) {
            thread::park_timeout(left.min(Duration::from_millis(1)));
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert!(Path::new(&data).join("milaf.db").exists(), "round {round}: there is always a database");
        let found = run(&office, "doctor", &[]);
        match (found.code, found.text()) {
            (0, found) if found.contains("rollback: accepted") => finished += 1,
            (0, found) => {
                assert!(found.contains("ok    log: 4 entries"), "round {round}: {found}");
                untouched += 1;
            }
            (_, found) => {
                assert!(found.contains("accepted rollback was interrupted"), "round {round}: {found}");
                interrupted += 1;
            }
        }
        assert!(program().args(&arguments).stdout(Stdio::null()).status().unwrap().success(), "round {round}");
        assert_eq!(read(&office, "log-name"), "suivi.example.ma/log-2\n", "round {round}");
        assert!(read(&office, "checkpoint").starts_with("suivi.example.ma/log-2\n3\n"), "round {round}");
        assert_eq!(names(&office, "checkpoint-lost-"), ["checkpoint-lost-4"], "round {round}");
        assert_eq!(names(&office, "milaf.db.restoring"), [""; 0], "round {round}");
        let found = doctor(&office);
        assert_eq!(found.matches("rollback: accepted").count(), 1, "round {round}: {found}");
    }
    println!("{untouched} untouched, {interrupted} interrupted, {finished} finished");
    assert!(untouched > 0, "no kill came early enough");
    let server = office.serve();
    assert!(server.get(&format!("/D/{}", kept["token"].as_str().unwrap())).starts_with("HTTP/1.1 200"));
    server.terminate();
}
