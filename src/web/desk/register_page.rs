//! The registration form as a page: what was typed, what is wrong with it, and every procedure's checklist.

use super::{list::Row, shell::Shell};
use crate::{
    dossier::{ApplicantKind, DepositorRole},
    i18n,
    service::{Field, FieldError, FieldProblem, RawIntake},
    web::App,
};

/// What stands above the form.
pub(super) enum Trouble {
    None,
    Fields(Vec<FieldError>),
    LookAlikes(Vec<Row>),
    Refused(String),
    /// The form did not carry a usable key.
    Stale,
    /// It was sent when its session had ended, and is not registered.
    Back,
    /// The database did not say what became of it.
    Unanswered,
}

pub(super) struct Choice {
    pub code: String,
    pub name: String,
    pub chosen: bool,
}

/// The documents of one procedure.
pub(super) struct Checklist {
    pub procedure: String,
    pub shown: bool,
    pub documents: Vec<Document>,
}

pub(super) struct Document {
    pub code: String,
    pub name: String,
    pub required: bool,
    pub ticked: bool,
}

pub(super) struct Fault {
    pub field: &'static str,
    pub label: String,
    pub message: String,
}

/// One labelled line of the form.
#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/control.html")]
struct Control<'a> {
    name: &'static str,
    label: String,
    value: &'a str,
    hint: Option<String>,
    fault: Option<&'a str>,
    required: bool,
    attributes: &'static str,
    focus: bool,
    optional: String,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/register.html")]
pub(super) struct RegisterPage {
    pub shell: Shell,
    pub(super) raw: RawIntake,
    pub(super) form_key: String,
    pub(super) procedures: Vec<Choice>,
    pub(super) offices: Vec<Choice>,
    pub(super) kinds: Vec<Choice>,
    pub(super) roles: Vec<Choice>,
    pub(super) checklists: Vec<Checklist>,
    pub(super) faults: Vec<Fault>,
    pub(super) look_alikes: Vec<Row>,
    pub(super) refused: Option<String>,
}

impl RegisterPage {
    pub(super) fn new(app: &App, shell: Shell, raw: RawIntake, form_key: String, trouble: Trouble) -> Self {
        let issuer = app.service.issuer();
        let language = shell.language;
        let procedures: Vec<Choice> = issuer
            .catalogue
            .procedures()
            .iter()
            .map(|procedure| Choice {
                code: procedure.code().to_string(),
                name: procedure.name().get(language).to_owned(),
                chosen: procedure.code().as_str().eq_ignore_ascii_case(raw.procedure.trim()),
            })
            .collect();
        let checklists = issuer.catalogue.procedures().iter().zip(&procedures).map(|(procedure, choice)| Checklist {
            procedure: choice.code.clone(),
            shown: choice.chosen,
            documents: procedure
                .documents()
                .iter()
                .map(|document| Document {
                    code: document.code.to_string(),
                    name: document.name.get(language).to_owned(),
                    required: document.required,
                    ticked: choice.chosen && raw.documents.iter().any(|code| code == document.code.as_str()),
                })
                .collect(),
        });
        let checklists = checklists.collect();
        let offices = issuer.offices.iter().map(|office| Choice {
            code: office.code.to_string(),
            name: office.name.get(language).to_owned(),
            chosen: office.code.as_str() == raw.office.trim(),
        });
        let offices = offices.collect();
        let kinds = ApplicantKind::ALL.map(|kind| Choice {
            code: kind.to_string(),
            name: shell.t(&format!("desk-kind-{kind}")),
            chosen: raw.applicant_kind.trim() == kind.as_str()
                || (raw.applicant_kind.trim().is_empty() && kind == ApplicantKind::Person),
        });
        let roles = DepositorRole::ALL.map(|role| Choice {
            code: role.to_string(),
            name: shell.t(&format!("role-{role}")),
            chosen: raw.depositor_role.trim() == role.as_str()
                || (raw.depositor_role.trim().is_empty() && role == DepositorRole::Applicant),
        });
        let (mut faults, mut look_alikes, mut refused) = (Vec::new(), Vec::new(), None);
        match trouble {
            Trouble::None => {}
            Trouble::Fields(errors) => faults = errors.iter().map(|error| fault(&shell, *error)).collect(),
            Trouble::LookAlikes(rows) => look_alikes = rows,
            Trouble::Refused(sentence) => refused = Some(sentence),
            Trouble::Stale => refused = Some(shell.t("desk-form-stale")),
            Trouble::Back => refused = Some(shell.t("desk-form-back")),
            Trouble::Unanswered => refused = Some(shell.t("desk-unanswered")),
        }
        let (kinds, roles) = (kinds.into(), roles.into());
        Self { shell, raw, form_key, procedures, offices, kinds, roles, checklists, faults, look_alikes, refused }
    }

