//! What must not be copied, and where to nothing may be copied; and that a refusal leaves both sides as they were.

use std::fs;

use milaf::{
    config::DataDir,
    store::{Migration, SqliteOptions, SqliteStore},
};
use rusqlite::Connection;

use super::{assert_equal, copy, doctor, dump, file_of, new_server_database, office, read, refuses, register, run};
use crate::{
    commands::{Office, milaf},
    postgres_server::{PostgresServer, ROLE},
    real_server::House,
    store_conformance::fixture::sealer,
};

fn name_of(server: &str) -> &str {
    server.rsplit('/').next().unwrap()
}

fn database(office: &Office) -> Connection {
    Connection::open(DataDir::new(office.data()).database()).unwrap()
}

/// The office is in its file as before, and nowhere else.
#[track_caller]
fn stays(office: &Office, elsewhere: &str) {
    run(office, &file_of(office), &["account", "list"]).expect(0);
    run(office, elsewhere, &["account", "list"]).expect(1);
}

#[test]
fn a_command_line_that_cannot_be_meant_is_refused() {
    let office = Office::new();
    let file = file_of(&office);
    let data = office.data();
    for (arguments, says) in [
        (vec!["--from", &file, "--to", &file], "name the same database"),
        (vec!["--from", &file, "--to", "oracle://x"], "postgres://USER@HOST/NAME"),
        (vec!["--from", &file], "--to"),
        (vec!["--from", &file, "--to", "sqlite:x", "--ahead", "--give-up"], "cannot be used with"),
    ] {
        let ran = milaf(&[&["copy", "--data", &data], arguments.as_slice()].concat(), "").expect(2);
        assert!(ran.stderr.contains(says), "{says:?} is not in {}", ran.stderr);
    }
    refuses(&office, "sqlite:/nowhere/milaf.db", "sqlite:/nowhere/other.db", &[], &["there is no database at"]);
    let empty = new_server_database();
    refuses(&office, &empty, "sqlite:/nowhere/other.db", &[], &["is empty"]);
}

#[test]
fn a_target_that_holds_anything_is_refused_and_untouched() {
    let office = office();
    let file = file_of(&office);
    let before = dump(&file);

    let stranger = House::on_server(&new_server_database());
    stranger.run(&["register", "--procedure", "NRU", "--applicant", "Theirs"], "");
    let on_server = read(&stranger.data().node_file()).split('"').nth(1).unwrap().to_owned();
    let other = Office::new();
    for theirs in [on_server, file_of(&other)] {
        let untouched = dump(&theirs);
        for more in [[].as_slice(), &["--ahead"]] {
            refuses(&office, &file, &theirs, more, &["belongs to another office", "Give an empty database"]);
        }
        assert_equal(&untouched, &dump(&theirs));
    }

    // The same office's keys, and a log that has begun.
    let second = new_server_database();
    let twin = office.copy();
    fs::remove_file(DataDir::new(twin.data()).database()).unwrap();
    fs::remove_file(DataDir::new(twin.data()).checkpoint()).unwrap();
    run(&twin, &second, &["init", "--issuer", &crate::real_server::example_issuer()]).expect(0);
    refuses(&office, &file, &second, &[], &["holds an office's data already"]);

    let server = PostgresServer::shared();
    let foreign = new_server_database();
    server.try_sql(ROLE, name_of(&foreign), "CREATE TABLE kept (n BIGINT)").unwrap();
    refuses(&office, &file, &foreign, &[], &["holds another program's tables"]);
    let note = office.path("note.db");
    fs::write(&note, "a shopping list that is no database at all").unwrap();
    refuses(&office, &file, &format!("sqlite:{}", note.display()), &[], &["not a database"]);
    assert_eq!(read(&note), "a shopping list that is no database at all");

    assert_equal(&before, &dump(&file));
    run(&office, &file, &["account", "list"]).expect(0);
}

