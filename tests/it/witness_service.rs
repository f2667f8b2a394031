//! An office and its witnesses: honest ones, and such as hang, trickle, lie or are down. Registering goes on whatever they do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use milaf::tlog::{CosignatureSigner, Policy, Witnessed};

use crate::{
    node_process::{Node, get, wait},
    postgres_server::PostgresServer,
    raw_http::Connection,
    real_server::{House, example_issuer, free_address, reference_in},
    witness::{daemon, verifier},
};

/// What a hostile witness does with a connection on which a whole request was sent.
type Hostility = fn(&mut TcpStream);

/// Takes connections for as long as the test runs, and counts those it holds.
struct Hostile {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Hostile {
    fn new(hostility: Hostility) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), counter) = (stream, Arc::clone(&counter)) else { return };
                thread::spawn(move || {
                    read_request(&stream);
                    counter.fetch_add(1, Ordering::SeqCst);
                    hostility(&mut stream);
                });
            }
        });
        Self { address, asked }
    }
}

fn read_request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let _ = reader.take(length).read_to_end(&mut Vec::new());
}

/// Until the other side gives up.
fn hang(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A byte at a time, never the whole answer, for as long as the other side listens.
fn trickle(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    while stream.write_all(b"a").is_ok() {
        thread::park_timeout(std::time::Duration::from_millis(100));
    }
}

fn flood(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    for _ in 0..100_000 {
        if stream.write_all(&[b'a'; 1000]).is_err() {
            return;
        }
    }
}

fn garbage(stream: &mut TcpStream) {
    let _ = stream.write_all(b"\x00\x01\xff this is no HTTP \r\n\r\n");
}

fn redirect(stream: &mut TcpStream) {
    let _ = stream.write_all(
        b"HTTP/1.1 307 Go on\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
}

/// A cosignature of another text by another key, under the name that the policy knows.
fn foreign(stream: &mut TcpStream) {
    let line = CosignatureSigner::new("foreign.example", [0x77; 32]).unwrap().sign("x\n", 1).unwrap();
    answer(stream, "200 OK", "text/plain", &line);
}

/// Says that it has cosigned what was never published.
fn fork(stream: &mut TcpStream) {
    answer(stream, "409 Conflict", "text/x.tlog.size", "123456\n");
}

fn answer(stream: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// The verifier key of the office's log, as the doctor tells it to whoever has not named it yet.
fn log_vkey(house: &House, arguments: &[&str]) -> String {
    fs::write(house.data().policy(), "quorum none\n").unwrap();
    let told = house.command(&[&["doctor"], arguments].concat()).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout);
    let mut named = told.lines().filter_map(|line| line.trim().strip_prefix("log "));
    let line = named.find(|vkey| vkey.contains('+'));
    line.unwrap_or_else(|| panic!("the doctor names no key: {told}")).to_owned()
}

fn register(house: &House, node: SocketAddr, number: u32) {
    let clerk = crate::real_server::sign_in_at(node);
    let mut connection = Connection::open(node).unwrap();
    let key = format!("{number:032x}");
    let request = clerk.register(&key, &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")]);
    let answer = connection.send(&request.bytes()).unwrap();
    assert_eq!(answer.status, 303, "{} {}", house.address, answer.text());
    assert!(reference_in(answer.header("location").unwrap()).is_some());
}

fn size(note: &str) -> u64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or_else(|| panic!("no size in {note:?}"))
}

/// Asks for the checkpoint that is shown until the policy is content with one of at least this size.
fn wait_until_witnessed(address: SocketAddr, policy: &Policy, at_least: u64, log: &dyn Fn() -> String) -> Witnessed {
    let mut last = String::new();
    let mut found = None;
    let waited = wait(|| {
        last = get(address, "/log/checkpoint").unwrap().text();
        found = policy.judge(&last).ok().filter(|judged| judged.quorum && judged.checkpoint.size >= at_least);
        found.is_some()
    });
    assert_eq!(waited, Ok(()), "not witnessed: {last}\n{}", log());
    found.unwrap()
}

#[test]
fn hostile_witnesses_delay_nothing_and_the_honest_one_is_heard() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let log = log_vkey(&house, &[]);
    let honest = Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log]));
    let (hanging, lying) = (Hostile::new(hang), Hostile::new(fork));
    let hostile: [(&str, SocketAddr); 8] = [
        ("hanging", hanging.address),
        ("trickling", Hostile::new(trickle).address),
        ("flooding", Hostile::new(flood).address),
        ("garbage", Hostile::new(garbage).address),
        ("redirecting", Hostile::new(redirect).address),
        ("foreign", Hostile::new(foreign).address),
        ("lying", lying.address),
        ("down", free_address()),
    ];
    let mut file = format!("log {log}\nwitness court {} http://{}\n", verifier(folder.path()), honest.address);
    for (seed, (name, address)) in (1..).zip(hostile) {
        let key = CosignatureSigner::new(&format!("{name}.example"), [seed; 32]).unwrap();
        writeln!(file, "witness {name} {} http://{address}/prefix/", key.verifier()).unwrap();
    }
    file.push_str("group anybody 1 court hanging down\nquorum anybody\n");
    fs::write(house.data().policy(), &file).unwrap();
    let policy = Policy::parse(file.as_bytes()).unwrap();
    let node = Node::start(&house, &["--metrics", "127.0.0.1:0"]);
    assert_eq!(hanging.asked.load(Ordering::SeqCst), 0, "of an empty log nobody is asked to say anything");
    register(&house, node.address, 0);
    assert_eq!(wait(|| hanging.asked.load(Ordering::SeqCst) > 0), Ok(()), "{}", node.log());
    // The hanging one holds its request by now, and lets go only when we do.
    for number in 1..5 {
        register(&house, node.address, number);
    }
    let witnessed = wait_until_witnessed(node.address, &policy, 10, &|| node.log());
    assert_eq!(witnessed.cosigners.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["court"]);
    assert!(size(&node.get("/log/checkpoint/newest").text()) >= witnessed.checkpoint.size);
    node.wait_for_log("a witness contradicts this log");
    let counted = || get(node.metrics.unwrap(), "/metrics").unwrap().text();
    for (witness, outcome) in
        [("court", "cosigned"), ("lying", "contradicted"), ("down", "failed"), ("foreign", "failed")]
    {
        let series = format!("milaf_witness_answers_total{{outcome=\"{outcome}\",witness=\"{witness}\"}}");
        assert_eq!(wait(|| counted().contains(&series)), Ok(()), "{series} is not in\n{}", counted());
    }
    assert!(!counted().contains("outcome=\"cosigned\",witness=\"lying\""));
    node.signal("TERM");
    let (status, log) = node.end();
    assert!(status.success(), "{log}");

    let told = house.command(&["doctor"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for line in ["witness court: cosigned", "witness hanging: has not cosigned yet", "quorum: met at"] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}

/// A checkpoint that waits for a witness does not hide the one before, which has been cosigned.
#[test]
fn a_fresh_checkpoint_does_not_hide_a_cosigned_one() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let log = log_vkey(&house, &[]);
    let honest = Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log]));
    let file =
        format!("log {log}\nwitness court {} http://{}\nquorum court\n", verifier(folder.path()), honest.address);
    fs::write(house.data().policy(), &file).unwrap();
    let policy = Policy::parse(file.as_bytes()).unwrap();
    let node = Node::start(&house, &[]);
    register(&house, node.address, 1);
    let before = wait_until_witnessed(node.address, &policy, 2, &|| node.log()).checkpoint;
    honest.signal("KILL");
    register(&house, node.address, 2);
    let newest = || node.get("/log/checkpoint/newest").text();
    assert_eq!(wait(|| size(&newest()) > before.size), Ok(()), "{}", node.log());
    assert_eq!(policy.judge(&node.get("/log/checkpoint").text()).unwrap().checkpoint, before);
    assert!(!policy.judge(&newest()).unwrap().quorum);
    // The newest entry has its proof all the same, under the checkpoint that covers it.
    assert_eq!(node.get(&format!("/log/proof/{}.tlog-proof", size(&newest()) - 1)).status, 200);
    drop(honest);
    let back = Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log]));
    // At another address than the policy's: nobody asks it, and after a restart the office still knows what was cosigned.
    drop(node);
    let node = Node::start(&house, &[]);
    assert_eq!(
        wait(|| policy.judge(&node.get("/log/checkpoint").text()).is_ok_and(|shown| shown.checkpoint == before)),
        Ok(())
    );
    drop(back);
}

