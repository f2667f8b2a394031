//! The auditor's pages: the journal, one entry with its proof, the keys' history, the checkpoints and who has seen them.
//!
//! They show what the log holds and change nothing; whether somebody may look is the service's to say. Their own addresses
//! beside the desk's were rejected: session, language and the way back after signing in all belong to the desk.

mod checkpoints;
mod entry;
mod journal;
mod keys;
mod search;
mod words;

use std::sync::Arc;

use axum::{Router, response::Response, routing::get};

use super::{go::not_allowed, session::Staff};
use crate::{
    service::{Failure, ServiceError},
    web::{App, reply},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/desk/audit", get(journal::page))
        .route("/desk/audit/entry/{index}", get(entry::page))
        .route("/desk/audit/keys", get(keys::page))
        .route("/desk/audit/checkpoints", get(checkpoints::page))
}

/// Reading fails because of the role or because of the machine.
fn refused(app: &App, staff: &Staff, failure: Failure) -> Response {
    match failure {
        Failure::NotAllowed => not_allowed(app, staff),
        Failure::Service(error) => reply::failure(app, &staff.visitor, &error),
        other => reply::failure(app, &staff.visitor, &ServiceError::Damaged(other.to_string())),
    }
}

/// The value of a query's parameter, without the blanks around it.
fn parameter(query: &str, wanted: &str) -> String {
    let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
    found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}
