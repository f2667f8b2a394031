//! The page that a scan opens: where the dossier stands, by when the law wants an answer, what to do.
//!
//! It is made from [`PublicStatus`], which has no field that the public may not see. What the four digits open is a part of
//! its own, made for one answer only.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};

use super::{
    contact::{self, Channel, OfficeCard},
    erased,
    frame::Frame,
    legal::{Legal, legal},
    notice::{self, page_of},
    unlock::Opened,
};
use crate::{
    dossier::{Procedure, PublicState, StepCode, Term, TermUnit},
    i18n, print,
    receipt::ScannedPath,
    service::{Happening, PublicStatus, Scan, StepProgress, TimelineEntry},
    web::{
        App,
        reply::{self, Policy},
        visitor::Visitor,
    },
};

#[derive(Debug, Template)]
#[template(config = "assets/templates/askama.toml", path = "public/status.html")]
struct StatusPage<'a> {
    frame: Frame<'a>,
    reference: String,
    procedure: &'a str,
    /// The word of the record, for the banner's colour and shape.
    state: &'static str,
    heading: String,
    todo: String,
    next: String,
    facts: Vec<(String, String)>,
    legal: Option<Legal>,
    typical: Option<String>,
    steps: Vec<Step>,
    timeline: Vec<Entry>,
    second_level: bool,
    refused: bool,
    opened: Option<Opened>,
    office: Option<OfficeCard<'a>>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Step {
    name: String,
    current: bool,
    done: bool,
    note: String,
}

#[derive(Debug)]
struct Entry {
    on: String,
    what: String,
}

/// What was said about the four digits, if anything.
pub(super) enum Digits {
    NotAsked,
    Refused,
    Open(Opened),
}

pub(super) async fn scanned(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    show(&app, &visitor, path.ok().map(|Path(token)| token)).await
}

/// The seal never changes what the page shows.
pub(super) async fn sealed(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    show(&app, &visitor, path.ok().map(|Path((token, _))| token)).await
}

async fn show(app: &App, visitor: &Visitor, token: Option<String>) -> Response {
    let Some(token) = token.and_then(|token| token_text(&token)) else { return notice::not_found(app, visitor) };
    match app.service.scan(&token).await {
        Ok(Scan::Unknown) => notice::not_found(app, visitor),
        Ok(Scan::Replaced) => notice::replaced(app, visitor),
        Ok(Scan::Erased(erasure)) => erased::page(app, visitor, &erasure),
        Ok(Scan::Withdrawn) => notice::withdrawn(app, visitor),
        Ok(Scan::Status(status)) => render(app, visitor, &status, Digits::NotAsked),
        Err(error) => reply::failure(app, visitor, &error),
    }
}

pub(super) fn token_text(token: &str) -> Option<String> {
    ScannedPath::parse(token, None).ok().map(|scanned| scanned.token_text().to_owned())
}

pub(super) fn render(app: &App, visitor: &Visitor, status: &PublicStatus, digits: Digits) -> Response {
    let frame = Frame::new(app, visitor);
    let Some(procedure) = frame.issuer.catalogue.procedure(&status.procedure) else {
        let damage = format!("the catalogue no longer has procedure {}", status.procedure);
        return reply::failure(app, visitor, &crate::service::ServiceError::Damaged(damage));
    };
    let policy = if matches!(digits, Digits::NotAsked) { Policy::Public } else { Policy::Once };
    let refused = matches!(digits, Digits::Refused);
    let opened = if let Digits::Open(opened) = digits { Some(opened) } else { None };
    let state = status.position.state;
    let office = frame.issuer.office(&status.office);
    let page = StatusPage {
        reference: status.reference.to_string(),
        procedure: frame.of(procedure.name()),
        state: state.as_str(),
        heading: frame.text(&format!("state-{state}")),
        todo: frame.text(&todo(status)),
        next: frame.text(&next(procedure, state)),
        facts: facts(&frame, status),
        legal: status.clock.as_ref().map(|clock| legal(&frame, procedure, clock)),
        typical: status.typical_days.map(|days| typical(&frame, days)),
        steps: steps(&frame, procedure, &status.steps, state),
        timeline: status.timeline.iter().map(|entry| what_happened(&frame, procedure, entry)).collect(),
        second_level: status.second_level,
        refused,
        opened,
        office: office.map(|office| OfficeCard::new(&frame, office)),
        channels: contact::channels(&frame, &frame.issuer.channels, office),
        frame,
    };
    page_of(&page, StatusCode::OK, visitor.language, policy)
}