/// Whoever knows the log's first key alone, witness and policy alike, goes on reading after it was changed.
#[test]
fn a_witness_that_knows_the_old_log_key_goes_on_cosigning() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let log = log_vkey(&house, &[]);
    let court = Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log]));
    let file = format!("log {log}\nwitness court {} http://{}\nquorum court\n", verifier(folder.path()), court.address);
    fs::write(house.data().policy(), &file).unwrap();
    let policy = Policy::parse(file.as_bytes()).unwrap();
    let node = Node::start(&house, &[]);
    register(&house, node.address, 1);
    let before = wait_until_witnessed(node.address, &policy, 2, &|| node.log()).checkpoint.size;
    house.run(&["keys", "rotate", "log"], "");
    let two_keys =
        || get(node.address, "/log/checkpoint/newest").unwrap().text().matches("— suivi.example.ma/log ").count() == 2;
    assert_eq!(wait(two_keys), Ok(()), "{}", node.log());
    let size = size(&node.get("/log/checkpoint/newest").text());
    let witnessed = wait_until_witnessed(node.address, &policy, size, &|| node.log());
    assert!(witnessed.checkpoint.size > before);
    let note = node.get("/log/checkpoint").text();
    assert_eq!(note.matches("— suivi.example.ma/log ").count(), 2, "{note}");
    assert!(!court.log().contains("does not extend"), "{}", court.log());
    node.stop();
    let told = house.command(&["doctor"]).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("quorum: met at") && !told.contains("fail  "), "{told}");
}

