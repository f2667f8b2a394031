//! What the store does when the network, the server or its locks fail under it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use milaf::store::{Appended, PostgresOptions, PostgresStore, Store, StoreError};
use tokio::task::JoinSet;

use crate::{
    cutting_proxy::{Cut, Proxy},
    postgres_server::{PostgresServer, ROLE, wait_until},
    store_conformance::fixture::{Case, audit, sealer, wish},
    store_postgres::{names, options, options_for},
};

fn open(options: PostgresOptions) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(options, sealer(), names()).unwrap())
}

/// A store that reaches the shared server through a proxy, and one that reaches it directly.
fn through_proxy(change: impl Fn(&mut PostgresOptions)) -> (Proxy, Arc<dyn Store>, Arc<dyn Store>) {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let proxy = Proxy::start(server.port());
    let mut between = options_for(&PostgresServer::url_through(proxy.port(), &database));
    change(&mut between);
    (proxy, open(between), open(options(&database)))
}

fn register(store: &Arc<dyn Store>, key: &str) -> impl Future<Output = Result<Appended, StoreError>> + Send + use<> {
    let store = Arc::clone(store);
    let mut new = Case::default().new_dossier();
    new.idempotency = Some(wish(key, 1));
    async move { store.register(new).await }
}

/// However the network fails around a COMMIT, every registration is acknowledged, and is there exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_is_found_or_run_again() {
    use Cut::{Answer, Commit, CommitUnnoticed, Delivery};
    let (proxy, store, direct) = through_proxy(|options| {
        options.commit_timeout = Duration::from_millis(500);
        options.lock_timeout = Duration::from_secs(1);
    });
    let table: [&[Cut]; 8] = [
        &[Answer],
        &[Commit],
        &[CommitUnnoticed],
        &[Delivery],
        // The second is the one that finds the first out, by confirming it or by running the batch again.
        &[Answer, Answer],
        &[Answer, Commit],
        &[Commit, Answer],
        &[Commit, Commit, Delivery],
    ];
    let mut there = 0;
    for (round, cuts) in table.into_iter().enumerate() {
        register(&store, &format!("before-{round}")).await.unwrap();
        proxy.cut(cuts);
        let presses: JoinSet<_> = (0..5).map(|number| register(&store, &format!("{round}-{number}"))).collect();
        for outcome in presses.join_all().await {
            let appended = outcome.unwrap_or_else(|error| panic!("{cuts:?}: {error}"));
            assert!(!appended.replayed, "{cuts:?}: run once");
            assert_eq!(direct.receipts(&appended.reference).await.unwrap(), appended.receipts, "{cuts:?}");
        }
        assert!(proxy.has_cut(), "{cuts:?}");
        there += 6;
        assert_eq!(audit(&*direct).await, there, "{cuts:?}: none is there twice");
    }
}

/// While nobody can be asked, the outcome is unknown; and the store goes on as soon as somebody can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_cannot_be_found_out_is_unknown() {
    let (proxy, store, direct) = through_proxy(|options| {
        options.outcome_timeout = Duration::from_millis(700);
        options.acquire_timeout = Duration::from_millis(300);
    });
    for (round, (cut, is_there)) in [(Cut::Answer, true), (Cut::Commit, false)].into_iter().enumerate() {
        let key = format!("form-{round}");
        register(&store, &format!("before-{round}")).await.unwrap();
        proxy.cut(&[cut]);
        proxy.close(true);
        let outcome = register(&store, &key).await;
        assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{cut:?}: {outcome:?}");
        let outcome = register(&store, "next").await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{cut:?}: {outcome:?}");
        assert!(!store.has_failed(), "a node does not stop for it");
        proxy.close(false);
        let again = register(&store, &key).await.unwrap();
        assert_eq!(again.replayed, is_there, "{cut:?}: the key tells what happened");
    }
    assert_eq!(audit(&*direct).await, 4);
}

/// What was asked again is an acknowledgement, too, so it must be as durable: it commits, although it writes no dossier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_committed_and_a_refusal_is_not() {
    let (proxy, store, _) = through_proxy(|_| {});
    register(&store, "form").await.unwrap();
    let before = proxy.commits();
    assert!(register(&store, "form").await.unwrap().replayed);
    assert_eq!(proxy.commits(), before + 1);
    let mut other = Case::default().new_dossier();
    other.idempotency = Some(wish("form", 2));
    assert_eq!(store.register(other).await, Err(StoreError::IdempotencyMismatch));
    assert_eq!(proxy.commits(), before + 1);
}

