//! The witness on the wire: few connections, small requests, and a time for each.
//!
//! The pages' server was not used, because it answers with an office behind it, and a witness has none. Anybody may connect;
//! what is too slow or too large is cut off before it costs anything but its own connection.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_io_timeout::TimeoutStream;

use super::{Answer, LARGEST_REQUEST, Witness};

/// How much one client, and all of them, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WitnessLimits {
    /// From the opening of a connection, or the end of an answer, to the end of the next request's headers.
    pub header_time: Duration,
    /// From the headers to the end of the body.
    pub body_time: Duration,
    /// Without a byte of the answer being taken.
    pub write_time: Duration,
    pub header_bytes: usize,
    pub connections: usize,
    /// How long requests may still run after the witness was told to stop.
    pub farewell: Duration,
}

impl Default for WitnessLimits {
    fn default() -> Self {
        Self {
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(10),
            write_time: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            connections: 256,
            farewell: Duration::from_secs(10),
        }
    }
}

/// Answers until `shutdown` completes, and then finishes what was begun.
///
/// # Errors
/// When something is not finished within [`WitnessLimits::farewell`].
pub async fn serve(
    witness: Arc<Witness>,
    listener: TcpListener,
    limits: WitnessLimits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (farewell, told) = watch::channel(false);
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
            Ok((stream, _)) => {
                tokio::spawn(converse(Arc::clone(&witness), stream, limits, place, told.clone()));
            }
            Err(cause) => {
                // Usually no file descriptor is left; one will be when a connection closes.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, told));
    farewell.send_replace(true);
    // Each connection holds its receiver until it has ended.
    tokio::time::timeout(limits.farewell, farewell.closed())
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "some requests did not finish in time"))
}

async fn converse(
    witness: Arc<Witness>,
    stream: TcpStream,
    limits: WitnessLimits,
    place: OwnedSemaphorePermit,
    mut told: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_time));
    let service = hyper::service::service_fn(move |request| {
        let witness = Arc::clone(&witness);
        async move { Ok::<_, std::convert::Infallible>(answer(witness, request, limits).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = hear(&mut told) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "connection ended early");
    }
    drop((place, told));
}

async fn hear(told: &mut watch::Receiver<bool>) {
    // A sender that is gone is as good as one that has said it.
    let _ = told.wait_for(|told| *told).await;
}

async fn answer(
    witness: Arc<Witness>,
    request: hyper::Request<Incoming>,
    limits: WitnessLimits,
) -> Response<Full<Bytes>> {
    let method = request.method().clone();
    let reads = matches!(method, Method::GET | Method::HEAD);
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/add-checkpoint" if method == Method::POST => add_checkpoint(witness, request, limits).await,
        "/add-checkpoint" => not_allowed("POST"),
        "/" | "/healthz" if reads => reply(200, witness.description()),
        "/" | "/healthz" => not_allowed("GET, HEAD"),
        path => match path.strip_prefix('/').and_then(|rest| rest.strip_suffix("/checkpoint")) {
            Some(_) if !reads => not_allowed("GET, HEAD"),
            Some(origin_hash) => match witness.checkpoint(origin_hash) {
                Some(note) => reply(200, note),
                None => reply(404, "nothing of such a log was cosigned\n".to_owned()),
            },
            None => reply(404, "there is nothing here\n".to_owned()),
        },
    }
}

async fn add_checkpoint(
    witness: Arc<Witness>,
    request: hyper::Request<Incoming>,
    limits: WitnessLimits,
) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), LARGEST_REQUEST).collect();
    let body = match tokio::time::timeout(limits.body_time, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return closing(reply(413, format!("a request has at most {LARGEST_REQUEST} bytes\n")));
        }
        Ok(Err(_)) => return closing(reply(400, "the body did not come whole\n".to_owned())),
        Err(_) => return closing(reply(408, "the body did not come in time\n".to_owned())),
    };
    // Even if the client goes away meanwhile, what was begun is finished: stored and signed belong together.
    let answer = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    let (status, content_type, text) = answer.unwrap_or(Answer::Failed).parts();
    tracing::debug!(status, "answered add-checkpoint");
    respond(status, content_type, text)
}

fn reply(status: u16, text: String) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: u16, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}

fn not_allowed(methods: &'static str) -> Response<Full<Bytes>> {
    let mut response = closing(reply(405, format!("only {methods}\n")));
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(methods));
    response
}

/// What was not read of a request must not be taken for the next one.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
