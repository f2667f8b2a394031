//! Clients that take their time: each is cut off, and while they hold every place the others only wait that long.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use milaf::web::{Limits, WebOptions};

use crate::{
    harness::Running,
    raw_http::{Connection, Request},
};

const CUT: Duration = Duration::from_millis(300);
/// A client that is still served after this was not cut.
const TOO_LATE: Duration = Duration::from_secs(8);
const PLACES: usize = 24;
const FORM: &str = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n";

/// What is sent at once, what then follows drop by drop, and the status of the answer; 0 when there is none.
struct Slow {
    name: &'static str,
    at_once: String,
    drop: &'static str,
    statuses: &'static [u16],
}

fn cases() -> Vec<Slow> {
    let slow = |name, at_once: &str, drop, statuses| Slow { name, at_once: at_once.to_owned(), drop, statuses };
    let head = "POST /find HTTP/1.1\r\n";
    vec![
        slow("nothing is sent", "", "", &[0, 408]),
        slow("the first line does not end", "GET /", "a", &[0, 408]),
        slow("the headers do not end", "GET / HTTP/1.1\r\nHost: x\r\n", "X-Drop: a\r\n", &[0, 408]),
        slow("one header does not end", "GET / HTTP/1.1\r\nX-Long: ", "a", &[0, 408]),
        slow("empty lines before a request", "\r\n", "\r\n", &[0, 400, 408]),
        slow("the connection is kept and idle", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", &[200]),
        slow("the body does not come", &format!("{head}{FORM}Content-Length: 100\r\n\r\n"), "", &[408]),
        slow("the body drips", &format!("{head}{FORM}Content-Length: 60000\r\n\r\n"), "a", &[408]),
        slow("the chunks drip", &format!("{head}{FORM}Transfer-Encoding: chunked\r\n\r\n"), "1\r\na\r\n", &[408]),
        slow("a chunk's size drips", &format!("{head}{FORM}Transfer-Encoding: chunked\r\n\r\n"), "0", &[400, 408]),
    ]
}

impl Slow {
    /// Drips until the server closes, waiting for its answer between two drops.
    fn check(&self, address: SocketAddr) {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        stream.write_all(self.at_once.as_bytes()).unwrap();
        let mut answer = Vec::new();
        loop {
            assert!(began.elapsed() < TOO_LATE, "{}: it was not cut; so far {}", self.name, answer.escape_ascii());
            let mut piece = [0; 4096];
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // A server that has closed its end may refuse the drop; the next read tells.
                    let _ = stream.write_all(self.drop.as_bytes());
                }
                Err(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&answer);
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).map_or(0, |s| s.parse().unwrap());
        assert!(self.statuses.contains(&status), "{}: {status} instead of {:?}: {text}", self.name, self.statuses);
    }
}

/// Asks and asks and takes no answer, until the server, which can send no more, gives up.
fn takes_nothing(address: SocketAddr) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nonblocking(true).unwrap();
    loop {
        assert!(began.elapsed() < TOO_LATE, "a client that takes nothing was not cut");
        match stream.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Err(_) => break,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_cut() {
    let limits = Limits { header_time: CUT, body_time: CUT, write_time: CUT, connections: PLACES, ..Limits::default() };
    let running = Running::with(WebOptions { limits, ..WebOptions::default() }, |_| {}).await;
    let address = running.address;
    tokio::task::spawn_blocking(move || {
        std::thread::scope(|scope| {
            for case in cases() {
                scope.spawn(move || case.check(address));
            }
        });
        takes_nothing(address);
        // Every place is taken by clients that say nothing, and one more is served as soon as they are cut.
        let silent: Vec<_> = (0..PLACES).map(|_| TcpStream::connect(address).unwrap()).collect();
        let began = Instant::now();
        let answer = Connection::open(address).unwrap().send(&Request::get("/healthz").closing()).unwrap();
        assert_eq!(answer.status, 200);
        assert!(began.elapsed() < TOO_LATE, "the others waited for {:?}", began.elapsed());
        drop(silent);
    })
    .await
    .unwrap();
    running.stop().await;
}
