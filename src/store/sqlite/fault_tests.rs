//! What the writer does when the database fails under it. Here and not beside the conformance suite, because only from
//! inside can a commit be made to fail.

use std::sync::Arc;

use jiff::Timestamp;

use super::{SqliteStore, errors::During};
use crate::{
    receipt::Seal,
    store::{Account, Sealer, Store, StoreError},
};

fn sealer() -> Sealer {
    Arc::new(|_| Seal::from_bytes(vec![]))
}

fn account(name: &str, hash_length: usize) -> Account {
    Account {
        name: name.to_owned(),
        password_hash: "x".repeat(hash_length),
        role: crate::dossier::Role::Desk,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

/// After one job with an unknown outcome: everything after it is refused, and the file holds what was acknowledged before.
async fn check_that_writing_ends(job: impl FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send + 'static) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("milaf.db");
    let store = SqliteStore::open_or_create(&path, sealer()).unwrap();
    store.create_account(account("before", 1)).await.unwrap();
    assert!(!store.has_failed());

    let outcome = store.0.writer.write(job).await;
    assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
    store.failed().await;
    assert!(store.has_failed());
    let outcome = store.create_account(account("after", 1)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(store.accounts().await, Ok(vec![account("before", 1)]), "reading goes on");
    store.close().await;

    let store = SqliteStore::open(&path, sealer()).unwrap();
    store.create_account(account("next", 1)).await.unwrap();
    assert_eq!(store.accounts().await, Ok(vec![account("before", 1), account("next", 1)]));
}

#[tokio::test]
async fn a_failed_commit_ends_writing() {
    check_that_writing_ends(|connection| {
        connection.pragma_update(None, "defer_foreign_keys", true).during("put off the check")?;
        connection
            .execute(
                "INSERT INTO sessions (token_hash, account, created_at, expires_at) VALUES (zeroblob(32), 'no', 0, 0)",
                [],
            )
            .during("break a promise")?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_panic_ends_writing() {
    check_that_writing_ends(|connection| {
        connection.execute("DELETE FROM accounts", []).during("begin")?;
        panic!("the test's own panic")
    })
    .await;
}

#[tokio::test]
async fn a_job_that_ends_the_transaction_takes_its_batch_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_or_create(&folder.path().join("milaf.db"), sealer()).unwrap();
    let outcome = store
        .0
        .writer
        .write(|connection| {
            connection.execute("INSERT INTO meta (key, value) VALUES ('a', 'b')", []).during("write")?;
            // As SQLite itself does after some errors.
            connection.execute_batch("ROLLBACK").during("roll back")?;
            Err::<(), _>(StoreError::Unavailable("input/output error".to_owned()))
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert!(!store.has_failed());
    store.create_account(account("next", 1)).await.unwrap();
}

#[tokio::test]
async fn a_full_database_is_unavailable_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_or_create(&folder.path().join("milaf.db"), sealer()).unwrap();
    let limit = |pages: &'static str| {
        store.0.writer.write(move |connection| {
            connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).during("limit the pages")
        })
    };
    limit("60").await.unwrap();
    let mut acknowledged = Vec::new();
    let refused = loop {
        let account = account(&format!("{:03}", acknowledged.len()), 9_000);
        match store.create_account(account.clone()).await {
            Ok(()) => acknowledged.push(account),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(!acknowledged.is_empty() && !store.has_failed());
    assert_eq!(store.accounts().await.as_ref(), Ok(&acknowledged));
    limit("1000").await.unwrap();
    acknowledged.push(account("999", 9_000));
    store.create_account(account("999", 9_000)).await.unwrap();
    assert_eq!(store.accounts().await, Ok(acknowledged));
}
