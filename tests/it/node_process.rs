//! A node as a service manager runs it: its own process, told by arguments, variables and signals, heard by what it answers
//! and writes.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    raw_http::{Answer, Connection, Request},
    real_server::House,
};

/// Longer than anything that is waited for, so that a test fails instead of waiting for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where `/metrics` is, when it was asked for.
    pub(crate) metrics: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// `milaf serve` over a house's data, not yet started.
pub(crate) fn serve(house: &House, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milaf"));
    command.args(["serve", "--data"]).arg(house.data().root()).args(arguments);
    for variable in
        ["MILAF_PUBLIC_URL", "MILAF_LOG_FORMAT", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"]
    {
        command.env_remove(variable);
    }
    command.env("MILAF_LOG", "debug").stdin(Stdio::null());
    command
}

impl Node {
    /// Starts on a port of its own and returns when it listens.
    pub(crate) fn start(house: &House, arguments: &[&str]) -> Self {
        Self::spawn(serve(house, &[&["--listen", "127.0.0.1:0"], arguments].concat()))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let reader = collect(child.stderr.take().expect("stderr is piped"), Arc::clone(&log));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut greeting = String::new();
        while !greeting.contains("Stop with") {
            if stdout.read_line(&mut greeting).expect("the greeting is text") == 0 {
                let status = child.wait().expect("it ends");
                reader.join().expect("the reader does not fail");
                panic!("it ended with {status} after {greeting:?}: {}", log.lock().unwrap());
            }
        }
        let address = |before: &str| {
            let rest = greeting.split_once(before)?.1;
            rest.split(['/', ' ', '\n']).next()?.parse().ok()
        };
        let listens = address("Listening on http://").or_else(|| address("Listening on https://"));
        let (address, metrics) = (listens.expect("it says where it listens"), address("Metrics: http://"));
        Self { child, address, metrics, log, reader: Some(reader) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(self.address, path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Asks `/readyz` until it answers this.
    pub(crate) fn wait_until_ready_says(&self, status: u16, body: &str) {
        let mut last = String::new();
        wait(|| {
            let answer = self.get("/readyz");
            last = format!("{} {:?}", answer.status, answer.text());
            answer.status == status && answer.text() == body
        })
        .unwrap_or_else(|()| panic!("/readyz does not say {status} {body:?} but {last}\n{}", self.log()));
    }

    /// What it has written to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        wait(|| self.log().contains(text)).unwrap_or_else(|()| panic!("{text:?} is not in the log:\n{}", self.log()));
    }

    pub(crate) fn signal(&self, name: &str) {
        let told = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(told.expect("kill runs").success(), "it had ended before: {}", self.log());
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        wait(|| self.has_ended()).unwrap_or_else(|()| panic!("it does not end:\n{}", self.log()));
        let status = self.child.wait().expect("it has ended");
        self.reader.take().expect("it was not read before").join().expect("the reader does not fail");
        (status, self.log())
    }

    /// Asks it to end; it must end well.
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (status, log) = self.end();
        assert!(status.success(), "it ended with {status}:\n{log}");
        log
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Looks again and again until something holds.
pub(crate) fn wait(mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > deadline {
            return Err(());
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    Connection::open(address)?.send(&Request::get(path).closing())
}

fn collect(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            log.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// Writes a file whole or not at all, as who renews a certificate does.
pub(crate) fn replace(path: &std::path::Path, content: &[u8], mode: u32) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let beside = path.with_extension("new");
    let mut file: File =
        File::options().write(true).create(true).truncate(true).mode(mode).open(&beside).expect("it can be made");
    file.write_all(content).expect("it can be written");
    std::fs::rename(&beside, path).expect("it can be replaced");
}
