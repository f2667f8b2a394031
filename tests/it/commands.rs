//! The program as an administrator runs it: the real binary, its files, its exit codes and its words.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milaf"));
    command.env_remove("MILAF_PUBLIC_URL").env_remove("MILAF_LOG").env("RUST_BACKTRACE", "1");
    command
}

pub(crate) fn milaf(arguments: &[&str], stdin: &str) -> Ran {
    let mut child =
        program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // One that answers while it reads fills its pipe, so what it says is taken while it is written to. A command that
        // reads no input may have ended already.
        scope.spawn(move || input.write_all(stdin.as_bytes()));
        child.wait_with_output().unwrap()
    });
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn example_issuer() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/issuer.toml").to_owned()
}

/// A new office in a folder that goes with it.
pub(crate) struct Office {
    folder: TempDir,
}

impl Office {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Self { folder };
        milaf(&["init", "--issuer", &example_issuer(), "--data", &office.data()], "").expect(0);
        office
    }

    /// Another office with the same data, keys and permissions.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap() };
        let copied = Command::new("cp").args(["-a", &self.data(), &copy.data()]).status().unwrap();
        assert!(copied.success());
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self) -> String {
        self.path("data").display().to_string()
    }

    pub(crate) fn register(&self, name: &str, more: &[&str]) -> serde_json::Value {
        let data = self.data();
        let mut arguments = vec!["register", "--data", &data, "--procedure", "NRU", "--applicant", name, "--json"];
        arguments.extend(more);
        serde_json::from_slice(&milaf(&arguments, "").expect(0).stdout).unwrap()
    }

    pub(crate) fn serve(&self) -> Server {
        Server::start(&["serve", "--data", &self.data(), "--listen", "127.0.0.1:0"])
    }
}

