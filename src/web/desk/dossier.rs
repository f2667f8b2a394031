//! A dossier's page: what is known, when the law wants an answer and why, what happened, and what may happen next.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{
    clock_words::{ClockWords, clock_words},
    facts::{Fact, Paper, PaperState, facts, moment, papers},
    go::{absent, not_found},
    list::state_key,
    move_form::{MoveForm, Returned, kind_of, move_forms},
    register_page::Choice,
    session::Staff,
    shell::Shell,
    timeline::{Entry, timeline},
};
use crate::{
    dossier::{CommandKind, Outcome, PublicState, Reference, StaffAction},
    service::DossierView,
    web::{App, reply},
};

pub(super) struct ReceiptLine {
    pub issued: String,
    pub copies: u16,
    pub replaced: Option<String>,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/dossier.html")]
struct DossierPage {
    shell: Shell,
    reference: String,
    version: u32,
    form_key: String,
    applicant: String,
    state: PublicState,
    state_word: String,
    step: String,
    facts: Vec<Fact>,
    papers: Vec<Paper>,
    clock: Option<ClockWords>,
    timeline: Vec<Entry>,
    receipts: Vec<ReceiptLine>,
    moves: Vec<MoveForm>,
    /// The steps that may be entered now.
    steps: Vec<Choice>,
    /// Every step of the procedure, for taking a mistaken move back.
    all_steps: Vec<Choice>,
    offices: Vec<Choice>,
    outcomes: Vec<Choice>,
    decided: bool,
    today: String,
    returned: Option<Returned>,
    done: Option<String>,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(typed): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Ok(reference) = typed.parse::<Reference>() else { return not_found(&app, &staff, &typed) };
    let query = query.unwrap_or_default();
    let done = query.split('&').find_map(|pair| pair.strip_prefix("done=")).and_then(kind_of);
    match app.service.dossier(&reference).await {
        Ok(Some(view)) => show(&app, &staff, StatusCode::OK, &view, None, done),
        Ok(None) => absent(&app, &staff, &reference).await,
        Err(error) => reply::failure(&app, &staff.visitor, &error),
    }
}

/// `returned` is a form that was refused; `done` is the move that was made just now.
pub(super) fn show(
    app: &App,
    staff: &Staff,
    status: StatusCode,
    view: &DossierView,
    returned: Option<Returned>,
    done: Option<CommandKind>,
) -> Response {
    let form_key = match app.service.new_form_key() {
        Ok(key) => key,
        Err(error) => return reply::failure(app, &staff.visitor, &error),
    };
    let issuer = app.service.issuer();
    let dossier = &view.dossier;
    let reference = dossier.reference.to_string();
    let shell = staff.shell(app).at(&format!("/desk/d/{reference}"));
    let language = shell.language;
    let procedure = issuer.catalogue.procedure(&dossier.registration.procedure);
    let typed = |kind: CommandKind, name: &str| {
        returned.as_ref().filter(|form| form.kind == kind).and_then(|form| form.form.one(name).ok()).unwrap_or_default()
    };
    let steps_of = |code: &str, name: &str, kind| Choice {
        chosen: typed(kind, "step") == code,
        code: code.to_owned(),
        name: name.to_owned(),
    };
    let enterable = view.moves.iter().filter(|legal| legal.kind == CommandKind::EnterStep);
    let enterable = enterable.filter_map(|legal| procedure?.step(&legal.position.as_ref()?.step));
    let steps = enterable.map(|step| steps_of(step.code.as_str(), step.name.get(language), CommandKind::EnterStep));
    let all_steps = procedure.map_or(&[][..], |procedure| procedure.steps()).iter();
    let all_steps = all_steps.map(|step| steps_of(step.code.as_str(), step.name.get(language), CommandKind::Correct));
    let offices = issuer.offices.iter().map(|office| Choice {
        code: office.code.to_string(),
        name: office.name.get(language).to_owned(),
        chosen: office.code == dossier.registration.office,
    });
    let outcomes = Outcome::ALL.map(|outcome| Choice {
        code: outcome.to_string(),
        name: shell.t(&super::facts::outcome_key(outcome.as_str())),
        chosen: typed(CommandKind::Decide, "outcome") == outcome.as_str(),
    });
    let receipts = view.receipts.iter().rev().map(|receipt| ReceiptLine {
        issued: moment(issuer.civil_time(receipt.issued_at)),
        copies: receipt.copies,
        replaced: receipt.replaced_at.map(|at| moment(issuer.civil_time(at))),
    });
    let step = procedure.and_then(|procedure| procedure.step(&dossier.position.step));
    let page = DossierPage {
        version: dossier.version,
        form_key,
        applicant: dossier.registration.applicant.name.to_string(),
        state: dossier.position.state,
        state_word: shell.t(&state_key(dossier.position.state)),
        step: step.map_or_else(String::new, |step| step.name.get(language).to_owned()),
        facts: facts(&shell, issuer, procedure, dossier),
        papers: papers(&shell, procedure, dossier),
        clock: view.clock.as_ref().map(|clock| clock_words(&shell, clock, procedure)),
        timeline: timeline(&shell, issuer, procedure, &view.events),
        receipts: receipts.collect(),
        moves: if staff.may(StaffAction::ChangeDossier) {
            move_forms(&shell, procedure, &view.moves, returned.as_ref())
        } else {
            Vec::new()
        },
        steps: steps.collect(),
        all_steps: all_steps.collect(),
        offices: offices.collect(),
        outcomes: outcomes.into(),
        decided: dossier.decision.is_some(),
        today: app.service.today().to_string(),
        done: done.map(|kind| shell.t(done_key(kind))),
        returned,
        reference,
        shell,
    };
    page.shell.reply(status, &page)
}

/// What has happened, where the button said what to do.
fn done_key(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::EnterStep => "desk-event-step-entered",
        CommandKind::RequestComplement => "desk-event-complement-requested",
        CommandKind::ReceiveComplement => "desk-event-complement-received",
        CommandKind::ScheduleCommission => "desk-event-commission-scheduled",
        CommandKind::Adjourn => "desk-event-adjourned",
        CommandKind::Decide => "desk-event-decided",
        CommandKind::MarkReady => "desk-event-ready",
        CommandKind::Collect => "desk-event-collected",
        CommandKind::Withdraw => "desk-event-withdrawn",
        CommandKind::Extend => "desk-event-extended",
        CommandKind::Correct => "desk-event-corrected",
        CommandKind::AddNote => "desk-event-note-added",
        CommandKind::ReprintReceipt => "desk-event-receipt-reprinted",
        CommandKind::ReplaceReceipt => "desk-event-receipt-replaced",
    }
}

