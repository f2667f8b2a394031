//! Refuses requests that do not say plainly which host they are for and where they come from.
//!
//! An HTTP/1.1 request names one host (RFC 9112, section 3.2), and a browser names one origin (RFC 6454, section 7.3). Taking
//! the first of several was rejected: a proxy before this program may take another, and then the check of a form's origin is
//! worth nothing.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, Version, header},
    middleware::Next,
    response::Response,
};

use super::{App, reply, visitor::Visitor};

pub(super) async fn check(State(app): State<Arc<App>>, visitor: Visitor, request: Request, next: Next) -> Response {
    if is_ambiguous(&request) {
        return reply::problem(&app, &visitor, StatusCode::BAD_REQUEST);
    }
    next.run(request).await
}

fn is_ambiguous(request: &Request) -> bool {
    let lines = |name| request.headers().get_all(name).iter().count();
    let hosts = lines(header::HOST);
    // HTTP/1.0 knows no hosts.
    let nameless = hosts == 0 && request.version() == Version::HTTP_11;
    nameless || hosts > 1 || lines(header::ORIGIN) > 1
}
