//! What is known of a dossier, as labelled lines.

use super::shell::Shell;
use crate::{
    config::Issuer,
    dossier::{DocumentCode, Dossier, Procedure},
    i18n,
};

pub(super) struct Fact {
    pub label: String,
    pub value: String,
    /// A number, a reference or an address: written left to right in every language.
    pub left_to_right: bool,
}

pub(super) struct Paper {
    pub code: String,
    pub name: String,
    pub required: bool,
    pub state: PaperState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PaperState {
    HandedIn,
    /// Asked for by the complement request and not there yet.
    Outstanding,
    /// Came with the complement.
    Received,
    Missing,
    NotNeeded,
}

impl PaperState {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::HandedIn => "desk-paper-handed-in",
            Self::Outstanding => "desk-paper-outstanding",
            Self::Received => "desk-paper-received",
            Self::Missing => "desk-paper-missing",
            Self::NotNeeded => "desk-paper-not-needed",
        }
    }
}

pub(super) fn facts(shell: &Shell, issuer: &Issuer, procedure: Option<&Procedure>, dossier: &Dossier) -> Vec<Fact> {
    let language = shell.language;
    let registration = &dossier.registration;
    let mut facts = Vec::new();
    let mut add = |field: &str, value: String, left_to_right: bool| {
        if !value.is_empty() {
            facts.push(Fact { label: shell.t(field), value, left_to_right });
        }
    };
    let name = procedure.map_or_else(
        || registration.procedure.to_string(),
        |procedure| format!("{} ({})", procedure.name().get(language), procedure.code()),
    );
    add("field-procedure", name, false);
    let kind = shell.t(&format!("desk-kind-{}", registration.applicant.kind));
    add("field-applicant", format!("{} ({kind})", registration.applicant.name), false);
    let role = shell.t(&format!("role-{}", registration.depositor.role));
    let depositor = match &registration.depositor.name {
        Some(name) => format!("{name} ({role})"),
        None => role,
    };
    add("field-depositor", depositor, false);
    let at = issuer.civil_time(dossier.registered_at);
    add("desk-deposited-at", moment(at), true);
    let office = issuer.office(&registration.office);
    add(
        "field-office",
        office.map_or_else(|| registration.office.to_string(), |office| office.name.get(language).to_owned()),
        false,
    );
    add("field-phone", registration.phone.as_ref().map(crate::dossier::Phone::display).unwrap_or_default(), true);
    add("field-email", registration.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default(), true);
    let digits = registration.identity.as_ref().map(|identity| format!("····{}", identity.last_four.as_str()));
    add("field-identity", digits.unwrap_or_default(), true);
    add("field-parcel", registration.parcel.as_ref().map(ToString::to_string).unwrap_or_default(), false);
    add("field-rokhas", registration.rokhas.as_ref().map(ToString::to_string).unwrap_or_default(), true);
    add("field-note", registration.note.as_ref().map(|note| note.as_str().to_owned()).unwrap_or_default(), false);
    if let Some(commission) = &dossier.commission {
        let place = commission.place.as_ref().map(|place| format!(" — {place}")).unwrap_or_default();
        add("desk-commission", format!("{}{place}", i18n::date(commission.on)), false);
    }
    if let Some(decision) = &dossier.decision {
        let outcome = shell.t(&outcome_key(decision.outcome.as_str()));
        add("desk-outcome", format!("{outcome} — {}", i18n::date(decision.on)), false);
    }
    facts
}

/// The key of an outcome's words.
pub(super) fn outcome_key(word: &str) -> String {
    format!("outcome-{word}")
}

pub(super) fn papers(shell: &Shell, procedure: Option<&Procedure>, dossier: &Dossier) -> Vec<Paper> {
    let registration = &dossier.registration;
    let complement = dossier.complement.as_ref();
    let state = |code: &DocumentCode| {
        if complement.is_some_and(|complement| complement.received.contains(code)) {
            PaperState::Received
        } else if complement.is_some_and(|complement| complement.is_open() && complement.requested.contains(code)) {
            PaperState::Outstanding
        } else if registration.handed_in.contains(code) {
            PaperState::HandedIn
        } else if registration.missing.contains(code) {
            PaperState::Missing
        } else {
            PaperState::NotNeeded
        }
    };
    let documents = procedure.map_or(&[][..], |procedure| procedure.documents());
    documents
        .iter()
        .map(|document| Paper {
            code: document.code.to_string(),
            name: document.name.get(shell.language).to_owned(),
            required: document.required,
            state: state(&document.code),
        })
        .collect()
}

/// dd/mm/yyyy hh:mm where the issuer is.
pub(super) fn moment(at: jiff::civil::DateTime) -> String {
    format!("{} {:02}:{:02}", i18n::date(at.date()), at.hour(), at.minute())
}
