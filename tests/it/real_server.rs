//! The program as an administrator runs it: its own process on its own data folder, with an account at its desk.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use milaf::config::DataDir;

use crate::raw_http::{Answer, Connection, Request, form};

pub(crate) const ACCOUNT: &str = "clerk";
pub(crate) const PASSWORD: &str = "Quartz-Lantern-58-Saffron";
/// The example issuer's public address. Requests that change something must come from a page of it.
pub(crate) const ORIGIN: &str = "https://suivi.example.ma";

/// A data folder made by the program itself, and the address at which it is served.
pub(crate) struct House {
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self::empty();
        house.run(&["init", "--issuer", &example_issuer()], "");
        house.run(&["account", "add", ACCOUNT], PASSWORD);
        house
    }

    /// With its database on a server.
    pub(crate) fn on_server(url: &str) -> Self {
        let house = Self::empty();
        house.run(&["init", "--issuer", &example_issuer(), "--database", url], "");
        house.run(&["account", "add", ACCOUNT], PASSWORD);
        house
    }

    /// A folder that holds nothing but this one's keys, as an administrator prepares one more node.
    pub(crate) fn with_the_same_keys(&self) -> Self {
        let other = Self::empty();
        fs::create_dir(other.data().root()).expect("a folder can be made");
        let copied = Command::new("cp").arg("-a").arg(self.data().keys()).arg(other.data().keys()).status();
        assert!(copied.expect("cp runs").success());
        other
    }

    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), address: free_address() }
    }

    pub(crate) fn data(&self) -> DataDir {
        DataDir::new(self.folder.path().join("data"))
    }

    /// Runs a command on the data folder with one line on its standard input; it must succeed.
    pub(crate) fn run(&self, arguments: &[&str], line: &str) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
        writeln!(child.stdin.take().expect("the input is piped"), "{line}").ok();
        let output = child.wait_with_output().expect("the program ends");
        assert!(output.status.success(), "milaf {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milaf"));
        command.args(arguments).arg("--data").arg(self.data().root());
        command
            .env_remove("MILAF_PUBLIC_URL")
            .env_remove("MILAF_DATABASE")
            .env("RUST_BACKTRACE", "0")
            .env("MILAF_LOG", "debug");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts serving and returns when requests are answered.
    pub(crate) fn serve(&self) -> Server {
        let listen = self.address.to_string();
        let mut child = self.command(&["serve", "--listen", &listen]).stdin(Stdio::null()).spawn().expect("it starts");
        let mut outputs = Vec::new();
        if let (Some(out), Some(error)) = (child.stdout.take(), child.stderr.take()) {
            outputs.push(collect(out));
            outputs.push(collect(error));
        }
        let mut server = Server { child, outputs };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.is_healthy() {
            if let Ok(Some(status)) = server.child.try_wait() {
                panic!("the server ended with {status}: {}", server.read_log());
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            thread::park_timeout(Duration::from_millis(2));
        }
        server
    }

    pub(crate) fn is_healthy(&self) -> bool {
        let answer = Connection::open(self.address)
            .and_then(|mut connection| connection.send(&Request::get("/healthz").closing()));
        answer.is_ok_and(|answer| answer.status == 200 && answer.text().trim() == "ok")
    }

    /// Signs a clerk in.
    pub(crate) fn sign_in(&self) -> Clerk {
        sign_in_at(self.address)
    }
}

/// Signs a clerk in at a server or at a proxy in front of it.
pub(crate) fn sign_in_at(address: SocketAddr) -> Clerk {
    let mut connection = Connection::open(address).expect("the server accepts connections");
    sign_in_by(&mut |request| connection.send(&request.bytes()).expect("signing in is answered"))
}

