//! Stands between a store and its PostgreSQL, passes everything on, and at a COMMIT does what a network does at the worst
//! moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// What happens at the next COMMIT, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server commits and answers, and the answer is lost with the connection.
    Answer,
    /// The connection is lost with the COMMIT, and both sides notice.
    Commit,
    /// As `Commit`, but the server notices nothing and goes on waiting.
    CommitUnnoticed,
    /// The server commits, and its answer is never delivered; the connection stays.
    Delivery,
}

/// A simple query of just COMMIT, as the protocol writes it.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    /// What happens at the next COMMITs, first things first.
    cuts: Mutex<Vec<Cut>>,
    closed: AtomicBool,
    commits: AtomicUsize,
    /// Connections that are not closed, because somebody must not notice.
    kept: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// In front of a server on this machine.
    pub(crate) fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            cuts: Mutex::default(),
            closed: AtomicBool::new(false),
            commits: AtomicUsize::new(0),
            kept: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                if state.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
                let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let lost = Arc::new(Mutex::default());
                let shared = Arc::clone(&lost);
                thread::spawn(move || pass_answers(from_server, to_client, &shared));
                thread::spawn(move || pass_requests(client, server, &lost, &state));
            }
        });
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What happens at the COMMITs to come; those after them pass.
    pub(crate) fn cut(&self, cuts: &[Cut]) {
        *self.state.cuts.lock().unwrap() = cuts.iter().rev().copied().collect();
    }

    /// Whether every cut has been made.
    pub(crate) fn has_cut(&self) -> bool {
        self.state.cuts.lock().unwrap().is_empty()
    }

    /// Accepts no new connection, or does so again.
    pub(crate) fn close(&self, closed: bool) {
        self.state.closed.store(closed, Ordering::SeqCst);
    }

    /// How many COMMITs came by.
    pub(crate) fn commits(&self) -> usize {
        self.state.commits.load(Ordering::SeqCst)
    }
}

/// `lost` is what becomes of the server's answers from now on.
fn pass_requests(mut client: TcpStream, mut server: TcpStream, lost: &Mutex<Option<Cut>>, state: &State) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let bytes = &buffer[..length];
        if bytes.ends_with(COMMIT) {
            state.commits.fetch_add(1, Ordering::SeqCst);
            let cut = state.cuts.lock().unwrap().pop();
            match cut {
                None => {}
                // The other thread ends the connection when the server's answer comes, or never does.
                Some(Cut::Answer | Cut::Delivery) => {
                    *lost.lock().unwrap() = cut;
                    server.write_all(bytes).ok();
                    return;
                }
                Some(Cut::Commit) => break,
                Some(Cut::CommitUnnoticed) => {
                    state.kept.lock().unwrap().push(server);
                    client.shutdown(Shutdown::Both).ok();
                    return;
                }
            }
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    client.shutdown(Shutdown::Both).ok();
    server.shutdown(Shutdown::Both).ok();
}

fn pass_answers(mut server: TcpStream, mut client: TcpStream, lost: &Mutex<Option<Cut>>) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        match *lost.lock().unwrap() {
            None => {
                if client.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            // The server has answered, so it has committed.
            Some(Cut::Delivery) => {
                server.shutdown(Shutdown::Both).ok();
                // Until the client gives up; what it still says is for nobody.
                while let Ok(1..) = client.read(&mut buffer) {}
                return;
            }
            Some(_) => break,
        }
    }
    client.shutdown(Shutdown::Both).ok();
    server.shutdown(Shutdown::Both).ok();
}
