//! What may take the database's place, and what may not.

use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
};

use super::{Office, backup, copy_folder, doctor, names, read, reference, refuses, run};
use crate::{
    commands::milaf,
    raw_http::{Connection, Request},
    real_server::House,
};

#[test]
fn a_lost_database_comes_back() {
    let office = Office::new();
    let kept = office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let before = doctor(&office);

    // A disk that gave back something else.
    fs::write(office.path("data/milaf.db"), vec![0xaa; 70_000]).unwrap();
    refuses(&office, "serve", &[], 1, &["cannot be used"]);
    let told = run(&office, "restore", &[&file]).expect(0).text();
    assert!(told.contains("2 entries") && told.contains("cannot be compared"), "{told}");
    assert_eq!(doctor(&office), before);
    let damaged = names(&office, "milaf.db.before-restore-");
    assert_eq!(damaged.len(), 1);
    assert_eq!(fs::read(office.path("data").join(&damaged[0])).unwrap(), vec![0xaa; 70_000], "kept as it was");

    // No database at all.
    for name in ["milaf.db", "milaf.db-wal", "milaf.db-shm"] {
        let _ = fs::remove_file(office.path("data").join(name));
    }
    run(&office, "restore", &[&file]).expect(0);
    assert_eq!(fs::metadata(office.path("data/milaf.db")).unwrap().mode() & 0o777, 0o600);
    let server = office.serve();
    let path = format!("/D/{}", kept["token"].as_str().unwrap());
    assert!(server.get(&path).starts_with("HTTP/1.1 200"));
    assert_eq!(office.register("Second", &[])["leaf_index"], 3);
    refuses(&office, "restore", &[&file], 1, &["Stop the server first"]);
    server.terminate();
    assert_eq!(names(&office, "milaf.db.restoring"), [""; 0], "nothing is left behind");
}

#[test]
fn nothing_starts_while_a_database_is_replaced() {
    let office = Office::new();
    let file = backup(&office, "kept.db");
    let lock = fs::File::open(office.path("data/in-use.lock")).unwrap();
    lock.try_lock().unwrap();
    for command in ["serve", "doctor"] {
        refuses(&office, command, &[], 1, &["being restored"]);
    }
    refuses(&office, "register", &["--procedure", "NRU", "--applicant", "Ali"], 1, &["being restored"]);
    refuses(&office, "restore", &[&file], 1, &["cannot be used now"]);
    drop(lock);
    run(&office, "restore", &[&file]).expect(0);
}

#[test]
fn what_is_no_backup_of_this_office_is_refused() {
    let (office, other) = (Office::new(), Office::new());
    for name in ["First", "Second", "Third"] {
        office.register(name, &[]);
        other.register(name, &[]);
    }
    let good = backup(&office, "good.db");
    let foreign = backup(&other, "foreign.db");
    let bytes = fs::read(&good).unwrap();
    let make = |name: &str, content: &[u8]| {
        fs::write(office.path(name), content).unwrap();
        office.path(name).display().to_string()
    };
    let half = make("half.db", &bytes[..bytes.len() / 2]);
    let text = make("text.db", b"a letter to the director, of no small length and no meaning to a database");
    let empty = make("empty.db", b"");
    let edited = make("edited.db", &bytes);
    edit_a_record(&edited);
    let another_program = office.path("another.db").display().to_string();
    rusqlite::Connection::open(&another_program).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    let newer = make("newer.db", &bytes);
    let beyond = "INSERT INTO migrations VALUES (3, 'newer', 3, 0); PRAGMA user_version = 3";
    rusqlite::Connection::open(&newer).unwrap().execute_batch(beyond).unwrap();
    let missing = office.path("missing.db").display().to_string();

    let before = doctor(&office);
    for (file, phrase) in [
        (&half, "half.db"),
        (&text, "not a database"),
        (&empty, "holds no database"),
        (&edited, "entry 3 (NRU-"),
        (&another_program, "another program"),
        (&newer, "run the newer program"),
        (&missing, "unable to open"),
        (&foreign, "keys do not belong to this database"),
    ] {
        for accepting in [&[file.as_str()][..], &[file, "--accept-rollback", "--reason", "a mistake"]] {
            refuses(&office, "restore", accepting, 1, &[phrase]);
            assert_eq!(names(&office, "milaf.db."), [""; 0], "{file}: the folder is as it was");
        }
    }
    assert_eq!(doctor(&office), before);
    run(&office, "restore", &[&good]).expect(0);

    refuses(&office, "restore", &[], 2, &["FILE"]);
    refuses(&office, "restore", &[&good, "--accept-rollback"], 2, &["--reason"]);
    refuses(&office, "restore", &[&good, "--reason", "because"], 2, &["--accept-rollback"]);
    refuses(&office, "restore", &[&good, "--accept-rollback", "--reason", ""], 2, &["--reason"]);
    let told = run(&office, "restore", &["--accept-rollback", "--reason", "to be sure"]).expect(0).text();
    assert!(told.contains("Nothing is to be accepted"), "{told}");
}

