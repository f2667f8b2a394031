//! The first page: what this is, the form for those without a camera, the services, the offices.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    contact::{self, Channel, OfficeCard},
    frame::Frame,
    notice::page_of,
};
use crate::{
    dossier::Procedure,
    print,
    web::{App, reply::Policy, visitor::Visitor},
};

#[derive(Debug, Template)]
#[template(config = "assets/templates/askama.toml", path = "public/home.html")]
struct HomePage<'a> {
    frame: Frame<'a>,
    typed: Typed,
    services: Vec<ServiceCard<'a>>,
    offices: Vec<OfficeCard<'a>>,
    channels: Vec<Channel>,
}

/// What was typed into the form, shown again when nothing was found.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) reference: String,
    pub(super) code: String,
    pub(super) problem: Option<String>,
}

/// A reference with its code opens a dossier.
impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

#[derive(Debug)]
struct ServiceCard<'a> {
    name: &'a str,
    summary: &'a str,
    term: Option<String>,
    required: Vec<&'a str>,
    optional: Vec<&'a str>,
}

pub(super) async fn home(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    render(&app, &visitor, Typed::default())
}

pub(super) fn render(app: &App, visitor: &Visitor, typed: Typed) -> Response {
    // The form's own address answers to nothing but the form.
    let frame = Frame::new(app, visitor).switching_at("/");
    let policy = if typed.problem.is_some() { Policy::Once } else { Policy::Public };
    let today = app.service.today();
    let issuer = frame.issuer;
    let page = HomePage {
        services: issuer.catalogue.procedures().iter().map(|procedure| service(&frame, procedure, today)).collect(),
        offices: issuer.offices.iter().map(|office| OfficeCard::new(&frame, office)).collect(),
        channels: contact::channels(&frame, &issuer.channels, issuer.offices.first()),
        typed,
        frame,
    };
    page_of(&page, StatusCode::OK, visitor.language, policy)
}

fn service<'a>(frame: &Frame<'a>, procedure: &'a Procedure, today: jiff::civil::Date) -> ServiceCard<'a> {
    let documents = |required: bool| {
        let wanted = procedure.documents().iter().filter(|document| document.required == required);
        wanted.map(|document| document.name.get(frame.language)).collect()
    };
    let term = procedure.rule_on(today).map(|rule| print::term(rule.term, frame.language));
    ServiceCard {
        name: procedure.name().get(frame.language),
        summary: procedure.summary().get(frame.language),
        term: term.map(|term| frame.with("home-term", &[("term", &term)])),
        required: documents(true),
        optional: documents(false),
    }
}
