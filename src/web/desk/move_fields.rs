//! A move's form, read into a command. Every fault is found in one go, and none of them is the domain's to find.

use jiff::civil::Date;

use super::{register_page::problem_sentence, shell::Shell};
use crate::{
    dossier::{
        Applicant, Audience, Command, CommandKind, Correction, DocumentCode, Dossier, Email, Line, Outcome, Paragraph,
        Phone, Procedure, StepCode, TextError,
    },
    service::FieldProblem,
    web::form::Form,
};

/// What a clerk wishes; the random name of a new receipt is the service's to make.
pub(super) enum Wish {
    Command(Command),
    ReplaceReceipt(Paragraph),
}

pub(super) type Faults = Vec<(&'static str, String)>;

/// The field is wrong, and its fault is noted.
struct Wrong;

struct Reader<'a> {
    shell: &'a Shell,
    form: &'a Form,
    faults: Faults,
}

pub(super) fn read(
    kind: CommandKind,
    form: &Form,
    shell: &Shell,
    dossier: &Dossier,
    procedure: Option<&Procedure>,
) -> Result<Wish, Faults> {
    let mut reader = Reader { shell, form, faults: Vec::new() };
    let command = reader.command(kind, dossier, procedure);
    match (command, reader.faults) {
        (Some(wish), faults) if faults.is_empty() => Ok(wish),
        (_, faults) => Err(faults),
    }
}

