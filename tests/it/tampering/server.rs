//! The same office on a PostgreSQL server, sound and changed by whoever owns the database there.

use super::OFFICE;
use crate::{
    commands::{Office, Ran, milaf},
    postgres_server::PostgresServer,
};

struct Moved {
    office: Office,
    database: String,
    url: String,
}

impl Moved {
    fn new() -> Self {
        let office = OFFICE.office.copy();
        let server = PostgresServer::shared();
        let database = server.create_database();
        let url = server.socket_url(&database);
        let from = format!("sqlite:{}/milaf.db", office.data());
        milaf(&["copy", "--from", &from, "--to", &url, "--data", &office.data()], "").expect(0);
        Self { office, database, url }
    }

    fn audit(&self) -> Ran {
        milaf(&["log", "audit", "--data", &self.office.data(), "--database", &self.url], "")
    }

    /// Changes the database beneath its guards, expects the place to be named, and puts everything back as it was.
    #[track_caller]
    fn spoiled(&self, place: &str, what: &str, statements: &str) {
        let (server, copy) = (PostgresServer::shared(), format!("{}_sound", self.database));
        server.sql("postgres", &format!("CREATE DATABASE {copy} TEMPLATE {}", self.database));
        server.sql(&self.database, &format!("SET session_replication_role = replica; {GUARDS}; {statements}"));
        let ran = self.audit().expect(1);
        let found = ran.text().lines().any(|line| line.starts_with(&format!("wrong  {place}")) && line.contains(what));
        assert!(found, "{place}: {what} is not in {}", ran.text());
        server.sql("postgres", &format!("DROP DATABASE {}", self.database));
        server.sql("postgres", &format!("ALTER DATABASE {copy} RENAME TO {}", self.database));
    }
}

/// The guards of the history hold for replicas, too, so they have to be taken away one table at a time.
const GUARDS: &str = "ALTER TABLE events DISABLE TRIGGER ALL; ALTER TABLE event_contents DISABLE TRIGGER ALL;
    ALTER TABLE heads DISABLE TRIGGER ALL; ALTER TABLE seals DISABLE TRIGGER ALL; ALTER TABLE nodes DISABLE TRIGGER ALL";

#[test]
fn what_is_wrong_on_a_server_is_found_there() {
    let moved = Moved::new();
    let ran = moved.audit().expect(0);
    assert!(ran.text().contains("10000 entries, 4900 dossiers and 4940 receipts compared"), "{}", ran.text());
    let of = |leaf: usize| OFFICE.entries[leaf].reference.clone().unwrap();
    let (first, last) = (of(0), of(9_999));
    moved.spoiled(
        "entry 9999:",
        "another dossier's",
        &format!(
            "UPDATE dossiers SET reference = 'X' WHERE reference = '{first}';
             UPDATE dossiers SET reference = '{first}' WHERE reference = '{last}';
             UPDATE dossiers SET reference = '{last}' WHERE reference = 'X'"
        ),
    );
    for (place, what, statements) in [
        ("receipt of entry ", "its replacement is not what", "UPDATE receipts SET replaced_at = NULL"),
        ("numbers NRU-", "would be given twice", "UPDATE numbers SET last = last - 1"),
        ("dossier ", "its row's applicant is not what", "UPDATE dossiers SET applicant = 'Zahra' WHERE sequence = 7"),
        ("dossier ", "its row's state is not what", "UPDATE dossiers SET state = 'decided' WHERE sequence = 9"),
        ("entry 77:", "", "DELETE FROM event_contents WHERE leaf_index = 77"),
        ("entry 77:", "", "UPDATE event_contents SET record = set_byte(record, 9, 7) WHERE leaf_index = 77"),
        ("node 3 of level 4", "", "UPDATE nodes SET hash = sha256(hash) WHERE level = 4 AND number = 3"),
        (
            "seal of entry ",
            "",
            "UPDATE seals SET seal = set_byte(seal, 40, 7) WHERE leaf_index = (SELECT min(leaf_index) FROM seals)",
        ),
        ("head of ", "", "UPDATE heads SET root = sha256(root) WHERE size = (SELECT min(size) FROM heads)"),
    ] {
        moved.spoiled(place, what, statements);
    }
}
