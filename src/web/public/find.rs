//! From a reference and a typed code to the page that a scan would open.

use std::sync::Arc;

use axum::{extract::State, response::Response};

use super::{
    frame::Frame,
    home::{self, Typed},
};
use crate::{
    service::TypedAnswer,
    web::{App, form::Form, reply, visitor::Visitor},
};

/// More than anyone can have meant to type; it is not carried back to the page either.
const LONGEST: usize = 64;

pub(super) async fn find(State(app): State<Arc<App>>, visitor: Visitor, form: Form) -> Response {
    let (reference, code) = match (form.one("reference"), form.one("code")) {
        (Ok(reference), Ok(code)) => (reference.trim(), code.trim()),
        (Err(problem), _) | (_, Err(problem)) => return reply::problem(&app, &visitor, problem.status()),
    };
    match app.service.typed(reference, code, &visitor.address).await {
        Ok(TypedAnswer::Found(token)) => {
            reply::see_other(&Frame::new(&app, &visitor).link(&format!("/D/{}", token.text())))
        }
        Ok(TypedAnswer::NotFound) => {
            let typed = Typed {
                reference: reference.chars().take(LONGEST).collect(),
                code: code.chars().take(LONGEST).collect(),
                problem: Some(Frame::new(&app, &visitor).text("find-failed")),
            };
            home::render(&app, &visitor, typed)
        }
        Err(error) => reply::failure(&app, &visitor, &error),
    }
}
