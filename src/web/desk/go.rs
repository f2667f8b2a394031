//! The reference box: type a reference, land on its dossier. The box takes nothing but a reference, because what it takes
//! becomes part of an address, and a token may not.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{session::Staff, shell::Shell};
use crate::{
    dossier::Reference,
    web::{App, reply},
};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/not_found.html")]
struct NotFoundPage {
    shell: Shell,
    typed: String,
}

pub(super) async fn go(State(app): State<Arc<App>>, staff: Staff, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let typed = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "q");
    let typed = typed.map_or_else(String::new, |(_, typed)| typed.trim().to_owned());
    if typed.is_empty() {
        return reply::see_other("/desk");
    }
    let Ok(reference) = typed.parse::<Reference>() else { return not_found(&app, &staff, &typed) };
    match app.service.dossier(&reference).await {
        Ok(Some(_)) => reply::see_other(&format!("/desk/d/{reference}")),
        Ok(None) => not_found(&app, &staff, &typed),
        Err(error) => reply::failure(&app, &staff.visitor, &error),
    }
}

/// An unknown reference, or a text that is none: the page says what was looked for.
pub(super) fn not_found(app: &App, staff: &Staff, typed: &str) -> Response {
    let page = NotFoundPage { shell: staff.shell(app).at("/desk"), typed: typed.chars().take(40).collect() };
    page.shell.reply(StatusCode::NOT_FOUND, &page)
}
