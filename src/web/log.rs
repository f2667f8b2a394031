//! One line for each request: method, route, status, milliseconds and the request's name.
//!
//! The route is the pattern, never the path that was asked for: a path may hold a receipt's token.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use super::App;

/// The name under which the log knows a request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

pub(super) async fn record(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = app.next_request_id();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let begun = Instant::now();
    let response = next.run(request).await;
    tracing::info!(
        request = id,
        method = method.as_str(),
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}
