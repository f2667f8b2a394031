//! Nodes that come and go while people work: who listens to `/readyz` loses nothing, and a service manager hears of it.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    net::{SocketAddr, TcpListener},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    node_process::{Node, PATIENCE, get, serve, wait},
    raw_http::{Answer, Connection, Request},
    real_server::{Clerk, House, reference_in},
};

const CLIENTS: usize = 4;

/// A connection that the server has ended, rather than one that says something else.
fn has_ended(connection: &mut Connection) -> bool {
    connection.send(&Request::get("/healthz").bytes()).is_err()
}

#[test]
fn a_node_that_leaves_says_so_first_and_answers_all_the_same() {
    let house = House::new();
    let drain = Duration::from_secs(2);
    let mut node = Node::start(&house, &["--drain", "2"]);
    let mut kept = Connection::open(node.address).unwrap();
    let mut idle = Connection::open(node.address).unwrap();
    for connection in [&mut kept, &mut idle] {
        let answer = connection.send(&Request::get("/").bytes()).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, None), "{}", answer.head);
    }
    let told = Instant::now();
    node.signal("TERM");
    node.wait_until_ready_says(503, "draining\n");
    let answer = kept.send(&Request::get("/").bytes()).unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.head);
    assert!(has_ended(&mut kept), "a client that was told to leave is not waited for");
    assert_eq!(node.get("/").status, 200, "who has not noticed yet is served");
    assert_eq!(node.get("/healthz").text(), "ok");
    assert!(!node.has_ended() && told.elapsed() < drain, "this was looked at too late to mean anything");
    let address = node.address;
    let (status, log) = node.end();
    assert!(status.success(), "{status}: {log}");
    assert!(told.elapsed() >= drain, "it was gone after {:?}", told.elapsed());
    assert!(has_ended(&mut idle));
    assert!(Connection::open(address).is_err(), "nobody listens any more");
}

#[test]
fn a_second_signal_does_not_wait() {
    let house = House::new();
    let node = Node::start(&house, &["--drain", "600"]);
    node.signal("TERM");
    node.wait_until_ready_says(503, "draining\n");
    node.signal("INT");
    let (status, log) = node.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
}

/// What a proxy knows of a node.
struct Backend {
    address: SocketAddr,
    ready: AtomicBool,
}

/// A proxy that honours `/readyz`, keeps its connections, obeys `Connection: close` and sends nothing twice.
struct Proxy {
    backends: [Backend; 2],
    over: AtomicBool,
    /// What went wrong for a client.
    failures: Mutex<Vec<String>>,
    /// The starts of the program that answered, after the first part of their requests' names, with how often.
    starts: Mutex<HashMap<String, usize>>,
    registered: Mutex<BTreeSet<String>>,
}

