//! The office's own database, changed with plain SQL by somebody who may write to its file.

use milaf::tlog::{Frontier, Hash, commitment, leaf_data, leaf_hash};
use rusqlite::{Connection, params};

use super::{BEFORE, EVENTS, OFFICE};
use crate::commands::{Office, Ran, milaf};

fn burgle(office: &Office) -> Connection {
    let connection = Connection::open(milaf::config::DataDir::new(office.data()).database()).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut statement| statement.query_map((), |row| row.get(0))?.collect())
        .unwrap();
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    connection
}

fn audit(office: &Office, more: &[&str]) -> Ran {
    milaf(&[&["log", "audit", "--data", &office.data()], more].concat(), "")
}

/// Changes a copy, and expects each of the places to be named with what is said of it.
#[track_caller]
fn spoiled(says: &[(&str, &str)], spoil: impl FnOnce(&Connection)) {
    let office = OFFICE.office.copy();
    spoil(&burgle(&office));
    let ran = audit(&office, &[]).expect(1);
    for (place, what) in says {
        let found = ran.text().lines().any(|line| line.starts_with(&format!("wrong  {place}")) && line.contains(what));
        assert!(found, "{place}: {what} is not in {}", ran.text());
    }
}

fn sql(statements: &str) -> impl FnOnce(&Connection) {
    move |connection: &Connection| connection.execute_batch(statements).unwrap()
}

#[test]
fn a_sound_office_is_clean() {
    let ran = audit(&OFFICE.office, &[]).expect(0);
    assert!(ran.text().contains("10000 entries, 4900 dossiers and 4940 receipts compared"), "{}", ran.text());
    assert!(ran.text().contains("Accounts, passwords, sessions and counted tries are in no log"), "{}", ran.text());
    let json: serde_json::Value = serde_json::from_slice(&audit(&OFFICE.office, &["--json"]).expect(0).stdout).unwrap();
    assert_eq!((&json["clean"], &json["entries"]), (&true.into(), &EVENTS.into()));
    println!("office: {} s for {EVENTS} entries", json["seconds"]);
}