impl DossierPage {
    fn returned_for(&self, form: &MoveForm) -> Option<&Returned> {
        self.returned.as_ref().filter(|returned| returned.kind == form.kind)
    }

    /// A form that came back keeps its key, so that what it asks for is done once, whatever became of it the first time.
    fn key_of(&self, form: &MoveForm) -> &str {
        let own = self.typed(form, "form-key");
        if (1..=64).contains(&own.len()) { own } else { &self.form_key }
    }

    /// What was typed before the form was refused.
    fn typed(&self, form: &MoveForm, name: &str) -> &str {
        self.returned_for(form).and_then(|returned| returned.form.one(name).ok()).unwrap_or_default()
    }

    fn ticked(&self, form: &MoveForm, code: &str, otherwise: bool) -> bool {
        self.returned_for(form).map_or(otherwise, |returned| returned.form.many("document").contains(&code))
    }

    fn chose(&self, form: &MoveForm, name: &str, value: &str) -> bool {
        self.typed(form, name) == value
    }

    fn fault(&self, form: &MoveForm, name: &str) -> Option<&str> {
        let faults = &self.returned_for(form)?.faults;
        faults.iter().find(|(field, _)| *field == name).map(|(_, sentence)| sentence.as_str())
    }

    /// The attributes of a control of a move's form.
    fn attributes(&self, form: &MoveForm, name: &str) -> String {
        let id = format!("{}-{name}", form.slug);
        match self.fault(form, name) {
            Some(_) => {
                format!("id=\"{id}\" name=\"{name}\" aria-invalid=\"true\" aria-describedby=\"{id}-fault\" autofocus")
            }
            None => format!("id=\"{id}\" name=\"{name}\""),
        }
    }

    fn field_label(&self, name: &str) -> String {
        self.shell.t(&format!("field-{name}"))
    }

    fn outstanding(&self) -> impl Iterator<Item = &Paper> {
        self.papers.iter().filter(|paper| paper.state == PaperState::Outstanding)
    }
}
