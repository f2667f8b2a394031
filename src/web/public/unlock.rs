//! The second level: what four digits given at the desk open, for one answer, kept nowhere.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};

use super::{
    erased,
    frame::Frame,
    notice,
    status::{Digits, render, token_text},
};
use crate::{
    dossier::Procedure,
    i18n,
    service::{SecondLevel, UnlockAnswer},
    web::{App, form::Form, reply, visitor::Visitor},
};

pub(super) struct Opened {
    pub(super) outcome: Option<String>,
    pub(super) reservations: Option<String>,
    pub(super) documents: Vec<String>,
    pub(super) message: Option<String>,
    pub(super) notes: Vec<(String, String)>,
}

/// It is about one person's dossier.
impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened(…)")
    }
}

impl Opened {
    pub(super) fn is_empty(&self) -> bool {
        self.outcome.is_none() && self.documents.is_empty() && self.message.is_none() && self.notes.is_empty()
    }

    fn new(frame: &Frame<'_>, procedure: Option<&Procedure>, level: SecondLevel) -> Self {
        let (outcome, reservations) = level.outcome.unzip();
        let (documents, message) = level.complement.unwrap_or_default();
        let name = |code: &crate::dossier::DocumentCode| {
            let document = procedure.and_then(|procedure| procedure.document(code));
            document.map_or_else(|| code.to_string(), |document| frame.of(&document.name).to_owned())
        };
        Self {
            outcome: outcome.map(|outcome| frame.text(&format!("outcome-{outcome}"))),
            reservations: reservations.flatten(),
            documents: documents.iter().map(name).collect(),
            message,
            notes: level.messages.into_iter().map(|(on, text)| (i18n::date(on), text)).collect(),
        }
    }
}

pub(super) async fn unlock(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    path: Result<Path<String>, PathRejection>,
    form: Form,
) -> Response {
    open(&app, &visitor, path.ok().map(|Path(token)| token), &form).await
}

/// The form's address is the page's own, which ends with the seal when the page was scanned.
pub(super) async fn unlock_sealed(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    path: Result<Path<(String, String)>, PathRejection>,
    form: Form,
) -> Response {
    open(&app, &visitor, path.ok().map(|Path((token, _))| token), &form).await
}

async fn open(app: &App, visitor: &Visitor, token: Option<String>, form: &Form) -> Response {
    let Some(token) = token.and_then(|token| token_text(&token)) else { return notice::not_found(app, visitor) };
    let digits = match form.one("digits") {
        Ok(digits) => digits,
        Err(problem) => return reply::problem(app, visitor, problem.status()),
    };
    match app.service.unlock(&token, digits).await {
        Ok(UnlockAnswer::Unknown) => notice::not_found(app, visitor),
        Ok(UnlockAnswer::Replaced) => notice::replaced(app, visitor),
        Ok(UnlockAnswer::Erased(erasure)) => erased::page(app, visitor, &erasure),
        Ok(UnlockAnswer::Withdrawn) => notice::withdrawn(app, visitor),
        Ok(UnlockAnswer::Refused(status)) => render(app, visitor, &status, Digits::Refused),
        Ok(UnlockAnswer::Open(status, level)) => {
            let frame = Frame::new(app, visitor);
            let procedure = frame.issuer.catalogue.procedure(&status.procedure);
            let opened = Opened::new(&frame, procedure, *level);
            render(app, visitor, &status, Digits::Open(opened))
        }
        Err(error) => reply::failure(app, visitor, &error),
    }
}
