//! A database that somebody wrote to who may: nothing in it keeps them from it, and every trace is found.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
};

use milaf::{
    clock::{Environment, SystemEnvironment},
    tlog::{Frontier, commitment, leaf_data, leaf_hash},
};
use rusqlite::{Connection, params};

use super::{check, data, examined, registered_at, sound, spoiled};
use crate::commands::Office;

/// What a damaged office is told.
const RESTORE: &str = "restore the last backup that `milaf doctor` finds sound";
/// What an office is told whose history is another one.
const RIGHT_ONE: &str = "restore the right one; nothing has been changed";

/// The database as somebody has it who may write to the file and knows what stands in the way.
fn burgle(office: &Office) -> Connection {
    let connection = Connection::open(data(office).database()).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut statement| statement.query_map((), |row| row.get(0))?.collect())
        .unwrap();
    assert!(!triggers.is_empty(), "nothing stood in the way");
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    connection
}

/// How far somebody goes who changes what the first record says.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Depth {
    Record,
    Commitment,
    Leaf,
    Heads,
    Edge,
}

/// Gives the first dossier another applicant.
fn rewrite_history(office: &Office, depth: Depth) {
    let connection = burgle(office);
    let (mut record, nonce): (Vec<u8>, [u8; 32]) = connection
        .query_row("SELECT record, nonce FROM event_contents WHERE leaf_index = 0", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let name = record.windows(5).position(|letters| letters == b"Aicha").unwrap();
    record[name..name + 5].copy_from_slice(b"Zahra");
    connection.execute("UPDATE event_contents SET record = ?1 WHERE leaf_index = 0", [&record]).unwrap();
    let committed = commitment(&nonce, &record);
    if depth >= Depth::Commitment {
        connection.execute("UPDATE events SET commitment = ?1 WHERE leaf_index = 0", [committed]).unwrap();
    }
    if depth >= Depth::Leaf {
        let leaf = leaf_hash(&leaf_data(&committed));
        connection.execute("UPDATE events SET leaf_hash = ?1 WHERE leaf_index = 0", [leaf]).unwrap();
    }
    if depth >= Depth::Heads {
        let leaves: Vec<[u8; 32]> = connection
            .prepare("SELECT leaf_hash FROM events ORDER BY leaf_index")
            .and_then(|mut statement| statement.query_map((), |row| row.get(0))?.collect())
            .unwrap();
        let mut frontier = Frontier::empty();
        for leaf in leaves {
            frontier.push(leaf);
            let head = params![frontier.root(), i64::try_from(frontier.size()).unwrap()];
            connection.execute("UPDATE heads SET root = ?1 WHERE size = ?2", head).unwrap();
        }
        if depth >= Depth::Edge {
            connection.execute("UPDATE frontier SET edge = ?1", [frontier.to_bytes()]).unwrap();
        }
    }
}

#[test]
fn a_history_that_was_rewritten_fails_however_deep() {
    let sound = sound();
    for (depth, start, says, advice) in [
        (Depth::Record, "fail  log: ", "-000001): the record does not fit its commitment", RESTORE),
        (Depth::Commitment, "fail  log: ", "-000001): the leaf does not fit its commitment", RESTORE),
        (Depth::Leaf, "fail  log: ", "the root does not follow from the leaves", RESTORE),
        (Depth::Heads, "fail  checkpoint: ", "the tree's edge and its newest head disagree", RESTORE),
        (
            Depth::Edge,
            "fail  checkpoint: the database holds another history",
            "at 2 entries its root differs",
            RIGHT_ONE,
        ),
    ] {
        spoiled(&sound, 1, start, &[says, advice], |office| rewrite_history(office, depth));
    }
}

#[test]
fn entries_that_are_gone_or_cannot_be_read_fail() {
    const UNTOLD: &str = "the record is missing, and no event tells of an erasure";
    let sound = sound();
    let spoil = |sql: &'static str| move |office: &Office| burgle(office).execute_batch(sql).unwrap();
    let gone = |at: &'static str| spoil(at);
    let (log, database, clock) = ("fail  log: ", "fail  database: the file is damaged", "fail  clock: ");
    let first = "DELETE FROM event_contents WHERE leaf_index = 0";
    spoiled(&sound, 1, log, &["entry 0 (NRU-", UNTOLD, RESTORE], gone(first));
    let last = "DELETE FROM event_contents WHERE leaf_index = 1";
    spoiled(&sound, 1, log, &["entry 1 (NRU-", UNTOLD, RESTORE], gone(last));
    spoiled(&sound, 1, clock, &["cannot be read: its entry is missing", RESTORE], gone(last));
    let leaf = "DELETE FROM events WHERE leaf_index = 1";
    spoiled(&sound, 1, database, &["a row of event_contents refers to nothing", RESTORE], gone(leaf));
    let unreadable = "UPDATE event_contents SET record = x'00' WHERE leaf_index = 1";
    spoiled(&sound, 1, log, &["entry 1 (NRU-", "the record does not fit its commitment", RESTORE], spoil(unreadable));
    spoiled(&sound, 1, clock, &["cannot be read: ", RESTORE], spoil(unreadable));
    let short = "UPDATE event_contents SET nonce = x'00' WHERE leaf_index = 1";
    spoiled(&sound, 1, database, &["CHECK constraint failed in event_contents", RESTORE], spoil(short));
    spoiled(&sound, 1, log, &["damaged: read the log", RESTORE], spoil(short));
    spoiled(&sound, 1, clock, &["cannot be read: ", "read the log", RESTORE], spoil(short));
}

#[test]
fn a_file_with_foreign_bytes_in_it_fails() {
    let sound = sound();
    spoiled(&sound, 1, "fail  database: ", &[RESTORE], |office| {
        let file = data(office).database();
        let root: u32 = Connection::open(&file)
            .unwrap()
            .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'event_contents'", (), |row| row.get(0))
            .unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
        file.seek(SeekFrom::Start(u64::from(root - 1) * 4096)).unwrap();
        file.write_all(&[0xff; 4096]).unwrap();
    });
}

#[test]
fn a_rewritten_history_gets_no_new_checkpoint() {
    let office = sound();
    let file = data(&office).checkpoint();
    rewrite_history(&office, Depth::Edge);
    fs::remove_file(&file).unwrap();
    let refused = examined(&office, &["--adopt-checkpoint"]);
    check(&refused, 1, "fail  checkpoint: the database holds another history", &[RIGHT_ONE]);
    assert!(!file.exists());
}

/// An older checkpoint is a true one, and a rewritten history begins with what it covers.
#[test]
fn an_older_checkpoint_put_back_hides_nothing() {
    let office = Office::new();
    let file = data(&office).checkpoint();
    let older = fs::read(&file).unwrap();
    office.register("Aicha", &[]);
    assert_ne!(fs::read(&file).unwrap(), older, "registering has published");
    fs::write(&file, &older).unwrap();
    assert_eq!(examined(&office, &[]).code, 0, "by itself it is only old");
    rewrite_history(&office, Depth::Edge);
    check(&examined(&office, &[]), 1, "fail  checkpoint: the database holds another history", &[RIGHT_ONE]);
}

#[test]
fn a_log_without_any_checkpoint_is_no_new_office() {
    let office = sound();
    burgle(&office).execute_batch("DELETE FROM checkpoints").unwrap();
    fs::remove_file(data(&office).checkpoint()).unwrap();
    let says = "no checkpoint of it is there";
    check(&examined(&office, &[]), 1, "fail  checkpoint: the log holds 2 entries", &[says, "--adopt-checkpoint"]);
    let adopted = examined(&office, &["--adopt-checkpoint"]);
    assert!(adopted.text().contains("written anew from the database, at 2 entries"), "{}", adopted.text());
    assert_eq!(examined(&office, &[]).code, 0);
}

#[tokio::test]
async fn of_many_problems_twenty_are_told() {
    let office = Office::new();
    registered_at(&office, SystemEnvironment.now(), 11).await;
    burgle(&office).execute_batch("UPDATE event_contents SET nonce = zeroblob(32)").unwrap();
    let ran = examined(&office, &[]);
    check(&ran, 1, "fail  log: ", &["entry 0 (NRU-", "and 2 more", RESTORE]);
    let told = ran.text().matches("the record does not fit its commitment").count();
    assert_eq!(told, 20);
}
