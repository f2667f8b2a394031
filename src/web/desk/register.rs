//! Registering a dossier: the form, its faults, the advice about look-alikes, and on to the receipt.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    go::not_allowed,
    guard::SentForm,
    list::Row,
    register_page::{RegisterPage, Trouble},
    session::{Staff, Stranger},
    shell::Shell,
    sign_in::with_cookie,
};
use crate::{
    dossier::StaffAction,
    service::{RawIntake, RegisterError, ServiceError},
    store::DossierRow,
    web::{
        App,
        form::{Form, FormProblem},
        reply,
        visitor::{Visitor, cookie},
    },
};

/// A desk registers for one office all day, so the browser remembers which.
const OFFICE_COOKIE: &str = "milaf-office";

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/form_reused.html")]
struct FormReusedPage {
    shell: super::shell::Shell,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    staff: Staff,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if !staff.may(StaffAction::Register) {
        return not_allowed(&app, &staff);
    }
    let query = query.unwrap_or_default();
    let procedure = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "procedure");
    let office = cookie(&headers, OFFICE_COOKIE).filter(|code| known_office(&app, code)).unwrap_or_default();
    let raw = RawIntake {
        procedure: procedure.map_or_else(String::new, |(_, code)| code.chars().take(8).collect()),
        office: office.to_owned(),
        ..RawIntake::default()
    };
    show(&app, &staff, StatusCode::OK, raw, None, Trouble::None)
}

pub(super) async fn submit(State(app): State<Arc<App>>, form: SentForm) -> Response {
    let (staff, form) = match form {
        SentForm::Checked(form) => form.into_parts(),
        SentForm::Stranded(stranger, form) => return stranded(&app, &stranger, &form),
    };
    if !staff.may(StaffAction::Register) {
        return not_allowed(&app, &staff);
    }
    let (Ok(raw), Ok(key)) = (raw_intake(&form), form.one("form-key")) else {
        return reply::problem(&app, &staff.visitor, StatusCode::BAD_REQUEST);
    };
    if !plausible_key(key) {
        return show(&app, &staff, StatusCode::UNPROCESSABLE_ENTITY, raw, None, Trouble::Stale);
    }
    let key = key.to_owned();
    let confirmed = !form.many("confirm-duplicate").is_empty();
    let shown = form.one("shown-procedure").unwrap_or_default();
    let other_documents = !shown.is_empty() && shown != raw.procedure && !confirmed;
    if !form.many("show-documents").is_empty() || other_documents {
        return show(&app, &staff, StatusCode::OK, raw, Some(key), Trouble::None);
    }
    if let Err(errors) = app.service.check_intake(&raw) {
        return show(&app, &staff, StatusCode::UNPROCESSABLE_ENTITY, raw, Some(key), Trouble::Fields(errors));
    }
    if !confirmed {
        match look_alikes(&app, &staff, &raw, &key).await {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) => {
                let (language, today) = (staff.visitor.language, app.service.today());
                let rows = rows.iter().map(|row| Row::of(row, app.service.issuer(), language, today)).collect();
                return show(&app, &staff, StatusCode::OK, raw, Some(key), Trouble::LookAlikes(rows));
            }
            Err(error) => return given_back(&app, staff.shell(&app), &staff.visitor, raw, key, &error),
        }
    }
    match app.service.register(&staff.actor(), &raw, Some(&key)).await {
        Ok(registered) => {
            let to = reply::see_other(&format!("/desk/d/{}/receipt?new=1", registered.reference));
            let office = raw.office.trim();
            if !known_office(&app, office) {
                return to;
            }
            with_cookie(
                to,
                &format!("{OFFICE_COOKIE}={office}; Path=/desk; Max-Age=31536000; HttpOnly; SameSite=Strict"),
            )
        }
        Err(RegisterError::Fields(errors)) => {
            show(&app, &staff, StatusCode::UNPROCESSABLE_ENTITY, raw, Some(key), Trouble::Fields(errors))
        }
        Err(RegisterError::Refused(refusal)) => {
            let sentence = super::refusal_words::sentence(&refusal, app.service.issuer(), None, staff.visitor.language);
            show(&app, &staff, StatusCode::CONFLICT, raw, Some(key), Trouble::Refused(sentence))
        }
        Err(RegisterError::NotAllowed) => not_allowed(&app, &staff),
        Err(RegisterError::FormReused) => form_reused(&app, &staff),
        Err(RegisterError::NumbersExhausted) => {
            let sentence = staff.shell(&app).t("desk-numbers-exhausted");
            show(&app, &staff, StatusCode::CONFLICT, raw, Some(key), Trouble::Refused(sentence))
        }
        Err(RegisterError::Service(error)) => given_back(&app, staff.shell(&app), &staff.visitor, raw, key, &error),
    }
}

