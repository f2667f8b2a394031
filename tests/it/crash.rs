//! Killed with signal 9 at random moments under load: what was acknowledged is there once, and the history still holds.
//!
//! The clients are those of a real desk: each keeps its session, and one whose answer never came sends the same form again.
//! Randomness comes from `MILAF_SEED`, so that a run can be repeated as far as the machine's own timing allows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use milaf::{
    config::{DataDir, KeyFiles},
    dossier::Reference,
    receipt::{KeyRing, SealKey, TokenKey, TokenKeys, verify_seal},
    store::{SqliteStore, Store},
    tlog::{Checkpoint, Frontier, Hash, LogKey, commitment, leaf_data, leaf_hash},
};

use crate::{
    raw_http::{Connection, Request, exchange},
    real_server::{Clerk, House, read_to_string, reference_in},
};

const ROUNDS: u32 = 100;
const CLIENTS: usize = 16;
const PROCEDURES: [&str; 3] = ["NRU", "PC", "REQ"];

/// `SplitMix64`: small, and the same on every machine.
struct Randomness(u64);

impl Randomness {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The round that is on; 0 before the first. In the one after the last nobody is killed, and pending wishes are settled.
struct Rounds {
    current: Mutex<u32>,
    changed: Condvar,
}

impl Rounds {
    fn lock(&self) -> MutexGuard<'_, u32> {
        self.current.lock().unwrap()
    }

    fn begin(&self, round: u32) {
        *self.lock() = round;
        self.changed.notify_all();
    }

    fn after(&self, seen: u32) -> u32 {
        *self.changed.wait_while(self.lock(), |current| *current <= seen).unwrap()
    }
}

/// A registration that a client wants exactly once.
struct Wish {
    form_key: String,
    procedure: &'static str,
    applicant: String,
}

/// What a client was told, by reference: the applicant's name that it had sent.
type Acknowledged = BTreeMap<String, String>;

struct Client<'a> {
    clerk: &'a Clerk,
    address: SocketAddr,
    name: usize,
    randomness: Randomness,
    wishes: u32,
    pending: Option<Wish>,
    acknowledged: Acknowledged,
    /// Answers to a form that had been sent before.
    sent_again: u32,
}

impl Client<'_> {
    fn live(mut self, rounds: &Rounds) -> (Acknowledged, u32) {
        let mut round = 0;
        while round <= ROUNDS {
            round = rounds.after(round);
            // A dead server refuses at once; the next round brings the next one.
            while let Ok(mut connection) = Connection::open(self.address) {
                if !self.work(&mut connection, rounds, round) {
                    break;
                }
            }
        }
        assert!(self.pending.is_none(), "client {} never learned what came of its last form", self.name);
        (self.acknowledged, self.sent_again)
    }

    /// Registers until the connection breaks; false when there is nothing left to do.
    fn work(&mut self, connection: &mut Connection, rounds: &Rounds, round: u32) -> bool {
        while self.pending.is_some() || round <= ROUNDS {
            if self.pending.is_some() {
                self.sent_again += 1;
            }
            let wish = self.pending.take().unwrap_or_else(|| self.new_wish());
            let Some(reference) = self.send(connection, &wish) else {
                self.pending = Some(wish);
                return true;
            };
            let before = self.acknowledged.insert(reference.clone(), wish.applicant.clone());
            assert!(before.is_none(), "{reference} was given to two forms");
            if self.randomness.below(8) == 0 {
                self.sent_again += 1;
                if let Some(again) = self.send(connection, &wish) {
                    assert_eq!(again, reference, "the same form made two dossiers");
                }
            }
            if *rounds.lock() != round {
                return false;
            }
        }
        false
    }

    fn new_wish(&mut self) -> Wish {
        self.wishes += 1;
        let key = [self.randomness.next(), self.randomness.next()];
        Wish {
            form_key: format!("{:016x}{:016x}", key[0], key[1]),
            procedure: PROCEDURES[usize::try_from(self.randomness.below(3)).unwrap()],
            applicant: format!("Applicant {} of desk {}", self.wishes, self.name),
        }
    }

    /// The reference, or nothing when the connection broke before the answer had come.
    fn send(&self, connection: &mut Connection, wish: &Wish) -> Option<String> {
        let fields = [("procedure", wish.procedure), ("applicant", wish.applicant.as_str())];
        let request = self.clerk.register(&wish.form_key, &fields);
        let answer = connection.send(&request.bytes()).ok()?;
        assert_eq!(answer.status, 303, "client {}: {}\n{}", self.name, answer.head, answer.text());
        let location = answer.header("location").expect("a redirection says where to");
        Some(reference_in(location).unwrap_or_else(|| panic!("led to {location}")).to_owned())
    }
}