/// A program that serves; killed when the test is done with it.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    greeting: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Stop with Ctrl-C.") {
            assert_ne!(stdout.read_line(&mut greeting).unwrap(), 0, "it ended after saying: {greeting}");
        }
        Self { child, stdout, greeting }
    }

    /// The address after `http://` in the first line that has one.
    fn address(&self) -> &str {
        let rest = self.greeting.split_once("http://").unwrap().1;
        rest.split(['/', ' ', '\n']).next().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn terminate(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn from_an_empty_folder_to_a_receipt_on_paper() {
    let office = Office::new();
    let data = office.data();
    milaf(&["account", "add", "salma", "--data", &data], "a long enough password\n").expect(0);
    let drawn = milaf(&["account", "add", "karim", "--data", &data, "--generate"], "").expect(0).text();
    assert_eq!(drawn.trim().len(), 19, "{drawn}");
    milaf(&["account", "password", "karim", "--data", &data], "another long password\r\n").expect(0);
    let listed = milaf(&["account", "list", "--data", &data], "").expect(0).text();
    assert!(listed.contains("karim") && listed.contains("salma"), "{listed}");

    let first = office.register("Salma Bensalem", &["--phone", "0612345678", "--form-key", "one"]);
    let again = office.register("Salma Bensalem", &["--phone", "0612345678", "--form-key", "one"]);
    let reference = first["reference"].as_str().unwrap();
    assert!(reference.starts_with("NRU-20") && reference.ends_with("-000001"), "{first}");
    assert_eq!((&again["reference"], &again["replayed"]), (&first["reference"], &true.into()), "{again}");
    assert_eq!(first["leaf_index"], 1, "{first}");
    let url = first["url"].as_str().unwrap();
    assert!(url.starts_with("HTTPS://SUIVI.EXAMPLE.MA/D/"), "{url}");
    assert!(url.contains(first["token"].as_str().unwrap()), "{url}");
    assert_eq!(first["deadline"].as_str().unwrap().len(), 10, "{first}");
    let words = milaf(&["register", "--data", &data, "--procedure", "PC", "--applicant", "علي"], "").expect(0).text();
    assert!(words.contains("milaf receipt PC-20"), "{words}");

    for (format, start) in [("pdf", &b"%PDF-"[..]), ("png", b"\x89PNG"), ("svg", b"<"), ("txt", b"")] {
        let out = office.path(&format!("receipt.{format}")).display().to_string();
        let arguments = ["receipt", reference, "--data", &data, "--format", format, "--out", &out];
        milaf(&arguments, "").expect(0);
        let written = fs::read(&out).unwrap();
        assert!(written.starts_with(start) && written.len() > 500, "{format}: {} bytes", written.len());
        assert!(milaf(&arguments, "").expect(1).stderr.contains("--force"), "{format}");
        milaf(&[&arguments[..], &["--force"]].concat(), "").expect(0);
        assert_eq!(fs::read(&out).unwrap(), written, "{format} is the same each time");
        let piped = milaf(&["receipt", reference, "--data", &data, "--format", format, "--out", "-"], "").expect(0);
        assert_eq!(piped.stdout, written, "{format}");
    }
    let text = fs::read_to_string(office.path("receipt.txt")).unwrap();
    for expected in [reference, "Salma Bensalem", "suivi.example.ma", first["code"].as_str().unwrap(), "█"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }

    let found = milaf(&["doctor", "--data", &data], "").expect(0).text();
    for expected in
        ["ok    keys", "ok    database", "ok    log: 4 entries", "version 11", "warn  review", "ok    clock"]
    {
        assert!(found.contains(expected), "{expected} in {found}");
    }
}

#[test]
fn bad_command_lines_say_what_to_do() {
    let office = Office::new();
    let (data, issuer) = (office.data(), example_issuer());
    let full = office.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("letter.txt"), "not ours").unwrap();
    let full = full.display().to_string();
    let nowhere = office.path("nowhere").display().to_string();
    let out = office.path("x.pdf").display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let broken = office.path("broken.toml");
    fs::write(&broken, "public_url = 3").unwrap();
    let broken = broken.display().to_string();
    let register = ["register", "--data", &data, "--procedure", "NRU", "--applicant", "Ali"];
    let registering = |more: &[&'static str]| -> Vec<String> {
        register.iter().copied().chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let check = |arguments: &[&str], stdin: &str, code: i32, phrase: &str| {
        let ran = milaf(arguments, stdin);
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert_eq!(ran.code, code, "{arguments:?}: {said}");
        assert!(said.contains(phrase), "{arguments:?} does not say {phrase:?}: {said}");
        assert!(!said.contains("panicked") && !said.to_lowercase().contains("backtrace"), "{arguments:?}: {said}");
    };
    check(&[], "", 2, "Usage");
    check(&["fly"], "", 2, "unrecognized subcommand");
    check(&["init"], "", 2, "--issuer");
    check(&["init", "--issuer", &nowhere, "--data", &nowhere], "", 1, "cannot be read");
    check(&["init", "--issuer", &broken, "--data", &nowhere], "", 1, "line 1");
    check(&["init", "--issuer", &issuer, "--data", &data], "", 1, "already");
    check(&["serve", "--data", &nowhere], "", 1, "milaf init");
    check(&["serve", "--data", &full], "", 1, "no issuer.toml");
    check(&["serve", "--data", &data, "--listen", "8080"], "", 2, "127.0.0.1:8080");
    check(&["serve", "--data", &data, "--listen", &taken], "", 1, "--listen");
    check(&["serve", "--data", &data, "--public-url", "ftp://a.ma"], "", 2, "https://");
    check(&["serve", "--data", &data, "--trusted-proxy", "nginx"], "", 2, "invalid IP address");
    check(&["demo", "--data", &data], "", 1, "Choose another folder");
    check(&["demo", "--data", &full], "", 1, "Choose another folder");
    check(&["demo", "--dossiers", "0"], "", 2, "1..=20000");
    check(&["demo", "--public-url", "http://a.ma/x"], "", 2, "no path");
    check(&["account"], "", 2, "Usage");
    check(&["account", "add", "Salma", "--data", &data], "a long enough password\n", 2, "lower-case");
    check(&["account", "add", "salma", "--data", &data], "short\n", 1, "12 characters");
    check(&["account", "add", "salma", "--data", &data], "", 1, "--generate");
    check(&["account", "password", "nobody", "--data", &data], "a long enough password\n", 1, "account list");
    check(&["register", "--data", &data, "--procedure", "NRU"], "", 2, "--applicant");
    check(&["register", "--data", &data, "--procedure", "XX", "--applicant", "Ali"], "", 2, "Choose from: NRU");
    for (more, phrase) in [
        (&["--phone", "12"][..], "--phone: not a telephone number"),
        (&["--email", "x"], "--email: not an e-mail"),
        (&["--identity", "AB"], "--identity"),
        (&["--office", "RABAT"], "Choose from: GUELMIM"),
        (&["--document", "cake"], "--document: there is no such value. Choose from: request"),
        (&["--document", "request", "--document", "request"], "given twice"),
        (&["--depositor-role", "architect"], "--depositor: it is missing"),
        (&["--depositor-role", "baker"], "Choose from: applicant"),
        (&["--form-key", ""], "1 to 64"),
    ] {
        let arguments = registering(more);
        check(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "", 2, phrase);
    }
    check(&["receipt", "NRU", "--data", &data, "--out", &out], "", 2, "NRU-2026-000123");
    check(&["receipt", "NRU-2026-000999", "--data", &data, "--out", &out], "", 1, "there is no dossier");
    check(&["receipt", "NRU-2026-000999", "--data", &data, "--out", &out, "--format", "doc"], "", 2, "pdf");
    check(&["receipt", "NRU-2026-000999", "--data", &data, "--out", &data], "", 1, "--force");
    check(&["doctor", "--data", &nowhere], "", 1, "fail");
    check(&["doctor"], "", 2, "--data");
}

#[test]
fn every_command_shows_an_example() {
    for command in [
        &["demo"][..],
        &["init"],
        &["serve"],
        &["account"],
        &["account", "add"],
        &["account", "password"],
        &["account", "list"],
        &["register"],
        &["receipt"],
        &["doctor"],
        &["backup"],
        &["restore"],
    ] {
        let help = milaf(&[command, &["--help"]].concat(), "").expect(0).text();
        let example = format!("milaf {}", command.join(" "));
        assert!(help.contains("Example") && help.contains(&example), "{help}");
    }
}

#[test]
fn the_commands_and_a_server_share_one_office() {
    let office = Office::new();
    let server = office.serve();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let office = &office;
            scope.spawn(move || {
                for turn in 0..3 {
                    office.register(&format!("Applicant {worker}.{turn}"), &[]);
                }
            });
        }
    });
    let last = office.register("Last", &[]);
    assert!(last["reference"].as_str().unwrap().ends_with("-000013"), "{last}");
    let path = format!("/D/{}", last["token"].as_str().unwrap());
    assert!(server.get(&path).starts_with("HTTP/1.1 200"), "{path}");
    server.terminate();
    let found = milaf(&["doctor", "--data", &office.data()], "").expect(0).text();
    assert!(found.contains("ok    log: 26 entries"), "{found}");
}

