//! Killed with signal 9 at random moments under load: what was acknowledged is there once, and the history still holds.
//!
//! The clients are those of a real desk: each keeps its session, and one whose answer never came sends the same form again.
//! Randomness comes from `MILAF_SEED`, so that a run can be repeated as far as the machine's own timing allows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use milaf::store::{SqliteStore, Store};

use crate::{
    ledger::{Acknowledged, audit, key_ring},
    randomness::{Randomness, seed},
    raw_http::{Connection, Request, exchange},
    real_server::{Clerk, House, read_to_string, reference_in},
};

const ROUNDS: u32 = 100;
const CLIENTS: usize = 16;
const PROCEDURES: [&str; 3] = ["NRU", "PC", "REQ"];

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
    let mut randomness = Randomness(seed());
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
    let tokens = audited(&house, &acknowledged, &published);
    for (reference, token) in tokens.iter().step_by(count / 20) {
        let answer = exchange(house.address, &Request::get(&format!("/D/{token}")).closing());
        assert_eq!(answer.status, 200, "the receipt of {reference}");
        assert!(answer.text().contains(reference.as_str()), "the receipt of {reference} opens another page");
    }
    server.kill();
}

#[tokio::main(flavor = "current_thread")]
async fn audited(house: &House, acknowledged: &Acknowledged, published: &[String]) -> Vec<(String, String)> {
    let keys = key_ring(&house.data());
    let seal_key = keys.seal_key.clone();
    let store = SqliteStore::open(&house.data().database(), Arc::new(move |claims| seal_key.seal(claims))).unwrap();
    let tokens = audit(&store, &keys, acknowledged, &[published]).await;
    store.close().await;
    tokens
}