/// Without a second level nobody can be told to type four digits.
fn todo(status: &PublicStatus) -> String {
    let state = status.position.state;
    let call = state == PublicState::Incomplete && !status.second_level;
    format!("todo-{state}{}", if call { "-call" } else { "" })
}

/// Of a procedure without an opinion, such as a request for information, nobody may expect one.
fn next(procedure: &Procedure, state: PublicState) -> String {
    let gives_opinion = procedure.steps().iter().any(|step| step.state == PublicState::Decided);
    let answers = state == PublicState::InReview && !gives_opinion;
    format!("next-{state}{}", if answers { "-answer" } else { "" })
}

fn facts(frame: &Frame<'_>, status: &PublicStatus) -> Vec<(String, String)> {
    let mut facts = vec![
        (frame.text("status-deposited"), i18n::date(status.deposited_on)),
        (frame.text("status-updated"), i18n::date(status.updated_on)),
    ];
    let awaited = matches!(status.position.state, PublicState::Scheduled);
    if let Some(on) = status.commission_on.filter(|_| awaited) {
        facts.push((frame.text("status-commission"), i18n::date(on)));
    }
    facts
}

fn typical(frame: &Frame<'_>, days: u32) -> String {
    let count = u16::try_from(days).unwrap_or(u16::MAX);
    let term = print::term(Term { count, unit: TermUnit::CalendarDays }, frame.language);
    frame.with("typical", &[("term", &term)])
}

fn steps(frame: &Frame<'_>, procedure: &Procedure, steps: &[StepProgress], state: PublicState) -> Vec<Step> {
    // A dossier that has been handed over or withdrawn waits for nothing more.
    let ended = matches!(state, PublicState::Collected | PublicState::Withdrawn);
    let aside = matches!(state, PublicState::Incomplete | PublicState::Adjourned | PublicState::Withdrawn);
    let current = steps.iter().position(|step| step.current).unwrap_or(0);
    let show = |(at, step): (usize, &StepProgress)| {
        let done = !step.current && step.entered_on.is_some() && (aside || at < current);
        let word = match (step.current, done) {
            (true, _) if ended => "status-step-done",
            (true, _) => "status-step-current",
            (_, true) => "status-step-done",
            _ => "status-step-later",
        };
        let date = step.entered_on.filter(|_| done || step.current).map(i18n::date);
        let note = [date, Some(frame.text(word))].into_iter().flatten().collect::<Vec<_>>().join(" – ");
        Step { name: step_name(frame, procedure, &step.step), current: step.current, done, note }
    };
    let mut shown: Vec<Step> = steps.iter().enumerate().map(show).collect();
    if ended {
        shown.retain(|step| step.current || step.done);
    }
    shown
}

fn what_happened(frame: &Frame<'_>, procedure: &Procedure, entry: &TimelineEntry) -> Entry {
    let key = match entry.happening {
        Happening::Registered => "happening-registered",
        Happening::StepEntered => "happening-step-entered",
        Happening::ComplementRequested => "happening-complement-requested",
        Happening::ComplementReceivedPartly => "happening-complement-received-partly",
        Happening::ComplementReceived => "happening-complement-received",
        Happening::CommissionScheduled => "happening-commission-scheduled",
        Happening::Adjourned => "happening-adjourned",
        Happening::Decided => "happening-decided",
        Happening::Ready => "happening-ready",
        Happening::Collected => "happening-collected",
        Happening::Withdrawn => "happening-withdrawn",
        Happening::Extended => "happening-extended",
        Happening::Corrected => "happening-corrected",
    };
    let mut what = frame.text(key);
    // The other happenings have but one step to lead to, and say so themselves.
    if matches!(entry.happening, Happening::StepEntered | Happening::Corrected)
        && let Some(step) = &entry.step
    {
        what = format!("{what}{}{}", frame.text("colon"), step_name(frame, procedure, step));
    }
    Entry { on: i18n::date(entry.on), what }
}

/// A step that the catalogue no longer has is shown by its code.
fn step_name(frame: &Frame<'_>, procedure: &Procedure, code: &StepCode) -> String {
    procedure.step(code).map_or_else(|| code.to_string(), |step| frame.of(&step.name).to_owned())
}
