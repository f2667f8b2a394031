//! The registration form as it was typed, and what it means once every field has been checked.
//!
//! The pages and the command line share this, so that both refuse the same things in the same places. All faults are
//! found in one go: a clerk who must send a form five times for five faults has a queue behind them.

use super::IdentityKey;
use crate::{
    config::Issuer,
    dossier::{
        Applicant, ApplicantKind, Depositor, DepositorRole, DocumentCode, Email, IdentityDigest, IdentityNumber,
        Intake, Line, Paragraph, Phone, TextError,
    },
};

/// Everything as typed; empty means absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawIntake {
    pub procedure: String,
    pub office: String,
    /// `person` or `company`; empty means person.
    pub applicant_kind: String,
    pub applicant: String,
    /// `applicant`, `architect`, `surveyor` or `other`; empty means applicant.
    pub depositor_role: String,
    pub depositor: String,
    pub phone: String,
    pub email: String,
    pub identity: String,
    pub parcel: String,
    pub rokhas: String,
    pub documents: Vec<String>,
    pub note: String,
}

/// What was typed is about a person; only the procedure is shown.
impl std::fmt::Debug for RawIntake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawIntake").field("procedure", &self.procedure).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Procedure,
    Office,
    ApplicantKind,
    Applicant,
    DepositorRole,
    Depositor,
    Phone,
    Email,
    Identity,
    Parcel,
    Rokhas,
    Documents,
    Note,
}

impl Field {
    pub const ALL: [Self; 13] = [
        Self::Procedure,
        Self::Office,
        Self::ApplicantKind,
        Self::Applicant,
        Self::DepositorRole,
        Self::Depositor,
        Self::Phone,
        Self::Email,
        Self::Identity,
        Self::Parcel,
        Self::Rokhas,
        Self::Documents,
        Self::Note,
    ];

