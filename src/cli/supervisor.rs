//! What systemd, or another service manager that speaks its protocols, gives a node and wants to hear from it.
//!
//! Each part is off unless the manager's variable is set. See `sd_notify(3)` and `sd_listen_fds(3)`.

use std::{
    env,
    future::pending,
    net::TcpListener,
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
    time::Duration,
};

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::UsageError;

/// States that may wait for a manager that is slow to listen.
const WAITING: usize = 16;
/// How long the end waits for a manager that is slow to listen.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The socket that the manager listens on for us. It stays open while the program is restarted, so whoever connects
/// meanwhile waits and is served by the next process.
///
/// To be called before anything else runs, because it takes variables out of the environment.
pub(super) fn listener() -> anyhow::Result<Option<TcpListener>> {
    let mut sockets = ListenFd::from_env();
    match sockets.len() {
        0 => return Ok(None),
        1 => {}
        more => {
            return Err(UsageError(format!(
                "the service manager passes {more} sockets, and only one is served: leave one ListenStream= in the socket \
                 unit"
            ))
            .into());
        }
    }
    let listener = sockets.take_tcp_listener(0).context(
        "the socket that the service manager passes is not a TCP socket. Let ListenStream= name an address and a port",
    )?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true).context("the socket that the service manager passes cannot be used")?;
    }
    Ok(listener)
}

/// Tells the service manager, if there is one, from a thread of its own: a manager that does not listen is no reason not to
/// serve, and sending to one waits until it does.
#[derive(Debug)]
pub(super) struct Supervisor(Option<Line>);

#[derive(Debug)]
struct Line {
    states: SyncSender<NotifyState<'static>>,
    /// Closed when everything was told.
    told: Receiver<()>,
}

impl Supervisor {
    pub(super) fn new() -> Self {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Self(None);
        }
        let (sender, states) = mpsc::sync_channel(WAITING);
        let (telling, told) = mpsc::channel();
        let tell = move || {
            let _until_the_end: mpsc::Sender<()> = telling;
            for state in states {
                if let Err(error) = sd_notify::notify(&[state]) {
                    tracing::warn!(%error, "the service manager cannot be told how it goes");
                }
            }
        };
        match thread::Builder::new().name("supervisor".to_owned()).spawn(tell) {
            Ok(_) => Self(Some(Line { states: sender, told })),
            Err(error) => {
                tracing::warn!(%error, "the service manager will not be told how it goes");
                Self(None)
            }
        }
    }

    /// Serving has begun: what was ordered after this unit may start.
    pub(super) fn ready(&self) {
        self.tell(NotifyState::Ready);
    }

    /// The end has begun, and was asked for.
    pub(super) fn stopping(&self) {
        self.tell(NotifyState::Stopping);
    }

    /// Says that the program lives, twice in the time that the manager allows, for as long as it is polled. It is polled with
    /// the pages, so a program that hangs falls silent.
    pub(super) async fn live(&self) {
        let allowed = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero());
        let (Some(allowed), Some(_)) = (allowed, &self.0) else { return pending().await };
        let mut beats = tokio::time::interval((allowed / 2).max(Duration::from_millis(1)));
        loop {
            beats.tick().await;
            self.tell(NotifyState::Watchdog);
        }
    }

    fn tell(&self, state: NotifyState<'static>) {
        // What does not fit is told to nobody; the next beat is as good.
        let _ = self.0.as_ref().map(|line| line.states.try_send(state));
    }
}

/// What was said last, that the end has begun, must not end with the process before it is sent.
impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(Line { states, told }) = self.0.take() {
            drop(states);
            let _ = told.recv_timeout(LAST_WORDS);
        }
    }
}
