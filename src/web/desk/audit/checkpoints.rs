//! The checkpoints that were published, whether the log still holds to them, and who else has seen them.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{
    super::{session::Staff, shell::Shell},
    parameter, refused,
    words::CheckpointLine,
};
use crate::web::App;

const PAGE: u32 = 50;

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "audit/checkpoints.html")]
struct Page {
    shell: Shell,
    lines: Vec<CheckpointLine>,
    is_newest: bool,
    older: Option<u64>,
}

pub(super) async fn page(State(app): State<Arc<App>>, staff: Staff, RawQuery(query): RawQuery) -> Response {
    let before: Option<u64> = parameter(&query.unwrap_or_default(), "before").parse().ok();
    let mut found = match app.service.checkpoints(&staff.actor(), before, PAGE + 1).await {
        Ok(found) => found,
        Err(failure) => return refused(&app, &staff, failure),
    };
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let page = Page {
        older: found.last().filter(|_| more).map(|checkpoint| checkpoint.size),
        lines: found.iter().map(|checkpoint| CheckpointLine::of(&app, checkpoint)).collect(),
        is_newest: before.is_none(),
        shell: staff.shell(&app),
    };
    page.shell.reply(StatusCode::OK, &page)
}
