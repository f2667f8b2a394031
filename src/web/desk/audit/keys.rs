//! The keys' history, as the log's own entries tell it.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    super::{facts::moment, session::Staff, shell::Shell},
    refused,
    words::{kind, short},
};
use crate::{service::KeyChange, tlog::LogEvent, web::App};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "audit/keys.html")]
struct Page {
    shell: Shell,
    changes: Vec<Change>,
}

struct Change {
    index: u64,
    when: String,
    what: String,
    purpose: String,
    number: u32,
    /// From or since when it counts.
    counts: String,
    /// The new key, or why one was revoked.
    detail: String,
    detail_is_a_key: bool,
    actor: String,
}

pub(super) async fn page(State(app): State<Arc<App>>, staff: Staff) -> Response {
    let shell = staff.shell(&app);
    match app.service.key_changes(&staff.actor()).await {
        Ok(changes) => {
            let changes = changes.into_iter().filter_map(|change| Change::of(&app, &shell, change)).collect();
            let page = Page { shell, changes };
            page.shell.reply(StatusCode::OK, &page)
        }
        Err(failure) => refused(&app, &staff, failure),
    }
}

impl Change {
    /// `None` for an event that is about no key.
    fn of(app: &App, shell: &Shell, change: KeyChange) -> Option<Self> {
        let what = kind(shell, change.event.kind());
        let (purpose, number, counts, detail, detail_is_a_key) = match change.event {
            LogEvent::KeyRotated { purpose, number, key, from_ms, .. } => (purpose, number, from_ms, short(&key), true),
            LogEvent::KeyRevoked { purpose, number, since_ms, reason } => (purpose, number, since_ms, reason, false),
            LogEvent::RollbackAccepted { .. } | LogEvent::Erased { .. } => return None,
        };
        let time = |at: jiff::Timestamp| moment(app.service.issuer().civil_time(at));
        Some(Self {
            index: change.index,
            when: time(change.at),
            what,
            purpose: shell.t(&format!("journal-key-{}", purpose.name())),
            number,
            counts: jiff::Timestamp::from_millisecond(counts).map_or_else(|_| counts.to_string(), time),
            detail,
            detail_is_a_key,
            actor: change.actor,
        })
    }
}
