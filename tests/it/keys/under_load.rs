//! Every kind of key is changed while a whole desk registers and citizens scan: nobody notices.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use milaf::{
    config::KeyFiles,
    receipt::{KeyTerm, PublishedKeys, SealKey, TokenKey},
    store::{PostgresStore, Sealer, SqliteStore, Store},
    tlog::{Checkpoint, KeyPurpose, NoteVerifier},
};

use super::{assert_no_secret, fetched, listed, register, rotate, run, signers, state, verified};
use crate::{
    postgres_server::{PostgresServer, wait_until},
    raw_http::{Connection, Request},
    real_server::{Clerk, House, reference_in},
    store_postgres::{names, options},
};

const CLIENTS: u32 = 16;

/// Registers, opens the paper's page at the desk and scans one paper, until told to end. Every answer must be the right one.
fn work(
    house: &House,
    clerk: &Clerk,
    client: u32,
    scanned: &str,
    ended: &AtomicBool,
    papers: &Mutex<BTreeSet<String>>,
) {
    let mut connection = Connection::open(house.address).unwrap();
    for turn in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("Applicant {turn} of {client}");
        let fields = [("procedure", "NRU"), ("applicant", name.as_str())];
        let answer = connection.send(&clerk.register(&format!("{client:016x}{turn:016x}"), &fields).bytes()).unwrap();
        assert_eq!(answer.status, 303, "{}", answer.text());
        let reference = reference_in(answer.header("location").unwrap()).unwrap().to_owned();
        let page = clerk.on(Request::get(&format!("/desk/d/{reference}/receipt"))).bytes();
        assert_eq!(connection.send(&page).unwrap().status, 200);
        assert_eq!(connection.send(&Request::get(scanned).bytes()).unwrap().status, 200);
        papers.lock().unwrap().insert(reference);
    }
}

/// Every paper that was acknowledged: its page opens, and a published key signed its seal within its own time. Returns how
/// many papers each seal key and each token key has made.
async fn look_at_papers(
    house: &House,
    store: &dyn Store,
    papers: &BTreeSet<String>,
    keys: &PublishedKeys,
) -> [usize; 2] {
    let files = KeyFiles::in_folder(&house.data().keys()).unwrap();
    let token_keys: BTreeMap<u32, TokenKey> = files
        .secrets()
        .filter(|(purpose, ..)| *purpose == KeyPurpose::Token)
        .map(|(_, number, secret)| (number, TokenKey::new(u8::try_from(number).unwrap(), *secret).unwrap()))
        .collect();
    let (mut sealed_by, mut made_by) = (BTreeSet::new(), BTreeSet::new());
    let mut connection = Connection::open(house.address).unwrap();
    for reference in papers {
        let receipts = store.receipts(&reference.parse().unwrap()).await.unwrap();
        let [receipt] = receipts.as_slice() else { panic!("{reference} has one receipt") };
        let (claims, kid, term) = verified(&receipt.seal, keys);
        assert_eq!((claims.reference.as_str(), term), (reference.as_str(), KeyTerm::Within));
        let token = token_keys[&u32::from(receipt.key_id)].issue(receipt.id).text();
        assert_eq!(connection.send(&Request::get(&format!("/d/{token}")).bytes()).unwrap().status, 200, "{reference}");
        sealed_by.insert(kid);
        made_by.insert(receipt.key_id);
    }
    [sealed_by.len(), made_by.len()]
}

fn story(house: &House, open: impl FnOnce(Sealer) -> Arc<dyn Store>) {
    let first = register(house);
    let scanned = format!("/d/{}", first.token);
    let server = house.serve();
    let clerks: Vec<Clerk> = (0..CLIENTS).map(|_| house.sign_in()).collect();
    let (ended, papers) = (AtomicBool::new(false), Mutex::new(BTreeSet::from([first.reference])));
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        for (client, clerk) in (0..CLIENTS).zip(&clerks) {
            let (ended, papers, scanned) = (&ended, &papers, scanned.as_str());
            scope.spawn(move || work(house, clerk, client, scanned, ended, papers));
        }
        // Three changes at once: each has its own notice, and all fall into the same load.
        for purpose in ["token", "seal", "log"] {
            run(house, &["keys", "rotate", purpose]);
        }
        wait_until("all three are in use", || {
            seen.insert(fs::read_to_string(house.data().checkpoint()).unwrap());
            let rows = listed(house);
            rows.iter().filter(|row| row["number"] == 1 && row["state"] == "in use").count() == 3
        });
        let before = papers.lock().unwrap().len();
        wait_until("more is registered", || papers.lock().unwrap().len() > before + 50);
        ended.store(true, Ordering::Relaxed);
    });
    let keys = fetched(house.address);
    assert_eq!((keys.seal.len(), keys.log.len()), (2, 2));
    let old = NoteVerifier::parse(keys.log[0].vkey.as_deref().unwrap()).unwrap();
    for note in &seen {
        Checkpoint::parse_signed(note, &old).unwrap();
    }
    assert!(seen.len() > 3, "{} checkpoints were seen", seen.len());
    let stranger = SealKey::from_seed([0x5c; 32]);
    let store = open(Arc::new(move |claims| stranger.seal(claims)));
    let papers = papers.into_inner().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made_by = runtime.block_on(async {
        let made_by = look_at_papers(house, &*store, &papers, &keys).await;
        store.close().await;
        made_by
    });
    assert_eq!(made_by, [2, 2], "both keys of each kind were used");
    println!("{} papers, {} checkpoints", papers.len(), seen.len());
    let log = server.stop();
    assert_eq!(
        signers(house, &keys),
        [keys.log[0].kid, keys.log[1].kid],
        "whoever knows the old key alone still reads"
    );
    let doctor = run(house, &["doctor"]);
    assert!(!doctor.contains("fail  "), "{doctor}");
    for (place, bytes) in [
        ("the log", log.into_bytes()),
        ("doctor", doctor.into_bytes()),
        ("the list", format!("{:?}", listed(house)).into_bytes()),
        ("keys.json", run(house, &["keys", "export"]).into_bytes()),
        ("the checkpoint", fs::read(house.data().checkpoint()).unwrap()),
    ] {
        assert_no_secret(house, place, &bytes);
    }
}

#[test]
fn three_changes_lose_no_request() {
    let house = House::new();
    let database = house.data().database();
    story(&house, |sealer| Arc::new(SqliteStore::open(&database, sealer).unwrap()));
    assert_no_secret(&house, "the database", &fs::read(&database).unwrap());
    rotate(&house, "seal", 2);
    assert_eq!(state(&house, "seal", 1), "ended");
}

#[test]
fn three_changes_lose_no_request_on_a_server() {
    let server = PostgresServer::shared();
    let database = server.create_database();
    let house = House::on_server(&server.socket_url(&database));
    story(&house, |sealer| Arc::new(PostgresStore::open(options(&database), sealer, names()).unwrap()));
}
