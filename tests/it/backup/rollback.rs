//! Going on with a database that is older than what was published.

use std::fs;

use milaf::{
    config::KeyFiles,
    tlog::{Checkpoint, LogKey},
};

use super::{Office, backup, doctor, names, number, read, reference, refuses, run};

const HOST: &str = "suivi.example.ma";

fn accept(file: &str) -> [&str; 4] {
    [file, "--accept-rollback", "--reason", "both disks failed"]
}

/// Starts, answers and ends in order.
fn serves(office: &Office) {
    let server = office.serve();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    server.terminate();
}

/// The published checkpoint, which must be signed under this name.
fn published(office: &Office, name: &str) -> Checkpoint {
    let files = KeyFiles::in_folder(&office.path("data/keys")).unwrap();
    let key = LogKey::new(&format!("{HOST}/{name}"), files.log).unwrap();
    Checkpoint::parse_signed(&read(office, "checkpoint"), key.verifier()).unwrap()
}

#[test]
fn an_older_backup_is_refused_and_tells_what_would_be_lost() {
    let office = Office::new();
    let first = office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let lost: Vec<_> = ["Second", "Third"].map(|name| office.register(name, &[])).into();
    let before = doctor(&office);
    let checkpoint = read(&office, "checkpoint");
    let told = refuses(
        &office,
        "restore",
        &[&file],
        1,
        &[
            "older than what was published",
            "It holds 2 entries",
            "a checkpoint of 6 was published",
            "Entries 2 to 5, 4 of them, would be lost",
            "registered in them: 2 (",
            reference(&lost[0]),
            reference(&lost[1]),
            "--accept-rollback",
            "suivi.example.ma/log-2 begins",
            "nothing has been changed",
        ],
    );
    assert!(!told.contains(reference(&first)) && !told.contains("Second"), "no other dossier, and no name: {told}");
    assert_eq!((doctor(&office), read(&office, "checkpoint")), (before, checkpoint), "nothing has changed");
    assert_eq!(read(&office, "log-name"), "suivi.example.ma/log\n");
    office.register("Fourth", &[]);
}

#[test]
fn an_accepted_rollback_goes_on_under_another_name() {
    let office = Office::new();
    let kept = office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let lost = office.register("Second", &[]);
    let lost_request = run(&office, "register", &["--procedure", "REQ", "--applicant", "Ali", "--json"]).expect(0);
    let lost_request: serde_json::Value = serde_json::from_slice(&lost_request.stdout).unwrap();
    let note = read(&office, "checkpoint");

    let told = run(&office, "restore", &accept(&file)).expect(0).text();
    for phrase in ["Entries 2 to 5, 4 of them, are lost", "suivi.example.ma/log-2", "is kept as", reference(&lost)] {
        assert!(told.contains(phrase), "{phrase} in {told}");
    }
    assert_eq!(read(&office, "log-name"), "suivi.example.ma/log-2\n");
    assert_eq!(read(&office, "checkpoint-lost-6"), note, "whole, as it was published");
    assert_eq!(published(&office, "log-2").size, 3, "the leaf that tells of it is published");
    let found = doctor(&office);
    for phrase in [
        "ok    rollback: accepted",
        "by cli at entry 2: the log suivi.example.ma/log ended, with a published checkpoint of 6",
        "Reason: both disks failed",
        "ok    log: 3 entries",
        "ok    checkpoint",
    ] {
        assert!(found.contains(phrase), "{phrase} in {found}");
    }

    // The papers that are known stay good, the lost ones are unknown, and no number is on two papers.
    let server = office.serve();
    let page = |registered: &serde_json::Value| server.get(&format!("/D/{}", registered["token"].as_str().unwrap()));
    assert!(page(&kept).starts_with("HTTP/1.1 200"));
    assert!(page(&lost).starts_with("HTTP/1.1 404"));
    let next = office.register("Third", &[]);
    assert_eq!(number(&next), 1 + 2 + 1000 + 1, "half as many as leaves were lost, and a margin");
    assert!(page(&next).starts_with("HTTP/1.1 200"));
    let next = run(&office, "register", &["--procedure", "REQ", "--applicant", "Ali", "--json"]).expect(0);
    let next_request: serde_json::Value = serde_json::from_slice(&next.stdout).unwrap();
    assert_eq!(number(&lost_request), 1);
    assert_eq!(number(&next_request), 2 + 1000 + 1, "also where the backup knows of no number");
    server.terminate();
    serves(&office);
    assert_eq!(published(&office, "log-2").size, 7);

    // The same once more: the second log ends too.
    let second = backup(&office, "second.db");
    let lost = office.register("Fourth", &[]);
    refuses(&office, "restore", &[&second], 1, &["Entries 7 to 8", "log-3 begins", reference(&lost)]);
    run(&office, "restore", &accept(&second)).expect(0);
    assert_eq!(read(&office, "log-name"), "suivi.example.ma/log-3\n");
    assert_eq!(published(&office, "log-3").size, 8);
    assert_eq!(names(&office, "checkpoint-lost-"), ["checkpoint-lost-6", "checkpoint-lost-9"]);
    let found = doctor(&office);
    assert_eq!(found.matches("ok    rollback: accepted").count(), 2, "{found}");
    assert!(found.contains("at entry 7: the log suivi.example.ma/log-2 ended"), "{found}");
    assert!(number(&office.register("Fifth", &[])) > number(&lost));
    serves(&office);
}