    pub(super) fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|fault| fault.field == field).map(|fault| fault.message.as_str())
    }

    fn has_checklist(&self) -> bool {
        self.checklists.iter().any(|list| list.shown)
    }

    /// The attributes of a control that is not a line: what is wrong with it, and the focus.
    pub(super) fn state(&self, field: &str) -> String {
        let mut attributes = String::new();
        if self.fault(field).is_some() {
            attributes = format!(" aria-invalid=\"true\" aria-describedby=\"e-{field}\"");
        }
        if self.has_focus(field) {
            attributes.push_str(" autofocus");
        }
        attributes
    }

    /// The first fault, or the first field that a clerk has to fill in. After advice the button has it.
    fn has_focus(&self, field: &str) -> bool {
        if !self.look_alikes.is_empty() {
            return false;
        }
        let chosen = self.procedures.iter().any(|procedure| procedure.chosen);
        let first = self.faults.first().map_or(if chosen { "applicant" } else { "procedure" }, |fault| fault.field);
        first == field
    }

    /// A line of the form, with its hint and its fault.
    pub(super) fn line(&self, name: &str) -> String {
        let lines: [(Field, &str, bool, &'static str); 7] = [
            (Field::Applicant, &self.raw.applicant, false, "maxlength=\"400\" autocomplete=\"off\" dir=\"auto\""),
            (Field::Depositor, &self.raw.depositor, true, "maxlength=\"400\" autocomplete=\"off\" dir=\"auto\""),
            (Field::Phone, &self.raw.phone, true, "inputmode=\"tel\" autocomplete=\"off\" dir=\"ltr\""),
            (Field::Email, &self.raw.email, false, "inputmode=\"email\" autocomplete=\"off\" dir=\"ltr\""),
            (Field::Identity, &self.raw.identity, true, "autocomplete=\"off\" dir=\"ltr\" spellcheck=\"false\""),
            (Field::Parcel, &self.raw.parcel, true, "maxlength=\"400\" autocomplete=\"off\" dir=\"auto\""),
            (Field::Rokhas, &self.raw.rokhas, false, "maxlength=\"400\" autocomplete=\"off\" dir=\"ltr\""),
        ];
        let Some((field, value, hint, attributes)) = lines.into_iter().find(|line| line.0.name() == name) else {
            return String::new();
        };
        let control = Control {
            name: field.name(),
            label: self.shell.t(&format!("field-{}", field.name())),
            value,
            hint: hint.then(|| self.shell.t(&format!("desk-hint-{}", field.name()))),
            fault: self.fault(field.name()),
            required: field == Field::Applicant,
            attributes,
            focus: self.has_focus(field.name()),
            optional: self.shell.t("desk-optional"),
        };
        askama::Template::render(&control).expect("rendering into memory fails only when a template's own code does")
    }
}

fn fault(shell: &Shell, error: FieldError) -> Fault {
    Fault {
        field: error.field.name(),
        label: shell.t(&format!("field-{}", error.field.name())),
        message: problem_sentence(shell, error.problem),
    }
}

pub(super) fn problem_sentence(shell: &Shell, problem: FieldProblem) -> String {
    let max = problem.max().map(|max| max.to_string()).unwrap_or_default();
    i18n::text_with(shell.language, problem.code(), &[("max", &max)])
}
