//! Signing in and out.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    guard::{CheckedForm, SameOriginForm},
    kept_form::KeptForm,
    session::{self, Staff, safe_next},
    shell::Shell,
};
use crate::{
    i18n,
    service::SignInError,
    web::{App, reply, visitor::Visitor},
};

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/sign_in.html")]
struct SignInPage {
    shell: Shell,
    name: String,
    next: String,
    problem: Option<String>,
    kept: Option<KeptForm>,
}

/// The answer to a form whose session has ended. Nothing was done with it.
pub(super) fn after_the_end(app: &App, visitor: &Visitor, kept: KeptForm) -> Response {
    let shell = Shell::new(app, visitor, None).at("/desk/sign-in");
    let page = SignInPage { shell, name: String::new(), next: "/desk".to_owned(), problem: None, kept: Some(kept) };
    page.shell.reply(StatusCode::FORBIDDEN, &page)
}

pub(super) async fn page(State(app): State<Arc<App>>, visitor: Visitor, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "next");
    let next = next.map_or_else(String::new, |(_, next)| safe_next(&next).to_owned());
    let page =
        SignInPage { shell: Shell::new(&app, &visitor, None), name: String::new(), next, problem: None, kept: None };
    page.shell.reply(StatusCode::OK, &page)
}

pub(super) async fn submit(State(app): State<Arc<App>>, sent: SameOriginForm) -> Response {
    let SameOriginForm { visitor, form } = sent;
    let name = form.one("name").unwrap_or_default().to_owned();
    let password = form.one("password").unwrap_or_default();
    let next = safe_next(form.one("next").unwrap_or_default()).to_owned();
    let language = visitor.language;
    let mut failed = None;
    let kept = KeptForm::carried(&form);
    let (status, problem) = match app.service.sign_in(&name, password, &visitor.address).await {
        Ok(signed_in) => {
            let cookie = session::set_session_cookie(&app, signed_in.secret.as_str(), signed_in.expires_at);
            let answer = match kept {
                Some(kept) => kept.show(&app, &Staff::signed_in(visitor, &signed_in)).await,
                None => reply::see_other(&next),
            };
            return with_cookie(answer, &cookie);
        }
        Err(SignInError::Refused) => (StatusCode::UNPROCESSABLE_ENTITY, i18n::text(language, "desk-sign-in-refused")),
        Err(SignInError::Limited(until)) => {
            let until = app.service.issuer().civil_time(until);
            let time = format!("{:02}:{:02}", until.hour(), until.minute());
            let text = i18n::text_with(language, "desk-sign-in-limited", &[("until", &time)]);
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        Err(SignInError::Service(error)) => {
            if kept.is_none() {
                return reply::failure(&app, &visitor, &error);
            }
            failed = Some(error);
            (StatusCode::SERVICE_UNAVAILABLE, i18n::text(language, "notice-unavailable"))
        }
    };
    let shell = Shell::new(&app, &visitor, None);
    // A name is short; a longer text is not worth sending back.
    let name = name.chars().take(64).collect();
    let page = SignInPage { shell, name, next, problem: Some(problem), kept };
    let answer = page.shell.reply(status, &page);
    match failed {
        Some(error) => reply::try_again_later(answer, &error),
        None => answer,
    }
}

pub(super) async fn sign_out(State(app): State<Arc<App>>, form: CheckedForm) -> Response {
    let (staff, _) = form.into_parts();
    match app.service.sign_out(staff.secret()).await {
        Ok(()) => with_cookie(reply::see_other("/desk/sign-in"), &session::clear_session_cookie(&app)),
        Err(error) => reply::failure(&app, &staff.visitor, &error),
    }
}

pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