    /// The name of the form's control and of the command line's option.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Procedure => "procedure",
            Self::Office => "office",
            Self::ApplicantKind => "applicant-kind",
            Self::Applicant => "applicant",
            Self::DepositorRole => "depositor-role",
            Self::Depositor => "depositor",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Identity => "identity",
            Self::Parcel => "parcel",
            Self::Rokhas => "rokhas",
            Self::Documents => "document",
            Self::Note => "note",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldProblem {
    Missing,
    /// Not one of the values that are offered.
    Unknown,
    /// The same value twice.
    Twice,
    Text(TextError),
}

impl FieldProblem {
    /// The key of the sentence that pages show: `problem-…`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing | Self::Text(TextError::Empty) => "problem-missing",
            Self::Unknown => "problem-unknown",
            Self::Twice => "problem-twice",
            Self::Text(TextError::TooLong { .. }) => "problem-too-long",
            Self::Text(TextError::Forbidden) => "problem-forbidden",
            Self::Text(TextError::Phone) => "problem-phone",
            Self::Text(TextError::Email) => "problem-email",
            Self::Text(TextError::Identity) => "problem-identity",
            Self::Text(_) => "problem-digits",
        }
    }

    /// The value of `$max` in the sentence of [`TextError::TooLong`].
    pub const fn max(self) -> Option<usize> {
        match self {
            Self::Text(TextError::TooLong { max }) => Some(max),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: Field,
    pub problem: FieldProblem,
}

impl RawIntake {
    /// The intake, or every field that is wrong, in the order of the form.
    pub(super) fn check(&self, issuer: &Issuer, identity_key: &IdentityKey) -> Result<Intake, Vec<FieldError>> {
        let mut errors = Vec::new();
        let procedure = {
            let code = self.procedure.parse().ok();
            let known = code.filter(|code| issuer.catalogue.procedure(code).is_some());
            required(&mut errors, Field::Procedure, &self.procedure, known)
        };
        let office = if self.office.trim().is_empty() {
            issuer.offices.first().map(|office| office.code.clone())
        } else {
            let office = issuer.offices.iter().find(|office| office.code.as_str() == self.office.trim());
            required(&mut errors, Field::Office, &self.office, office.map(|office| office.code.clone()))
        };
        let kind = choice(&mut errors, Field::ApplicantKind, &self.applicant_kind, ApplicantKind::Person);
        let name = line(&mut errors, Field::Applicant, &self.applicant);
        if self.applicant.trim().is_empty() {
            errors.push(FieldError { field: Field::Applicant, problem: FieldProblem::Missing });
        }
        let role = choice(&mut errors, Field::DepositorRole, &self.depositor_role, DepositorRole::Applicant);
        let depositor = line(&mut errors, Field::Depositor, &self.depositor);
        if role.is_some_and(|role| role != DepositorRole::Applicant) && self.depositor.trim().is_empty() {
            errors.push(FieldError { field: Field::Depositor, problem: FieldProblem::Missing });
        }
        let phone = optional(&mut errors, Field::Phone, &self.phone, Phone::parse);
        let email = optional(&mut errors, Field::Email, &self.email, Email::parse);
        let identity = optional(&mut errors, Field::Identity, &self.identity, IdentityNumber::parse);
        let parcel = line(&mut errors, Field::Parcel, &self.parcel);
        let rokhas = line(&mut errors, Field::Rokhas, &self.rokhas);
        let mut handed_in: Vec<DocumentCode> = Vec::new();
        for text in &self.documents {
            let code = text.parse::<DocumentCode>().ok().filter(|code| {
                procedure
                    .as_ref()
                    .is_none_or(|p| issuer.catalogue.procedure(p).is_some_and(|p| p.document(code).is_some()))
            });
            match code {
                None => errors.push(FieldError { field: Field::Documents, problem: FieldProblem::Unknown }),
                Some(code) if handed_in.contains(&code) => {
                    errors.push(FieldError { field: Field::Documents, problem: FieldProblem::Twice });
                }
                Some(code) => handed_in.push(code),
            }
        }
        let note = optional(&mut errors, Field::Note, &self.note, Paragraph::new);
        errors.sort_by_key(|error| error.field);
        errors.dedup_by_key(|error| error.field);
        match (procedure, office, kind, name, role) {
            (Some(procedure), Some(office), Some(kind), Some(name), Some(role)) if errors.is_empty() => Ok(Intake {
                procedure,
                office,
                applicant: Applicant { kind, name },
                depositor: Depositor { role, name: depositor },
                phone,
                email,
                identity: identity.map(|number| IdentityDigest {
                    keyed_hash: identity_key.hash(b"milaf/identity/v1\0", number.normalized().as_bytes()),
                    last_four: number.last_four(),
                }),
                parcel,
                rokhas,
                handed_in,
                note,
            }),
            _ => Err(errors),
        }
    }
}

fn required<T>(errors: &mut Vec<FieldError>, field: Field, typed: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        let problem = if typed.trim().is_empty() { FieldProblem::Missing } else { FieldProblem::Unknown };
        errors.push(FieldError { field, problem });
    }
    value
}

fn choice<T: std::str::FromStr>(errors: &mut Vec<FieldError>, field: Field, typed: &str, default: T) -> Option<T> {
    if typed.trim().is_empty() {
        return Some(default);
    }
    required(errors, field, typed, typed.trim().parse().ok())
}

fn line(errors: &mut Vec<FieldError>, field: Field, typed: &str) -> Option<Line> {
    optional(errors, field, typed, Line::new)
}

fn optional<T>(
    errors: &mut Vec<FieldError>,
    field: Field,
    typed: &str,
    parse: impl Fn(&str) -> Result<T, TextError>,
) -> Option<T> {
    if typed.trim().is_empty() {
        return None;
    }
    parse(typed).map_err(|problem| errors.push(FieldError { field, problem: FieldProblem::Text(problem) })).ok()
}
