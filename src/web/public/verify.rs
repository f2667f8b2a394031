//! `/verify`: whoever was handed a receipt learns whether it is one, without an account.
//!
//! A link is sent in a form's body, never in an address, so that no log and no browser's history keeps it. The answer tells
//! what was proven, check by check, and never more of a dossier than its paper does. What cannot be read gets words, not an
//! error's name.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::body::Body as _;

use super::{frame::Frame, notice::page_of};
use crate::{
    audit::{Answer, CheckKind, Outcome, Presented, Verdict},
    i18n::verdict_words,
    service::ServiceError,
    web::{
        App,
        form::{Form, FormProblem, let_pass, read_body_within},
        multipart,
        reading::{CODES, Failed, LARGEST, Place, Reading},
        reply::{self, Policy},
        visitor::Visitor,
    },
};

/// More than a boundary and a part's head take.
const AROUND_A_FILE: usize = 8 * 1024;
const MOST: usize = LARGEST + AROUND_A_FILE;
/// What is let pass of a file that is refused, so that the refusal is seen: more than any telephone's photograph.
const MOST_PASSED: usize = 4 * LARGEST;
/// How many times as long as a form a photograph may take: ten megabytes in two minutes.
const SLOWER: u32 = 4;

#[derive(Debug, Template)]
#[template(config = "assets/templates/askama.toml", path = "public/verify.html")]
struct VerifyPage<'a> {
    frame: Frame<'a>,
    problem: Option<String>,
    results: Vec<Shown>,
    colon: &'static str,
    /// There were more codes than are answered for.
    more: bool,
}

/// One receipt's answer. It holds no token.
#[derive(Debug)]
struct Shown {
    class: &'static str,
    heading: String,
    lead: String,
    facts: Vec<(String, String)>,
    checks: Vec<ShownCheck>,
    limits: Vec<String>,
}

#[derive(Debug)]
struct ShownCheck {
    name: String,
    sign: &'static str,
    why: String,
}

pub(super) async fn form(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    page(&app, &visitor, StatusCode::OK, Policy::Public, None, Vec::new(), false)
}

pub(super) async fn check(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::from_request_parts(&mut parts, &app).await.unwrap_or_else(|never| match never {});
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    let request = Request::from_parts(parts, body);
    let texts = match multipart::boundary(&media_type) {
        Some(boundary) => match uploaded(&app, &visitor, request, boundary).await {
            Ok(texts) => texts,
            Err(problem) => return refused(&app, &visitor, &problem),
        },
        None => match pasted(&app, request, &media_type).await {
            Ok(text) => vec![text],
            Err(problem) => return refused(&app, &visitor, &problem),
        },
    };
    match judged(&app, &visitor, &texts).await {
        Ok(results) => {
            let more = texts.len() > CODES;
            page(&app, &visitor, StatusCode::OK, Policy::Once, None, results, more)
        }
        Err(error) => reply::failure(&app, &visitor, &error),
    }
}

/// Why there is nothing to judge.
enum Problem {
    Form(FormProblem),
    Empty,
    NoCode,
    Reading(Failed),
}

async fn pasted(app: &App, request: Request, media_type: &str) -> Result<String, Problem> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::Form(FormProblem::MediaType));
    }
    let body = read_body_within(request, app.options.limits.form_bytes, app.options.limits.body_time)
        .await
        .map_err(Problem::Form)?;
    let form = Form::parse(&body).map_err(Problem::Form)?;
    let link = form.one("link").map_err(Problem::Form)?.trim();
    if link.is_empty() { Err(Problem::Empty) } else { Ok(link.to_owned()) }
}

async fn uploaded(app: &App, visitor: &Visitor, request: Request, boundary: &str) -> Result<Vec<String>, Problem> {
    let reading = &app.options.reading;
    let time = app.options.limits.body_time * SLOWER;
    let refusal = match reading.place(&visitor.address) {
        Ok(_) if request.body().size_hint().lower() > MOST as u64 => Failed::TooLarge,
        Ok(place) => return read_upload(reading, place, request, boundary, time).await,
        Err(failed) => failed,
    };
    let_pass(request, MOST_PASSED, time).await;
    Err(Problem::Reading(refusal))
}

async fn read_upload(
    reading: &Reading,
    place: Place,
    request: Request,
    boundary: &str,
    time: Duration,
) -> Result<Vec<String>, Problem> {
    let body = read_body_within(request, MOST, time).await.map_err(|problem| match problem {
        FormProblem::TooLarge => Problem::Reading(Failed::TooLarge),
        problem => Problem::Form(problem),
    })?;
    let file = multipart::part(&body, boundary, "file").map_err(Problem::Form)?.ok_or(Problem::Empty)?;
    let file = body.slice(file);
    drop(body);
    if file.is_empty() {
        return Err(Problem::Empty);
    }
    if file.len() > LARGEST {
        return Err(Problem::Reading(Failed::TooLarge));
    }
    let texts = reading.read(file).await.map_err(Problem::Reading)?;
    drop(place);
    if texts.is_empty() {
        return Err(Problem::NoCode);
    }
    // Other people's codes on the same paper are passed over, if there is a receipt's among them.
    let ours: Vec<String> = texts.iter().filter(|text| Presented::resembles(text)).cloned().collect();
    Ok(if ours.is_empty() { texts.into_iter().take(1).collect() } else { ours })
}

