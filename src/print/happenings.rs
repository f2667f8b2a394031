//! What happened to a dossier, in words: the same on the staff's pages and in what is handed to a court.

use crate::{
    config::Issuer,
    dossier::{Audience, Correction, DocumentCode, Event, Language, Line, Paragraph, Position, Procedure},
    i18n,
};

/// What words need beside the event.
#[derive(Clone, Copy, Debug)]
pub struct Happenings<'a> {
    pub language: Language,
    pub issuer: &'a Issuer,
    pub procedure: Option<&'a Procedure>,
}

impl Happenings<'_> {
    /// The kind of event.
    pub fn name(&self, event: &Event) -> String {
        self.t(&format!("desk-event-{}", event.kind().replace('_', "-")))
    }

    /// What else the event says, one line each.
    pub fn details(&self, event: &Event) -> Vec<String> {
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
                    text(Some(&self.t("desk-still-waiting")));
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
                text(Some(&self.t(&format!("outcome-{outcome}"))));
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
                text(Some(&self.t(audience)));
                text(Some(note.as_str()));
            }
            Event::ReceiptReprinted { copy, .. } => text(Some(&copy.to_string())),
            Event::ReceiptIssued { .. } => {}
        }
        details
    }

    fn t(&self, key: &str) -> String {
        i18n::text(self.language, key)
    }

    fn correction(&self, correction: &Correction) -> String {
        let nothing = || self.t("desk-none");
        let (field, value) = match correction {
            Correction::Applicant(applicant) => ("applicant", applicant.name.to_string()),
            Correction::Depositor(depositor) => {
                let role = self.t(&format!("role-{}", depositor.role));
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
                let name = self.issuer.office(office).map(|office| office.name.get(self.language).to_owned());
                ("office", name.unwrap_or_else(|| office.to_string()))
            }
            Correction::Documents { handed_in, .. } => ("document", self.documents(handed_in)),
            Correction::Position(position) => ("step", self.step(position)),
            Correction::Outcome(outcome) => ("outcome", self.t(&format!("outcome-{outcome}"))),
        };
        format!("{}{}{value}", self.t(&format!("field-{field}")), self.t("colon"))
    }

    fn step(&self, position: &Position) -> String {
        let step = self.procedure.and_then(|procedure| procedure.step(&position.step));
        step.map_or_else(|| position.step.to_string(), |step| step.name.get(self.language).to_owned())
    }

    fn documents(&self, codes: &[DocumentCode]) -> String {
        let name = |code: &DocumentCode| {
            let document = self.procedure.and_then(|procedure| procedure.document(code));
            document.map_or_else(|| code.to_string(), |document| document.name.get(self.language).to_owned())
        };
        codes.iter().map(name).collect::<Vec<_>>().join(&self.t("desk-list-separator"))
    }
}
