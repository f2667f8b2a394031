//! What a citizen's phone shows: no script, no cookie, one request.
//!
//! Each page is a struct of its own above its handler, with the fields that the public may see and no others. Nothing here
//! changes a dossier, and no answer tells a forged receipt from an unknown one.

mod contact;
mod erased;
mod find;
mod frame;
mod home;
mod keys;
mod legal;
mod log;
pub mod notice;
mod status;
pub mod style;
pub mod unknown;
mod unlock;
mod verify;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::{App, ready};

pub fn routes() -> Router<Arc<App>> {
    let mut routes = Router::new()
        .route("/", get(home::home))
        .route("/find", post(find::find))
        .route("/verify", get(verify::form).post(verify::check))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready::page))
        .route("/log/checkpoint", get(log::checkpoint))
        .route("/log/checkpoint/newest", get(log::newest))
        .route("/log/tile/{*name}", get(log::tile))
        .route("/log/proof/{*name}", get(log::proof))
        .route("/log/{*name}", get(log::unknown))
        .route(keys::PATH, get(keys::keys))
        .route("/robots.txt", get(unknown::robots));
    // A QR code carries capitals; people type small letters.
    for letter in ["D", "d"] {
        routes = routes
            .route(&format!("/{letter}/{{token}}"), get(status::scanned).post(unlock::unlock))
            .route(&format!("/{letter}/{{token}}/{{seal}}"), get(status::sealed).post(unlock::unlock_sealed));
    }
    routes
}
