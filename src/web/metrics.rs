//! `/metrics`, on an address of its own and nowhere else.
//!
//! Serving it beside the pages, behind a password, was rejected: how busy an office is and how often somebody guesses is
//! nobody's business who can reach the pages, and a scraper is happiest with a port.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{App, ready};
use crate::metrics::CONTENT_TYPE;

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(page))
        .fallback(async || (StatusCode::NOT_FOUND, "only /metrics is here\n"))
        .with_state(app)
}

async fn page(State(app): State<Arc<App>>) -> Response {
    // The states of the checks, and the log's size with them, are those of this moment or of the last second.
    ready::failing(&app).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics.text()).into_response()
}
