//! The keys: each with its time, and every change as the log's own entries tell it.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    super::{facts::moment, session::Staff, shell::Shell},
    refused,
    words::{kind, short},
};
use crate::{
    service::{KeyChange, KeyLife, KeyState},
    tlog::{KeyPurpose, LogEvent},
    web::App,
};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "audit/keys.html")]
struct Page {
    shell: Shell,
    keys: Vec<Key>,
    changes: Vec<Change>,
}

struct Key {
    purpose: String,
    number: u32,
    /// The words' key.
    state: &'static str,
    revoked: Option<(String, String)>,
    from: Option<String>,
    until: Option<String>,
    name: Option<String>,
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
    let (shell, actor) = (staff.shell(&app), staff.actor());
    let read = async { Ok((app.service.key_lives(&actor)?, app.service.key_changes(&actor).await?)) };
    match read.await {
        Ok((keys, changes)) => {
            let keys = keys.into_iter().map(|key| Key::of(&app, &shell, key)).collect();
            let changes = changes.into_iter().filter_map(|change| Change::of(&app, &shell, change)).collect();
            let page = Page { shell, keys, changes };
            page.shell.reply(StatusCode::OK, &page)
        }
        Err(failure) => refused(&app, &staff, failure),
    }
}

fn time(app: &App, at: jiff::Timestamp) -> String {
    moment(app.service.issuer().civil_time(at))
}

fn purpose_words(shell: &Shell, purpose: KeyPurpose) -> String {
    shell.t(&format!("journal-key-{}", purpose.name()))
}

impl Key {
    fn of(app: &App, shell: &Shell, key: KeyLife) -> Self {
        Self {
            purpose: purpose_words(shell, key.purpose),
            number: key.number,
            state: match key.state {
                KeyState::InUse => "journal-key-in-use",
                KeyState::ToCome => "journal-key-to-come",
                KeyState::Ended => "journal-key-ended",
                KeyState::Revoked => "journal-key-revoked",
            },
            revoked: key.revoked.map(|(since, reason)| (time(app, since), reason)),
            from: key.from.map(|from| time(app, from)),
            until: key.until.map(|until| time(app, until)),
            name: key.name,
        }
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
        Some(Self {
            index: change.index,
            when: time(app, change.at),
            what,
            purpose: purpose_words(shell, purpose),
            number,
            counts: jiff::Timestamp::from_millisecond(counts).map_or_else(|_| counts.to_string(), |at| time(app, at)),
            detail,
            detail_is_a_key,
            actor: change.actor,
        })
    }
}
