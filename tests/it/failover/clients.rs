//! Clerks at the desk: each fills in one form after the other and sends it again, as it is, until it is told a reference.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, Instant},
};

use crate::{
    ledger::Acknowledged,
    randomness::Randomness,
    raw_http::{Answer, Connection},
    real_server::{Clerk, hidden_value, reference_in},
};

const PROCEDURES: [&str; 3] = ["NRU", "PC", "REQ"];
/// Whoever has not learnt by then what became of his form never will.
const PATIENCE: Duration = Duration::from_mins(2);

/// When clerks were told something, for whoever measures.
#[derive(Default)]
pub(super) struct Pulse {
    since: Mutex<Since>,
    beat: Condvar,
    over: AtomicBool,
    failed: AtomicBool,
}

/// What has happened since a moment. Only a form sent after it counts.
struct Since {
    moment: Instant,
    first: Option<Instant>,
    clerks: BTreeSet<usize>,
    last: Option<Instant>,
}

impl Default for Since {
    fn default() -> Self {
        Self { moment: Instant::now(), first: None, clerks: BTreeSet::new(), last: None }
    }
}

impl Pulse {
    fn lock(&self) -> MutexGuard<'_, Since> {
        self.since.lock().unwrap()
    }

    /// Begins to count anew.
    pub(super) fn mark(&self) {
        *self.lock() = Since::default();
    }

    fn acknowledged(&self, clerk: usize, sent: Instant) {
        let mut since = self.lock();
        if sent >= since.moment {
            let now = Instant::now();
            since.first.get_or_insert(now);
            if since.clerks.insert(clerk) {
                since.last = Some(now);
            }
            self.beat.notify_all();
        }
    }

    /// Whether anybody was told a reference since the mark.
    pub(super) fn is_silent(&self) -> bool {
        self.lock().first.is_none()
    }

    /// When the first clerk was told a reference, and when every one of so many was.
    pub(super) fn wait_for(&self, clerks: usize) -> (Instant, Instant) {
        let waits = |since: &mut Since| since.clerks.len() < clerks && !self.is_over();
        let (since, late) = self.beat.wait_timeout_while(self.lock(), PATIENCE, waits).unwrap();
        assert!(!late.timed_out() && !self.is_over(), "only clerks {:?} were told anything", since.clerks);
        (since.first.unwrap(), since.last.unwrap())
    }

    /// Nobody begins another form.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.beat.notify_all();
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// Ends everybody's work when the test fails somewhere, so that it fails at once.
pub(super) struct EndOnPanic<'a>(pub(super) &'a Pulse);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
            self.0.end();
        }
    }
}

struct Wish {
    form_key: String,
    procedure: &'static str,
    applicant: String,
}

/// What became of a form.
enum Told {
    Reference(String),
    /// It is not known; this is why.
    Nothing(&'static str),
}

/// What one clerk has been told.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) acknowledged: Acknowledged,
    /// Why forms were sent again, and how often.
    pub(super) sent_again: BTreeMap<&'static str, usize>,
}

impl Notes {
    /// Takes over what another clerk was told.
    pub(super) fn add(&mut self, other: Self) {
        for (reference, applicant) in other.acknowledged {
            let before = self.acknowledged.insert(reference.clone(), applicant);
            assert!(before.is_none(), "{reference} was given to two clerks");
        }
        for (why, times) in other.sent_again {
            *self.sent_again.entry(why).or_default() += times;
        }
    }
}

/// A clerk at work, until the pulse ends and his last form is settled.
pub(super) struct Client<'a> {
    pub(super) name: usize,
    pub(super) clerk: &'a Clerk,
    pub(super) address: SocketAddr,
    pub(super) randomness: Randomness,
}

pub(super) type AtWork<'scope> = ScopedJoinHandle<'scope, Notes>;

impl<'a> Client<'a> {
    pub(super) fn work<'scope>(self, scope: &'scope Scope<'scope, '_>, pulse: &'a Pulse) -> AtWork<'scope>
    where
        'a: 'scope,
    {
        scope.spawn(move || {
            let _end = EndOnPanic(pulse);
            self.live(pulse)
        })
    }

    fn live(mut self, pulse: &Pulse) -> Notes {
        let mut notes = Notes::default();
        let mut connection = None;
        for number in 0.. {
            if pulse.is_over() {
                break;
            }
            let wish = self.new_wish(number);
            let reference = self.insist(&mut connection, &wish, pulse, &mut notes);
            let before = notes.acknowledged.insert(reference.clone(), wish.applicant.clone());
            assert!(before.is_none(), "{reference} was given to two forms");
            // Pressed twice.
            if self.randomness.below(8) == 0 {
                let again = self.insist(&mut connection, &wish, pulse, &mut notes);
                assert_eq!(again, reference, "the same form made two dossiers");
            }
            thread::park_timeout(Duration::from_millis(50 + self.randomness.below(200)));
        }
        notes
    }

    /// Sends the form until a reference comes.
    fn insist(&mut self, connection: &mut Option<Connection>, wish: &Wish, pulse: &Pulse, notes: &mut Notes) -> String {
        let begun = Instant::now();
        loop {
            let sent = Instant::now();
            match self.send(connection, wish) {
                Told::Reference(reference) => {
                    pulse.acknowledged(self.name, sent);
                    return reference;
                }
                Told::Nothing(why) => *notes.sent_again.entry(why).or_default() += 1,
            }
            assert!(!pulse.failed.load(Ordering::SeqCst), "the test has failed elsewhere");
            assert!(begun.elapsed() < PATIENCE, "clerk {} never learnt what became of a form", self.name);
            // Nobody presses a button more often.
            thread::park_timeout(Duration::from_millis(50 + self.randomness.below(100)));
        }
    }

    fn new_wish(&mut self, number: u32) -> Wish {
        let key = [self.randomness.next(), self.randomness.next()];
        Wish {
            form_key: format!("{:016x}{:016x}", key[0], key[1]),
            procedure: PROCEDURES[usize::try_from(self.randomness.below(3)).unwrap()],
            applicant: format!("Applicant {number} of desk {}", self.name),
        }
    }

    fn send(&self, kept: &mut Option<Connection>, wish: &Wish) -> Told {
        let fields = [("procedure", wish.procedure), ("applicant", wish.applicant.as_str())];
        let request = self.clerk.register(&wish.form_key, &fields).bytes();
        let opened = match kept.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(self.address),
        };
        let Ok((answer, connection)) = opened.and_then(|mut connection| Ok((connection.send(&request)?, connection)))
        else {
            return Told::Nothing("the connection broke");
        };
        if answer.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        told(&answer, &wish.form_key)
    }
}

fn told(answer: &Answer, form_key: &str) -> Told {
    // Each answer of a node has its name; the proxy's own have none.
    let of_a_node = answer.header("x-request-id").is_some();
    match (answer.status, of_a_node) {
        (303, true) => {
            let location = answer.header("location").expect("a redirection says where to");
            Told::Reference(reference_in(location).unwrap_or_else(|| panic!("led to {location}")).to_owned())
        }
        (503, true) => {
            assert_eq!(hidden_value(&answer.text(), "form-key"), form_key, "the form comes back under its own key");
            assert!(answer.header("retry-after").is_some(), "{}", answer.head);
            Told::Nothing("503 of a node, with the form")
        }
        (502, false) => Told::Nothing("502 of the proxy"),
        (503, false) => Told::Nothing("503 of the proxy"),
        (504, false) => Told::Nothing("504 of the proxy"),
        _ => panic!("{}\n{}", answer.head, answer.text()),
    }
}
