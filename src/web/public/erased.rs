//! A genuine receipt of a dossier whose data were erased: since when, and whom to ask. There is nothing else to show, and
//! nothing that four digits could open.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{
    contact::{self, Channel, OfficeCard},
    frame::Frame,
    notice::page_of,
};
use crate::{
    i18n,
    service::PublicErasure,
    web::{App, reply::Policy, visitor::Visitor},
};

#[derive(Debug, Template)]
#[template(config = "assets/templates/askama.toml", path = "public/erased.html")]
struct ErasedPage<'a> {
    frame: Frame<'a>,
    reference: String,
    text: String,
    office: Option<OfficeCard<'a>>,
    channels: Vec<Channel>,
}

pub(super) fn page(app: &App, visitor: &Visitor, erasure: &PublicErasure) -> Response {
    let frame = Frame::new(app, visitor);
    let office = frame.issuer.office(&erasure.office);
    let page = ErasedPage {
        reference: erasure.reference.to_string(),
        text: frame.with("erased-text", &[("on", &i18n::date(erasure.on))]),
        office: office.map(|office| OfficeCard::new(&frame, office)),
        channels: contact::channels(&frame, &frame.issuer.channels, office),
        frame,
    };
    page_of(&page, StatusCode::GONE, visitor.language, Policy::Once)
}
