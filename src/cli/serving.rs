//! Serving an office until it is told to stop, for `serve` and `demo`.
//!
//! A checkpoint is published at most once a second, when the log has grown, and once more at the end. Publishing at every
//! registration was rejected: the file would be written a thousand times a second for nobody. When the outcome of a commit
//! is not known the process ends at once: whatever starts it again finds what the disk really holds.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::{open::Office, supervisor::Supervisor, witnesses};
use crate::{
    service::Service,
    tlog::Policy,
    web::{self, App, WebOptions, WritingEnded},
};

const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(1);

/// Reads an address to listen on.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080".to_owned())
}

/// Takes the address that an option names, so that one in use is found before any work is done.
pub(super) async fn bind(option: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}. Choose another address with {option}, such as {}:0 for any free port",
            address.ip()
        )
    })
}

/// A node that is about to serve.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) listener: TcpListener,
    pub(super) options: WebOptions,
    /// Where the metrics are asked for, if anywhere.
    pub(super) metrics: Option<TcpListener>,
    /// How long it goes on serving after it has said that it leaves.
    pub(super) drain: Duration,
    /// Who is asked to cosign what is published, if anybody.
    pub(super) policy: Option<Policy>,
}

impl Node {
    /// One that leaves at once and shows no metrics.
    pub(super) fn plain(listener: TcpListener) -> Self {
        Self { listener, options: WebOptions::default(), metrics: None, drain: Duration::ZERO, policy: None }
    }
}

/// Serves until a signal comes, drains, finishes what was accepted, publishes the last checkpoint and closes the database.
/// A second signal ends it at once.
pub(super) async fn serve(office: Office, node: Node) -> anyhow::Result<()> {
    let Node { listener, options, metrics, drain, policy } = node;
    let mut signals = Signals::new()?;
    let store = office.store.clone();
    let writing_ended = WritingEnded::new(move || store.has_failed());
    let certificate = options.tls.clone();
    let app = App::new(Arc::clone(&office.service), WebOptions { writing_ended, ..options });
    let mut beside = JoinSet::new();
    beside.spawn(publish_now_and_then(Arc::clone(&office.service)));
    if let Some(policy) = policy {
        beside.spawn(witnesses::ask_them(Arc::clone(&office.service), policy));
    }
    if let Some(tls) = certificate {
        beside.spawn(async move { tls.follow_files().await });
    }
    if let Some(listener) = metrics {
        beside.spawn(show_metrics(Arc::clone(&app), listener));
    }
    let (leave, left) = watch::channel(None::<Instant>);
    let server = web::serve(Arc::clone(&app), listener, drained(left));
    tokio::pin!(server);
    let supervisor = Supervisor::new();
    let life = supervisor.live();
    tokio::pin!(life);
    supervisor.ready();
    let ended = loop {
        tokio::select! {
            () = &mut life => {}
            ended = &mut server => break ended.context("the server ended"),
            () = office.store.failed() => {
                bail!(
                    "the database did not say whether a write reached the disk, so nothing more is accepted. Check the disk, \
                     then start again: what was acknowledged is there"
                );
            }
            () = signals.next() => {
                if leave.borrow().is_some() {
                    bail!("stopped at once, as told twice; requests under way may not have been answered");
                }
                supervisor.stopping();
                app.drain();
                tracing::info!(seconds = drain.as_secs(), "leaving: not ready any more");
                leave.send_replace(Some(Instant::now() + drain));
            }
        }
    };
    beside.shutdown().await;
    // Whoever did not finish in time must not keep the others' work from being published.
    let finished = office.finish().await;
    ended.and(finished)
}

/// Completes when the node was told to leave and the time to drain is over.
async fn drained(mut leave: watch::Receiver<Option<Instant>>) {
    // A sender that is gone cannot ask any more; the server then ends too.
    let told = leave.wait_for(Option::is_some).await.map(|moment| *moment);
    if let Ok(Some(moment)) = told {
        tokio::time::sleep_until(moment).await;
    }
}

/// Until the very end, because how a node leaves is what an operator wants to see.
async fn show_metrics(app: Arc<App>, listener: TcpListener) {
    if let Err(error) = web::serve_metrics(app, listener, std::future::pending()).await {
        tracing::error!(%error, "metrics are not shown any more");
    }
}

/// A task of its own, because a slow disk must not keep requests from being accepted. A problem is told once, not every
/// second.
async fn publish_now_and_then(service: Arc<Service>) {
    let (mut last_problem, mut last_of_the_keys) = (String::new(), Vec::<String>::new());
    let mut ticks = tokio::time::interval(BETWEEN_CHECKPOINTS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let problem = match service.publish_or_follow().await {
            Ok(size) => {
                service.metrics().publisher_succeeded(size, service.now());
                String::new()
            }
            Err(error) => {
                service.metrics().publisher_failed();
                error.to_string()
            }
        };
        if !problem.is_empty() && problem != last_problem {
            tracing::error!("no checkpoint can be published: {problem}");
        }
        last_problem = problem;
        let of_the_keys = service.key_problems();
        for problem in of_the_keys.iter().filter(|problem| !last_of_the_keys.contains(*problem)) {
            tracing::error!("keys: {problem}");
        }
        last_of_the_keys = of_the_keys;
    }
}

/// Ctrl-C, and what service managers send.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("the system lets this process not wait for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
