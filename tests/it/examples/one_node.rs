//! `examples/one-node`: one node that speaks TLS itself, on systemd's socket.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use super::{
    site::{Site, both, ran},
    unit::{Unit, forbidden, judge},
};
use crate::{
    node_process::{Node, wait},
    node_tls::{BOTH, Browser, Pair},
    postgres_server::is_root,
    raw_http::Request,
    real_server::{ACCOUNT, PASSWORD, example_issuer, free_address, sign_in_by},
};

const SERVICES: [&str; 4] =
    ["one-node/milaf.service", "one-node/milaf.socket", "one-node/milaf-backup.service", "one-node/milaf-backup.timer"];

/// A site on which an office was made as the README says.
fn site() -> (Site, Pair) {
    let (site, pair) = (Site::new(), Pair::new());
    site.write_pair(&pair, "/etc/milaf/tls/fullchain.pem", "/etc/milaf/tls/privkey.pem");
    ran(milaf(&site, "init").args(["--issuer", &example_issuer()]));
    (site, pair)
}

fn milaf(site: &Site, command: &str) -> Command {
    let mut milaf = Command::new(env!("CARGO_BIN_EXE_milaf"));
    milaf.arg(command).arg("--data").arg(site.path("/var/lib/milaf")).env_remove("MILAF_DATABASE");
    milaf
}

/// Starts the service as the socket unit does: with its first visitor.
fn start(site: &Site, address: SocketAddr) -> Node {
    let (socket, service) = (Unit::new(site, "one-node/milaf.socket"), Unit::new(site, "one-node/milaf.service"));
    let starter = ["systemd-socket-activate", "-l", socket.one("ListenStream")];
    let command = service.start(&starter, &[&site.path("/var/lib/milaf")]);
    thread::scope(|scope| {
        let visitor = scope.spawn(|| wait(|| TcpStream::connect(address).is_ok()));
        let node = Node::spawn(command);
        assert_eq!(visitor.join().unwrap(), Ok(()));
        node
    })
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    judge(&Site::new(), &SERVICES, 15);
}

