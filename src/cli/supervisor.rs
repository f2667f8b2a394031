//! What systemd, or another service manager that speaks its protocols, gives a node and wants to hear from it.
//!
//! Each part is off unless the manager's variable is set. See `sd_notify(3)` and `sd_listen_fds(3)`.

use std::{future::pending, net::TcpListener, time::Duration};

use anyhow::Context;
use listenfd::ListenFd;
use sd_notify::NotifyState;

use super::UsageError;

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

/// Serving has begun: what was ordered after this unit may start.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The end has begun, and was asked for.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says that the program lives, twice in the time that the manager allows, for as long as it is polled.
pub(super) async fn live() {
    let Some(allowed) = sd_notify::watchdog_enabled().filter(|allowed| !allowed.is_zero()) else {
        return pending().await;
    };
    let mut beats = tokio::time::interval((allowed / 2).max(Duration::from_millis(1)));
    loop {
        beats.tick().await;
        tell(NotifyState::Watchdog);
    }
}

/// A manager that does not listen is no reason not to serve.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(&state)) {
        tracing::warn!(%error, "the service manager cannot be told that {state}");
    }
}
