//! Takes connections and gives each to the router.
//!
//! A connection has a time to send its headers and a size they may have, and there are only so many connections. When it is
//! told to stop, it takes no more connections and finishes what it accepted.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt;

use super::{App, Limits, router, visitor::Peer};

/// Serves until `shutdown` completes, then until the accepted requests are answered.
///
/// # Errors
/// When the connections that are open are not finished within [`Limits::farewell`].
pub async fn serve(app: Arc<App>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let limits = app.options.limits;
    let router = router(app);
    let places = Arc::new(Semaphore::new(limits.connections));
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
            Ok((stream, peer)) => attend(stream, peer, place, &router, &limits, graceful.watcher()),
            Err(cause) => {
                // Usually no file descriptor is left; one will be when a connection closes.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    tokio::time::timeout(limits.farewell, graceful.shutdown())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "some connections did not finish in time"))
}

/// Each connection has a task of its own, so that a panic in one ends that one alone.
fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    router: &Router,
    limits: &Limits,
    watcher: Watcher,
) {
    // Answers are small and whole; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let router = router.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let connection = watcher.watch(connection);
    tokio::spawn(async move {
        // A client that goes away or speaks nonsense is its own affair.
        if let Err(cause) = connection.await {
            tracing::debug!(%cause, "connection ended early");
        }
        drop(place);
    });
}
