//! What has happened to a dossier. An event is never edited; a correction is another event.

use jiff::{Timestamp, civil::Date};

use super::{
    catalogue::{DocumentCode, OfficeCode, RuleId, Silence, StepCode, Term},
    command::Correction,
    reference::ProcedureCode,
    text::{Email, LastFour, Line, Paragraph, Phone},
};
use crate::receipt::ReceiptId;

/// The states that the public sees. Steps are a procedure's own; states are the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublicState {
    Registered,
    Incomplete,
    InReview,
    Scheduled,
    Adjourned,
    Decided,
    Ready,
    Collected,
    Withdrawn,
}

/// A step together with the public state it belongs to, so that a fold needs no catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub step: StepCode,
    pub state: PublicState,
}

/// The agency's opinion. It is not the permit, which the commune's president issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Favourable,
    FavourableWithReservations,
    Unfavourable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicantKind {
    Person,
    Company,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    pub kind: ApplicantKind,
    pub name: Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositorRole {
    Applicant,
    Architect,
    Surveyor,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depositor {
    pub role: DepositorRole,
    /// Whose paper it is; absent when the applicant came in person.
    pub name: Option<Line>,
}

/// An identity number as law 09-08 lets us keep it: a keyed hash for finding duplicates, four digits for the second level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityDigest {
    pub keyed_hash: [u8; 32],
    pub last_four: LastFour,
}

/// The figures of the legal rule in force on the day of deposit, kept with the dossier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTerms {
    pub id: RuleId,
    pub term: Term,
    pub suspended_by_complement: bool,
    pub extension: Option<u16>,
    pub roll_to_working_day: bool,
    pub silence: Silence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub procedure: ProcedureCode,
    pub position: Position,
    pub office: OfficeCode,
    pub applicant: Applicant,
    pub depositor: Depositor,
    pub phone: Option<Phone>,
    pub email: Option<Email>,
    pub identity: Option<IdentityDigest>,
    /// The land title or parcel.
    pub parcel: Option<Line>,
    /// The reference in the national platform Rokhas.
    pub rokhas: Option<Line>,
    pub handed_in: Vec<DocumentCode>,
    pub missing: Vec<DocumentCode>,
    /// For the staff only.
    pub note: Option<Paragraph>,
    /// The civil day of deposit where the issuer is; the legal clock starts on it.
    pub deposited_on: Date,
    pub rule: Option<RuleTerms>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Shown on the second level.
    Public,
    Internal,
}

/// Everything that can happen to a dossier. `kind` names are part of the record format; see `event_data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Registered(Box<Registration>),
    StepEntered {
        position: Position,
    },
    ComplementRequested {
        position: Position,
        documents: Vec<DocumentCode>,
        message: Option<Paragraph>,
    },
    /// `position` is present when the last requested document has come and the clock resumes.
    ComplementReceived {
        documents: Vec<DocumentCode>,
        position: Option<Position>,
    },
    CommissionScheduled {
        position: Position,
        on: Date,
        place: Option<Line>,
    },
    Adjourned {
        position: Position,
        reason: Option<Paragraph>,
    },
    Decided {
        position: Position,
        outcome: Outcome,
        reservations: Option<Paragraph>,
    },
    Ready {
        position: Position,
    },
    Collected {
        position: Position,
        by: Option<Line>,
    },
    Withdrawn {
        position: Position,
        reason: Option<Paragraph>,
    },
    Extended {
        count: u16,
        reason: Paragraph,
    },
    Corrected {
        correction: Correction,
        reason: Paragraph,
    },
    NoteAdded {
        audience: Audience,
        text: Paragraph,
    },
    ReceiptIssued {
        receipt: ReceiptId,
        key_id: u8,
    },
    /// `copy` is 1 for the first reprint.
    ReceiptReprinted {
        receipt: ReceiptId,
        copy: u16,
    },
    /// The old receipt; the `ReceiptIssued` that follows at once carries the new one.
    ReceiptReplaced {
        receipt: ReceiptId,
        reason: Paragraph,
    },
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub at: Timestamp,
    /// The account's name, or `system`.
    pub actor: String,
    /// The civil day of `at` where the issuer is; derived, not part of the record.
    pub on: Date,
    pub event: Event,
}

impl Event {
    /// The names of all kinds, as records state them, in the order in which they usually come.
    pub const KINDS: [&'static str; 16] = [
        "registered",
        "receipt_issued",
        "step_entered",
        "complement_requested",
        "complement_received",
        "commission_scheduled",
        "adjourned",
        "decided",
        "ready",
        "collected",
        "withdrawn",
        "extended",
        "corrected",
        "note_added",
        "receipt_reprinted",
        "receipt_replaced",
    ];
}