/// A commit that is acknowledged although the wait for the standby was broken off is not believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_wait_for_the_standby_is_no_acknowledgement() {
    let server = PostgresServer::start(&[]);
    let database = server.create_database();
    let mut patient = options_for(&server.url(&database));
    (patient.commit_timeout, patient.outcome_timeout) = (Duration::from_mins(1), Duration::from_mins(1));
    let store = open(patient);
    register(&store, "before").await.unwrap();
    server.configure("synchronous_standby_names", "ANY 1 (nobody)");
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let mut asked = Box::pin(register(&store, "form"));
    for _ in 0..3 {
        let waits = || !server.sql("postgres", waiting).is_empty();
        while !waits() {
            let acknowledged = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
            assert!(!acknowledged, "no standby has it");
            tokio::task::yield_now().await;
        }
        server.sql("postgres", &format!("SELECT pg_cancel_backend(pid) FROM ({waiting}) AS commit"));
    }
    let account = store.account("nobody").await;
    assert_eq!(account, Ok(None), "reading goes on");
    server.configure("synchronous_standby_names", "");
    let appended = asked.await.unwrap();
    assert!(!appended.replayed);
    assert_eq!(audit(&*store).await, 2);
}

/// Killed at any moment and started again, the server holds what was acknowledged, and the store goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_takes_nothing_with_it() {
    let server = PostgresServer::start(&[]);
    let database = server.create_database();
    let mut options = options_for(&server.url(&database));
    options.acquire_timeout = Duration::from_millis(200);
    options.outcome_timeout = Duration::from_secs(20);
    let store = open(options);
    let stop = Arc::new(AtomicBool::new(false));
    let mut clerks = JoinSet::new();
    for clerk in 0..8 {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        clerks.spawn(async move {
            let mut acknowledged = Vec::new();
            let mut form = 0;
            while !stop.load(Ordering::SeqCst) {
                match register(&store, &format!("{clerk}-{form}")).await {
                    Ok(appended) => {
                        acknowledged.push(appended);
                        form += 1;
                    }
                    // The same form is sent again.
                    Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            acknowledged
        });
    }
    for round in 1..=3 {
        let head = store.head().await.map_or(0, |head| head.size);
        let grown = || server.try_sql(ROLE, &database, "SELECT count(*) > 0 FROM events").as_deref() == Ok("t");
        wait_until("registrations come in", grown);
        server.kill();
        server.restart();
        let counted = server.sql(&database, "SELECT coalesce(max(size), 0) FROM heads").parse::<u64>().unwrap();
        assert!(counted >= head, "round {round}: {counted} leaves of {head}");
    }
    stop.store(true, Ordering::SeqCst);
    let acknowledged: Vec<Appended> = clerks.join_all().await.into_iter().flatten().collect();
    assert!(!acknowledged.is_empty());
    for appended in &acknowledged {
        assert_eq!(store.receipts(&appended.reference).await.as_ref(), Ok(&appended.receipts));
    }
    // Each clerk's last form may be there although nobody told him so.
    let there = audit(&*store).await;
    assert!((acknowledged.len()..=acknowledged.len() + 8).contains(&there), "{there} of {}", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_while_idle_are_not_noticed() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let store = open(options(&database));
    for round in 0..3 {
        register(&store, &format!("form-{round}")).await.unwrap();
        store.head().await.unwrap();
        let ended = server.sql(
            "postgres",
            &format!(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = '{database}'"
            ),
        );
        assert!(ended.parse::<u32>().unwrap() >= 2, "the writer's and a reader's: {ended}");
        if round % 2 == 0 {
            assert_eq!(store.head().await.unwrap().size, 2 * (round + 1));
        }
    }
    register(&store, "last").await.unwrap();
    assert_eq!(audit(&*store).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_locked_is_unavailable_and_nothing_else() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let mut options = options(&database);
    options.statement_timeout = Duration::from_millis(400);
    options.lock_timeout = Duration::from_millis(200);
    options.acquire_timeout = Duration::from_millis(100);
    options.pool_size = 1;
    let store = open(options);
    register(&store, "before").await.unwrap();
    let reference = store.latest(1, None).await.unwrap().remove(0).reference;

    // The log's lock, as another node holds it: reading, signing in and counting tries go on.
    let held = server.hold(&database, "SELECT FROM frontier FOR UPDATE");
    let outcome = register(&store, "form").await;
    assert!(matches!(&outcome, Err(StoreError::Unavailable(why)) if why.contains("55P03")), "{outcome:?}");
    assert_eq!(store.head().await.unwrap().size, 2);
    let account = milaf::store::Account {
        name: "salma".into(),
        password_hash: "x".into(),
        role: milaf::dossier::Role::Desk,
        created_at: jiff::Timestamp::UNIX_EPOCH,
    };
    store.create_account(account).await.unwrap();
    drop(held);
    assert!(!register(&store, "form").await.unwrap().replayed, "nothing of the first try was written");

    // A table, as a careless administrator locks it: the one reader waits, and the next finds none free.
    let held = server.hold(&database, "LOCK TABLE dossiers");
    let (first, second) = tokio::join!(store.row(&reference), store.row(&reference));
    let told = [&first, &second].map(|outcome| matches!(outcome, Err(StoreError::Unavailable(_))));
    assert_eq!(told, [true, true], "{first:?} {second:?}");
    let busy = [&first, &second].iter().filter(|outcome| format!("{outcome:?}").contains("are in use")).count();
    assert_eq!(busy, 1, "{first:?} {second:?}");
    drop(held);
    assert!(store.row(&reference).await.unwrap().is_some());

    // A statement that takes too long.
    server.sql(&database, "ALTER TABLE accounts RENAME TO kept");
    server.sql(&database, "CREATE VIEW accounts AS SELECT kept.* FROM kept, pg_sleep(60)");
    server.sql(&database, &format!("GRANT SELECT ON accounts TO {ROLE}"));
    let outcome = store.account("salma").await;
    assert!(matches!(&outcome, Err(StoreError::Unavailable(why)) if why.contains("57014")), "{outcome:?}");
    assert_eq!(audit(&*store).await, 2);
}

/// While another node has the lock, jobs gather; then they share a transaction, and one that fails takes nothing with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_that_gather_share_a_transaction() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let store = open(options(&database));
    let taken = register(&store, "first").await.unwrap().receipts[0].id;
    // A value that only the server knows to be wrong.
    server.sql(&database, "ALTER TABLE dossiers ADD CHECK (parcel <> 'POISON')");
    let held = server.hold(&database, "SELECT FROM frontier FOR UPDATE");
    let mut jobs = JoinSet::new();
    for number in 0..30 {
        let store = Arc::clone(&store);
        let (asked, was_asked) = tokio::sync::oneshot::channel();
        jobs.spawn(async move {
            let bad = number % 3 == 1;
            let new = if bad { Case::default().with_receipt(taken) } else { Case::default().new_dossier() };
            let mut register = store.register(new);
            // The first poll puts the job into the queue, which has room for it.
            let first = poll_fn(|context| Poll::Ready(register.as_mut().poll(context).is_pending()));
            assert!(first.await, "nothing is answered before the commit");
            asked.send(()).unwrap();
            let outcome = register.await;
            assert_eq!(outcome.is_err(), bad, "{outcome:?}");
            outcome.ok()
        });
        was_asked.await.unwrap();
    }
    drop(held);
    let mut sizes: Vec<u64> = jobs.join_all().await.into_iter().flatten().map(|appended| appended.head.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert!(sizes.len() <= 2, "those that came before the lock was asked for, and all the others: {sizes:?}");
    assert_eq!(audit(&*store).await, 1 + 20);

    let held = server.hold(&database, "SELECT FROM frontier FOR UPDATE");
    let mut jobs = JoinSet::new();
    for number in 0..6 {
        let store = Arc::clone(&store);
        let parcel = if number == 3 { "POISON" } else { "T-1" };
        jobs.spawn(async move {
            (number, store.register(Case { parcel: Some(parcel), ..Case::default() }.new_dossier()).await)
        });
    }
    drop(held);
    for (number, outcome) in jobs.join_all().await {
        assert_eq!(matches!(outcome, Err(StoreError::Damaged(_))), number == 3, "{outcome:?}");
        assert_eq!(outcome.is_ok(), number != 3, "{outcome:?}");
    }
    assert_eq!(audit(&*store).await, 1 + 20 + 5);
}