#[test]
fn what_was_acknowledged_survives_a_hundred_kills() {
    let seed = std::env::var("MILAF_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_230_713);
    println!("seed {seed}: set MILAF_SEED to repeat");
    let mut randomness = Randomness(seed);
    let house = House::new();
    let server = house.serve();
    let clerks: Vec<Clerk> = (0..CLIENTS).map(|_| house.sign_in()).collect();
    let rounds = Rounds { current: Mutex::new(0), changed: Condvar::new() };
    let mut published = Vec::new();
    let began = Instant::now();

    let (server, acknowledged, sent_again) = thread::scope(|scope| {
        let mut server = server;
        let clients: Vec<_> = clerks
            .iter()
            .enumerate()
            .map(|(name, clerk)| {
                let client = Client {
                    clerk,
                    address: house.address,
                    name,
                    randomness: Randomness(randomness.next()),
                    wishes: 0,
                    pending: None,
                    acknowledged: Acknowledged::new(),
                    sent_again: 0,
                };
                let rounds = &rounds;
                scope.spawn(move || client.live(rounds))
            })
            .collect();
        for round in 1..=ROUNDS {
            rounds.begin(round);
            // Parking may end early, so the clock decides.
            let moment = Instant::now() + Duration::from_millis(30 + randomness.below(221));
            while let Some(left) = moment.checked_duration_since(Instant::now()) {
                thread::park_timeout(left);
            }
            let log = server.kill();
            assert!(!log.contains("panicked"), "round {round}: {log}");
            published.extend(read_to_string(&house.data().checkpoint()));
            server = house.serve();
        }
        rounds.begin(ROUNDS + 1);
        let mut all = Acknowledged::new();
        let mut sent_again = 0;
        for client in clients {
            let (told, again) = client.join().unwrap();
            sent_again += again;
            for (reference, applicant) in told {
                let before = all.insert(reference.clone(), applicant);
                assert!(before.is_none(), "{reference} was given to two clients");
            }
        }
        (server, all, sent_again)
    });

    let duration = began.elapsed();
    let count = acknowledged.len();
    println!("{ROUNDS} rounds, {count} registrations, {sent_again} forms sent again, {:.1} s", duration.as_secs_f64());
    assert!(count > 500 && sent_again > ROUNDS, "the load was too light to prove anything");
    let tokens = audit(&house.data(), &acknowledged, &published);
    for (reference, token) in tokens.iter().step_by(count / 20) {
        let answer = exchange(house.address, &Request::get(&format!("/D/{token}")).closing());
        assert_eq!(answer.status, 200, "the receipt of {reference}");
        assert!(answer.text().contains(reference.as_str()), "the receipt of {reference} opens another page");
    }
    server.kill();
}

/// Checks the whole database against what the clients were told, and returns each dossier's token.
#[tokio::main(flavor = "current_thread")]
async fn audit(data: &DataDir, acknowledged: &Acknowledged, published: &[String]) -> Vec<(String, String)> {
    let keys = key_ring(data);
    let seal_key = keys.seal_key.clone();
    let store = SqliteStore::open(&data.database(), std::sync::Arc::new(move |claims| seal_key.seal(claims))).unwrap();

    let stored = all_rows(&store).await;
    assert_eq!(stored.len(), acknowledged.len(), "as many dossiers as acknowledgments");
    let kept: Acknowledged = stored.iter().map(|(reference, name)| (reference.to_string(), name.clone())).collect();
    assert_eq!(&kept, acknowledged, "every acknowledged registration is there, once, with its own contents");

    let mut numbers: BTreeMap<(String, u16), BTreeSet<u32>> = BTreeMap::new();
    for (reference, _) in &stored {
        let series = (reference.procedure().as_str().to_owned(), reference.year());
        numbers.entry(series).or_default().insert(reference.number());
    }
    for (series, given) in numbers {
        let expected: BTreeSet<u32> = (1..=u32::try_from(given.len()).unwrap()).collect();
        assert_eq!(given, expected, "{series:?} has gaps");
    }

    let log = recomputed_log(&store).await;
    let head = store.head().await.unwrap();
    assert_eq!(log.roots.len() as u64, head.size + 1);
    assert_eq!(log.root(head.size), head.root, "the root follows from the leaves");
    let verifier = keys.log_key.verifier();
    let mut before = 0;
    for note in published {
        let checkpoint = Checkpoint::parse_signed(note, verifier).unwrap();
        assert!(checkpoint.size >= before, "a published checkpoint of {before} was followed by {}", checkpoint.size);
        assert_eq!(log.root(checkpoint.size), checkpoint.root, "the checkpoint of {} was of this log", checkpoint.size);
        before = checkpoint.size;
    }
    assert!(before > 0, "no checkpoint was published");

    let mut tokens = Vec::new();
    for (reference, _) in &stored {
        let receipts = store.receipts(reference).await.unwrap();
        let [receipt] = receipts.as_slice() else { panic!("{reference} has {} receipts", receipts.len()) };
        let token = keys.token_keys.token(receipt.key_id, receipt.id).unwrap();
        assert_eq!(keys.token_keys.verify(&token.text()), Ok(token), "the token of {reference}");
        let claims = verify_seal(&receipt.seal, &[keys.seal_key.public_key()]).unwrap();
        assert_eq!(claims.reference, reference.to_string());
        assert_eq!((claims.receipt_id, claims.leaf_index), (receipt.id, receipt.leaf_index), "{reference}");
        let committed = &log.commitments[usize::try_from(claims.leaf_index).unwrap()];
        assert_eq!(claims.commitment16, committed[..16], "{reference}");
        assert!(claims.leaf_index < claims.tree_size, "the seal of {reference} names a head that holds its leaf");
        assert_eq!(claims.root, log.root(claims.tree_size), "the seal of {reference} names a head of this log");
        tokens.push((reference.to_string(), token.text()));
    }
    store.close().await;
    tokens
}

fn key_ring(data: &DataDir) -> KeyRing {
    let files = KeyFiles::in_folder(&data.keys()).unwrap();
    let token_keys = TokenKeys::new(TokenKey::new(0, files.token).unwrap(), Vec::new()).unwrap();
    let log_key = LogKey::new("suivi.example.ma/log", files.log).unwrap();
    KeyRing::new(token_keys, SealKey::from_seed(files.seal), log_key).unwrap()
}

/// Every dossier with its applicant's name, through the pages of the list.
async fn all_rows(store: &SqliteStore) -> Vec<(Reference, String)> {
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = store.latest(100, before).await.unwrap();
        let Some(last) = page.last() else { return rows };
        before = Some(last.sequence);
        rows.extend(page.into_iter().map(|row| (row.reference, row.applicant)));
    }
}

struct Log {
    /// The root at each size, from the empty tree on.
    roots: Vec<Hash>,
    commitments: Vec<[u8; 32]>,
}

impl Log {
    fn root(&self, size: u64) -> Hash {
        *self.roots.get(usize::try_from(size).unwrap()).unwrap_or_else(|| panic!("the log never had {size} entries"))
    }
}

/// The log as the records themselves give it, not as the stored hashes say.
async fn recomputed_log(store: &SqliteStore) -> Log {
    let mut frontier = Frontier::empty();
    let mut log = Log { roots: vec![frontier.root()], commitments: Vec::new() };
    loop {
        let rows = store.log_rows(frontier.size(), 1000).await.unwrap();
        if rows.is_empty() {
            return log;
        }
        for row in rows {
            assert_eq!(row.index, frontier.size(), "an entry is missing");
            let committed = commitment(&row.nonce, &row.record);
            let leaf = leaf_hash(&leaf_data(&committed));
            assert_eq!((committed, leaf), (row.commitment, row.leaf_hash), "entry {}", row.index);
            frontier.push(leaf);
            log.roots.push(frontier.root());
            log.commitments.push(committed);
        }
    }
}
