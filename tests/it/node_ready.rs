//! `/readyz`: it says yes while the node can do its work, and otherwise which check fails and nothing more.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use milaf::{
    clock::SystemEnvironment,
    config::{Issuer, KeyFiles},
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys},
    service::{Check, IdentityKey, LiveKeys, Parts, Service},
    store::{SqliteStore, Store},
    tlog::{Checkpoint, LogKey},
    web::{WebOptions, WritingEnded},
};

use crate::{
    harness::Running,
    node_process::{Node, get, wait},
    real_server::House,
};

#[test]
fn a_checkpoint_that_does_not_fit_is_told_by_its_check_alone() {
    let house = House::new();
    house.run(&["register", "--procedure", "NRU", "--applicant", "Salma Bensalem"], "");
    let node = Node::start(&house, &[]);
    let answer = node.get("/readyz");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ready\n"), "{}", answer.head);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "a proxy must not keep it either");

    let file = house.data().checkpoint();
    let published = fs::read_to_string(&file).unwrap();
    fs::write(&file, "rubbish").unwrap();
    node.wait_until_ready_says(503, "checkpoint\n");
    assert_eq!(node.get("/healthz").text(), "ok", "the process lives all the same");

    // As after a database was restored from an old backup, or a standby without the last commits was promoted.
    let origin = published.lines().next().unwrap();
    let log_key = LogKey::new(origin, KeyFiles::in_folder(&house.data().keys()).unwrap().log).unwrap();
    let longer = Checkpoint { origin: origin.to_owned(), size: 1_000_000, root: [7; 32] };
    fs::write(&file, log_key.sign(&longer)).unwrap();
    node.wait_until_ready_says(503, "head\n");

    let mut forked = Checkpoint::parse_signed(&published, log_key.verifier()).unwrap();
    forked.root = [7; 32];
    fs::write(&file, log_key.sign(&forked)).unwrap();
    node.wait_until_ready_says(503, "head\n");

    fs::write(&file, published).unwrap();
    node.wait_until_ready_says(200, "ready\n");
    let log = node.stop();
    for cause in ["not ready: checkpoint", "not ready: head", "1000000 were published", "ready again"] {
        assert!(log.contains(cause), "{cause:?} is not in the log:\n{log}");
    }
}

/// A service of its own over a database of its own.
fn service(folder: &Path, checkpoint_file: PathBuf) -> (Arc<Service>, Arc<dyn Store>) {
    let issuer = Issuer::example();
    let token_keys = TokenKeys::new(TokenKey::new(1, [0x11; 32]).unwrap(), Vec::new()).unwrap();
    let log_key = LogKey::new("example.ma/log", [0x33; 32]).unwrap();
    let keys = Arc::new(KeyRing::new(token_keys, SealKey::from_seed([0x22; 32]), log_key).unwrap());
    let sealer = {
        let keys = Arc::clone(&keys);
        Arc::new(move |claims: &_| keys.seal_key.seal(claims))
    };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_or_create(&folder.join("milaf.db"), sealer).unwrap());
    let service = Service::new(Parts {
        store: Arc::clone(&store),
        issuer: Arc::new(issuer),
        keys: LiveKeys::fixed(&keys),
        identity_key: IdentityKey::new([0x44; 32]),
        environment: Arc::new(SystemEnvironment),
        checkpoint_file,
    });
    (Arc::new(service), store)
}

async fn failing(service: &Arc<Service>) -> Vec<Check> {
    service.failing_checks().await.into_iter().map(|failing| failing.check).collect()
}

#[tokio::test]
async fn keys_and_database_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (service, store) = service(folder.path(), folder.path().join("checkpoint"));
    assert_eq!(failing(&service).await, [Check::Keys], "nobody has compared them yet");
    service.check_start().await.unwrap();
    assert_eq!(failing(&service).await, []);
    store.close().await;
    assert_eq!(failing(&service).await, [Check::Database]);
}

#[tokio::test]
async fn a_disk_without_room_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    // A file system that is always there and never has a byte free.
    let (service, _store) = service(folder.path(), "/proc/checkpoint".into());
    service.check_start().await.unwrap();
    let failing = service.failing_checks().await;
    assert_eq!(failing.len(), 1, "{failing:?}");
    assert_eq!(failing[0].check, Check::Disk);
    assert!(failing[0].cause.contains("0 MB are free"), "{failing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_has_ended_writing_takes_the_node_away_at_once() {
    let ended = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&ended);
    let writing_ended = WritingEnded::new(move || asked.load(Ordering::Relaxed));
    let running = Running::with(WebOptions { writing_ended, ..WebOptions::default() }, |_| {}).await;
    running.service.check_start().await.unwrap();
    let address = running.address;
    let ask = move || {
        let answer = get(address, "/readyz").unwrap();
        (answer.status, answer.text())
    };
    assert_eq!(tokio::task::spawn_blocking(ask).await.unwrap(), (200, "ready\n".to_owned()));
    ended.store(true, Ordering::Relaxed);
    assert_eq!(tokio::task::spawn_blocking(ask).await.unwrap(), (503, "database\n".to_owned()));
    running.stop().await;
}

/// How often the database was asked, after a service's own count.
fn reads(service: &Service) -> u64 {
    let text = String::from_utf8(service.metrics().text()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("milaf_store_seconds_count{work=\"read\"} "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_cannot_load_the_database() {
    let running = Running::start().await;
    running.service.check_start().await.unwrap();
    let before = reads(&running.service);
    let address = running.address;
    let seconds = tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        let mut asked = 0;
        wait(|| {
            get(address, "/readyz").unwrap();
            asked += 1;
            asked == 300
        })
        .unwrap();
        begun.elapsed().as_secs()
    })
    .await
    .unwrap();
    let asked = reads(&running.service) - before;
    // A look reads the head, and whether the office has moved.
    assert!((2..=2 * (seconds + 1)).contains(&asked), "{asked} reads for 300 probes in {seconds} seconds");
    running.stop().await;
}
