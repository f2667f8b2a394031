//! A form that was sent when its session had ended: it goes through the sign-in page and comes back as it was typed.
//!
//! What was typed is about a person. So it is in hidden fields of the answer and nowhere else: an address is logged by
//! proxies, a cookie lies on a shared disk, and a copy on the server would have no owner yet. It carries no session's proof
//! and does nothing by itself; a clerk who has signed in sees it and presses the button again.

use axum::response::Response;

use super::{
    dossier::show,
    go::{absent, not_allowed},
    move_form::{Returned, kind_of, slug},
    register,
    session::Staff,
};
use crate::{
    dossier::{CommandKind, Reference, StaffAction},
    web::{
        App, Limits,
        form::{Form, FormProblem},
        reply,
    },
};

/// Names the place that the form was sent to, among the fields of the sign-in form.
const SENT_TO: &str = "sent-to";
/// Stands before the names of what was typed, so that they are not taken for the sign-in form's own.
const TYPED: &str = "typed.";
/// What the sign-in form's own fields may take: a name, a password, the two places.
const OWN_BYTES: usize = 4096;
const OWN_FIELDS: usize = 4;

pub(super) struct KeptForm {
    to: Addressee,
    form: Form,
}

/// The forms that are worth keeping.
enum Addressee {
    Registration,
    Move(Reference, CommandKind),
}

impl Addressee {
    fn at(path: &str) -> Option<Self> {
        if path == "/desk/register" {
            return Some(Self::Registration);
        }
        let (reference, command) = path.strip_prefix("/desk/d/")?.split_once('/')?;
        Some(Self::Move(reference.parse().ok()?, kind_of(command)?))
    }

    fn path(&self) -> String {
        match self {
            Self::Registration => "/desk/register".to_owned(),
            Self::Move(reference, kind) => format!("/desk/d/{reference}/{}", slug(*kind)),
        }
    }
}

impl KeptForm {
    /// Whether a form that is sent there can be kept.
    pub(super) fn is_for(path: &str) -> bool {
        Addressee::at(path).is_some()
    }

    /// A form that has to fit, together with a name and a password, into what one form may take: it is refused now, when the
    /// browser still holds it, and not after the clerk has signed in. `None` when it is for no such place.
    pub(super) fn sent(path: &str, form: Form, limits: &Limits) -> Result<Option<Self>, FormProblem> {
        let Some(to) = Addressee::at(path) else { return Ok(None) };
        let kept = Self { to, form };
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum::<usize>();
        let (mut fields, mut bytes) = (OWN_FIELDS, OWN_BYTES);
        for (name, value) in kept.hidden() {
            fields += 1;
            bytes += encoded(&name) + encoded(&value) + 2;
        }
        if fields > limits.form_fields {
            return Err(FormProblem::TooManyFields);
        }
        if bytes > limits.form_bytes { Err(FormProblem::TooLarge) } else { Ok(Some(kept)) }
    }

    /// What a sign-in form carries.
    pub(super) fn carried(sign_in: &Form) -> Option<Self> {
        let to = Addressee::at(sign_in.one(SENT_TO).ok()?)?;
        let form = sign_in.fields().filter_map(|(name, value)| Some((name.strip_prefix(TYPED)?, value)));
        Some(Self { to, form: Form::of(form) })
    }

    /// The fields that carry it. The proof of the session that has ended is not among them: the next one has its own.
    pub(super) fn hidden(&self) -> Vec<(String, String)> {
        let typed = self.form.fields().filter(|(name, _)| *name != "csrf");
        let typed = typed.map(|(name, value)| (format!("{TYPED}{name}"), value.to_owned()));
        std::iter::once((SENT_TO.to_owned(), self.to.path())).chain(typed).collect()
    }

    /// The form with everything that was typed, not carried out.
    pub(super) async fn show(self, app: &App, staff: &Staff) -> Response {
        let (reference, kind) = match self.to {
            Addressee::Registration => return register::come_back(app, staff, &self.form),
            Addressee::Move(reference, kind) => (reference, kind),
        };
        if !staff.may(StaffAction::ChangeDossier) {
            return not_allowed(app, staff);
        }
        match app.service.dossier(&reference).await {
            Ok(Some(view)) => {
                let same = self.form.one("version").is_ok_and(|sent| sent == view.dossier.version.to_string());
                let shell = staff.shell(app);
                let sentence = if same { shell.t("desk-form-back") } else { shell.t("desk-changed-meanwhile") };
                let returned = Returned { kind, form: self.form, faults: Vec::new(), refusal: Some(sentence) };
                show(app, staff, axum::http::StatusCode::OK, &view, Some(returned), None)
            }
            Ok(None) => absent(app, staff, &reference).await,
            Err(error) => reply::failure(app, &staff.visitor, &error),
        }
    }
}
