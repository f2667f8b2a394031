//! Everything that happened to a dossier, with who and when: the staff's full view of its events.

use super::{
    facts::{moment, outcome_key},
    shell::Shell,
};
use crate::{
    config::Issuer,
    dossier::{Audience, Correction, DocumentCode, Event, Line, Paragraph, Position, Procedure, Recorded},
    i18n,
};

pub(super) struct Entry {
    pub when: String,
    pub who: String,
    pub what: String,
    pub details: Vec<String>,
    /// The place in the public log.
    pub leaf: u64,
}

/// Latest first.
pub(super) fn timeline(
    shell: &Shell,
    issuer: &Issuer,
    procedure: Option<&Procedure>,
    events: &[(u64, Recorded)],
) -> Vec<Entry> {
    let words = Words { shell, issuer, procedure };
    events.iter().rev().map(|(leaf, recorded)| words.entry(*leaf, recorded)).collect()
}

struct Words<'a> {
    shell: &'a Shell,
    issuer: &'a Issuer,
    procedure: Option<&'a Procedure>,
}

impl Words<'_> {
    fn entry(&self, leaf: u64, recorded: &Recorded) -> Entry {
        Entry {
            when: moment(self.issuer.civil_time(recorded.at)),
            who: recorded.actor.clone(),
            what: self.shell.t(&format!("desk-event-{}", recorded.event.kind().replace('_', "-"))),
            details: self.details(&recorded.event),
            leaf,
        }
    }

    fn details(&self, event: &Event) -> Vec<String> {
        let mut details = Vec::new();
        let mut text = |text: Option<&str>| details.extend(text.map(str::to_owned));
        match event {
            Event::Registered(registration) => text(registration.note.as_ref().map(Paragraph::as_str)),
            Event::StepEntered { position } | Event::Ready { position } => text(Some(&self.step(position))),
            Event::ComplementRequested { documents, message, .. } => {
                text(Some(&self.documents(documents)));
                text(message.as_ref().map(Paragraph::as_str));
            }
            Event::ComplementReceived { documents, position } => {
                text(Some(&self.documents(documents)));
                if position.is_none() {
                    text(Some(&self.shell.t("desk-still-waiting")));
                }
            }
            Event::CommissionScheduled { on, place, .. } => {
                text(Some(&i18n::date(*on)));
                text(place.as_ref().map(Line::as_str));
            }
            Event::Adjourned { reason, .. } | Event::Withdrawn { reason, .. } => {
                text(reason.as_ref().map(Paragraph::as_str));
            }
            Event::Decided { outcome, reservations, .. } => {
                text(Some(&self.shell.t(&outcome_key(outcome.as_str()))));
                text(reservations.as_ref().map(Paragraph::as_str));
            }
            Event::Collected { by, .. } => text(by.as_ref().map(Line::as_str)),
            Event::Extended { reason, .. } | Event::ReceiptReplaced { reason, .. } => text(Some(reason.as_str())),
            Event::Corrected { correction, reason } => {
                text(Some(&self.correction(correction)));
                text(Some(reason.as_str()));
            }
            Event::NoteAdded { audience, text: note } => {
                let audience = match audience {
                    Audience::Public => "desk-audience-public",
                    Audience::Internal => "desk-audience-internal",
                };
                text(Some(&self.shell.t(audience)));
                text(Some(note.as_str()));
            }
            Event::ReceiptReprinted { copy, .. } => text(Some(&copy.to_string())),
            Event::ReceiptIssued { .. } => {}
        }
        details
    }

    fn correction(&self, correction: &Correction) -> String {
        let nothing = || self.shell.t("desk-none");
        let (field, value) = match correction {
            Correction::Applicant(applicant) => ("applicant", applicant.name.to_string()),
            Correction::Depositor(depositor) => {
                let role = self.shell.t(&format!("role-{}", depositor.role));
                ("depositor", depositor.name.as_ref().map_or(role, ToString::to_string))
            }
            Correction::Phone(phone) => ("phone", phone.as_ref().map_or_else(nothing, crate::dossier::Phone::display)),
            Correction::Email(email) => {
                ("email", email.as_ref().map_or_else(nothing, |email| email.as_str().to_owned()))
            }
            Correction::Identity(identity) => {
                let digits = identity.as_ref().map(|identity| format!("····{}", identity.last_four.as_str()));
                ("identity", digits.unwrap_or_else(nothing))
            }
            Correction::Parcel(parcel) => ("parcel", parcel.as_ref().map_or_else(nothing, ToString::to_string)),
            Correction::Rokhas(rokhas) => ("rokhas", rokhas.as_ref().map_or_else(nothing, ToString::to_string)),
            Correction::Office(office) => {
                let name = self.issuer.office(office).map(|office| office.name.get(self.shell.language).to_owned());
                ("office", name.unwrap_or_else(|| office.to_string()))
            }
            Correction::Documents { handed_in, .. } => ("document", self.documents(handed_in)),
            Correction::Position(position) => ("step", self.step(position)),
            Correction::Outcome(outcome) => ("outcome", self.shell.t(&outcome_key(outcome.as_str()))),
        };
        format!("{}{}{value}", self.shell.t(&format!("field-{field}")), self.shell.t("colon"))
    }

    fn step(&self, position: &Position) -> String {
        let step = self.procedure.and_then(|procedure| procedure.step(&position.step));
        step.map_or_else(|| position.step.to_string(), |step| step.name.get(self.shell.language).to_owned())
    }

    fn documents(&self, codes: &[DocumentCode]) -> String {
        let name = |code: &DocumentCode| {
            let document = self.procedure.and_then(|procedure| procedure.document(code));
            document.map_or_else(|| code.to_string(), |document| document.name.get(self.shell.language).to_owned())
        };
        codes.iter().map(name).collect::<Vec<_>>().join(&self.shell.t("desk-list-separator"))
    }
}