#[test]
fn another_history_under_the_same_keys_is_refused() {
    let office = office();
    let twin = office.copy();
    let server = new_server_database();
    register(&office, &file_of(&office), "Ours");
    copy(&office, &file_of(&office), &server, &["--ahead"]).expect(0);
    register(&twin, &file_of(&twin), "Theirs");
    let untouched = dump(&server);
    refuses(&twin, &file_of(&twin), &server, &[], &["holds another history", "their roots differ"]);
    assert_equal(&untouched, &dump(&server));
    stays(&twin, &server);
}

#[test]
fn a_damaged_source_is_refused_before_it_is_closed() {
    let sound = office();
    let drop_guard = "DROP TRIGGER event_contents_never_change; DROP TRIGGER heads_never_change; \
        DROP TRIGGER heads_never_go; DROP TRIGGER events_never_change; PRAGMA foreign_keys = OFF;";
    for (damage, says) in [
        (
            "UPDATE event_contents SET nonce = zeroblob(32) WHERE leaf_index = 4500",
            "entry 4500: the record does not fit",
        ),
        ("UPDATE events SET leaf_hash = zeroblob(32) WHERE leaf_index = 17", "entry 17: the leaf does not fit"),
        (
            "UPDATE heads SET root = zeroblob(32) WHERE size = (SELECT min(size) FROM heads)",
            "does not follow from the leaves",
        ),
        (
            "DELETE FROM heads WHERE size = (SELECT max(size) FROM heads)",
            "the tree's edge and its newest head disagree",
        ),
        ("DELETE FROM dossiers WHERE sequence = 3", "refers to nothing"),
    ] {
        let office = sound.copy();
        database(&office).execute_batch(&format!("{drop_guard} {damage}")).unwrap();
        let server = new_server_database();
        let ran = copy(&office, &file_of(&office), &server, &[]).expect(1);
        assert!(ran.stderr.contains(says), "{damage}: {}", ran.stderr);
        let closed = "SELECT count(*) FROM meta WHERE key = 'copy'";
        let closed: i64 = database(&office).query_row(closed, [], |row| row.get(0)).unwrap();
        assert_eq!(closed, 0, "{damage}: the source stays open");
        run(&office, &server, &["account", "list"]).expect(1);
    }
}

/// This program works beside a newer one, and would leave behind what only the newer one knows.
#[test]
fn what_a_newer_program_has_made_is_copied_by_that_one_only() {
    const ASSIGNEE: Migration =
        Migration { name: "0003_assignee", statements: "ALTER TABLE dossiers ADD COLUMN assignee TEXT", needs: 2 };
    let office = office();
    let series: &[Migration] = [SqliteOptions::default().series, &[ASSIGNEE]].concat().leak();
    let path = DataDir::new(office.data()).database();
    SqliteStore::open_with(&path, sealer(), SqliteOptions { series, ..SqliteOptions::default() }).unwrap();
    run(&office, &file_of(&office), &["account", "list"]).expect(0);
    let server = new_server_database();
    refuses(&office, &file_of(&office), &server, &[], &["schema 3 of a newer program", "copy with the newer program"]);
}