impl Proxy {
    fn probe(&self) {
        while !self.over.load(Ordering::Relaxed) {
            for backend in &self.backends {
                let ready = get(backend.address, "/readyz").is_ok_and(|answer| answer.status == 200);
                backend.ready.store(ready, Ordering::Relaxed);
            }
            thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn client(&self, name: usize, clerk: &Clerk, token: &str) {
        let mut kept: [Option<Connection>; 2] = [None, None];
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let Some(at) =
                [turn % 2, (turn + 1) % 2].into_iter().find(|at| self.backends[*at].ready.load(Ordering::Relaxed))
            else {
                return self.fail("no node is ready".to_owned());
            };
            let writes = turn % 5 == 0;
            let request = if writes {
                let applicant = format!("Client {name} Turn {turn}");
                clerk.register(&format!("rolling-{name}-{turn}"), &[("procedure", "NRU"), ("applicant", &applicant)])
            } else {
                Request::get(&format!("/D/{token}"))
            };
            let answer = match self.send(&mut kept[at], at, &request) {
                Ok(answer) => answer,
                Err(error) => return self.fail(format!("client {name}, turn {turn}, node {at}: {error}")),
            };
            let expected = if writes { 303 } else { 200 };
            if answer.status != expected {
                return self.fail(format!("client {name}, turn {turn}, node {at}: {}", answer.head));
            }
            if writes {
                let reference = answer.header("location").and_then(reference_in).expect("a receipt's page");
                self.registered.lock().unwrap().insert(reference.to_owned());
            }
            let id = answer.header("x-request-id").expect("each answer has its name");
            let start = id.split('-').next().expect("a split has a first part").to_owned();
            *self.starts.lock().unwrap().entry(start).or_default() += 1;
        }
    }

    /// Once, on the connection that is kept or on a new one.
    fn send(&self, kept: &mut Option<Connection>, at: usize, request: &Request) -> io::Result<Answer> {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(self.backends[at].address)?,
        };
        let answer = connection.send(&request.bytes())?;
        if answer.header("connection") != Some("close") {
            *kept = Some(connection);
        }
        Ok(answer)
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
        self.over.store(true, Ordering::Relaxed);
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    /// Waits until this many starts of the program have answered something.
    fn wait_for_starts(&self, count: usize) {
        let seen = || self.starts.lock().unwrap().len();
        let heard = wait(|| seen() >= count || self.over.load(Ordering::Relaxed));
        assert!(heard.is_ok() && seen() >= count, "{} of {count} starts answered: {:?}", seen(), self.failures());
    }
}

#[test]
fn a_rolling_restart_behind_a_proxy_is_noticed_by_nobody() {
    let mut house = House::new();
    let receipt = house.run(&["register", "--procedure", "NRU", "--applicant", "Salma Bensalem", "--json"], "");
    let receipt: serde_json::Value = serde_json::from_slice(&receipt.stdout).unwrap();
    let token = receipt["token"].as_str().unwrap();
    let mut nodes = [0, 1].map(|_| Node::start(&house, &["--drain", "2"]));
    house.address = nodes[0].address;
    let clerk = house.sign_in();
    let proxy = Proxy {
        backends: [0, 1].map(|at: usize| Backend { address: nodes[at].address, ready: AtomicBool::new(true) }),
        over: AtomicBool::new(false),
        failures: Mutex::default(),
        starts: Mutex::default(),
        registered: Mutex::default(),
    };
    let nodes = thread::scope(|scope| {
        scope.spawn(|| proxy.probe());
        for name in 0..CLIENTS {
            let (proxy, clerk) = (&proxy, &clerk);
            scope.spawn(move || proxy.client(name, clerk, token));
        }
        proxy.wait_for_starts(2);
        for at in [0, 1] {
            let address = nodes[at].address.to_string();
            nodes[at].signal("TERM");
            assert!(wait(|| nodes[at].has_ended()).is_ok(), "node {at} does not end:\n{}", nodes[at].log());
            nodes[at] = Node::spawn(serve(&house, &["--drain", "2", "--listen", &address]));
            // The next one leaves only when this one is at work.
            proxy.wait_for_starts(3 + at);
        }
        proxy.over.store(true, Ordering::Relaxed);
        nodes
    });
    assert_eq!(proxy.failures(), Vec::<String>::new());
    for node in nodes {
        node.stop();
    }
    // Nothing was registered that no client heard of: numbers have no gaps, and the first was taken before.
    let registered = proxy.registered.into_inner().unwrap();
    let last = registered.iter().next_back().and_then(|reference| reference.rsplit('-').next()?.parse::<usize>().ok());
    assert_eq!(last, Some(registered.len() + 1), "{registered:?}");
    println!("{} registrations; answers by start: {:?}", registered.len(), proxy.starts.into_inner().unwrap());
}

/// `milaf serve` with a socket that somebody else opened, as systemd passes one.
fn activated(house: &House, listener: &TcpListener) -> Command {
    let served = serve(house, &[]);
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#]);
    command.arg(served.get_program()).args(served.get_args());
    command.env("MILAF_LOG", "debug").env_remove("MILAF_PUBLIC_URL").env_remove("MILAF_LOG_FORMAT");
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    command
}

#[test]
fn under_socket_activation_a_restart_drops_no_connection() {
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let node = Node::spawn(activated(&house, &listener));
    assert_eq!(node.address, address, "the socket goes before --listen");
    let over = AtomicBool::new(false);
    let starts: Mutex<BTreeSet<String>> = Mutex::default();
    let failures: Mutex<Vec<String>> = Mutex::default();
    let client = || {
        while !over.load(Ordering::Relaxed) {
            match get(address, "/") {
                Ok(answer) if answer.status == 200 => {
                    let id = answer.header("x-request-id").unwrap().split('-').next().unwrap().to_owned();
                    starts.lock().unwrap().insert(id);
                }
                Ok(answer) => failures.lock().unwrap().push(answer.head),
                Err(error) => failures.lock().unwrap().push(error.to_string()),
            }
        }
    };
    let answered_by = |count: usize| wait(|| starts.lock().unwrap().len() >= count);
    let next = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
        let first = answered_by(1);
        node.stop();
        let next = Node::spawn(activated(&house, &listener));
        let second = answered_by(2);
        over.store(true, Ordering::Relaxed);
        assert!(first.is_ok() && second.is_ok(), "not both were heard: {starts:?}");
        next
    });
    next.stop();
    assert_eq!(failures.into_inner().unwrap(), Vec::<String>::new());
}

#[test]
fn two_sockets_are_refused_in_words() {
    let house = House::new();
    let output = serve(&house, &[]).env("LISTEN_FDS", "2").env("LISTEN_PID", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("passes 2 sockets") && words.contains("ListenStream="), "{words}");
}

#[test]
fn a_service_manager_hears_of_the_beginning_the_life_and_the_end() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = |expected: &str| {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|last| last != expected) {
            let mut bytes = [0; 256];
            let count = manager.recv(&mut bytes).unwrap_or_else(|error| panic!("{error}: only {heard:?} was heard"));
            heard.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
        }
        heard
    };
    let mut command = serve(&house, &["--listen", "127.0.0.1:0", "--drain", "1"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let node = Node::spawn(command);
    hear("READY=1\n");
    assert_eq!(node.get("/readyz").status, 200);
    hear("WATCHDOG=1\n");
    hear("WATCHDOG=1\n");
    node.signal("TERM");
    hear("STOPPING=1\n");
    hear("WATCHDOG=1\n");
    let (status, log) = node.end();
    assert!(status.success(), "{log}");
}