/// SQLite makes one more call for the superuser, whom no unit names.
#[test]
fn the_filter_of_system_calls_forbids_nothing_that_is_needed() {
    let (site, pair) = site();
    let trace = site.path("/trace");
    // Not between the test and the program, so that signals reach the program.
    let watch = |name: &str, program: &str| {
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "-qq", "-e", "signal=none", "-o"]).arg(trace.with_extension(name)).arg(program);
        strace.env_remove("MILAF_DATABASE");
        strace
    };
    let allowed = watch("none", "true").output().is_ok_and(|output| output.status.success());
    assert!(allowed, "this machine lets no program be watched: allow ptrace, or the filters stay unproven");
    let needed = |example: &str, name: &str| {
        let read = || fs::read_to_string(trace.with_extension(name)).unwrap();
        assert!(wait(|| read().contains("exit_group(")).is_ok(), "the trace has no end");
        let mut forbidden = forbidden(&Unit::new(&site, example), &read());
        forbidden.remove("fchown");
        forbidden
    };
    let mut account = Command::new(env!("CARGO_BIN_EXE_milaf"));
    account.args(["account", "add", ACCOUNT, "--data"]).arg(site.path("/var/lib/milaf")).stdin(Stdio::piped());
    let mut account = account.env_remove("MILAF_DATABASE").spawn().unwrap();
    account.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(account.wait().unwrap().success());

    let data = site.path("/var/lib/milaf");
    let [certificate, key] = ["fullchain", "privkey"].map(|name| site.path(&format!("/etc/milaf/tls/{name}.pem")));
    let mut serve = watch("serve", env!("CARGO_BIN_EXE_milaf"));
    serve.args(["serve", "--metrics", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    serve.arg("--tls-certificate").arg(certificate).arg("--tls-key").arg(key);
    let node = Node::spawn(serve);
    let mut browser = Browser::connect(node.address, &[&pair], &BOTH, &[]).unwrap();
    let clerk = sign_in_by(&mut |request| browser.send(&request).unwrap());
    let form = clerk.register(&"f".repeat(32), &[("procedure", "NRU"), ("applicant", "Fatima")]);
    let receipt = browser.send(&form).unwrap().header("location").unwrap().replace("/receipt", "/receipt.pdf");
    for page in [receipt.split('?').next().unwrap(), "/readyz", "/desk"] {
        let answer = browser.send(&clerk.on(Request::get(page))).unwrap();
        assert_eq!(answer.status, 200, "{page}: {}", answer.head);
    }
    drop(browser);
    node.stop();
    for example in ["one-node/milaf.service", "three-nodes/milaf.service"] {
        assert_eq!(needed(example, "serve"), BTreeSet::new(), "{example}");
    }

    let mut backup = watch("backup", env!("CARGO_BIN_EXE_milaf"));
    ran(backup.arg("backup").arg("--data").arg(&data).arg("--to").arg(site.path("/backup/milaf/a.db")));
    assert_eq!(needed("one-node/milaf-backup.service", "backup"), BTreeSet::new());
}

#[test]
fn the_service_serves_on_its_socket_and_takes_a_renewed_certificate_over() {
    let (mut site, first) = site();
    let address = free_address();
    site.place("[::]:443", &address.to_string());
    let service = Unit::new(&site, "one-node/milaf.service");
    let manager = service.listen();
    let node = start(&site, address);
    assert_eq!(node.address, address);
    manager.hear("READY=1");
    let second = Pair::new();
    let connect = || Browser::connect(address, &[&first, &second], &BOTH, &[]).unwrap();
    let answer = connect().send(&Request::get("/readyz")).unwrap();
    assert_eq!((answer.status, answer.text().trim()), (200, "ready"));

    // As certbot calls it; to give files away is the superuser's.
    let script = site.install("one-node/renewed", "/etc/letsencrypt/renewal-hooks/deploy/milaf");
    if !is_root() || !has_user("milaf") {
        let text = fs::read_to_string(&script).unwrap();
        assert_eq!(text.matches("    chown milaf:milaf ").count(), 1);
        fs::write(&script, text.replace("    chown milaf:milaf ", "    : ")).unwrap();
    }
    site.write_pair(&second, "/lineage/fullchain.pem", "/lineage/privkey.pem");
    ran(Command::new(&script).env("RENEWED_LINEAGE", site.path("/lineage")));
    assert_eq!(wait(|| connect().is_served(&second)), Ok(()), "{}", node.log());

    manager.hear("WATCHDOG=1");
    node.signal("TERM");
    manager.hear("STOPPING=1");
    let (status, log) = node.end();
    assert!(status.success(), "{log}");
}

fn has_user(name: &str) -> bool {
    Command::new("id").arg(name).output().is_ok_and(|output| output.status.success())
}

#[test]
fn the_backup_holds_what_a_lost_machine_takes_with_it() {
    let (site, _) = site();
    ran(milaf(&site, "register").args(["--procedure", "NRU", "--applicant", "Fatima"]));
    let unit = Unit::new(&site, "one-node/milaf-backup.service");
    let (data, backup) = (site.path("/var/lib/milaf"), site.path("/backup/milaf"));
    // Twice, because the second of a day replaces the first.
    for _ in 0..2 {
        for mut command in unit.commands("ExecStart", &[&data, &backup]) {
            ran(&mut command);
        }
    }
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let kept = names(&backup);
    let file = kept.iter().find(|name| name.starts_with("milaf-")).unwrap();
    assert_eq!(
        kept,
        ["catalogue.toml", "checkpoint", "issuer.toml", "keys", "log-name", "logo.png", file],
        "and nothing half-made"
    );

    // A new machine, from the backup alone.
    let before = fs::read_to_string(data.join("checkpoint")).unwrap();
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-Rp").args(kept.iter().filter(|name| *name != file).map(|name| backup.join(name)));
    ran(copy.arg(&data));
    ran(milaf(&site, "restore").arg(backup.join(file)));
    let found = milaf(&site, "doctor").output().unwrap();
    assert!(both(&found).contains("ok    log: 2 entries"), "{}", both(&found));
    assert_eq!(fs::read_to_string(data.join("checkpoint")).unwrap(), before);
}
