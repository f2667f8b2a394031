//! `examples/three-nodes`: three nodes behind the proxy, over a primary and its standby, all from the shipped files.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    database::{furnish, primary, standby, write_passfile},
    proxy::Proxy,
    site::{Site, both},
    unit::{Unit, judge},
};
use crate::{
    node_process::{Node, wait},
    raw_http::Request,
    real_server::{ACCOUNT, Clerk, PASSWORD, example_issuer, free_address, reference_in, sign_in_by},
};

const KEYS: [&str; 4] = ["token", "seal", "log", "identity"];

/// `systemd-run`, as far as it is asked for: the credentials and the command.
const SYSTEMD_RUN: &str = r#"#!/bin/sh
set -eu
CREDENTIALS_DIRECTORY=$(mktemp -d)
export CREDENTIALS_DIRECTORY
while :; do
    case $1 in
        --property=LoadCredential=*) pair=${1#*=*=}; cp "${pair#*:}" "$CREDENTIALS_DIRECTORY/${pair%%:*}" ;;
        --*) ;;
        *) break ;;
    esac
    shift
done
status=0
"$@" || status=$?
rm -r "$CREDENTIALS_DIRECTORY"
exit "$status"
"#;

/// One node's machine.
pub(super) struct Machine {
    pub(super) site: Site,
    pub(super) address: SocketAddr,
}

impl Machine {
    /// With the office's keys, and knowing the servers that `database` knows.
    pub(super) fn new(database: &Site, servers: [u16; 2], keys: &[String; 4]) -> Self {
        let (mut site, address) = (Site::new(), free_address());
        for (name, port) in ["db1", "db2"].into_iter().zip(servers) {
            site.place(&format!("{name}.example.ma:5432"), &format!("localhost:{port}"));
        }
        site.place("10.0.0.11:8080", &address.to_string());
        site.place("10.0.0.11:9100", "127.0.0.1:0");
        site.place("\"10.0.0.10\"", "\"127.0.0.1\"");
        for (name, key) in KEYS.into_iter().zip(keys) {
            site.write(&format!("/etc/milaf/keys/{name}.key"), key, 0o600);
        }
        fs::copy(database.path("/etc/milaf/database-ca.pem"), site.path("/etc/milaf/database-ca.pem")).unwrap();
        write_passfile(&site);
        site.install("three-nodes/node.toml", "/var/lib/milaf/node.toml");
        site.install("three-nodes/milaf-admin", "/usr/local/sbin/milaf-admin");
        site.write("/usr/bin/systemd-run", SYSTEMD_RUN, 0o755);
        let machine = Self { site, address };
        machine.admin(&["init", "--issuer", &example_issuer()], "", 0);
        machine
    }

    pub(super) fn data(&self) -> PathBuf {
        self.site.path("/var/lib/milaf")
    }

    /// Runs a command through `milaf-admin`, which must end with this code, and gives what it said.
    pub(super) fn admin(&self, arguments: &[&str], line: &str, code: i32) -> String {
        let path = format!("{}:{}", self.site.path("/usr/bin").display(), std::env::var("PATH").unwrap());
        let mut admin = Command::new(self.site.path("/usr/local/sbin/milaf-admin"));
        admin.args(arguments).arg("--data").arg(self.data()).env("PATH", path).env_remove("MILAF_DATABASE");
        let mut child =
            admin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        writeln!(child.stdin.take().unwrap(), "{line}").ok();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "milaf-admin {arguments:?}: {}", both(&output));
        both(&output)
    }

    /// Starts the service, and returns when it has told systemd that it is ready.
    pub(super) fn start(&self) -> Node {
        let unit = Unit::new(&self.site, "three-nodes/milaf.service");
        let manager = unit.listen();
        let node = Node::spawn(unit.start(&[], &[&self.data()]));
        manager.hear("READY=1");
        assert_eq!(node.address, self.address, "as node.toml says");
        node
    }
}

/// Four keys, as `openssl rand -hex 32` writes them.
pub(super) fn new_keys() -> [String; 4] {
    let mut random = fs::File::open("/dev/urandom").unwrap();
    KEYS.map(|_| {
        let mut bytes = [0; 32];
        random.read_exact(&mut bytes).unwrap();
        format!("{}\n", hex::encode(bytes))
    })
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let units = ["milaf.service", "postgresql/milaf-base-backup.service", "postgresql/milaf-base-backup.timer"];
    let site = Site::new();
    for script in ["base-backup", "archive-wal"] {
        site.install(&format!("three-nodes/postgresql/{script}"), &format!("/usr/local/lib/milaf/{script}"));
    }
    judge(&site, &units.map(|unit| format!("three-nodes/{unit}")).each_ref().map(String::as_str), 15);
}

/// Visitors and clerks who come and go through the proxy.
struct Crowd<'a> {
    proxy: &'a Proxy,
    clerk: &'a Clerk,
    page: &'a str,
    over: AtomicBool,
    answered: AtomicUsize,
    registered: Mutex<BTreeSet<String>>,
    failures: Mutex<Vec<String>>,
}

