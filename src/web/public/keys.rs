//! The office's public keys, for whoever checks its receipts and its log without asking it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode},
    response::Response,
};

use crate::{
    audit::keys_file,
    web::{App, reply, visitor::Visitor},
};

pub(super) const PATH: &str = "/.well-known/milaf/keys.json";

/// A revocation must be seen soon; a minute spares a busy page of checks most of the requests.
const KEEP_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");

pub(super) async fn keys(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    match keys_file::write(&app.service.published_keys()) {
        Ok(keys) => reply::document(HeaderValue::from_static("application/json"), KEEP_A_MINUTE, keys),
        Err(error) => {
            tracing::error!(cause = %error, "the public keys cannot be written");
            reply::problem(&app, &visitor, StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}
