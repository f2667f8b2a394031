//! What a member of staff may ask for. A command is only a wish; `decide` says whether it becomes events.

use jiff::civil::Date;

use super::{
    catalogue::{DocumentCode, OfficeCode, StepCode},
    event::{Applicant, Audience, Depositor, IdentityDigest, Outcome, Position},
    reference::ProcedureCode,
    text::{Email, Line, Paragraph, Phone},
};
use crate::receipt::ReceiptId;

/// What the front desk takes in for a new dossier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    pub procedure: ProcedureCode,
    pub office: OfficeCode,
    pub applicant: Applicant,
    pub depositor: Depositor,
    pub phone: Option<Phone>,
    pub email: Option<Email>,
    pub identity: Option<IdentityDigest>,
    pub parcel: Option<Line>,
    pub rokhas: Option<Line>,
    pub handed_in: Vec<DocumentCode>,
    pub note: Option<Paragraph>,
}

/// A fact that was recorded wrongly, with its right value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correction {
    Applicant(Applicant),
    Depositor(Depositor),
    Phone(Option<Phone>),
    Email(Option<Email>),
    Identity(Option<IdentityDigest>),
    Parcel(Option<Line>),
    Rokhas(Option<Line>),
    Office(OfficeCode),
    Documents {
        handed_in: Vec<DocumentCode>,
        missing: Vec<DocumentCode>,
    },
    /// A move made by mistake, taken back to where the dossier stood.
    Position(Position),
    Outcome(Outcome),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To a step whose state needs nothing more to be said (`registered`, `in_review`).
    EnterStep {
        step: StepCode,
    },
    RequestComplement {
        documents: Vec<DocumentCode>,
        message: Option<Paragraph>,
    },
    ReceiveComplement {
        documents: Vec<DocumentCode>,
    },
    ScheduleCommission {
        on: Date,
        place: Option<Line>,
    },
    Adjourn {
        reason: Option<Paragraph>,
    },
    Decide {
        outcome: Outcome,
        reservations: Option<Paragraph>,
    },
    MarkReady,
    Collect {
        by: Option<Line>,
    },
    Withdraw {
        reason: Option<Paragraph>,
    },
    Extend {
        reason: Paragraph,
    },
    Correct {
        correction: Correction,
        reason: Paragraph,
    },
    AddNote {
        audience: Audience,
        text: Paragraph,
    },
    ReprintReceipt,
    ReplaceReceipt {
        new: ReceiptId,
        key_id: u8,
        reason: Paragraph,
    },
}

/// A command without its details: what a button on the dossier's page stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CommandKind {
    EnterStep,
    RequestComplement,
    ReceiveComplement,
    ScheduleCommission,
    Adjourn,
    Decide,
    MarkReady,
    Collect,
    Withdraw,
    Extend,
    Correct,
    AddNote,
    ReprintReceipt,
    ReplaceReceipt,
}

impl Command {
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::EnterStep { .. } => CommandKind::EnterStep,
            Self::RequestComplement { .. } => CommandKind::RequestComplement,
            Self::ReceiveComplement { .. } => CommandKind::ReceiveComplement,
            Self::ScheduleCommission { .. } => CommandKind::ScheduleCommission,
            Self::Adjourn { .. } => CommandKind::Adjourn,
            Self::Decide { .. } => CommandKind::Decide,
            Self::MarkReady => CommandKind::MarkReady,
            Self::Collect { .. } => CommandKind::Collect,
            Self::Withdraw { .. } => CommandKind::Withdraw,
            Self::Extend { .. } => CommandKind::Extend,
            Self::Correct { .. } => CommandKind::Correct,
            Self::AddNote { .. } => CommandKind::AddNote,
            Self::ReprintReceipt => CommandKind::ReprintReceipt,
            Self::ReplaceReceipt { .. } => CommandKind::ReplaceReceipt,
        }
    }
}
