//! Takes connections and gives each to the router.
//!
//! A connection has a time to send its headers, or to agree on TLS, and a size they may have, and there are only so many
//! connections.
//!
//! # What guarantees that nobody's request is lost when a node leaves
//!
//! HTTP/1.1 lets a server close a connection that is idle, and a client may send its next request at that same moment; the
//! client cannot know whether it was seen. So no connection may be closed on which a request can still come:
//!
//! 1. [`App::drain`]: `/readyz` says no, everything is answered as before, and each answer says `Connection: close`. A
//!    connection in use ends with an answer that told its client so; the client sends nothing more on it.
//! 2. Whoever watches `/readyz` sends nothing new here as soon as it has noticed, neither on new connections nor on idle
//!    ones. The command line waits for that: `--drain` is longer than the proxy takes to notice.
//! 3. Only then does `shutdown` complete. Connections that the system had accepted for us are taken first, because closing
//!    the listener would reset them; then the listener is closed, what was begun is finished, and only what is idle, which
//!    by 2 nobody uses, is closed.
//!
//! Without a drain a client that does not send again what failed may lose a request in step 3. Leaving idle connections open
//! for a while instead of draining was rejected: it moves the same instant, and nobody was told.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, header},
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use super::{App, Limits, metrics, router, tls::Tls, visitor::Peer};

const CLOSE: HeaderValue = HeaderValue::from_static("close");
/// Scrapers are few.
const METRICS_CONNECTIONS: usize = 16;

/// Serves the pages until `shutdown` completes, then until the accepted requests are answered.
///
/// # Errors
/// When the connections that are open are not finished within [`Limits::farewell`].
pub async fn serve(app: Arc<App>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let (limits, tls) = (app.options.limits, app.options.tls.clone());
    let router = router(Arc::clone(&app));
    take_connections(Door { app, router, limits, tls, name: "public" }, listener, shutdown).await
}

/// Serves `/metrics`, and nothing else, until `shutdown` completes.
///
/// # Errors
/// As [`serve`].
pub async fn serve_metrics(app: Arc<App>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let limits = Limits { connections: METRICS_CONNECTIONS, ..app.options.limits };
    let router = metrics::router(Arc::clone(&app));
    take_connections(Door { app, router, limits, tls: None, name: "metrics" }, listener, shutdown).await
}

/// What one listener gives to everyone who comes.
struct Door {
    app: Arc<App>,
    router: Router,
    limits: Limits,
    tls: Option<Tls>,
    name: &'static str,
}

async fn take_connections(door: Door, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let door = Arc::new(door);
    let places = Arc::new(Semaphore::new(door.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => attend(stream, peer, place, &door, graceful.watcher()),
            Err(cause) => {
                // Usually no file descriptor is left; one will be when a connection closes.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    door.app.drain();
    take_the_last(listener, &places, |stream, peer, place| attend(stream, peer, place, &door, graceful.watcher()))?;
    tokio::time::timeout(door.limits.farewell, graceful.shutdown())
        .await
        .map_err(|_| io::Error::new(ErrorKind::TimedOut, "some connections did not finish in time"))
}

/// Takes whoever the system has already accepted for us, and closes the listener.
fn take_the_last(
    listener: TcpListener,
    places: &Arc<Semaphore>,
    mut attend: impl FnMut(TcpStream, SocketAddr, OwnedSemaphorePermit),
) -> io::Result<()> {
    // The runtime may not have heard of the newest yet; the system has.
    let listener = listener.into_std()?;
    while let Ok(place) = Arc::clone(places).try_acquire_owned() {
        match listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(true)?;
                attend(TcpStream::from_std(stream)?, peer, place);
            }
            Err(cause) if matches!(cause.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
            // Nobody is left, or nobody more can be taken.
            Err(_) => break,
        }
    }
    Ok(())
}

/// Each connection has a task of its own, so that a panic in one ends that one alone.
fn attend(stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit, door: &Arc<Door>, watcher: Watcher) {
    // Answers are small and whole; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let door = Arc::clone(door);
    tokio::spawn(async move {
        let _open = door.app.metrics.connection(door.name);
        match &door.tls {
            None => converse(stream, peer, &door, watcher).await,
            // The watcher is held meanwhile, so a connection that is still agreeing on TLS is waited for too.
            Some(tls) => match tokio::time::timeout(door.limits.header_time, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, peer, &door, watcher).await,
                Ok(Err(cause)) => {
                    door.app.metrics.handshake_failed();
                    tracing::debug!(%cause, "TLS was not agreed on");
                }
                Err(_) => door.app.metrics.handshake_failed(),
            },
        }
        drop(place);
    });
}

async fn converse<S>(stream: S, peer: SocketAddr, door: &Arc<Door>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = Arc::clone(door);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        let door = Arc::clone(&answering);
        async move {
            let mut response = door.router.clone().oneshot(request).await?;
            // Asked after the work, because the node may have been told to leave meanwhile.
            if door.app.readiness.is_draining() {
                response.headers_mut().insert(header::CONNECTION, CLOSE);
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.limits.header_time)
        .max_buf_size(door.limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away or speaks nonsense is its own affair.
    if let Err(cause) = watcher.watch(connection).await {
        tracing::debug!(%cause, "connection ended early");
    }
}
