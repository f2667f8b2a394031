//! Serving an office until it is told to stop, for `serve` and `demo`.
//!
//! A checkpoint is published at most once a second, when the log has grown, and once more at the end. Publishing at every
//! registration was rejected: the file would be written a thousand times a second for nobody. When the outcome of a commit
//! is not known the process ends at once: whatever starts it again finds what the disk really holds.

use std::{env, net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::MissedTickBehavior,
};
use tracing::level_filters::LevelFilter;

use super::{UsageError, open::Office};
use crate::{
    service::Service,
    store::Store,
    web::{self, App, WebOptions},
};

/// How much is told on stderr: `error`, `warn`, `info`, `debug` or `trace`.
const LOG_VARIABLE: &str = "MILAF_LOG";
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(1);

/// Reads `--listen`.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080".to_owned())
}

/// Takes the address, so that one in use is found before any work is done.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}. Choose another address with --listen, such as {}:0 for any free port",
            address.ip()
        )
    })
}

/// Log lines go to stderr, because stdout is for what a command answers.
pub(super) fn start_log(default: LevelFilter) -> anyhow::Result<()> {
    let level = match env::var(LOG_VARIABLE) {
        Ok(text) if !text.is_empty() => LevelFilter::from_str(&text)
            .map_err(|_| UsageError(format!("{LOG_VARIABLE} is error, warn, info, debug or trace, not `{text}`")))?,
        _ => default,
    };
    // A second start in one process, as tests do it, leaves the first in place.
    let _ = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).try_init();
    Ok(())
}

/// Serves until a signal comes, finishes what was accepted, publishes the last checkpoint and closes the database. A second
/// signal ends it at once.
pub(super) async fn serve(office: Office, listener: TcpListener, options: WebOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let app = App::new(Arc::clone(&office.service), options);
    let (stop, stopped) = watch::channel(false);
    let server = web::serve(app, listener, wait_for(stopped));
    tokio::pin!(server);
    let publisher = tokio::spawn(publish_now_and_then(Arc::clone(&office.service)));
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut server => {
                ended.context("the server ended")?;
                break;
            }
            () = office.store.failed() => {
                bail!(
                    "the database did not say whether a write reached the disk, so nothing more is accepted. Check the disk, \
                     then start again: what was acknowledged is there"
                );
            }
            () = signals.next() => {
                if stopping {
                    bail!("stopped at once, as told twice; requests under way may not have been answered");
                }
                stopping = true;
                stop.send_replace(true);
            }
        }
    }
    publisher.abort();
    office.finish().await
}

/// A task of its own, because a slow disk must not keep requests from being accepted. A problem is told once, not every
/// second.
async fn publish_now_and_then(service: Arc<Service>) {
    let mut last_problem = String::new();
    let mut ticks = tokio::time::interval(BETWEEN_CHECKPOINTS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let problem = service.publish_checkpoint().await.err().map(|error| error.to_string()).unwrap_or_default();
        if !problem.is_empty() && problem != last_problem {
            tracing::error!("no checkpoint can be published: {problem}");
        }
        last_problem = problem;
    }
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone cannot ask any more; the server then ends too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Ctrl-C, and what service managers send.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("the system lets this process not wait for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
