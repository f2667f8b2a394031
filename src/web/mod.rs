//! The pages: what a browser asks for and what it gets.
//!
//! This room names no database and decides nothing about a dossier; it asks the service and finds words for the answer.
//! `public` is for the citizen's phone, `desk` for staff. A general-purpose server (`axum::serve`) was rejected: it lets a
//! client take for ever to send its headers.

mod authority;
mod body;
pub mod desk;
pub mod form;
mod log;
mod metrics;
mod multipart;
pub mod public;
pub mod reading;
mod ready;
pub mod reply;
mod serve;
mod tls;
pub mod visitor;

pub use ready::WritingEnded;
pub use serve::{serve, serve_metrics};
pub use tls::{Tls, TlsError};

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware};

use self::ready::Readiness;
use crate::{metrics::Metrics, service::Service};

/// How much one client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the opening of a connection, or the end of an answer, to the end of the next request's headers.
    pub header_time: Duration,
    /// From the headers to the end of the body.
    pub body_time: Duration,
    /// Without a byte of the answer being taken.
    pub write_time: Duration,
    pub header_bytes: usize,
    pub form_bytes: usize,
    pub form_fields: usize,
    pub connections: usize,
    /// How long accepted requests may still run after the server was told to stop.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            header_bytes: 32 * 1024,
            form_bytes: 64 * 1024,
            form_fields: 200,
            connections: 10_000,
            farewell: Duration::from_secs(20),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct WebOptions {
    /// Peers whose `X-Forwarded-For` and `X-Request-Id` are believed; nobody's by default.
    pub trusted_proxies: Vec<IpAddr>,
    pub limits: Limits,
    /// Speak TLS, with this certificate; plain HTTP without.
    pub tls: Option<Tls>,
    /// Asked by `/readyz`.
    pub writing_ended: WritingEnded,
    /// Who reads the pictures that are uploaded.
    pub reading: reading::Reading,
}

/// What every handler is given.
#[derive(Debug)]
pub struct App {
    pub service: Arc<Service>,
    pub options: WebOptions,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    /// Tells the requests of one start of the program from those of another.
    start: String,
    requests: AtomicU64,
}

impl App {
    pub fn new(service: Arc<Service>, options: WebOptions) -> Arc<Self> {
        // Without randomness the names of requests repeat after a restart; the service itself refuses what matters.
        let start = service.new_form_key().map_or_else(|_| String::from("00000"), |key| key.chars().take(5).collect());
        let metrics = Arc::clone(service.metrics());
        let readiness = Readiness::default();
        Arc::new(Self { service, options, metrics, readiness, start, requests: AtomicU64::new(0) })
    }

    /// From now on `/readyz` says no, so that no new work is sent here, and each answer closes its connection. Everything
    /// that is asked is still answered.
    pub fn drain(&self) {
        self.readiness.drain();
    }

    /// A short name for a request, which a visitor can read out on the telephone.
    fn next_request_id(&self) -> String {
        format!("{}-{}", self.start, self.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// Every route, with what holds for all of them.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(public::routes())
        .merge(desk::routes())
        .fallback(public::unknown::not_found)
        .method_not_allowed_fallback(public::unknown::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), authority::check))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), reply::finish))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), log::record))
        .with_state(app)
}
