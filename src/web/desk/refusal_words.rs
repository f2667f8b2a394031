//! Refusals as sentences in the reader's language.

use crate::{
    config::Issuer,
    dossier::{DocumentCode, Language, Procedure, Refusal, StepCode},
    i18n,
};

/// Why a wish was refused. Without a procedure, steps and documents are named by their codes.
pub(super) fn sentence(
    refusal: &Refusal,
    issuer: &Issuer,
    procedure: Option<&Procedure>,
    language: Language,
) -> String {
    let words = Words { procedure, language };
    let mut values: Vec<(&str, String)> = Vec::new();
    match refusal {
        Refusal::IllegalMove { from, legal } => {
            values.push(("from", words.step(from)));
            let steps: Vec<String> = legal.iter().map(|step| words.step(step)).collect();
            let none = || i18n::text(language, "desk-none");
            values.push(("legal", if steps.is_empty() { none() } else { words.join(&steps) }));
        }
        Refusal::WrongCommand { step, needed } => {
            values.push(("step", words.step(step)));
            values.push(("needed", i18n::text(language, &command_key(needed.as_str()))));
        }
        Refusal::Closed { state } => {
            values.push(("state", i18n::text(language, &super::list::state_key(*state))));
        }
        Refusal::ComplementAlreadyRequested { on } | Refusal::AlreadyExtended { on } => {
            values.push(("on", i18n::date(*on)));
        }
        Refusal::ComplementOpen { outstanding } => {
            let names: Vec<String> = outstanding.iter().map(|code| words.document(code)).collect();
            values.push(("outstanding", words.join(&names)));
        }
        Refusal::UnknownDocument(code) | Refusal::DuplicateDocument(code) | Refusal::DocumentNotOutstanding(code) => {
            values.push(("document", words.document(code)));
        }
        Refusal::UnknownOffice(code) => {
            let name =
                issuer.office(code).map_or_else(|| code.to_string(), |office| office.name.get(language).to_owned());
            values.push(("office", name));
        }
        Refusal::OtherProcedure { expected, given } => {
            values.push(("expected", expected.to_string()));
            values.push(("given", given.to_string()));
        }
        Refusal::CommissionInPast { on, today } => {
            values.push(("on", i18n::date(*on)));
            values.push(("today", i18n::date(*today)));
        }
        Refusal::UnknownStep(step) | Refusal::StepNotReached(step) => values.push(("step", words.step(step))),
        Refusal::NoComplementOpen
        | Refusal::NoDocuments
        | Refusal::DepositorNameMissing
        | Refusal::NoExtension
        | Refusal::ClockNotRunning
        | Refusal::NothingToCorrect
        | Refusal::NoDecision
        | Refusal::NoReceipt
        | Refusal::ReceiptIdUsed
        | Refusal::TooManyCopies
        | Refusal::ReceiptKeyRevoked => {}
    }
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    i18n::text_with(language, refusal.code(), &values)
}

/// The key of a command's words: `command-enter-step`.
pub(super) fn command_key(word: &str) -> String {
    format!("command-{}", word.replace('_', "-"))
}

struct Words<'a> {
    procedure: Option<&'a Procedure>,
    language: Language,
}

impl Words<'_> {
    fn step(&self, code: &StepCode) -> String {
        let step = self.procedure.and_then(|procedure| procedure.step(code));
        step.map_or_else(|| code.to_string(), |step| step.name.get(self.language).to_owned())
    }

    fn document(&self, code: &DocumentCode) -> String {
        let document = self.procedure.and_then(|procedure| procedure.document(code));
        document.map_or_else(|| code.to_string(), |document| document.name.get(self.language).to_owned())
    }

    fn join(&self, names: &[String]) -> String {
        names.join(&i18n::text(self.language, "desk-list-separator"))
    }
}