/// A form that came through the sign-in page, under its own key and with the new session's proof.
pub(super) fn come_back(app: &App, staff: &Staff, form: &Form) -> Response {
    if !staff.may(StaffAction::Register) {
        return not_allowed(app, staff);
    }
    match (raw_intake(form), form.one("form-key")) {
        (Ok(raw), Ok(key)) => {
            let key = Some(key.to_owned()).filter(|key| plausible_key(key));
            show(app, staff, StatusCode::OK, raw, key, Trouble::Back)
        }
        _ => reply::problem(app, &staff.visitor, StatusCode::BAD_REQUEST),
    }
}

/// A form of a session that cannot be looked up now.
fn stranded(app: &App, stranger: &Stranger, form: &Form) -> Response {
    match (raw_intake(form), form.one("form-key")) {
        (Ok(raw), Ok(key)) if plausible_key(key) => {
            given_back(app, stranger.shell(app), &stranger.visitor, raw, key.to_owned(), &stranger.error)
        }
        _ => reply::failure(app, &stranger.visitor, &stranger.error),
    }
}

/// The form as it was sent, under its own key: a queue of people waits, nobody types it a second time, and whether the first
/// time counted is told by sending it again.
fn given_back(
    app: &App,
    shell: Shell,
    visitor: &Visitor,
    raw: RawIntake,
    key: String,
    error: &ServiceError,
) -> Response {
    if matches!(error, ServiceError::Damaged(_)) {
        return reply::failure(app, visitor, error);
    }
    let page = RegisterPage::new(app, shell.at("/desk/register"), raw, key, Trouble::Unanswered);
    reply::try_again_later(page.shell.reply(StatusCode::SERVICE_UNAVAILABLE, &page), error)
}

/// The same form came with other contents: the browser's "back" was used after registering.
pub(super) fn form_reused(app: &App, staff: &Staff) -> Response {
    let page = FormReusedPage { shell: staff.shell(app).at("/desk/register") };
    page.shell.reply(StatusCode::CONFLICT, &page)
}

fn show(
    app: &App,
    staff: &Staff,
    status: StatusCode,
    raw: RawIntake,
    form_key: Option<String>,
    trouble: Trouble,
) -> Response {
    let form_key = match form_key.map_or_else(|| new_form_key(app), Ok) {
        Ok(key) => key,
        Err(error) => return reply::failure(app, &staff.visitor, &error),
    };
    let page = RegisterPage::new(app, staff.shell(app).at("/desk/register"), raw, form_key, trouble);
    page.shell.reply(status, &page)
}

/// The key says when the form was made, so that a form sent twice does not find its own dossier and call it a look-alike.
fn new_form_key(app: &App) -> Result<String, ServiceError> {
    Ok(format!("{}-{}", app.service.now().as_millisecond(), app.service.new_form_key()?))
}

fn plausible_key(key: &str) -> bool {
    (8..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Dossiers that look like this one, without those that the same person registered after this form was made: these come
/// from this form, and registering again leads to the receipt that exists.
async fn look_alikes(app: &App, staff: &Staff, raw: &RawIntake, key: &str) -> Result<Vec<DossierRow>, ServiceError> {
    let made: Option<i64> = key.split_once('-').and_then(|(made, _)| made.parse().ok());
    let mut others = Vec::new();
    for row in app.service.possible_duplicates(raw).await? {
        let newer = made.is_some_and(|made| row.registered_at.as_millisecond() >= made);
        let own = newer
            && app.service.dossier(&row.reference).await?.is_some_and(|view| {
                view.events.first().is_some_and(|(_, registered)| registered.actor == staff.account)
            });
        if !own {
            others.push(row);
        }
    }
    Ok(others)
}

fn known_office(app: &App, code: &str) -> bool {
    app.service.issuer().offices.iter().any(|office| office.code.as_str() == code)
}

fn raw_intake(form: &Form) -> Result<RawIntake, FormProblem> {
    let typed = |name| form.one(name).map(str::to_owned);
    Ok(RawIntake {
        procedure: typed("procedure")?,
        office: typed("office")?,
        applicant_kind: typed("applicant-kind")?,
        applicant: typed("applicant")?,
        depositor_role: typed("depositor-role")?,
        depositor: typed("depositor")?,
        phone: typed("phone")?,
        email: typed("email")?,
        identity: typed("identity")?,
        parcel: typed("parcel")?,
        rokhas: typed("rokhas")?,
        documents: form.many("document").into_iter().map(str::to_owned).collect(),
        note: typed("note")?,
    })
}
