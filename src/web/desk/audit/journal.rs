//! The journal: every entry in the order of the log, the newest first.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{
    super::{register_page::Choice, session::Staff, shell::Shell},
    parameter, refused,
    search::{Fault, Search},
    words::{Line, kind},
};
use crate::{
    dossier::Event,
    service::{JournalPage, Rest},
    tlog::LogEvent,
    web::App,
};

const PAGE: usize = 50;

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "audit/journal.html")]
struct Page {
    shell: Shell,
    search: Search,
    kinds: Vec<Choice>,
    fault: Option<&'static str>,
    lines: Vec<Line>,
    is_newest: bool,
    /// Where the next page is.
    older: Option<String>,
    /// Up to where was searched in vain, and where to go on.
    looked_back_to: Option<(String, String)>,
    /// Erased entries cannot fit.
    hides_erased: bool,
}

pub(super) async fn page(State(app): State<Arc<App>>, staff: Staff, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let search = Search::of(&query);
    let before: Option<u64> = parameter(&query, "before").parse().ok();
    let shell = staff.shell(&app);
    let filter = search.filter();
    let hides_erased = filter.as_ref().is_ok_and(crate::service::JournalFilter::asks_the_record);
    // A fault asks for nothing, but only of whoever may look at all.
    let wanted = filter.clone().unwrap_or_default();
    let found = match app.service.journal(&staff.actor(), &wanted, before, PAGE).await {
        Ok(found) if filter.is_ok() => found,
        Ok(_) => JournalPage { entries: Vec::new(), rest: Rest::Nothing },
        Err(failure) => return refused(&app, &staff, failure),
    };
    let fault = filter.err().map(|fault| match fault {
        Fault::Reference => "journal-bad-reference",
        Fault::Kind => "journal-bad-kind",
        Fault::Day => "journal-bad-day",
    });
    let (older, looked_back_to) = match found.rest {
        Rest::Nothing => (None, None),
        Rest::More { before } => (Some(search.address(before)), None),
        Rest::LookedBackTo { before } => (None, Some((before.to_string(), search.address(before)))),
    };
    let page = Page {
        lines: found.entries.iter().map(|entry| Line::of(&app, &shell, entry)).collect(),
        kinds: kinds(&shell, &search.kind),
        fault,
        is_newest: before.is_none(),
        older,
        looked_back_to,
        hides_erased,
        search,
        shell,
    };
    let status = if page.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.shell.reply(status, &page)
}

fn kinds(shell: &Shell, chosen: &str) -> Vec<Choice> {
    let choice = |code: &&str| Choice { code: (*code).to_owned(), name: kind(shell, code), chosen: *code == chosen };
    Event::KINDS.iter().chain(&LogEvent::KINDS).map(choice).collect()
}