/// Changes what an entry says, under the guards and without touching its hashes.
fn edit_a_record(file: &str) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.execute_batch("DROP TRIGGER event_contents_never_change").unwrap();
    let changed = connection
        .execute("UPDATE event_contents SET record = zeroblob(length(record)) WHERE leaf_index = 3", [])
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn a_backup_with_another_history_is_refused() {
    let office = Office::new();
    office.register("First", &[]);
    copy_folder(&office.path("data"), &office.path("twin"));
    let twin = office.path("twin").display().to_string();
    // The twin goes another way, as a machine does that was restored and served beside the first.
    milaf(&["register", "--data", &twin, "--procedure", "PC", "--applicant", "Ali"], "").expect(0);
    let file = office.path("twin.db").display().to_string();
    milaf(&["backup", "--data", &twin, "--to", &file], "").expect(0);
    office.register("Second", &[]);
    office.register("Third", &[]);
    let accepting = [&file[..], "--accept-rollback", "--reason", "a mistake"];
    for arguments in [&accepting[..1], &accepting[..]] {
        refuses(&office, "restore", arguments, 1, &["another history", "nothing has been changed"]);
    }
    office.register("Fourth", &[]);
}

/// The last second before a kill: acknowledged, and not covered by the published checkpoint.
#[test]
fn what_was_acknowledged_after_the_last_checkpoint_counts_too() {
    let office = Office::new();
    office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let published = read(&office, "checkpoint");
    let lost = office.register("Second", &[]);
    fs::write(office.path("data/checkpoint"), &published).unwrap();
    let database = rusqlite::Connection::open(office.path("data/milaf.db")).unwrap();
    database.execute("DELETE FROM checkpoints WHERE size > 2", []).unwrap();
    drop(database);
    refuses(&office, "restore", &[&file], 1, &["Entries 2 to 3", reference(&lost)]);
}

#[test]
fn an_old_session_does_not_come_back() {
    let house = House::new();
    let server = house.serve();
    let clerk = house.sign_in();
    let desk = |expected: u16| {
        let mut connection = Connection::open(house.address).unwrap();
        let answer = connection.send(&clerk.on(Request::get("/desk/register")).bytes()).unwrap();
        assert_eq!(answer.status, expected, "{}", answer.head);
    };
    desk(200);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.db").display().to_string();
    house.run(&["backup", "--to", &file], "");
    server.stop();
    house.run(&["restore", &file], "");
    let server = house.serve();
    desk(303);
    house.sign_in();
    server.stop();
}

/// A backup of a server that was killed has no log beside it that its own name could be given to.
#[test]
fn a_backup_can_be_read_where_nothing_can_be_written() {
    let office = Office::new();
    office.register("First", &[]);
    let file = backup(&office, "kept.db");
    let header = fs::File::open(&file).unwrap();
    let mut versions = [0; 2];
    header.read_exact_at(&mut versions, 18).unwrap();
    assert_eq!(versions, [1, 1], "the file itself says that it has no write-ahead log");
}
