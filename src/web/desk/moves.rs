//! Carrying out a legal move: a form comes in, the service decides, the page says what became of it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{
    dossier::show,
    go::{absent, not_allowed, not_found},
    guard::CheckedForm,
    move_fields::{Faults, Wish, read},
    move_form::{Returned, kind_of, slug},
    refusal_words,
    register::form_reused,
    session::Staff,
};
use crate::{
    dossier::{CommandKind, Reference, StaffAction},
    service::{DossierView, Failure},
    web::{App, form::Form, reply},
};

pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Path((typed, command)): Path<(String, String)>,
    form: CheckedForm,
) -> Response {
    let (staff, form) = form.into_parts();
    if !staff.may(StaffAction::ChangeDossier) {
        return not_allowed(&app, &staff);
    }
    let Some(kind) = kind_of(&command) else { return reply::problem(&app, &staff.visitor, StatusCode::NOT_FOUND) };
    let Ok(reference) = typed.parse::<Reference>() else { return not_found(&app, &staff, &typed) };
    let (Ok(version), Ok(key)) = (form.one("version"), form.one("form-key")) else {
        return reply::problem(&app, &staff.visitor, StatusCode::BAD_REQUEST);
    };
    let Ok(version) = version.parse::<u32>() else {
        return reply::problem(&app, &staff.visitor, StatusCode::BAD_REQUEST);
    };
    let key = Some(key.to_owned()).filter(|key| !key.is_empty() && key.len() <= 64);
    let view = match app.service.dossier(&reference).await {
        Ok(Some(view)) => view,
        Ok(None) => return absent(&app, &staff, &reference).await,
        Err(error) => return reply::failure(&app, &staff.visitor, &error),
    };
    let shell = staff.shell(&app);
    let procedure = app.service.issuer().catalogue.procedure(&view.dossier.registration.procedure);
    let wish = match read(kind, &form, &shell, &view.dossier, procedure) {
        Ok(wish) => wish,
        Err(faults) => {
            let answer = Answer { status: StatusCode::UNPROCESSABLE_ENTITY, kind, form, faults, refusal: None };
            return answer.show(&app, &staff, &view);
        }
    };
    let actor = staff.actor();
    let done = match wish {
        Wish::Command(command) => app.service.execute(&actor, &reference, version, &command, key.as_deref()).await,
        Wish::ReplaceReceipt(reason) => {
            app.service.replace_receipt(&actor, &reference, version, reason, key.as_deref()).await
        }
    };
    let (status, sentence) = match done {
        Ok(_) => return reply::see_other(&after(&reference, kind)),
        Err(Failure::UnknownDossier | Failure::Erased) => return absent(&app, &staff, &reference).await,
        Err(Failure::NotAllowed) => return not_allowed(&app, &staff),
        Err(Failure::FormReused) => return form_reused(&app, &staff),
        Err(Failure::Service(error)) => return reply::failure(&app, &staff.visitor, &error),
        Err(Failure::Refused(refusal)) => {
            let language = staff.visitor.language;
            let sentence = refusal_words::sentence(&refusal, app.service.issuer(), procedure, language);
            (StatusCode::CONFLICT, sentence)
        }
        Err(Failure::Changed { .. }) => (StatusCode::CONFLICT, shell.t("desk-changed-meanwhile")),
    };
    let answer = Answer { status, kind, form, faults: Vec::new(), refusal: Some(sentence) };
    // It may have changed between the two looks, which is just what the page has to show.
    match app.service.dossier(&reference).await {
        Ok(Some(view)) => answer.show(&app, &staff, &view),
        Ok(None) => absent(&app, &staff, &reference).await,
        Err(error) => reply::failure(&app, &staff.visitor, &error),
    }
}

struct Answer {
    status: StatusCode,
    kind: CommandKind,
    form: Form,
    faults: Faults,
    refusal: Option<String>,
}

impl Answer {
    fn show(self, app: &App, staff: &Staff, view: &DossierView) -> Response {
        let returned = Returned { kind: self.kind, form: self.form, faults: self.faults, refusal: self.refusal };
        show(app, staff, self.status, view, Some(returned), None)
    }
}

/// A new paper is printed at once; everything else is seen on the dossier's page.
fn after(reference: &Reference, kind: CommandKind) -> String {
    match kind {
        CommandKind::ReprintReceipt | CommandKind::ReplaceReceipt => format!("/desk/d/{reference}/receipt"),
        _ => format!("/desk/d/{reference}?done={}", slug(kind)),
    }
}
