//! The latest dossiers.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use jiff::civil::Date;

use super::{session::Staff, shell::Shell};
use crate::{
    config::Issuer,
    dossier::{Language, PublicState},
    i18n,
    store::DossierRow,
    web::{App, reply},
};

const PAGE: u32 = 25;

/// A dossier's line in a list, in words.
pub(super) struct Row {
    pub reference: String,
    pub applicant: String,
    pub parcel: String,
    pub procedure: String,
    pub state: PublicState,
    pub state_word: String,
    pub step: String,
    pub deposited: String,
    pub due: Option<String>,
    pub overdue: bool,
    /// Its data are gone.
    pub erased: bool,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/list.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    first_page: bool,
    older: Option<i64>,
}

pub(super) async fn page(State(app): State<Arc<App>>, staff: Staff, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let before = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "before");
    let before: Option<i64> = before.and_then(|(_, text)| text.parse().ok());
    let mut rows = match app.service.latest(PAGE + 1, before).await {
        Ok(rows) => rows,
        Err(error) => return reply::failure(&app, &staff.visitor, &error),
    };
    // One row more than is shown tells whether there are older ones.
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let older = rows.last().filter(|_| more).map(|row| row.sequence);
    let language = staff.visitor.language;
    let today = app.service.today();
    let rows = rows.iter().map(|row| Row::of(row, app.service.issuer(), language, today)).collect();
    let page = ListPage { shell: staff.shell(&app), rows, first_page: before.is_none(), older };
    page.shell.reply(StatusCode::OK, &page)
}

impl Row {
    pub(super) fn of(row: &DossierRow, issuer: &Issuer, language: Language, today: Date) -> Self {
        let procedure = issuer.catalogue.procedure(row.reference.procedure());
        let step = procedure.and_then(|procedure| procedure.step(&row.position.step));
        let state = row.position.state;
        let answered = matches!(
            state,
            PublicState::Decided | PublicState::Ready | PublicState::Collected | PublicState::Withdrawn
        );
        let waits = !answered && row.erased_by.is_none();
        Self {
            reference: row.reference.to_string(),
            applicant: row.applicant.clone(),
            parcel: row.parcel.clone().unwrap_or_default(),
            procedure: procedure.map_or_else(String::new, |procedure| procedure.name().get(language).to_owned()),
            state,
            state_word: i18n::text(language, &state_key(state)),
            erased: row.erased_by.is_some(),
            step: step.map_or_else(String::new, |step| step.name.get(language).to_owned()),
            deposited: i18n::date(row.deposited_on),
            due: row.due_on.filter(|_| waits).map(i18n::date),
            overdue: waits && row.due_on.is_some_and(|due| due < today),
        }
    }
}

/// The key of a state's words: `state-in_review`.
pub(super) fn state_key(state: PublicState) -> String {
    format!("state-{}", state.as_str())
}
