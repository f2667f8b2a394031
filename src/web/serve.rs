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
//!    the listener would reset them; then the listener is closed. What was begun is finished, a connection that is too new
//!    to have asked for anything is given [`FIRST_WORD`], and only what is idle, which by 2 nobody uses, is closed at once.
//!
//! So without a drain nothing is lost either on connections of one request each, if the listener itself survives the
//! process (socket activation). What can be lost is a request on an idle connection, sent just then by a client that does
//! not send again what failed. Leaving idle connections open for a while instead of draining was rejected: it moves the same
//! instant, and nobody was told.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, header},
};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use super::{App, Limits, metrics, router, tls::Tls, visitor::Peer};

/// How long a connection that was opened just before the end may take to ask for something. A client sends its request as
/// soon as the connection stands; one that was opened in advance and asks for nothing must not hold up the end.
const FIRST_WORD: Duration = Duration::from_secs(1);
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
    let (farewell, told) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
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
            Ok((stream, peer)) => attend(stream, peer, place, &door, told.clone()),
            Err(cause) => {
                // Usually no file descriptor is left; one will be when a connection closes.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    door.app.drain();
    take_the_last(listener, &places, |stream, peer, place| attend(stream, peer, place, &door, told.clone()))?;
    drop(told);
    farewell.send_replace(true);
    // Each connection holds its receiver until it has ended.
    tokio::time::timeout(door.limits.farewell, farewell.closed())
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
fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    door: &Arc<Door>,
    mut told: watch::Receiver<bool>,
) {
    // Answers are small and whole; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let door = Arc::clone(door);
    // Who takes nothing of an answer must not hold a place for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(door.limits.write_time));
    let stream = Box::pin(stream);
    tokio::spawn(async move {
        let _open = door.app.metrics.connection(door.name);
        match &door.tls {
            None => converse(stream, peer, &door, &mut told).await,
            Some(tls) => match tokio::time::timeout(door.limits.header_time, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, peer, &door, &mut told).await,
                Ok(Err(cause)) => {
                    door.app.metrics.handshake_failed();
                    tracing::debug!(%cause, "TLS was not agreed on");
                }
                Err(_) => door.app.metrics.handshake_failed(),
            },
        }
        drop((place, told));
    });
}

async fn converse<S>(stream: S, peer: SocketAddr, door: &Arc<Door>, told: &mut watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = Arc::clone(door);
    let asked = Arc::new(AtomicBool::new(false));
    let was_asked = Arc::clone(&asked);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
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
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // In this order, so that a request that has arrived is seen before the connection is taken for idle.
        biased;
        ended = connection.as_mut() => ended,
        () = hear(told) => {
            let early = if was_asked.load(Ordering::Relaxed) {
                None
            } else {
                // The library closes a connection on which nothing was read at once, although its request may be under way.
                // Left alone, it is closed by its first answer, because the node is draining by now.
                tokio::time::timeout(FIRST_WORD, connection.as_mut()).await.ok()
            };
            if let Some(ended) = early {
                ended
            } else {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    // A client that goes away or speaks nonsense is its own affair.
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended early");
    }
}

async fn hear(told: &mut watch::Receiver<bool>) {
    // A sender that is gone is as good as one that has said it.
    let _ = told.wait_for(|told| *told).await;
}