/// Signs a clerk in, by whichever way requests are sent.
pub(crate) fn sign_in_by(send: &mut dyn FnMut(Request) -> Answer) -> Clerk {
    let fields = form(&[("name", ACCOUNT), ("password", PASSWORD), ("next", "")]);
    let answer = send(Request::post("/desk/sign-in", fields).header("Origin", ORIGIN));
    assert_eq!(answer.status, 303, "signing in: {}", answer.head);
    let pair = |value: &str| value.split(';').next().map(str::to_owned);
    let is_session = |pair: &String| pair.split('=').next().is_some_and(|name| name.ends_with("milaf"));
    let cookie = answer.headers("set-cookie").filter_map(pair).find(is_session).expect("a session cookie");
    let mut clerk = Clerk { cookie, csrf: String::new() };
    let page = send(clerk.on(Request::get("/desk/register")));
    assert_eq!(page.status, 200, "the registration form: {}", page.head);
    clerk.csrf = hidden_value(&page.text(), "csrf");
    clerk
}

pub(crate) fn example_issuer() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/issuer.toml").to_owned()
}

/// Below the ports that the system hands out by itself: a client that dials a dead server must never reach its own socket.
/// Nobody else in this process is given the same ten ports, because a server that is killed comes back to its own.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 100).expect("below 100");
    let number = GIVEN.fetch_add(1, Ordering::Relaxed);
    let first = 20_000 + (process + number) % 120 * 100 + number / 120 % 10 * 10;
    let mut candidates = (first..first + 10).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    candidates.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The value of a form's hidden control.
pub(crate) fn hidden_value(page: &str, name: &str) -> String {
    let control = page
        .split("<input")
        .find(|tag| tag.split('>').next().is_some_and(|tag| tag.contains(&format!("name=\"{name}\""))))
        .unwrap_or_else(|| panic!("the page has no control {name}"));
    let value = control.split("value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("a hidden control has a value").to_owned()
}

/// A running server. Dropping it kills it, as a failing test would otherwise leave it behind.
pub(crate) struct Server {
    child: Child,
    outputs: Vec<JoinHandle<String>>,
}

impl Server {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with signal 9 and returns what it wrote to both of its outputs.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("a running server can be killed");
        self.child.wait().expect("a killed server ends");
        self.read_log()
    }

    /// Asks it to end, waits until it has, and returns what it wrote.
    pub(crate) fn stop(self) -> String {
        self.ask_to_end();
        self.ended()
    }

    /// Sends what service managers send.
    pub(crate) fn ask_to_end(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().expect("kill runs");
        assert!(asked.success(), "the server had ended before it was asked to");
    }

    /// Waits until it has ended, which must be with exit code 0, and returns what it wrote.
    pub(crate) fn ended(mut self) -> String {
        let status = self.child.wait().expect("the server ends");
        let log = self.read_log();
        assert!(status.success(), "the server ended with {status}: {log}");
        log
    }

    fn read_log(&mut self) -> String {
        self.outputs.drain(..).map(|output| output.join().expect("the reader does not fail")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A signed-in session.
#[derive(Clone)]
pub(crate) struct Clerk {
    /// `name=secret`
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Clerk {
    /// Sends the request from a page of the desk.
    pub(crate) fn on(&self, request: Request) -> Request {
        request.header("Cookie", &self.cookie).header("Origin", ORIGIN)
    }

    /// The registration of a form's fields, which come beside the session's own.
    pub(crate) fn register(&self, form_key: &str, fields: &[(&str, &str)]) -> Request {
        let mut all = vec![("csrf", self.csrf.as_str()), ("form-key", form_key), ("confirm-duplicate", "1")];
        all.extend_from_slice(fields);
        self.on(Request::post("/desk/register", form(&all)))
    }
}

/// The reference in the address of a receipt's page, which is where a registration leads.
pub(crate) fn reference_in(location: &str) -> Option<&str> {
    location.strip_prefix("/desk/d/")?.split_once("/receipt").map(|(reference, _)| reference)
}

/// What lies in the folder, for tests that look behind the door.
pub(crate) fn read_to_string(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}