impl Reader<'_> {
    fn command(&mut self, kind: CommandKind, dossier: &Dossier, procedure: Option<&Procedure>) -> Option<Wish> {
        let command = match kind {
            CommandKind::EnterStep => Command::EnterStep { step: self.code("step")? },
            CommandKind::RequestComplement => {
                let (documents, message) = (self.documents(), self.optional("message", Paragraph::new));
                Command::RequestComplement { documents: documents?, message }
            }
            CommandKind::ReceiveComplement => Command::ReceiveComplement { documents: self.documents()? },
            CommandKind::ScheduleCommission => {
                let (on, place) = (self.date("on"), self.optional("place", Line::new));
                Command::ScheduleCommission { on: on?, place }
            }
            CommandKind::Adjourn => Command::Adjourn { reason: self.optional("reason", Paragraph::new) },
            CommandKind::Decide => {
                let (outcome, reservations) =
                    (self.word::<Outcome>("outcome"), self.optional("reservations", Paragraph::new));
                Command::Decide { outcome: outcome?, reservations }
            }
            CommandKind::MarkReady => Command::MarkReady,
            CommandKind::Collect => Command::Collect { by: self.optional("by", Line::new) },
            CommandKind::Withdraw => Command::Withdraw { reason: self.optional("reason", Paragraph::new) },
            CommandKind::Extend => Command::Extend { reason: self.required("reason", Paragraph::new)? },
            CommandKind::Correct => {
                let (correction, reason) =
                    (self.correction(dossier, procedure), self.required("reason", Paragraph::new));
                Command::Correct { correction: correction?, reason: reason? }
            }
            CommandKind::AddNote => {
                let (audience, text) = (self.word::<Audience>("audience"), self.required("text", Paragraph::new));
                Command::AddNote { audience: audience?, text: text? }
            }
            CommandKind::ReprintReceipt => Command::ReprintReceipt,
            CommandKind::ReplaceReceipt => {
                return self.required("reason", Paragraph::new).map(Wish::ReplaceReceipt);
            }
        };
        Some(Wish::Command(command))
    }

    /// An empty value takes a telephone, e-mail, parcel or Rokhas reference away; the others must stay.
    fn correction(&mut self, dossier: &Dossier, procedure: Option<&Procedure>) -> Option<Correction> {
        match self.typed("field").as_str() {
            "applicant" => {
                let name = self.required("value", Line::new)?;
                Some(Correction::Applicant(Applicant { kind: dossier.registration.applicant.kind, name }))
            }
            "phone" => self.clearable("value", Phone::parse).ok().map(Correction::Phone),
            "email" => self.clearable("value", Email::parse).ok().map(Correction::Email),
            "parcel" => self.clearable("value", Line::new).ok().map(Correction::Parcel),
            "rokhas" => self.clearable("value", Line::new).ok().map(Correction::Rokhas),
            "office" => self.code("office").map(Correction::Office),
            "outcome" => self.word("outcome").map(Correction::Outcome),
            "step" => {
                let code: StepCode = self.code("step")?;
                let step = procedure.and_then(|procedure| procedure.step(&code));
                match step {
                    Some(step) => Some(Correction::Position(step.position())),
                    None => self.fault("step", FieldProblem::Unknown),
                }
            }
            "" => self.fault("field", FieldProblem::Missing),
            _ => self.fault("field", FieldProblem::Unknown),
        }
    }

    /// A field sent twice was not sent by our page; it counts as one of unknown value.
    fn typed(&mut self, name: &'static str) -> String {
        let Ok(text) = self.form.one(name) else {
            self.fault::<()>(name, FieldProblem::Twice);
            return String::new();
        };
        text.trim().to_owned()
    }

    fn fault<T>(&mut self, name: &'static str, problem: FieldProblem) -> Option<T> {
        if self.faults.iter().all(|(field, _)| *field != name) {
            self.faults.push((name, problem_sentence(self.shell, problem)));
        }
        None
    }

    fn required<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, TextError>) -> Option<T> {
        let text = self.typed(name);
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => self.fault(name, FieldProblem::Text(problem)),
        }
    }

    fn optional<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, TextError>) -> Option<T> {
        self.clearable(name, parse).ok().flatten()
    }

    /// `None` when the field is empty.
    fn clearable<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, TextError>,
    ) -> Result<Option<T>, Wrong> {
        if self.typed(name).is_empty() { Ok(None) } else { self.required(name, parse).map(Some).ok_or(Wrong) }
    }

    fn word<T: std::str::FromStr>(&mut self, name: &'static str) -> Option<T> {
        let text = self.typed(name);
        let problem = if text.is_empty() { FieldProblem::Missing } else { FieldProblem::Unknown };
        text.parse().ok().or_else(|| self.fault(name, problem))
    }

    fn code<T: std::str::FromStr>(&mut self, name: &'static str) -> Option<T> {
        self.word(name)
    }

    fn documents(&mut self) -> Option<Vec<DocumentCode>> {
        let texts = self.form.many("document");
        if texts.is_empty() {
            let sentence = self.shell.t("desk-no-document-ticked");
            self.faults.push(("document", sentence));
            return None;
        }
        let codes: Result<Vec<DocumentCode>, _> = texts.iter().map(|text| text.parse()).collect();
        codes.ok().or_else(|| self.fault("document", FieldProblem::Unknown))
    }

    /// As a date control sends it (`2026-11-23`) or as it is written here (`23/11/2026`).
    fn date(&mut self, name: &'static str) -> Option<Date> {
        let text = self.typed(name);
        if text.is_empty() {
            return self.fault(name, FieldProblem::Missing);
        }
        let date = written_date(&text);
        if date.is_none() && self.faults.iter().all(|(field, _)| *field != name) {
            self.faults.push((name, self.shell.t("desk-problem-date")));
        }
        date
    }
}

fn written_date(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, month, last] = parts[..] else { return None };
    let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::written_date;

    #[test]
    fn dates_as_browsers_and_people_write_them() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(written_date(text).map(|date| date.to_string()).as_deref(), expected, "{text:?}");
        };
        check("2026-11-23", Some("2026-11-23"));
        check("23/11/2026", Some("2026-11-23"));
        check("1/2/2028", Some("2028-02-01"));
        check("29/02/2027", None);
        check("23/11/26", None);
        check("soon", None);
        check("2026-11-23-1", None);
    }
}
