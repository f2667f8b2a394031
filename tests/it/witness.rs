//! `milaf witness`, the real program, asked as a log asks it, and killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use milaf::tlog::{
    Checkpoint, CosignatureSigner, CosignatureVerifier, Hash, LogKey, NoteVerifier, consistency_path, root_of,
};
use sha2::{Digest, Sha256};

use crate::{
    node_process::Node,
    randomness::{Randomness, seed},
    raw_http::{Answer, Connection, Request, exchange},
    real_server::free_address,
};

const ORIGIN: &str = "suivi.example.ma/log";
const NAME: &str = "tribunal.example/witness";
const KILLS: u32 = 40;

pub(crate) fn log_key() -> LogKey {
    LogKey::new(ORIGIN, [7; 32]).unwrap()
}

/// The daemon on a folder, not yet started.
pub(crate) fn daemon(folder: &Path, address: SocketAddr, logs: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milaf"));
    command.args(["witness", "--name", NAME, "--listen", &address.to_string(), "--data"]).arg(folder);
    for log in logs {
        command.args(["--log", log]);
    }
    for variable in ["MILAF_LOG_FORMAT", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"] {
        command.env_remove(variable);
    }
    command.env("MILAF_LOG", "debug").stdin(Stdio::null());
    command
}

pub(crate) fn verifier(folder: &Path) -> CosignatureVerifier {
    let told = Command::new(env!("CARGO_BIN_EXE_milaf"))
        .args(["witness", "key", "--name", NAME, "--data"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    CosignatureVerifier::parse(String::from_utf8_lossy(&told.stdout).trim()).unwrap()
}

/// The first leaves of one of two histories that part after three.
fn history(branch: u8, size: u64) -> Vec<Hash> {
    let leaf = |at: u64| Sha256::digest([if at < 3 { 0 } else { branch }, u8::try_from(at % 251).unwrap()]).into();
    (0..size).map(leaf).collect()
}

fn signed(leaves: &[Hash]) -> String {
    log_key().sign(&Checkpoint { origin: ORIGIN.to_owned(), size: leaves.len() as u64, root: root_of(leaves) })
}

fn submission(old: u64, leaves: &[Hash]) -> String {
    let mut body = format!("old {old}\n");
    if old > 0 && old < leaves.len() as u64 {
        for hash in consistency_path(leaves, old).unwrap() {
            body.push_str(&BASE64_STANDARD.encode(hash));
            body.push('\n');
        }
    }
    format!("{body}\n{}", signed(leaves))
}

/// A checkpoint of so many leaves, and the body that submits it as the first.
pub(crate) fn submission_of(size: u64) -> (String, String) {
    let leaves = history(1, size);
    (signed(&leaves), submission(0, &leaves))
}

fn request(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", "/add-checkpoint").body(body)
}

fn ask(address: SocketAddr, body: impl Into<Vec<u8>>) -> Answer {
    exchange(address, &request(body).closing())
}

#[test]
fn the_protocol_over_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("witness");
    let key = verifier(&data);
    assert_eq!(key.name(), NAME);
    let node = Node::spawn(daemon(&data, "127.0.0.1:0".parse().unwrap(), &[&log_key().vkey()]));
    assert_eq!(verifier(&data), key, "a running witness tells its key");
    let hash = hex::encode(Sha256::digest(ORIGIN));
    let shown = format!("/{hash}/checkpoint");

    let mut connection = Connection::open(node.address).unwrap();
    let mut send = |request: Request, status: u16, content_type: &str| {
        let answer = connection.send(&request.bytes()).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(content_type)), "{}", answer.text());
        answer.text()
    };
    let text = "text/plain; charset=utf-8";
    send(Request::get(&shown), 404, text);
    send(request("old 1\n\nrubbish"), 400, text);
    send(request(submission(0, &history(1, 5)).replace(ORIGIN, "other.example/log")), 404, text);
    send(request(submission(0, &history(1, 5)).replace("\n5\n", "\n6\n")), 403, text);
    assert_eq!(send(request(submission(4, &history(1, 5))), 409, "text/x.tlog.size"), "0\n");
    let note = signed(&history(1, 5));
    let line = send(request(submission(0, &history(1, 5))), 200, text);
    assert!(key.verify(&format!("{note}{line}")).unwrap().is_some());
    assert_eq!(send(Request::get(&shown), 200, text), format!("{note}{line}"));
    assert_eq!(send(request(submission(0, &history(1, 9))), 409, "text/x.tlog.size"), "5\n");
    send(request(submission(5, &history(2, 9))), 422, text);
    send(request(submission(5, &history(1, 9))), 200, text);
    let about = send(Request::get("/healthz"), 200, text);
    for word in [NAME, &key.to_string(), ORIGIN, "size 9 at 2", &shown] {
        assert!(about.contains(word), "{word} is not in {about}");
    }
    assert_eq!(exchange(node.address, &Request::get("/add-checkpoint").closing()).status, 405);
    assert_eq!(exchange(node.address, &Request::new("DELETE", "/").closing()).status, 405);
    assert_eq!(exchange(node.address, &Request::get("/../witness.key").closing()).status, 404);
    assert_eq!(ask(node.address, vec![b'a'; 70_000]).status, 413);

    let second = daemon(&data, "127.0.0.1:0".parse().unwrap(), &[&log_key().vkey()]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another witness"));
    node.signal("TERM");
    let (status, log) = node.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("does not extend") && log.contains("cosigned"), "{log}");
    let secret = fs::read_to_string(data.join("witness.key")).unwrap();
    assert!(!log.contains(secret.trim()), "the key is in the log");
}

