//! Everything crosses, in both directions, and the office goes on where it was.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use milaf::{config::DataDir, tlog::root_of};

use super::{
    assert_equal, copy, doctor, dump, file_of, new_server_database, number, office, open, read, register, run, sessions,
};
use crate::commands::Office;

#[test]
fn an_office_moves_to_a_server_and_back() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    let before = dump(&file);
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "the office has something in {table}");
    }
    assert_eq!(sessions(&file), 1);
    let last = number(&office.register("Last", &[]));
    let published = read(&DataDir::new(office.data()).checkpoint());
    let before = dump(&file);

    let told = copy(&office, &file, &server, &[]).expect(0).text();
    for text in ["is equal to", "2502 dossiers", "Everybody signs in anew", "[database]", &format!("url = {server:?}")]
    {
        assert!(told.contains(text), "{text:?} is not in {told}");
    }
    assert_equal(&before, &dump(&server));
    assert_equal(&before, &dump(&file));
    assert_eq!(sessions(&server), 0, "everybody signs in anew");
    assert_eq!(read(&DataDir::new(office.data()).checkpoint()), published, "nothing new was published");
    assert!(doctor(&office, &server).contains("ok    checkpoint: the published one is a part of this log"));

    let next = register(&office, &server, "Next");
    assert_eq!(number(&next), last + 1, "numbers go on without a gap");
    let again = copy(&office, &file, &server, &[]).expect(0).text();
    assert!(again.contains("the copy was finished before"), "{again}");

    // Back into the file that the office had left, which holds all but the newest.
    let on_server = dump(&server);
    copy(&office, &server, &file, &[]).expect(0);
    assert_equal(&on_server, &dump(&file));
    assert_equal(&on_server, &dump(&server));
    assert_eq!(sessions(&file), 0, "those of before it was left are ended");
    assert!(doctor(&office, &file).contains("ok    database: the file is sound"));
    assert_eq!(number(&register(&office, &file, "After")), last + 2);
    history_goes_on(&office, &published);
    papers_open(&office, &next);
}

/// The log still begins with what was published before it moved.
fn history_goes_on(office: &Office, published: &str) {
    let mut lines = published.lines().skip(1);
    let size: usize = lines.next().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let leaves = runtime.block_on(async {
        let (_, store) = open(office);
        let leaves = store.leaf_hashes(0, u32::MAX).await.unwrap();
        store.close().await;
        leaves
    });
    assert!(leaves.len() > size);
    let root = STANDARD.encode(root_of(&leaves[..size]));
    assert_eq!(lines.next(), Some(root.as_str()), "the root that was published");
}

fn papers_open(office: &Office, registered: &serde_json::Value) {
    let server = office.serve();
    let url = registered["url"].as_str().unwrap();
    let path = url.splitn(4, '/').nth(3).unwrap();
    assert!(server.get(&format!("/{path}")).starts_with("HTTP/1.1 200"), "{url}");
    server.terminate();
}

#[test]
fn papers_of_before_open_on_the_server() {
    let office = office();
    let old = office.register("Old", &[]);
    let server = new_server_database();
    copy(&office, &file_of(&office), &server, &[]).expect(0);
    let data = DataDir::new(office.data());
    std::fs::write(data.node_file(), format!("[database]\nurl = {server:?}\n")).unwrap();
    papers_open(&office, &old);
}

#[test]
fn an_office_moves_between_databases_of_one_kind() {
    let office = office();
    let (first, second) = (new_server_database(), new_server_database());
    let (file, other) = (file_of(&office), format!("sqlite:{}", office.path("other.db").display()));
    let before = dump(&file);
    for (from, to) in [(&file, &other), (&other, &first), (&first, &second)] {
        copy(&office, from, to, &[]).expect(0);
        assert_equal(&before, &dump(to));
    }
    // The ones that were left, in a row, know where the office went.
    for (left, to) in [(&file, &other), (&other, &first), (&first, &second)] {
        let told = run(&office, left, &["account", "list"]).expect(1).stderr;
        assert!(told.contains(&format!("has moved from this database to {to}")), "{told}");
    }
    assert!(run(&office, &second, &["account", "list"]).expect(0).text().contains("salma"));
}

/// An entry whose content was erased for a person's sake crosses as what it is.
#[test]
fn erased_entries_cross() {
    let office = office();
    let (file, server) = (file_of(&office), new_server_database());
    erase(Path::new(file.strip_prefix("sqlite:").unwrap()), 4_000);
    let before = dump(&file);
    let told = copy(&office, &file, &server, &[]).expect(0).text();
    assert!(told.contains("1 of them have no content"), "{told}");
    assert_equal(&before, &dump(&server));
    copy(&office, &server, &file, &[]).expect(0);
    assert_equal(&before, &dump(&file));
}

/// As the statement of an erasure would, which no trigger may stop.
fn erase(file: &Path, leaf: i64) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let trigger: String = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'event_contents_never_go'", [], |row| row.get(0))
        .unwrap();
    connection.execute_batch("DROP TRIGGER event_contents_never_go").unwrap();
    assert_eq!(connection.execute("DELETE FROM event_contents WHERE leaf_index = ?1", [leaf]).unwrap(), 1);
    connection.execute_batch(&trigger).unwrap();
}
