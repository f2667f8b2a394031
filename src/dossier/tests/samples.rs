//! A procedure with every state, and small makers of what the tests are not about.

use std::str::FromStr;

use jiff::{Timestamp, civil::Date};

use crate::{
    dossier::{
        Applicant, ApplicantKind, Depositor, DepositorRole, DocumentCode, DocumentSpec, Dossier, Event, Intake,
        LegalRule, Line, Localized, OfficeCode, Paragraph, Position, Procedure, ProcedureParts, PublicState, Recorded,
        Reference, Silence, Step, StepCode, Term, TermUnit, register,
    },
    receipt::ReceiptId,
};

pub(super) fn parse<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

pub(super) fn localized(text: &str) -> Localized {
    let text = || text.to_owned();
    Localized { arabic: text(), french: text(), tamazight: text(), english: text(), review: true }
}

pub(super) fn step(code: &str, state: PublicState) -> Step {
    Step { code: parse(code), state, name: localized(code) }
}

pub(super) fn document(code: &str, required: bool) -> DocumentSpec {
    DocumentSpec { code: parse(code), name: localized(code), required }
}

pub(super) fn rule(id: &str, valid_from: &str, count: u16, unit: TermUnit) -> LegalRule {
    LegalRule {
        id: parse(id),
        valid_from: parse(valid_from),
        term: Term { count, unit },
        suspended_by_complement: true,
        extension: Some(15),
        roll_to_working_day: true,
        silence: Silence::Recourse,
        basis: localized("basis"),
        review: true,
    }
}

/// Steps are named after their states; `legal_review` is a second step of `in_review`.
pub(super) fn parts() -> ProcedureParts {
    let transitions = [
        ("registered", "in_review incomplete withdrawn"),
        ("in_review", "legal_review incomplete scheduled decided withdrawn"),
        ("legal_review", "in_review incomplete scheduled decided withdrawn"),
        ("incomplete", "in_review scheduled decided withdrawn"),
        ("scheduled", "adjourned incomplete decided withdrawn"),
        ("adjourned", "scheduled in_review adjourned withdrawn"),
        ("decided", "ready withdrawn"),
        ("ready", "collected"),
    ];
    let targets = |list: &str| list.split(' ').map(parse).collect::<Vec<StepCode>>();
    let mut steps: Vec<Step> = PublicState::ALL.into_iter().map(|state| step(state.as_str(), state)).collect();
    steps.insert(3, step("legal_review", PublicState::InReview));
    ProcedureParts {
        code: parse("PCP"),
        name: localized("Small building permit"),
        summary: localized("For a house"),
        steps,
        transitions: transitions.into_iter().map(|(from, to)| (parse(from), targets(to))).collect(),
        documents: vec![
            document("form", true),
            document("site_plan", true),
            document("title", true),
            document("photo", false),
        ],
        rules: vec![
            rule("old", "2020-01-01", 60, TermUnit::CalendarDays),
            rule("pcp-2023", "2023-07-13", 15, TermUnit::CalendarDays),
        ],
    }
}

pub(super) fn procedure() -> Procedure {
    Procedure::new(parts()).expect("the sample procedure is sound")
}

pub(super) fn offices() -> Vec<OfficeCode> {
    vec![parse("GUELMIM"), parse("TAN-TAN")]
}

pub(super) fn line(text: &str) -> Line {
    Line::new(text).unwrap()
}

pub(super) fn paragraph(text: &str) -> Paragraph {
    Paragraph::new(text).unwrap()
}

pub(super) fn codes(list: &str) -> Vec<DocumentCode> {
    list.split_whitespace().map(parse).collect()
}

pub(super) fn position(code: &str) -> Position {
    let state = if code == "legal_review" { PublicState::InReview } else { parse(code) };
    Position { step: parse(code), state }
}

pub(super) fn receipt(number: u8) -> ReceiptId {
    ReceiptId::new([number; 8])
}

pub(super) fn reference() -> Reference {
    parse("PCP-2026-000123")
}

pub(super) fn intake() -> Intake {
    Intake {
        procedure: parse("PCP"),
        office: parse("TAN-TAN"),
        applicant: Applicant { kind: ApplicantKind::Person, name: line("فاطمة أمزيل") },
        depositor: Depositor { role: DepositorRole::Applicant, name: None },
        phone: None,
        email: None,
        identity: None,
        parcel: None,
        rokhas: None,
        handed_in: codes("form title"),
        note: None,
    }
}

pub(super) fn at(day: Date) -> Timestamp {
    parse(&format!("{day}T10:00:00Z"))
}

pub(super) fn recorded(on: Date, event: Event) -> Recorded {
    Recorded { at: at(on), actor: "aicha".to_owned(), on, event }
}

pub(super) fn registration_events(deposited_on: Date) -> Vec<Event> {
    register(&intake(), &procedure(), &offices(), deposited_on, receipt(1), 3).unwrap()
}

pub(super) fn registered(deposited_on: Date) -> Vec<Recorded> {
    registration_events(deposited_on).into_iter().map(|event| recorded(deposited_on, event)).collect()
}

pub(super) fn fold(events: &[Recorded]) -> Dossier {
    Dossier::fold(&reference(), events).unwrap()
}