#[test]
fn a_command_line_that_names_no_log_says_so() {
    let refused = Command::new(env!("CARGO_BIN_EXE_milaf")).args(["witness", "--data", "x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let stranger = CosignatureSigner::new(NAME, [1; 32]).unwrap().verifier().to_string();
    let refused = daemon(Path::new("x"), free_address(), &[&stranger]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "a witness's key is no log's key");
}

/// The superuser may write everywhere, so what makes the disk refuse is a folder where the new file would be.
#[test]
fn what_cannot_be_stored_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log_key().vkey()]));
    assert_eq!(ask(node.address, submission(0, &history(1, 4))).status, 200);
    let file = folder.path().join("logs").join(hex::encode(Sha256::digest(ORIGIN)));
    let stored = fs::read(&file).unwrap();
    let in_the_way = file.with_extension(format!("{}.new", node.id()));
    fs::create_dir(&in_the_way).unwrap();
    let refused = ask(node.address, submission(4, &history(1, 8)));
    assert_eq!(refused.status, 500);
    assert!(!refused.text().contains('—'), "{}", refused.text());
    assert_eq!(fs::read(&file).unwrap(), stored);
    // Not having signed it, it is free to sign the other history; the first one it then refuses.
    fs::remove_dir(&in_the_way).unwrap();
    let answer = ask(node.address, submission(4, &history(1, 6)));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Signature lines that clients received, by the size and the root that they are for.
type Received = Mutex<BTreeMap<(u64, Hash), u8>>;

/// A log that lies: it shows one of its histories, growing, for as long as the rounds go on.
fn submit(branch: u8, address: SocketAddr, key: &CosignatureVerifier, over: &AtomicBool, received: &Received) {
    let mut old = 0;
    let mut size = 1 + u64::from(branch);
    while !over.load(Ordering::Relaxed) {
        let leaves = history(branch, size);
        let sent = Connection::open(address)
            .and_then(|mut connection| connection.send(&request(submission(old, &leaves)).closing()));
        let Ok(answer) = sent else {
            // It is being killed, or not started again yet.
            thread::yield_now();
            continue;
        };
        match answer.status {
            200 => {
                let note = format!("{}{}", signed(&leaves), answer.text());
                assert!(key.verify(&note).unwrap().is_some(), "{note}");
                received.lock().unwrap().insert((size, root_of(&leaves)), branch);
                (old, size) = (size, (size + 1 + u64::from(branch) % 2).min(240));
            }
            409 => {
                old = answer.text().trim().parse().unwrap();
                size = size.max(old);
            }
            422 => thread::yield_now(),
            status => panic!("{status}: {}", answer.text()),
        }
    }
}