impl Crowd<'_> {
    fn visit(&self, name: usize) {
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{name:016x}{turn:016x}");
            let form = self.clerk.register(&key, &[("procedure", "NRU"), ("applicant", &format!("A {name} {turn}"))]);
            let (request, expected) = if turn % 4 == 0 { (form, 303) } else { (Request::get(self.page), 200) };
            match self.proxy.browser().send(&request) {
                Ok(answer) if answer.status == expected => {
                    let reference = answer.header("location").and_then(reference_in);
                    self.registered.lock().unwrap().extend(reference.map(str::to_owned));
                }
                // Whoever writes is told that it may not have been done, and sends the form again.
                Ok(answer) if expected == 303 && answer.status == 502 => {
                    let again = self.proxy.browser().send(&request).unwrap();
                    let reference = again.header("location").and_then(reference_in).map(str::to_owned);
                    self.failures.lock().unwrap().push(format!("{}: {}", answer.status, again.status));
                    self.registered.lock().unwrap().extend(reference);
                }
                Ok(answer) => return self.fail(&format!("{} instead of {expected}: {}", answer.status, answer.head)),
                Err(error) => return self.fail(&error.to_string()),
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fail(&self, what: &str) {
        self.over.store(true, Ordering::Relaxed);
        panic!("a visitor was not served: {what}");
    }

    /// Returns when this many more were served.
    fn go_on(&self, more: usize) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        let served = wait(|| self.answered.load(Ordering::Relaxed) >= until || self.over.load(Ordering::Relaxed));
        assert!(served.is_ok() && !self.over.load(Ordering::Relaxed), "requests do not go on");
    }
}

#[test]
fn three_nodes_serve_through_the_proxy_while_nodes_go() {
    let mut database = Site::new();
    furnish(&mut database);
    let db1 = primary(&mut database, &[]);
    let db2 = standby(&mut database, &db1);
    let (servers, keys) = ([db1.port(), db2.port()], new_keys());
    let mut machines = [0, 1, 2].map(|_| Machine::new(&database, servers, &keys));
    machines[0].admin(&["account", "add", ACCOUNT], PASSWORD, 0);
    let found = machines[2].admin(&["doctor"], "", 0);
    for line in ["ok    database: PostgreSQL", "ok    keys"] {
        assert!(found.contains(line), "{line:?} is not in {found}");
    }
    assert!(!found.contains("no standby confirms") && !found.contains("not encrypted"), "{found}");
    let mut nodes: Vec<_> = machines.iter().map(|machine| Some(machine.start())).collect();
    let addresses = [0, 1, 2].map(|at: usize| machines[at].address);
    let proxy = Proxy::start(&mut machines[0].site, addresses);

    // Every page of the desk may come from another node.
    let clerk = sign_in_by(&mut |request| proxy.browser().send(&request).unwrap());
    let form = clerk.register(&"e".repeat(32), &[("procedure", "NRU"), ("applicant", "Fatima Ben Ali")]);
    let answer = proxy.browser().send(&form).unwrap();
    assert_eq!(answer.status, 303, "{}", answer.head);
    let receipt = clerk.on(Request::get(answer.header("location").unwrap()));
    assert_eq!(proxy.browser().send(&receipt).unwrap().status, 200);
    let scripted = machines[1].admin(&["register", "--procedure", "NRU", "--applicant", "Ali", "--json"], "", 0);
    let scripted: serde_json::Value = serde_json::from_str(&scripted).unwrap();
    let page = format!("/D/{}", scripted["token"].as_str().unwrap());
    let seen = proxy.get(&page);
    assert_eq!(seen.status, 200, "{}", seen.head);
    assert!(seen.header("strict-transport-security").is_some(), "{}", seen.head);
    let id = seen.header("x-request-id").expect("the request's name").to_owned();
    let told = || nodes.iter().flatten().any(|node| node.log().contains(&id));
    assert!(id.len() == 36 && wait(told).is_ok(), "the proxy's name of a request is in a node's log: {id}");

    let crowd = Crowd {
        proxy: &proxy,
        clerk: &clerk,
        page: &page,
        over: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        registered: Mutex::default(),
        failures: Mutex::default(),
    };
    thread::scope(|scope| {
        for name in 0..4 {
            let crowd = &crowd;
            scope.spawn(move || crowd.visit(name));
        }
        crowd.go_on(40);
        // One leaves in order, and nobody notices.
        nodes[1].take().unwrap().stop();
        crowd.go_on(40);
        assert_eq!(*crowd.failures.lock().unwrap(), Vec::<String>::new(), "a node that leaves in order");
        nodes[1] = Some(machines[1].start());
        // One dies.
        drop(nodes[2].take());
        crowd.go_on(80);
        crowd.over.store(true, Ordering::Relaxed);
    });
    let failures = crowd.failures.into_inner().unwrap();
    assert!(failures.len() <= 4 && failures.iter().all(|failure| failure == "502: 303"), "{failures:?}");
    // Numbers have no gaps, so nothing was written twice or is there that nobody heard of.
    let registered = crowd.registered.into_inner().unwrap();
    let last = registered.iter().next_back().and_then(|reference| reference.rsplit('-').next()?.parse::<usize>().ok());
    assert_eq!(last, Some(registered.len() + 2), "{registered:?}");
    for node in nodes.into_iter().flatten() {
        node.stop();
    }
}
