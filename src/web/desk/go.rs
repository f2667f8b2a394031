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
    i18n,
    web::{App, reply},
};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/not_found.html")]
struct NotFoundPage {
    shell: Shell,
    typed: String,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/erased.html")]
struct ErasedPage {
    shell: Shell,
    reference: String,
    on: String,
    reason: String,
    entry: u64,
    office: String,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/not_allowed.html")]
struct NotAllowedPage {
    shell: Shell,
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
        Ok(None) => absent(&app, &staff, &reference).await,
        Err(error) => reply::failure(&app, &staff.visitor, &error),
    }
}

/// A dossier that cannot be shown: its data were erased, or it never was.
pub(super) async fn absent(app: &App, staff: &Staff, reference: &Reference) -> Response {
    match app.service.erasure(reference).await {
        Ok(Some(erased)) => {
            let shell = staff.shell(app).at(&format!("/desk/d/{reference}"));
            let office = app.service.issuer().office(&erased.office);
            let page = ErasedPage {
                reference: reference.to_string(),
                on: i18n::date(erased.on),
                reason: erased.reason,
                entry: erased.told_by,
                office: office.map_or_else(String::new, |office| office.name.get(shell.language).to_owned()),
                shell,
            };
            page.shell.reply(StatusCode::OK, &page)
        }
        Ok(None) => not_found(app, staff, &reference.to_string()),
        Err(error) => reply::failure(app, &staff.visitor, &error),
    }
}

/// What the account's role does not allow. Nothing was done.
pub(super) fn not_allowed(app: &App, staff: &Staff) -> Response {
    let page = NotAllowedPage { shell: staff.shell(app).at("/desk") };
    page.shell.reply(StatusCode::FORBIDDEN, &page)
}

/// An unknown reference, or a text that is none: the page says what was looked for.
pub(super) fn not_found(app: &App, staff: &Staff, typed: &str) -> Response {
    let page = NotFoundPage { shell: staff.shell(app).at("/desk"), typed: typed.chars().take(40).collect() };
    page.shell.reply(StatusCode::NOT_FOUND, &page)
}
