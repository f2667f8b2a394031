//! Why a wish did not become an event: data from which pages make sentences in four languages.
//!
//! The messages here are for developers and logs. They carry codes and days, never a person's data.

use jiff::civil::Date;

use super::{
    catalogue::{DocumentCode, OfficeCode, StepCode},
    command::CommandKind,
    event::PublicState,
    reference::ProcedureCode,
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `legal` are the steps that may follow now, by whichever command.
    #[error("no transition leads there from `{from}`")]
    IllegalMove { from: StepCode, legal: Vec<StepCode> },
    /// The step may follow, but entering it needs details that only this command has.
    #[error("the step `{step}` is entered by `{needed}`")]
    WrongCommand { step: StepCode, needed: CommandKind },
    #[error("the dossier is {state}; only notes, corrections and receipts are left")]
    Closed { state: PublicState },
    #[error("the one complement request was made on {on}")]
    ComplementAlreadyRequested { on: Date },
    #[error("requested documents are outstanding")]
    ComplementOpen { outstanding: Vec<DocumentCode> },
    #[error("the dossier waits for no documents")]
    NoComplementOpen,
    #[error("no document is named")]
    NoDocuments,
    #[error("the procedure has no document `{0}`")]
    UnknownDocument(DocumentCode),
    #[error("the document `{0}` is named twice")]
    DuplicateDocument(DocumentCode),
    #[error("the document `{0}` is not among those outstanding")]
    DocumentNotOutstanding(DocumentCode),
    #[error("the issuer has no office `{0}`")]
    UnknownOffice(OfficeCode),
    #[error("the procedure is {expected}, not {given}")]
    OtherProcedure { expected: ProcedureCode, given: ProcedureCode },
    #[error("a depositor who is not the applicant needs a name")]
    DepositorNameMissing,
    #[error("the commission's day {on} is before {today}")]
    CommissionInPast { on: Date, today: Date },
    #[error("the legal rule knows no extension")]
    NoExtension,
    #[error("the term was extended on {on}")]
    AlreadyExtended { on: Date },
    #[error("the legal clock does not run")]
    ClockNotRunning,
    #[error("the value is already what the correction says")]
    NothingToCorrect,
    #[error("the procedure has no step `{0}`")]
    UnknownStep(StepCode),
    /// A correction takes a dossier back; it cannot stand for a decision or a request that nobody made.
    #[error("the dossier has never been in the state that `{0}` needs")]
    StepNotReached(StepCode),
    #[error("no outcome has been recorded")]
    NoDecision,
    #[error("the dossier has no receipt in force")]
    NoReceipt,
    #[error("the receipt's random name is in use")]
    ReceiptIdUsed,
    #[error("the receipt cannot be reprinted any more")]
    TooManyCopies,
    #[error("the key that made the receipt's token is revoked; it can only be replaced")]
    ReceiptKeyRevoked,
}

impl Refusal {
    /// The key of the sentence that pages show.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::IllegalMove { .. } => "refusal-illegal-move",
            Self::WrongCommand { .. } => "refusal-wrong-command",
            Self::Closed { .. } => "refusal-closed",
            Self::ComplementAlreadyRequested { .. } => "refusal-complement-already-requested",
            Self::ComplementOpen { .. } => "refusal-complement-open",
            Self::NoComplementOpen => "refusal-no-complement-open",
            Self::NoDocuments => "refusal-no-documents",
            Self::UnknownDocument(_) => "refusal-unknown-document",
            Self::DuplicateDocument(_) => "refusal-duplicate-document",
            Self::DocumentNotOutstanding(_) => "refusal-document-not-outstanding",
            Self::UnknownOffice(_) => "refusal-unknown-office",
            Self::OtherProcedure { .. } => "refusal-other-procedure",
            Self::DepositorNameMissing => "refusal-depositor-name-missing",
            Self::CommissionInPast { .. } => "refusal-commission-in-past",
            Self::NoExtension => "refusal-no-extension",
            Self::AlreadyExtended { .. } => "refusal-already-extended",
            Self::ClockNotRunning => "refusal-clock-not-running",
            Self::NothingToCorrect => "refusal-nothing-to-correct",
            Self::UnknownStep(_) => "refusal-unknown-step",
            Self::StepNotReached(_) => "refusal-step-not-reached",
            Self::NoDecision => "refusal-no-decision",
            Self::NoReceipt => "refusal-no-receipt",
            Self::ReceiptIdUsed => "refusal-receipt-id-used",
            Self::TooManyCopies => "refusal-too-many-copies",
            Self::ReceiptKeyRevoked => "refusal-receipt-key-revoked",
        }
    }
}
