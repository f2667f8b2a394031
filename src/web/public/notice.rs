//! Pages that say one thing: not found, replaced, a request that cannot be answered.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::frame::Frame;
use crate::web::{
    App,
    reply::{self, Policy},
    visitor::Visitor,
};

#[derive(Debug, Template)]
#[template(config = "assets/templates/askama.toml", path = "public/notice.html")]
struct NoticePage<'a> {
    frame: Frame<'a>,
    heading: String,
    sentences: Vec<String>,
    /// Shown where someone may have to ask about it.
    request_id: Option<&'a str>,
}

/// One and the same page for whatever is not here: a forged receipt, an unknown one, a path that never was.
pub fn not_found(app: &App, visitor: &Visitor) -> Response {
    notice(app, visitor, StatusCode::NOT_FOUND, "not-found", None)
}

/// Another receipt took this one's place; nothing else is said.
pub fn replaced(app: &App, visitor: &Visitor) -> Response {
    notice(app, visitor, StatusCode::GONE, "replaced", None)
}

/// The receipt is genuine, and the key that made it is not to be believed any more.
pub fn withdrawn(app: &App, visitor: &Visitor) -> Response {
    notice(app, visitor, StatusCode::GONE, "withdrawn", None)
}

pub fn problem(app: &App, visitor: &Visitor, status: StatusCode) -> Response {
    let key = match status {
        StatusCode::NOT_FOUND => return not_found(app, visitor),
        StatusCode::METHOD_NOT_ALLOWED => "method",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::REQUEST_TIMEOUT => "slow",
        StatusCode::PAYLOAD_TOO_LARGE => "too-large",
        StatusCode::TOO_MANY_REQUESTS => "too-many",
        status if status.is_server_error() => "unavailable",
        _ => "bad-request",
    };
    notice(app, visitor, status, key, Some(&visitor.request_id))
}

fn notice(app: &App, visitor: &Visitor, status: StatusCode, key: &str, request_id: Option<&str>) -> Response {
    let frame = Frame::new(app, visitor).switching_at(if status == StatusCode::GONE { "" } else { "/" });
    let page = NoticePage {
        heading: frame.text(&format!("notice-{key}")),
        sentences: frame.text(&format!("notice-{key}-advice")).lines().map(str::to_owned).collect(),
        request_id,
        frame,
    };
    page_of(&page, status, visitor.language, Policy::Once)
}

/// Renders a page. A template of ours fails only when memory does, and then an empty page is all there is to say.
pub(super) fn page_of(
    page: &impl Template,
    status: StatusCode,
    language: crate::dossier::Language,
    policy: Policy,
) -> Response {
    match page.render() {
        Ok(body) => reply::html(status, language, policy, body),
        Err(cause) => {
            tracing::error!(%cause, "a page could not be rendered");
            reply::html(StatusCode::SERVICE_UNAVAILABLE, language, Policy::Once, String::new())
        }
    }
}
