//! A PostgreSQL of the tests' own: a cluster in a temporary folder, from the machine's packages, as an administrator would
//! set one up (passwords on TCP, every commit on stable storage), and gone when the tests are.
//!
//! Most tests share one server and take a database each. A test that kills, promotes or reconfigures a server starts its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::real_server::free_address;

/// Owns every database that a test makes; no superuser, as in a well-kept cluster.
pub(crate) const ROLE: &str = "milaf";
/// What the role's password is on TCP.
pub(crate) const PASSWORD: &str = "Cedar-Harbour-41-Lantern";
/// The cluster's superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// Waits for the end of its input, which comes with the end of the tests however they end, and then ends the server. Its
/// folder goes with it, unless it was told to keep it.
const SUPERVISE: &str = r#"
    folder=$1
    shift
    "$@" >>"$folder/server.log" 2>&1 &
    server=$!
    fate=$(cat)
    kill -QUIT "$server" 2>/dev/null
    # A test may have frozen it.
    kill -CONT "$server" 2>/dev/null
    wait "$server"
    [ "$fate" = keep ] || rm -rf "$folder"
"#;

/// A running server and its folder.
#[derive(Debug)]
pub(crate) struct PostgresServer {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    supervisor: Mutex<Option<Supervisor>>,
}

#[derive(Debug)]
struct Supervisor {
    process: Child,
    /// Held open as long as the server should live.
    input: Option<ChildStdin>,
}

impl PostgresServer {
    /// The server that all tests of this run share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// A server of one test's own, with settings such as `max_connections=20`.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let server = Self::place(settings);
        let passwords = server.folder.join("password");
        fs::write(&passwords, PASSWORD).unwrap();
        let mut initdb = as_owner(&program("initdb"));
        initdb.args(["--no-sync", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--username", SUPERUSER]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile"]).arg(&passwords);
        done(initdb.arg("-D").arg(server.data()), "initdb");
        server.run();
        server.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'"));
        server
    }

    /// A hot standby that streams from this server under a name which `synchronous_standby_names` may list.
    pub(crate) fn standby(&self, name: &str, settings: &[&str]) -> Self {
        let standby = Self::place(&[&[&*format!("cluster_name={name}")], settings].concat());
        done(self.backup(&standby.data()).args(["--checkpoint=fast", "--write-recovery-conf"]), "pg_basebackup");
        standby.run();
        standby
    }

    /// Lets a former primary that was killed follow this one, which was promoted in its place.
    pub(crate) fn rewind(&self, former: &Self) {
        // Whether they have parted is seen in the control file, where a promotion stands only after a checkpoint.
        self.sql("postgres", "CHECKPOINT");
        let source = format!("{} dbname=postgres", self.replication_address());
        let mut rewind = as_owner(&program("pg_rewind"));
        rewind.args(["--no-sync", "--write-recovery-conf", "--source-server", &source, "--target-pgdata"]);
        done(rewind.arg(former.data()), "pg_rewind");
        former.run();
    }

    /// For a standby of this server. The standby's name is its `cluster_name`; given here, a backup would bear it as well, and
    /// pass for the standby.
    pub(crate) fn replication_address(&self) -> String {
        format!("host={} port={} user={SUPERUSER}", self.folder.display(), self.port)
    }

    fn backup(&self, folder: &Path) -> Command {
        let mut backup = as_owner(&program("pg_basebackup"));
        backup.args(["--wal-method=stream", "--no-sync", "--dbname", &self.replication_address(), "-D"]).arg(folder);
        backup
    }

    /// A base backup that takes longer than any test.
    pub(crate) fn slow_backup(&self) -> Work {
        let mut backup = self.backup(&self.folder.join("backup"));
        backup.args(["--checkpoint=fast", "--max-rate=32k"]);
        Work(backup.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Runs SQL in a session of its own, and does not wait for it.
    pub(crate) fn work(&self, database: &str, statements: &str) -> Work {
        let mut psql = self.psql(SUPERUSER, database);
        Work(psql.args(["-c", statements]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// A primary that acknowledges a commit only when its standby has it, and that standby.
    pub(crate) fn pair() -> (Self, Self) {
        let primary = Self::start(&[]);
        let standby = primary.standby("standby", &[]);
        primary.configure("synchronous_standby_names", "ANY 1 (standby)");
        let streaming = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'";
        wait_until("the standby is synchronous", || primary.sql("postgres", streaming) == "1");
        (primary, standby)
    }

    /// A server whose data folder the caller makes. The settings go before what the folder's own files say.
    pub(crate) fn made(settings: &[&str], make: impl FnOnce(&Self)) -> Self {
        let server = Self::place(settings);
        make(&server);
        server.run();
        server
    }

    fn place(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("milaf-pg-").tempdir().unwrap().keep();
        if is_root() {
            done(Command::new("chown").arg(SUPERUSER).arg(&folder), "chown to the user that the package makes");
        }
        Self {
            folder,
            port: free_address().port(),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            supervisor: Mutex::new(None),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where the server's socket is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }

    /// Over TCP, with the password.
    pub(crate) fn url(&self, database: &str) -> String {
        Self::url_through(self.port, database)
    }

    /// Over TCP by another port, where something may stand between.
    pub(crate) fn url_through(port: u16, database: &str) -> String {
        format!("postgres://{ROLE}:{PASSWORD}@127.0.0.1:{port}/{database}")
    }

    /// Over the Unix socket, without a password.
    pub(crate) fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{ROLE}@{folder}:{}/{database}", self.port)
    }

    /// An empty database of the role's.
    pub(crate) fn create_database(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("story_{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {ROLE}"));
        name
    }

    /// Runs SQL as the superuser and gives what it answers, one row a line, columns with `|` between; it must succeed.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        self.try_sql(SUPERUSER, database, statements).unwrap_or_else(|error| panic!("{statements}: {error}"))
    }

    /// As [`PostgresServer::sql`], as any role, with the server's complaint, which begins with the SQLSTATE.
    pub(crate) fn try_sql(&self, role: &str, database: &str, statements: &str) -> Result<String, String> {
        let output = self.psql(role, database).args(["-c", statements]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr).trim_start_matches("ERROR:").trim().to_owned())
        }
    }

    fn psql(&self, role: &str, database: &str) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-U", role]);
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-d", database]);
        psql.env("PGOPTIONS", "--client-min-messages=warning");
        psql
    }

    /// Begins a transaction with these statements and keeps it open until the answer is dropped.
    pub(crate) fn hold(&self, database: &str, statements: &str) -> Held {
        let mut psql = self.psql(SUPERUSER, database);
        let mut session = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = session.stdin.take().unwrap();
        writeln!(input, "BEGIN; {statements};\n\\echo held").unwrap();
        let mut line = String::new();
        BufReader::new(session.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held");
        Held { session, input: Some(input) }
    }

    /// Changes a setting that needs no restart, and returns when it holds for new statements.
    pub(crate) fn configure(&self, name: &str, value: &str) {
        self.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.sql("postgres", "SELECT pg_reload_conf()");
        wait_until("the setting holds", || self.sql("postgres", &format!("SHOW {name}")) == value);
    }

    /// Ends the server as a power cut would: at once, with nothing put in order.
    pub(crate) fn kill(&self) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        done(Command::new("kill").arg("-KILL").arg(pid.lines().next().unwrap()), "kill");
        // What the dead server leaves behind notices it by itself, and no other can start beside it.
        wait_until("the server's processes are gone", || processes(&self.data()).is_empty());
        self.end(b"keep");
    }

    /// Stops every process of the server in the middle of what it does, until the answer is dropped.
    pub(crate) fn freeze(&self) -> Frozen {
        let frozen = Frozen(processes(&self.data()));
        frozen.signal("-STOP");
        frozen
    }

    /// Starts a server that was killed or stopped, and returns when it answers.
    pub(crate) fn restart(&self) {
        self.run();
    }

    /// Ends the server in order.
    pub(crate) fn stop(&self) {
        done(as_owner(&program("pg_ctl")).args(["stop", "-m", "fast", "-D"]).arg(self.data()), "pg_ctl stop");
        self.end(b"keep");
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        done(as_owner(&program("pg_ctl")).args(["promote", "-D"]).arg(self.data()), "pg_ctl promote");
        wait_until("it is the primary", || self.sql("postgres", "SELECT pg_is_in_recovery()") == "f");
    }

    fn run(&self) {
        let mut command = as_owner(Path::new("sh"));
        command.args(["-c", SUPERVISE, "sh"]).arg(&self.folder);
        command.arg(program("postgres")).arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        for setting in ["max_connections=300", "shared_buffers=64MB"] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let input = process.stdin.take();
        *self.supervisor.lock().unwrap() = Some(Supervisor { process, input });
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.try_sql(SUPERUSER, "postgres", "SELECT 1") {
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {error}\n{}", self.log());
            thread::park_timeout(Duration::from_millis(30));
        }
    }

    fn end(&self, fate: &[u8]) {
        if let Some(Supervisor { mut process, input }) = self.supervisor.lock().unwrap().take() {
            if let Some(mut input) = input {
                input.write_all(fate).ok();
            }
            process.wait().ok();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end(b"");
        // A server that was killed has no supervisor any more to do it.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A session with an open transaction, which is rolled back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    session: Child,
    input: Option<ChildStdin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.input.take());
        self.session.wait().ok();
    }
}

