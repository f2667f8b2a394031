//! What a dossier is, what may happen to it, and when the law says it is late.
//!
//! Pure: every function is a function of its arguments. Nothing here reads a clock, a file, a database or a language
//! bundle, so that each rule can be tested by a table and each decision can be replayed by an auditor.
//!
//! `decide` turns a command into events or a refusal; `Dossier::apply` folds events into the state that pages show.
//! The alternative, a row that commands edit in place, was rejected because a rewritten row cannot be proved.

mod calendar;
mod catalogue;
mod command;
mod decide;
mod event;
mod event_data;
mod language;
mod legal_clock;
mod reference;
mod refusal;
mod role;
mod search_key;
mod state;
mod text;
mod words;

pub use calendar::{FixedHoliday, WorkCalendar};
pub use catalogue::{
    Catalogue, CatalogueError, DocumentCode, DocumentSpec, LegalRule, OfficeCode, Procedure, ProcedureParts,
    ProcedureProblem, RuleId, Silence, Step, StepCode, Term, TermUnit,
};
pub use command::{Command, CommandKind, Correction, Intake};
pub use decide::{LegalMove, decide, legal_moves, register};
pub use event::{
    Applicant, ApplicantKind, Audience, Depositor, DepositorRole, Event, IdentityDigest, Outcome, Position,
    PublicState, Recorded, Registration, RuleTerms,
};
pub use event_data::EventDataError;
pub use language::{Language, Localized};
pub use legal_clock::{ClockState, LegalClock, Pause};
pub use reference::{ProcedureCode, Reference, ReferenceError};
pub use refusal::Refusal;
pub use role::{Role, StaffAction};
pub use search_key::search_key;
pub use state::{Commission, Complement, Decision, Dossier, Extension, FoldError, IssuedReceipt};
pub use text::{Email, IdentityNumber, LastFour, Line, Paragraph, Phone, TextError};
pub use words::UnknownWord;

#[cfg(test)]
mod tests;
