//! One line for each request: method, route, status, milliseconds; and the request's name on every line about it.
//!
//! The route is the pattern, never the path that was asked for: a path may hold a receipt's token. A request runs inside a
//! span that carries its name, so whatever the service says meanwhile can be found by it. Handing the name down through
//! every function was rejected: the first that forgets it loses it.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::{App, visitor::Peer};
use crate::metrics::method_word;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// More than any proxy's names need; a longer one only fills the log.
const LONGEST_NAME: usize = 64;
/// Asked every second or two; their lines would bury the others.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The name under which the log knows a request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

pub(super) async fn record(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let given = given_name(peer, request.headers(), &app.options.trusted_proxies).map(str::to_owned);
    let id = given.unwrap_or_else(|| app.next_request_id());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    // Of the highest level, so that it is there whichever level of lines was asked for.
    let span = tracing::error_span!("http", request = id);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = begun.elapsed();
    let status = response.status();
    app.metrics.answered(route, method.as_str(), status.as_u16(), took);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let _inside = span.enter();
    let (method, status) = (method_word(method.as_str()), status.as_u16());
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if PROBES.contains(&route) {
        tracing::debug!(method, route, status, milliseconds, "answered");
    } else {
        tracing::info!(method, route, status, milliseconds, "answered");
    }
    response
}

/// The name that a trusted proxy gave the request, so that its log and ours can be read side by side. Anyone else's is
/// ignored: it could be made to look like another request's, or to break a line.
fn given_name<'a>(peer: Option<IpAddr>, headers: &'a HeaderMap, trusted: &[IpAddr]) -> Option<&'a str> {
    if !trusted.contains(&peer?.to_canonical()) {
        return None;
    }
    let mut given = headers.get_all(REQUEST_ID).iter();
    let name = given.next()?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let well_formed = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain);
    (well_formed && given.next().is_none()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_a_request_and_only_plainly() {
        let check = |peer: &str, given: &[&[u8]], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for name in given {
                headers.append(REQUEST_ID, HeaderValue::from_bytes(name).unwrap());
            }
            let trusted = ["10.0.0.1".parse().unwrap()];
            assert_eq!(given_name(Some(peer.parse().unwrap()), &headers, &trusted), expected, "{peer} {given:?}");
        };
        let longest = "x".repeat(LONGEST_NAME);
        check("10.0.0.1", &[b"7f-A_b.9"], Some("7f-A_b.9"));
        check("::ffff:10.0.0.1", &[b"a"], Some("a"));
        check("10.0.0.1", &[longest.as_bytes()], Some(&longest));
        check("10.0.0.1", &[format!("{longest}x").as_bytes()], None);
        check("198.51.100.7", &[b"a"], None);
        for ill in [&b""[..], b"a b", b"a\tb", b"a=b", b"\xff", b"a\"", b"a/b"] {
            check("10.0.0.1", &[ill], None);
        }
        check("10.0.0.1", &[], None);
        check("10.0.0.1", &[b"a", b"b"], None);
    }
}
