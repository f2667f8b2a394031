//! `examples/three-nodes/haproxy.cfg`: what it passes on, and what it keeps to itself.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::site::{Site, ran};
use crate::{
    node_process::wait,
    node_tls::{BOTH, Browser, Pair},
    postgres_server::is_root,
    raw_http::{Answer, Connection, Request},
    real_server::free_address,
};

/// Where Debian puts it, which is not on everybody's path.
const PROGRAM: &str = "/usr/sbin/haproxy";

/// The shipped proxy before three nodes.
pub(super) struct Proxy {
    process: Child,
    pub(super) https: SocketAddr,
    http: SocketAddr,
    pair: Pair,
}

impl Proxy {
    /// Returns when it answers, whatever the nodes do.
    pub(super) fn start(site: &mut Site, nodes: [SocketAddr; 3]) -> Self {
        let (https, http, pair) = (free_address(), free_address(), Pair::new());
        site.place("bind :443 ", &format!("bind {https} "));
        site.place("bind :80\n", &format!("bind {http}\n"));
        for (number, node) in (11..).zip(nodes) {
            site.place(&format!("10.0.0.{number}:8080"), &node.to_string());
        }
        if !is_root() {
            site.place("    user haproxy\n    group haproxy\n", "");
        }
        site.write("/etc/haproxy/milaf.pem", &format!("{}{}", pair.chain, pair.key), 0o600);
        let configuration = site.install("three-nodes/haproxy.cfg", "/etc/haproxy/haproxy.cfg");
        let told = ran(Command::new(PROGRAM).arg("-c").arg("-f").arg(&configuration));
        assert!(!told.contains("WARNING") && !told.contains("ALERT"), "{told}");
        let log = fs::File::create(site.path("/etc/haproxy/log")).unwrap();
        let mut haproxy = Command::new(PROGRAM);
        haproxy.arg("-db").arg("-f").arg(&configuration).stdin(Stdio::null()).stdout(log.try_clone().unwrap());
        let proxy = Self { process: haproxy.stderr(log).spawn().unwrap(), https, http, pair };
        let answers = wait(|| TcpStream::connect(https).is_ok());
        assert!(answers.is_ok(), "{}", fs::read_to_string(site.path("/etc/haproxy/log")).unwrap());
        proxy
    }

    /// A browser that keeps its connection.
    pub(super) fn browser(&self) -> Browser {
        Browser::connect(self.https, &[&self.pair], &BOTH, &["http/1.1"]).unwrap()
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.browser().send(&Request::get(path)).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A node that writes down what it is asked.
struct Scribe {
    address: SocketAddr,
    heads: Arc<Mutex<VecDeque<String>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scribe {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, over) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (written, ends) = (Arc::clone(&heads), Arc::clone(&over));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // A probe that is given up is no request.
                let _ = Self::answer(stream.unwrap(), &written);
            }
        });
        Self { address, heads, over, thread: Some(thread) }
    }

    fn answer(stream: TcpStream, heads: &Mutex<VecDeque<String>>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        if !head.starts_with("GET /readyz") {
            heads.lock().unwrap().push_back(head);
        }
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }

    fn asked(&self) -> Option<String> {
        self.heads.lock().unwrap().pop_front()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        TcpStream::connect(self.address).ok();
        self.thread.take().map(JoinHandle::join);
    }
}

/// The values of a header, as a node was asked.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn the_proxy_says_who_the_visitor_is_and_the_visitor_does_not() {
    let mut site = Site::new();
    let scribes = [0, 1, 2].map(|_| Scribe::new());
    let proxy = Proxy::start(&mut site, [0, 1, 2].map(|at: usize| scribes[at].address));
    let asked = || scribes.iter().find_map(Scribe::asked);
    let ready = wait(|| proxy.get("/").status == 200 && asked().is_some());
    assert!(ready.is_ok(), "no node got work");
    while asked().is_some() {}

    let mut forged = Request::get("/D/TOKEN?x=1").without("Host").header("Host", "a.ma");
    for name in ["X-Forwarded-For", "x-forwarded-for", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"] {
        forged = forged.header(name, "203.0.113.9");
    }
    for name in ["Forwarded", "X-Real-IP", "X-Request-Id", "x-request-id"] {
        forged = forged.header(name, "203.0.113.9");
    }
    assert_eq!(proxy.browser().send(&forged).unwrap().status, 200);
    let head = asked().unwrap();
    assert!(!head.contains("203.0.113.9"), "what a visitor said is passed on: {head}");
    assert!(head.starts_with("GET /D/TOKEN?x=1 HTTP/1.1"), "{head}");
    assert_eq!(values(&head, "X-Forwarded-For"), ["127.0.0.1"], "{head}");
    assert_eq!(values(&head, "Host"), ["a.ma"], "{head}");
    let [id] = values(&head, "X-Request-Id")[..] else { panic!("one name, of the proxy's: {head}") };
    let is_fit = |id: &str| id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    assert!(is_fit(id), "{id}");

    for path in ["/metrics", "/metrics/", "/metrics?x", "/readyz", "/healthz"] {
        assert_eq!(proxy.get(path).status, 404, "{path}");
    }
    assert_eq!(asked(), None, "a node was asked what is not the public's");

    let plain = Request::get("/D/TOKEN").without("Host").header("Host", "suivi.example.ma").closing();
    let plain = Connection::open(proxy.http).unwrap().send(&plain).unwrap();
    let location = plain.header("location").map(str::to_owned);
    assert_eq!((plain.status, location.as_deref()), (301, Some("https://suivi.example.ma/D/TOKEN")));
    assert_eq!(asked(), None);
}