#[test]
fn a_policy_of_another_log_is_told_and_keeps_nobody_out() {
    let house = House::new();
    let other = crate::witness::log_key().vkey();
    for (file, told_by_doctor) in [
        (format!("log {other}\nquorum none\n"), "the policy names other logs and not this one"),
        ("quorum nobody\n".to_owned(), "line 1: the name nobody is not defined"),
    ] {
        fs::write(house.data().policy(), file).unwrap();
        let node = Node::start(&house, &[]);
        assert_eq!(node.get("/log/checkpoint").status, 200);
        node.wait_for_log(told_by_doctor);
        drop(node);
        let told = house.command(&["doctor"]).output().unwrap();
        assert_eq!(told.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&told.stdout).contains(told_by_doctor));
    }
}

#[test]
fn two_nodes_share_their_witnesses() {
    let server = PostgresServer::shared();
    let url = server.socket_url(&server.create_database());
    let first = House::on_server(&url);
    let second = first.with_the_same_keys();
    second.run(&["init", "--issuer", &example_issuer(), "--database", &url], "");
    let log = log_vkey(&first, &["--database", &url]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let courts =
        folders.each_ref().map(|folder| Node::spawn(daemon(folder.path(), "127.0.0.1:0".parse().unwrap(), &[&log])));
    let mut file = format!("log {log}\n");
    for ((name, folder), court) in ["one", "two"].into_iter().zip(&folders).zip(&courts) {
        writeln!(file, "witness {name} {} http://{}", verifier(folder.path()), court.address).unwrap();
    }
    file.push_str("group both all one two\nquorum both\n");
    let policy = Policy::parse(file.as_bytes()).unwrap();
    for house in [&first, &second] {
        fs::write(house.data().policy(), &file).unwrap();
    }
    let nodes = [&first, &second].map(|house| Node::start(house, &["--database", &url]));
    for number in 0..6 {
        register(&first, nodes[number as usize % 2].address, number);
    }
    for node in &nodes {
        let witnessed = wait_until_witnessed(node.address, &policy, 12, &|| node.log());
        assert_eq!(witnessed.cosigners.len(), 2);
    }
    assert!(courts.iter().all(|court| !court.log().contains("does not extend")));
}