/// Something under way, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Work(Child);

impl Work {
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A server's processes, stopped until this is dropped.
#[derive(Debug)]
pub(crate) struct Frozen(Vec<String>);

impl Frozen {
    fn signal(&self, signal: &str) {
        // One that has ended meanwhile needs no signal.
        Command::new("kill").arg(signal).args(&self.0).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns when something holds, which it must do soon.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A program of the newest PostgreSQL that the machine's packages have.
pub(crate) fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL is missing: install the package postgresql");
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin").join(name)
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// PostgreSQL refuses to run as root, so root hands it to the user that the package makes.
pub(crate) fn as_owner(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid", SUPERUSER, "--regid", SUPERUSER, "--init-groups"]);
    }
    // The home of whoever runs the tests is not this user's.
    command.arg("--").arg(program).current_dir("/").env_remove("HOME");
    command
}

pub(crate) fn done(command: &mut Command, what: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What runs in a data folder, where each of a server's processes stands.
fn processes(data: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ours = all.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder == data));
    ours.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[test]
fn a_standby_follows_and_takes_over() {
    let (primary, standby) = PostgresServer::pair();
    let database = primary.create_database();
    primary.try_sql(ROLE, &database, "CREATE TABLE kept (n BIGINT); INSERT INTO kept VALUES (1)").unwrap();
    primary.kill();
    standby.promote();
    assert_eq!(standby.try_sql(ROLE, &database, "SELECT n FROM kept"), Ok("1".to_owned()));
    primary.restart();
    assert_eq!(
        primary.try_sql(ROLE, &database, "SELECT n FROM kept"),
        Ok("1".to_owned()),
        "nothing was lost there either"
    );
}
