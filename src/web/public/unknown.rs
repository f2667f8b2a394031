//! What is asked for and is not there, and what crawlers are told.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::notice;
use crate::web::{App, visitor::Visitor};

pub async fn not_found(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    notice::not_found(&app, &visitor)
}

/// The router adds `Allow`.
pub async fn method_not_allowed(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    notice::problem(&app, &visitor, StatusCode::METHOD_NOT_ALLOWED)
}

/// Nothing here is for a search engine: a receipt's address in one would be a leak.
pub async fn robots() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "User-agent: *\nDisallow: /\n")
}