#[test]
fn killed_at_any_moment_it_never_signs_two_histories() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let key = verifier(folder.path());
    let mut randomness = Randomness(seed());
    let over = AtomicBool::new(false);
    let received = Received::default();
    let check = |stored: Option<&str>| {
        let received = received.lock().unwrap();
        let branches: Vec<u8> = received.iter().filter(|((size, _), _)| *size > 3).map(|(_, branch)| *branch).collect();
        assert!(branches.windows(2).all(|pair| pair[0] == pair[1]), "both histories were cosigned: {received:?}");
        let largest = received.keys().map(|(size, _)| *size).max().unwrap_or(0);
        if let Some(note) = stored {
            let (checkpoint, _) = Checkpoint::unverified(note).unwrap();
            assert!(checkpoint.size >= largest, "{} are stored, and {largest} were acknowledged", checkpoint.size);
        }
        largest
    };
    thread::scope(|scope| {
        for branch in [1, 2, 1, 2] {
            let (key, over, received) = (&key, &over, &received);
            scope.spawn(move || submit(branch, address, key, over, received));
        }
        let stop = StopWhenDropped(&over);
        for _ in 0..KILLS {
            let mut node = Node::spawn(daemon(folder.path(), address, &[&log_key().vkey()]));
            thread::park_timeout(Duration::from_millis(5 + randomness.below(60)));
            node.signal("KILL");
            while !node.has_ended() {
                thread::yield_now();
            }
            let file = folder.path().join("logs").join(hex::encode(Sha256::digest(ORIGIN)));
            check(fs::read_to_string(file).ok().as_deref());
        }
        drop(stop);
    });
    assert!(check(None) > 3, "the histories had parted");
    let note = fs::read_to_string(folder.path().join("logs").join(hex::encode(Sha256::digest(ORIGIN)))).unwrap();
    assert!(key.verify(&note).unwrap().is_some());
    assert!(NoteVerifier::parse(&log_key().vkey()).unwrap().open(&note).is_ok());
}

/// A failed assertion must end the clients, too.
struct StopWhenDropped<'a>(&'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the crate `signed_note` makes of a cosignature, with the specification's message built anew.
struct TheirVerifier {
    name: String,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl signed_note::Verifier for TheirVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((seconds, signature)) = signature.split_first_chunk::<8>() else { return false };
        let mut message = format!("cosignature/v1\ntime {}\n", u64::from_be_bytes(*seconds)).into_bytes();
        message.extend_from_slice(text);
        let signature = ed25519_dalek::Signature::from_slice(signature);
        signature.is_ok_and(|signature| ed25519_dalek::Verifier::verify(&self.key, &message, &signature).is_ok())
    }
}

#[test]
fn another_program_reads_our_cosignatures() {
    let witness = CosignatureSigner::new(NAME, [5; 32]).unwrap();
    let note = signed(&history(1, 6));
    let text = note.split_inclusive("\n\n").next().unwrap().strip_suffix('\n').unwrap();
    let line = witness.sign(text, 1_790_000_000).unwrap();
    let public = witness.verifier().public();
    let id = signed_note::key_id(NAME, &[&[4][..], &public[..]].concat());
    assert_eq!(id.to_be_bytes(), witness.verifier().key_id());
    let theirs =
        || TheirVerifier { name: NAME.to_owned(), id, key: ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap() };
    let read = |note: &str| {
        let verifiers = signed_note::VerifierList::new(vec![Box::new(theirs())]);
        let note = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
        note.verify(&verifiers).is_ok()
    };
    assert!(read(&format!("{note}{line}")));
    assert!(!read(&format!("{}{line}", note.replace("\n6\n", "\n7\n"))));
}
