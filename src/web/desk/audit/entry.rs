//! One entry of the log: what was recorded, what proves it, and who has seen it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{
    super::{session::Staff, shell::Shell},
    refused,
    words::{CheckpointLine, Line},
};
use crate::{
    service::{EntryContent, EntryDetails, EntryRecord},
    tlog::LogEvent,
    web::{App, reply},
};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "audit/entry.html")]
struct Page {
    shell: Shell,
    line: Line,
    /// To the second and in universal time, as the record has it.
    exact: Option<String>,
    fields: Vec<(String, String)>,
    commitment: String,
    leaf_hash: String,
    previous: Previous,
    checkpoint: Option<CheckpointLine>,
    reason: Option<String>,
}

/// The leaf before this one of the same subject.
enum Previous {
    /// The content, which said it, was erased or cannot be read.
    Unknown,
    None,
    Leaf(String),
}

pub(super) async fn page(State(app): State<Arc<App>>, staff: Staff, Path(typed): Path<String>) -> Response {
    let Ok(index) = typed.parse::<u64>() else {
        return reply::problem(&app, &staff.visitor, StatusCode::NOT_FOUND);
    };
    let details = match app.service.journal_entry(&staff.actor(), index).await {
        Ok(Some(details)) => details,
        Ok(None) => return reply::problem(&app, &staff.visitor, StatusCode::NOT_FOUND),
        Err(failure) => return refused(&app, &staff, failure),
    };
    let page = Page::of(&app, staff.shell(&app), details);
    page.shell.reply(StatusCode::OK, &page)
}

impl Previous {
    fn of(record: Option<&EntryRecord>) -> Self {
        match record.map(|record| record.previous) {
            None => Self::Unknown,
            Some(None) => Self::None,
            Some(Some(hash)) => Self::Leaf(hex::encode(hash)),
        }
    }
}

impl Page {
    fn of(app: &App, shell: Shell, details: EntryDetails) -> Self {
        let line = Line::of(app, &shell, &details.entry);
        let record = match details.entry.content {
            EntryContent::Readable(record) => Some(*record),
            EntryContent::Erased { .. } | EntryContent::Damaged => None,
        };
        let reason = details.erasure.and_then(|told| match told.event {
            LogEvent::Erased { reason, .. } => Some(reason),
            _ => None,
        });
        Self {
            line,
            exact: record.as_ref().map(|record| record.at.to_string()),
            previous: Previous::of(record.as_ref()),
            fields: record.map_or_else(Vec::new, |record| record.fields),
            commitment: hex::encode(details.entry.commitment),
            leaf_hash: hex::encode(details.entry.leaf_hash),
            checkpoint: details.checkpoint.as_ref().map(|checkpoint| CheckpointLine::of(app, checkpoint)),
            reason,
            shell,
        }
    }
}