/// The administrator accepted too old a backup, and then finds a newer one.
#[test]
fn a_newer_backup_of_the_log_that_ended_can_still_take_its_place() {
    let office = Office::new();
    office.register("First", &[]);
    let old = backup(&office, "old.db");
    let second = office.register("Second", &[]);
    let newer = backup(&office, "newer.db");
    run(&office, "restore", &accept(&old)).expect(0);
    let again = run(&office, "restore", &accept(&old)).expect(0).text();
    assert!(again.contains("restored already"), "{again}");
    assert_eq!(read(&office, "log-name"), "suivi.example.ma/log-2\n", "the same command again changes nothing");
    let between = office.register("Between", &[]);

    let told = refuses(
        &office,
        "restore",
        &[&newer],
        1,
        &["belongs to the log suivi.example.ma/log,", "suivi.example.ma/log-3 begins", reference(&between)],
    );
    assert!(!told.contains(reference(&second)), "it comes back: {told}");
    run(&office, "restore", &accept(&newer)).expect(0);
    assert_eq!(read(&office, "log-name"), "suivi.example.ma/log-3\n");
    assert_eq!(published(&office, "log-3").size, 5);
    let server = office.serve();
    assert!(server.get(&format!("/D/{}", second["token"].as_str().unwrap())).starts_with("HTTP/1.1 200"));
    server.terminate();
    assert!(
        number(&office.register("Third", &[])) > number(&between),
        "numbers of the log in between are not given again"
    );
}

#[test]
fn without_the_checkpoint_nobody_knows_what_is_lost() {
    let office = Office::new();
    office.register("First", &[]);
    let file = backup(&office, "kept.db");
    for name in ["checkpoint", "milaf.db"] {
        fs::remove_file(office.path("data").join(name)).unwrap();
    }
    refuses(&office, "restore", &[&file], 1, &["checkpoint is missing", "remembers a checkpoint of 2", "newest copy"]);
    refuses(&office, "restore", &accept(&file), 2, &["--skip-numbers"]);
    assert!(!office.path("data/milaf.db").exists(), "nothing has been changed");
    run(&office, "restore", &[&accept(&file)[..], &["--skip-numbers", "50"]].concat()).expect(0);
    assert_eq!(published(&office, "log-2").size, 3);
    assert_eq!(number(&office.register("Second", &[])), 52);
    assert!(doctor(&office).contains("with a published checkpoint of 2"));
}

/// As after a database recovered to a point in time: the older one lies in its place already.
#[test]
fn the_database_as_it_stands_can_be_accepted() {
    let office = Office::new();
    office.register("First", &[]);
    let file = backup(&office, "kept.db");
    office.register("Second", &[]);
    for name in ["milaf.db-wal", "milaf.db-shm"] {
        let _ = fs::remove_file(office.path("data").join(name));
    }
    fs::copy(&file, office.path("data/milaf.db")).unwrap();
    refuses(&office, "serve", &[], 1, &["older than what was published", "milaf restore"]);
    let told = run(&office, "restore", &["--accept-rollback", "--reason", "recovered to Monday"]).expect(0).text();
    assert!(told.contains("Entries 2 to 3, 2 of them, are lost"), "{told}");
    assert_eq!(published(&office, "log-2").size, 3);
    assert_eq!(names(&office, "milaf.db.before-restore-"), [""; 0], "no database was replaced");
    assert!(number(&office.register("Third", &[])) > 1000);
    serves(&office);
    doctor(&office);
}