#[test]
fn rows_that_do_not_follow_from_the_log_are_found() {
    let of = |leaf: u64| OFFICE.entries[usize::try_from(leaf).unwrap()].reference.clone().unwrap();
    let (first, last) = (of(0), of(EVENTS - 1));
    spoiled(
        &[("entry 0:", "another dossier's"), ("entry 9999:", "another dossier's")],
        sql(&format!(
            "UPDATE dossiers SET reference = 'X' WHERE reference = '{first}';
             UPDATE dossiers SET reference = '{first}' WHERE reference = '{last}';
             UPDATE dossiers SET reference = '{last}' WHERE reference = 'X'"
        )),
    );
    spoiled(
        &[("receipt of entry ", "its replacement is not what the entries say")],
        sql("UPDATE receipts SET replaced_at = NULL"),
    );
    spoiled(&[("receipt of entry ", "its copies is not")], sql("UPDATE receipts SET copies = 0"));
    spoiled(
        &[("entry 9999:", "another dossier's than"), ("dossier ", "the log has no entry of it")],
        sql("UPDATE events SET dossier = 1, position = position + 100 WHERE dossier =
                 (SELECT dossier FROM events WHERE leaf_index = 9999)"),
    );
    for (column, value) in [
        ("applicant", "'Zahra'"),
        ("name_key", "'zahra'"),
        ("parcel", "'T-1'"),
        ("phone", "'+212600000000'"),
        ("office", "'elsewhere'"),
        ("state", "'decided'"),
        ("step", "'decided'"),
        ("version", "9"),
        ("deposited_on", "'2020-01-01'"),
        ("registered_at", "1"),
        ("updated_at", "1"),
        ("due_on", "'2020-01-01'"),
    ] {
        spoiled(
            &[(&format!("dossier {first}: "), &format!("its row's {column} is not what its entries say"))],
            sql(&format!("UPDATE dossiers SET {column} = {value} WHERE reference = '{first}'")),
        );
    }
    spoiled(&[("numbers NRU-", "would be given twice")], sql("UPDATE numbers SET last = last - 1"));
    spoiled(&[("numbers NRU-", "and no dossier has them")], sql("UPDATE numbers SET last = last + 1"));
    spoiled(
        &[("form of entry ", "not one dossier's")],
        sql("UPDATE idempotency SET last_leaf = 1000000 WHERE key = 'form-2000-3'"),
    );
}

#[test]
fn receipts_and_seals_that_are_gone_added_or_changed_are_found() {
    let leaf = "(SELECT max(leaf_index) FROM receipts)";
    let (receipt, seal) = ("receipt of entry 9999:", "seal of entry 9999:");
    spoiled(
        &[(receipt, "its row is gone"), (seal, "its receipt's row is gone")],
        sql(&format!("DELETE FROM receipts WHERE leaf_index = {leaf}")),
    );
    spoiled(
        &[("receipt of entry 9998:", "no event has issued it")],
        sql(
            "INSERT INTO receipts SELECT zeroblob(8), key_id, dossier, 9998, issued_at, 0, NULL FROM receipts WHERE leaf_index = 9999",
        ),
    );
    spoiled(&[(receipt, "its id is not")], sql("UPDATE receipts SET id = zeroblob(8) WHERE leaf_index = 9999"));
    spoiled(&[(seal, "it is missing")], sql("DELETE FROM seals WHERE leaf_index = 9999"));
    spoiled(&[(seal, "signature is wrong")], |connection| {
        let mut seal: Vec<u8> =
            connection.query_row("SELECT seal FROM seals WHERE leaf_index = 9999", (), |row| row.get(0)).unwrap();
        *seal.last_mut().unwrap() ^= 1;
        connection.execute("UPDATE seals SET seal = ?1 WHERE leaf_index = 9999", [seal]).unwrap();
    });
    spoiled(
        &[(seal, "it states another receipt")],
        sql("UPDATE seals SET seal = (SELECT seal FROM seals WHERE leaf_index = 1) WHERE leaf_index = 9999"),
    );
}

#[test]
fn a_log_that_does_not_follow_from_its_records_is_found() {
    spoiled(
        &[("head of 10000 entries:", "does not follow")],
        sql("UPDATE heads SET root = zeroblob(32) WHERE size = 10000"),
    );
    spoiled(&[("head of 10000 entries:", "is missing")], sql("DELETE FROM heads WHERE size = 10000"));
    spoiled(
        &[("node 3 of level 4:", "does not follow")],
        sql("UPDATE nodes SET hash = zeroblob(32) WHERE level = 4 AND number = 3"),
    );
    spoiled(&[("node 38 of level 8:", "is missing")], sql("DELETE FROM nodes WHERE level = 8 AND number = 38"));
    spoiled(&[("the tree's edge", "")], |connection| {
        let mut edge: Vec<u8> = connection.query_row("SELECT edge FROM frontier", (), |row| row.get(0)).unwrap();
        *edge.last_mut().unwrap() ^= 1;
        connection.execute("UPDATE frontier SET edge = ?1", [edge]).unwrap();
    });
    spoiled(
        &[("entry 77:", "no entry of the log tells of an erasure")],
        sql("DELETE FROM event_contents WHERE leaf_index = 77"),
    );
    spoiled(&[("entry 77:", "is missing")], sql("DELETE FROM events WHERE leaf_index = 77"));
    spoiled(
        &[("entry 77:", "does not fit its commitment")],
        sql("UPDATE event_contents SET nonce = zeroblob(32) WHERE leaf_index = 77"),
    );
    spoiled(&[("entry 77:", "event")], sql("UPDATE events SET position = 9 WHERE leaf_index = 77"));
    spoiled(
        &[("checkpoint of 6000 entries:", "signature")],
        sql(
            "UPDATE checkpoints SET note = replace(note, char(10) || '6000' || char(10), char(10) || '5998' || char(10)) WHERE size = 6000",
        ),
    );
}

/// The log's end is cut off with everything that names it.
#[test]
fn a_rollback_is_found_by_what_was_published() {
    let cut = |connection: &Connection| {
        let edge = frontier(connection, 8_000);
        connection
            .execute_batch(
                "DELETE FROM seals WHERE leaf_index >= 8000; DELETE FROM receipts WHERE leaf_index >= 8000;
                 DELETE FROM event_contents WHERE leaf_index >= 8000;
                 DELETE FROM dossiers WHERE sequence IN (SELECT dossier FROM events WHERE leaf_index >= 8000);
                 DELETE FROM events WHERE leaf_index >= 8000; DELETE FROM heads WHERE size >= 8000;
                 DELETE FROM idempotency WHERE first_leaf >= 8000; DELETE FROM checkpoints WHERE size > 8000;
                 DELETE FROM nodes WHERE (number + 1) << level > 8000;",
            )
            .unwrap();
        connection.execute("INSERT INTO heads VALUES (8000, ?1)", [edge.root()]).unwrap();
        connection.execute("UPDATE frontier SET size = 8000, edge = ?1", [edge.to_bytes()]).unwrap();
    };
    spoiled(&[("checkpoint:", "it covers 10000 entries, and the log has 8000: entries were taken away")], cut);
}

/// A record is rewritten, and the whole tree after it, as somebody does who knows how.
#[test]
fn a_history_rewritten_with_its_tree_is_found_by_what_was_kept() {
    let rewrite = |connection: &Connection| {
        let leaf: i64 = connection
            .query_row("SELECT max(leaf_index) FROM events WHERE position = 2 AND leaf_index < 5000", (), |row| {
                row.get(0)
            })
            .unwrap();
        let nonce = [3; 32];
        let record: Vec<u8> = connection
            .query_row("SELECT record FROM event_contents WHERE leaf_index = ?1", [leaf], |row| row.get(0))
            .unwrap();
        let committed = commitment(&nonce, &record);
        let hash = leaf_hash(&leaf_data(&committed));
        connection.execute("UPDATE event_contents SET nonce = ?1 WHERE leaf_index = ?2", params![nonce, leaf]).unwrap();
        connection
            .execute(
                "UPDATE events SET commitment = ?1, leaf_hash = ?2 WHERE leaf_index = ?3",
                params![committed, hash, leaf],
            )
            .unwrap();
        let mut tree = Frontier::empty();
        for leaf in leaves(connection) {
            let mut nodes = Vec::new();
            tree.push_and_tell(leaf, |node| nodes.push(node));
            for node in nodes {
                let number = i64::try_from(node.number).unwrap();
                let values = params![node.hash, node.level, number];
                connection.execute("UPDATE nodes SET hash = ?1 WHERE level = ?2 AND number = ?3", values).unwrap();
            }
            let head = params![tree.root(), i64::try_from(tree.size()).unwrap()];
            connection.prepare_cached("UPDATE heads SET root = ?1 WHERE size = ?2").unwrap().execute(head).unwrap();
        }
        connection.execute("UPDATE frontier SET edge = ?1", [tree.to_bytes()]).unwrap();
    };
    let office = OFFICE.office.copy();
    let connection = burgle(&office);
    connection.execute_batch("BEGIN").unwrap();
    rewrite(&connection);
    connection.execute_batch("DELETE FROM checkpoints; COMMIT").unwrap();
    let kept = office.path("kept");
    std::fs::write(&kept, &OFFICE.before).unwrap();
    let ran = audit(&office, &["--checkpoint", &kept.display().to_string()]).expect(1);
    for place in [
        "wrong  checkpoint: its root is not that".to_owned(),
        format!("wrong  {}: its root is not that of the log's first {BEFORE}", kept.display()),
    ] {
        assert!(ran.text().contains(&place), "{place} is not in {}", ran.text());
    }
}

fn leaves(connection: &Connection) -> Vec<Hash> {
    connection
        .prepare("SELECT leaf_hash FROM events ORDER BY leaf_index")
        .and_then(|mut statement| statement.query_map((), |row| row.get(0))?.collect())
        .unwrap()
}

fn frontier(connection: &Connection, size: usize) -> Frontier {
    let mut tree = Frontier::empty();
    leaves(connection).into_iter().take(size).for_each(|leaf| tree.push(leaf));
    tree
}

/// Accounts are in no log, and the audit says so instead of pretending.
#[test]
fn an_account_that_was_added_is_not_claimed_to_be_seen() {
    let office = OFFICE.office.copy();
    burgle(&office)
        .execute_batch("INSERT INTO accounts (name, password_hash, created_at) VALUES ('x', 'y', 0)")
        .unwrap();
    let ran = audit(&office, &[]).expect(0);
    assert!(ran.text().contains("who was added or removed does not show here"), "{}", ran.text());
}