#[test]
fn a_source_that_went_back_is_refused() {
    let office = office();
    let old = office.path("old.db");
    fs::copy(DataDir::new(office.data()).database(), &old).unwrap();
    office.register("Newer", &[]);
    let server = new_server_database();
    let from = format!("sqlite:{}", old.display());
    refuses(&office, &from, &server, &[], &["was not copied", "older than what was published"]);
    let empty =
        PostgresServer::shared().sql(name_of(&server), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
    assert_eq!(empty, "0", "nothing was made");
}

#[test]
fn an_unfinished_target_and_a_source_that_was_left_are_used_by_nobody() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    let kept = office.path("newest.db").display().to_string();
    milaf(&["backup", "--to", &kept, "--data", &office.data()], "").expect(0);
    copy(&office, &file, &server, &["--ahead"]).expect(0);
    let uses: [&[&str]; 6] = [
        &["serve", "--listen", "127.0.0.1:0"],
        &["register", "--procedure", "NRU", "--applicant", "Lost"],
        &["account", "list"],
        &["account", "add", "nadia"],
        &["doctor"],
        &["init", "--issuer", &crate::real_server::example_issuer()],
    ];
    let used_by_nobody = |database: &str, says: &str| {
        for command in uses {
            if command[0] == "init" && database.starts_with("sqlite:") {
                continue;
            }
            let node = office.copy();
            if command[0] == "init" {
                fs::remove_file(DataDir::new(node.data()).checkpoint()).unwrap();
            }
            let ran = run(&node, database, command).expect(1);
            let told = format!("{}{}", ran.text(), ran.stderr);
            assert!(told.contains(says), "{command:?}: {says:?} is not in {told}");
        }
    };
    used_by_nobody(&server, "is not finished, so it cannot be used yet");
    refuses(&office, &server, "sqlite:/nowhere/other.db", &[], &["is itself an unfinished copy"]);
    copy(&office, &file, &server, &[]).expect(0);
    used_by_nobody(&file, "has moved from this database to postgres://");
    let told = milaf(&["restore", &kept, "--data", &office.data()], "").expect(1).stderr;
    assert!(told.contains("must not be replaced") && told.contains("has moved to postgres://"), "{told}");
    let third = new_server_database();
    refuses(&office, &file, &third, &[], &["the office has moved", "Copy from there"]);
    refuses(&office, &file, &third, &["--ahead"], &["the office has moved"]);
}

/// A copy that fails after the source was closed leaves the office nowhere, and says how it goes on.
#[test]
fn a_copy_that_is_not_equal_is_not_used_and_can_be_given_up() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    copy(&office, &file, &server, &["--ahead"]).expect(0);
    let tamper = "UPDATE dossiers SET applicant = 'somebody' WHERE sequence = 1";
    PostgresServer::shared().sql(name_of(&server), tamper);
    let says = ["is not equal to", "the dossiers of the entries from 0", "served from nowhere", "--give-up"];
    refuses(&office, &file, &server, &[], &says);
    run(&office, &file, &["account", "list"]).expect(1);
    run(&office, &server, &["account", "list"]).expect(1);

    let elsewhere = new_server_database();
    refuses(&office, &file, &elsewhere, &["--give-up"], &["is not the unfinished copy"]);
    // Cut short after its first step, it is finished by the same command, and by no other.
    let interrupted = "UPDATE meta SET value = replace(value, 'unfinished ', 'unfinished another') WHERE key = 'copy'";
    PostgresServer::shared().sql(name_of(&server), interrupted);
    refuses(&office, &file, &server, &[], &["giving this copy up was interrupted", "--give-up"]);
    let told = copy(&office, &file, &server, &["--give-up"]).expect(0).text();
    assert!(told.contains("is in use again"), "{told}");
    let told = copy(&office, &file, &server, &["--give-up"]).expect(0).text();
    assert!(told.contains("nothing to give up"), "{told}");
    stays(&office, &server);
    register(&office, &file, "Meanwhile");

    // What was tampered with stays wrong; an empty one is right.
    refuses(&office, &file, &server, &[], &["is not equal to"]);
    PostgresServer::shared().sql("postgres", &format!("DROP DATABASE {}", name_of(&server)));
    PostgresServer::shared().sql("postgres", &format!("CREATE DATABASE {} OWNER {ROLE}", name_of(&server)));
    copy(&office, &file, &server, &["--give-up"]).expect(0);
    stays(&office, &server);
    copy(&office, &file, &server, &[]).expect(0);
    doctor(&office, &server);
    refuses(&office, &file, &server, &["--give-up"], &["is not the unfinished copy", "it comes back"]);
    run(&office, &file, &["account", "list"]).expect(1);
}