async fn judged(app: &App, visitor: &Visitor, texts: &[String]) -> Result<Vec<Shown>, ServiceError> {
    let frame = Frame::new(app, visitor);
    let mut results = Vec::new();
    for text in texts.iter().take(CODES) {
        results.push(shown(&frame, &app.service.verify(text).await?));
    }
    Ok(results)
}

fn refused(app: &App, visitor: &Visitor, problem: &Problem) -> Response {
    let (status, key) = match problem {
        Problem::Form(problem) => return reply::problem(app, visitor, problem.status()),
        Problem::Empty => (StatusCode::BAD_REQUEST, "check-empty"),
        Problem::NoCode => (StatusCode::UNPROCESSABLE_ENTITY, "check-no-code"),
        Problem::Reading(Failed::Kind) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "check-kind"),
        Problem::Reading(Failed::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "check-too-large"),
        Problem::Reading(Failed::Damaged) => (StatusCode::UNPROCESSABLE_ENTITY, "check-damaged"),
        Problem::Reading(Failed::TooLong) => (StatusCode::UNPROCESSABLE_ENTITY, "check-too-long"),
        Problem::Reading(Failed::Busy | Failed::Unavailable) => (StatusCode::SERVICE_UNAVAILABLE, "check-busy"),
    };
    let words = Frame::new(app, visitor).text(key);
    let mut response = page(app, visitor, status, Policy::Once, Some(words), Vec::new(), false);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

fn page(
    app: &App,
    visitor: &Visitor,
    status: StatusCode,
    policy: Policy,
    problem: Option<String>,
    results: Vec<Shown>,
    more: bool,
) -> Response {
    let frame = Frame::new(app, visitor).switching_at("/verify");
    let colon = verdict_words::colon(visitor.language);
    page_of(&VerifyPage { frame, problem, results, colon, more }, status, visitor.language, policy)
}

fn shown(frame: &Frame<'_>, verdict: &Verdict) -> Shown {
    let language = frame.language;
    let host = verdict.host.as_deref().unwrap_or_default();
    let foreign = verdict.decisive().is_some_and(|check| check.kind == CheckKind::Host);
    let (heading, lead) = if foreign {
        (frame.text("check-foreign"), frame.with("check-foreign-advice", &[("host", host)]))
    } else {
        (verdict_words::answer(language, verdict), verdict_words::lead(language, verdict))
    };
    let class = match verdict.answer {
        Answer::Genuine => "collected",
        Answer::NoLongerInForce => "withdrawn",
        Answer::NotGenuine if foreign => "incomplete",
        Answer::NotGenuine => "forged",
        Answer::CannotTell => "incomplete",
    };
    let since = verdict_words::revoked_since(verdict).unwrap_or_default();
    let check = |check: &crate::audit::Check| ShownCheck {
        name: verdict_words::check_name(language, check.kind),
        sign: match check.outcome {
            Outcome::Passed => "✓",
            Outcome::Failed => "✗",
            Outcome::Missing => "?",
            Outcome::NotLookedAt => "–",
        },
        why: match (check.kind, check.outcome) {
            (CheckKind::Host, Outcome::Passed) => frame.text("check-host-passed"),
            (CheckKind::Host, Outcome::Failed) => frame.with("check-host-failed", &[("host", host)]),
            (CheckKind::Key, Outcome::Failed) => frame.text("check-key-failed"),
            (CheckKind::Revocation, Outcome::Failed) => frame.with("check-revocation-failed", &[("since", &since)]),
            // Without a reason, which may name somebody.
            (CheckKind::Replaced, Outcome::Failed) => frame.text("notice-replaced-advice"),
            _ => verdict_words::explanation(language, verdict, *check),
        },
    };
    Shown {
        class,
        heading,
        lead,
        // A host and a number that nobody has proven are no facts to be shown, nor is what a seal says that stands beside a
        // link which the office did not make.
        facts: if verdict.stated.is_some() && verdict.outcome(CheckKind::Tag) != Some(Outcome::Failed) {
            verdict_words::facts(language, verdict)
        } else {
            Vec::new()
        },
        checks: verdict.checks.iter().map(check).collect(),
        limits: verdict_words::limit_keys(verdict)
            .into_iter()
            .map(|key| frame.text(if key == "verify-limit-register" { "check-limit-register" } else { key }))
            .collect(),
    }
}