#[test]
fn a_killed_server_starts_again() {
    let office = Office::new();
    let mut server = office.serve();
    let registered = office.register("Ali", &[]);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = office.serve();
    let path = format!("/D/{}", registered["token"].as_str().unwrap());
    assert!(server.get(&path).starts_with("HTTP/1.1 200"));
    server.terminate();
    milaf(&["doctor", "--data", &office.data()], "").expect(0);
}

fn refused(office: &Office, phrase: &str) {
    for command in ["serve", "doctor"] {
        let ran = milaf(&[command, "--data", &office.data()], "").expect(1);
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(said.contains(phrase), "{command} does not say {phrase:?}: {said}");
    }
}

fn restore(office: &Office, kept: &Path) {
    for name in ["milaf.db-wal", "milaf.db-shm"] {
        let _ = fs::remove_file(office.path("data").join(name));
    }
    fs::copy(kept, office.path("data/milaf.db")).unwrap();
}

#[test]
fn an_older_database_is_refused() {
    let office = Office::new();
    office.register("First", &[]);
    let kept = office.path("kept.db");
    fs::copy(office.path("data/milaf.db"), &kept).unwrap();
    office.register("Second", &[]);
    let whole = office.path("whole.db");
    fs::copy(office.path("data/milaf.db"), &whole).unwrap();
    restore(&office, &kept);
    refused(&office, "older than what was published");
    restore(&office, &whole);
    milaf(&["doctor", "--data", &office.data()], "").expect(0);
    fs::remove_file(office.path("data/checkpoint")).unwrap();
    refused(&office, "--adopt-checkpoint");
    milaf(&["doctor", "--data", &office.data(), "--adopt-checkpoint"], "").expect(0);
    office.register("Third", &[]);
}

