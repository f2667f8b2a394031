//! Answers, with what every answer has: the headers that keep a browser from doing harm.
//!
//! A cause never reaches a page: the visitor gets words and the request's name, the log gets the cause, once. One set of
//! headers for all was rejected, because a desk page needs a script and a citizen's page must not have one.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;

use super::{
    App,
    body::{Encoding, has_it, tag},
    public::{self, style},
    visitor::Visitor,
};
use crate::{dossier::Language, service::ServiceError};

/// Who a page is for, which decides what it may load and who may keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// No script, no request but its own; a browser may keep it but must ask whether it is still right.
    Public,
    /// As `Public`, but kept nowhere: it holds what four digits opened, or what somebody typed.
    Once,
    /// Staff: scripts and styles of our own, kept nowhere.
    Desk,
}

/// Put on public pages, whose bytes are tagged and compressed. Desk pages are not compressed: they hold a secret beside text
/// that others may choose, and the length of such a page would tell of the secret.
#[derive(Clone, Copy)]
struct Compressible {
    tagged: bool,
}

/// Seconds after which a visitor may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");
const KEEP_BUT_ASK: HeaderValue = HeaderValue::from_static("private, no-cache");
const KEEP_NOWHERE: HeaderValue = HeaderValue::from_static("no-store");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

static PUBLIC_POLICIES: LazyLock<[HeaderValue; 4]> = LazyLock::new(|| {
    Language::ALL.map(|language| {
        let style = &style::of(language).source;
        let font = if style::of(language).has_font { "; font-src data:" } else { "" };
        let policy = format!(
            "default-src 'none'; style-src '{style}'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'{font}"
        );
        HeaderValue::try_from(policy).expect("the policy is ASCII")
    })
});

const DESK_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-src 'self'; object-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// A page.
pub fn html(status: StatusCode, language: Language, policy: Policy, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let (rules, keep) = match policy {
        Policy::Public => (PUBLIC_POLICIES[language as usize].clone(), KEEP_BUT_ASK),
        Policy::Once => (PUBLIC_POLICIES[language as usize].clone(), KEEP_NOWHERE),
        Policy::Desk => (DESK_POLICY, KEEP_NOWHERE),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::CONTENT_SECURITY_POLICY, rules);
    headers.insert(header::CACHE_CONTROL, keep);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language"));
    if policy != Policy::Desk {
        let tagged = policy == Policy::Public && status == StatusCode::OK;
        response.extensions_mut().insert(Compressible { tagged });
    }
    response
}

/// A file for programs, the same for everybody.
pub fn document(kind: HeaderValue, keep: HeaderValue, content: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, keep);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response.extensions_mut().insert(Compressible { tagged: true });
    response
}

/// Sends the visitor on with a GET. `location` is a path of our own.
pub fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    // A path that is no header text cannot have come from us.
    match HeaderValue::try_from(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response.headers_mut().insert(header::CACHE_CONTROL, KEEP_NOWHERE);
    response
}

/// The page of a status, in the visitor's language, with the request's name and never a cause.
pub fn problem(app: &App, visitor: &Visitor, status: StatusCode) -> Response {
    public::notice::problem(app, visitor, status)
}

/// The page of a fault of the machine. The cause is logged here, once, under the request's name.
pub fn failure(app: &App, visitor: &Visitor, error: &ServiceError) -> Response {
    try_again_later(problem(app, visitor, StatusCode::SERVICE_UNAVAILABLE), error)
}

/// As [`failure`], with a page that gives back what was typed.
pub fn try_again_later(mut response: Response, error: &ServiceError) -> Response {
    tracing::error!(cause = %error, "the service could not answer");
    if matches!(error, ServiceError::Unavailable(_) | ServiceError::Unknown(_)) {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// What all answers have in common, and the encoding and tag of public pages.
pub(super) async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    if let Some(compressible) = response.extensions_mut().remove::<Compressible>() {
        response = encode(response, &asked, compressible).await;
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
    if app.service.issuer().public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'"));
    headers.entry(header::CACHE_CONTROL).or_insert(KEEP_NOWHERE);
    response
}

async fn encode(response: Response, asked: &HeaderMap, compressible: Compressible) -> Response {
    let (mut parts, body) = response.into_parts();
    // The pages are whole in memory, so collecting one neither waits nor fails.
    let content = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let encoding = Encoding::negotiate(asked).for_content(&content);
    if compressible.tagged {
        let tag = tag(&content, encoding);
        let known = has_it(asked, &tag);
        parts.headers.insert(header::ETAG, tag);
        if known {
            parts.status = StatusCode::NOT_MODIFIED;
            parts.headers.remove(header::CONTENT_TYPE);
            return Response::from_parts(parts, Body::empty());
        }
    }
    if encoding != Encoding::Identity {
        parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
    }
    Response::from_parts(parts, Body::from(encoding.apply(content)))
}
