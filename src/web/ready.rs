//! `/readyz`: whether this node should be sent work. `/healthz` beside it says only that the process lives.
//!
//! The answer says which check fails in one word each and never why: the log has the cause. It is kept for a second, so that
//! probes, whoever sends them, cannot load the database. A task that looks every second by itself was rejected: a node
//! that nobody asks would then be the busiest of all.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{sync::Mutex, time::Instant};

use super::App;
use crate::service::Check;

/// How long an answer is repeated.
const KEPT: Duration = Duration::from_secs(1);
const DRAINING: &str = "draining";

/// Tells whether the store has ended all writing, because it could not learn the outcome of a commit. A node that can only
/// read must not be sent work while its process ends.
#[derive(Clone)]
pub struct WritingEnded(Arc<dyn Fn() -> bool + Send + Sync>);

impl WritingEnded {
    pub fn new(has_ended: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(has_ended))
    }
}

impl Default for WritingEnded {
    /// It never ends.
    fn default() -> Self {
        Self::new(|| false)
    }
}

impl fmt::Debug for WritingEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WritingEnded").field(&(self.0)()).finish()
    }
}

/// What `/readyz` knows between two questions.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    draining: AtomicBool,
    /// Held while somebody looks, so that all who ask meanwhile share that look.
    looked: Mutex<Option<Looked>>,
}

#[derive(Debug)]
struct Looked {
    at: Instant,
    failing: Vec<Check>,
}

impl Readiness {
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let failing = failing(&app).await;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    if failing.is_empty() {
        return (kind, "ready\n").into_response();
    }
    let lines: String = failing.iter().flat_map(|word| [*word, "\n"]).collect();
    (StatusCode::SERVICE_UNAVAILABLE, kind, lines).into_response()
}

/// A word for each check that fails, and each check's state in the metrics.
pub(super) async fn failing(app: &Arc<App>) -> Vec<&'static str> {
    let mut words = Vec::new();
    let draining = app.readiness.is_draining();
    app.metrics.ready(DRAINING, !draining);
    if draining {
        words.push(DRAINING);
    }
    let mut failing = looked(app).await;
    // What the process itself knows costs nothing and is never old.
    if (app.options.writing_ended.0)() && !failing.contains(&Check::Database) {
        failing.push(Check::Database);
    }
    for check in Check::ALL {
        app.metrics.ready(check.word(), !failing.contains(&check));
    }
    words.extend(failing.into_iter().map(Check::word));
    words
}

async fn looked(app: &Arc<App>) -> Vec<Check> {
    let mut looked = app.readiness.looked.lock().await;
    if let Some(looked) = &*looked
        && looked.at.elapsed() < KEPT
    {
        return looked.failing.clone();
    }
    let found = app.service.failing_checks().await;
    let failing: Vec<Check> = found.iter().map(|failing| failing.check).collect();
    // A trouble is told when it begins and when it ends, not at every probe.
    if looked.as_ref().map_or(&[][..], |looked| &looked.failing) != failing {
        for failing in &found {
            tracing::error!(cause = failing.cause, "not ready: {}", failing.check.word());
        }
        if found.is_empty() {
            tracing::info!("ready again");
        }
    }
    *looked = Some(Looked { at: Instant::now(), failing: failing.clone() });
    failing
}