#[test]
fn foreign_keys_are_refused() {
    let (office, other) = (Office::new(), Office::new());
    office.register("First", &[]);
    for name in ["token.key", "seal.key", "log.key", "identity.key"] {
        fs::copy(other.path("data/keys").join(name), office.path("data/keys").join(name)).unwrap();
    }
    refused(&office, "keys do not belong to this database");
}

#[test]
fn the_demonstration_goes_on_with_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let arguments = ["demo", "--data", &data, "--listen", "127.0.0.1:0", "--dossiers", "30"];
    let line = |greeting: &str, phrase: &str| {
        greeting
            .lines()
            .find(|line| line.contains(phrase))
            .unwrap_or_else(|| panic!("{phrase} in {greeting}"))
            .to_owned()
    };
    let entries = || line(&milaf(&["doctor", "--data", &data], "").expect(0).text(), "ok    log:");

    let first = Server::start(&arguments);
    assert_eq!(line(&first.greeting, "password").trim().len(), "password        ".len() + 19);
    let path = line(&first.greeting, "HTTP://127").trim().split_once("/D/").unwrap().1.to_owned();
    assert!(first.get(&format!("/D/{path}")).starts_with("HTTP/1.1 200"));
    let sample = line(&first.greeting, "A receipt to scan");
    first.terminate();
    milaf(&["log", "audit", "--data", &data], "").expect(0);
    let before = entries();

    let database = rusqlite::Connection::open(folder.path().join("data/milaf.db")).unwrap();
    let states: i64 = database.query_row("SELECT count(DISTINCT state) FROM dossiers", (), |row| row.get(0)).unwrap();
    assert_eq!(states, 9, "every state is shown");
    drop(database);

    let second = Server::start(&arguments);
    assert!(line(&second.greeting, "password ").contains("milaf account password clerk"));
    assert_eq!(line(&second.greeting, "A receipt to scan"), sample);
    assert!(second.get(&format!("/D/{path}")).starts_with("HTTP/1.1 200"), "papers stay good");
    // What other commands print under the second run's address is answered by the second run.
    let address =
        line(&second.greeting, "Public pages").split_once("http://").unwrap().1.trim_end_matches('/').to_owned();
    let paper =
        milaf(&["receipt", sample.rsplit(' ').next().unwrap(), "--data", &data, "--format", "txt", "--out", "-"], "");
    assert!(paper.expect(0).text().contains(&address), "{address}");
    second.terminate();
    assert_eq!(entries(), before);
    // As a first run leaves it that was killed among its dossiers.
    let database = rusqlite::Connection::open(folder.path().join("data/milaf.db")).unwrap();
    database.execute_batch("DELETE FROM sessions; DELETE FROM accounts").unwrap();
    let half = milaf(&arguments, "").expect(1);
    assert!(half.stderr.contains("interrupted") && half.stderr.contains("remove the folder"), "{}", half.stderr);
    let doctor = milaf(&["doctor", "--data", &data], "").expect(0).text();
    assert!(doctor.contains("words: zgh/public.ftl") && doctor.contains("procedure "), "{doctor}");
}
