//! The dossier as its events have left it.
//!
//! `apply` never decides and never fails: whether an event may happen is `decide`'s to say, and what happened has happened.
//! `fold` is for histories that come back from storage, so it also refuses a sequence that `decide` cannot have made.

use jiff::{Timestamp, civil::Date};

use super::{
    catalogue::DocumentCode,
    command::Correction,
    event::{Event, Outcome, Position, PublicState, Recorded, Registration},
    reference::Reference,
    text::{LastFour, Line, Paragraph, Phone},
};
use crate::receipt::ReceiptId;

/// The one complement request that law 55-19 allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complement {
    pub requested_on: Date,
    pub requested: Vec<DocumentCode>,
    pub message: Option<Paragraph>,
    pub received: Vec<DocumentCode>,
    /// The day the last document came, or on which a correction took the request back.
    pub completed_on: Option<Date>,
    /// Where the dossier stood when the request was made.
    pub from: Position,
}

impl Complement {
    /// The requested documents that have not come yet.
    pub fn outstanding(&self) -> Vec<DocumentCode> {
        self.requested.iter().filter(|code| !self.received.contains(code)).cloned().collect()
    }

    pub fn is_open(&self) -> bool {
        self.completed_on.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commission {
    pub on: Date,
    pub place: Option<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub on: Date,
    pub outcome: Outcome,
    pub reservations: Option<Paragraph>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub on: Date,
    pub count: u16,
    pub reason: Paragraph,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedReceipt {
    pub id: ReceiptId,
    pub key_id: u8,
    pub issued_at: Timestamp,
    pub copies: u16,
    pub replaced_at: Option<Timestamp>,
}

/// A fold of events; `apply` is the only way to change one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dossier {
    pub reference: Reference,
    /// The number of events so far; a write states the version it was decided on.
    pub version: u32,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
    pub updated_on: Date,
    /// As registered, with corrections applied.
    pub registration: Registration,
    pub position: Position,
    pub complement: Option<Complement>,
    pub commission: Option<Commission>,
    pub adjournments: u16,
    pub decision: Option<Decision>,
    pub extension: Option<Extension>,
    pub ready_on: Option<Date>,
    pub collected_on: Option<Date>,
    pub withdrawn_on: Option<Date>,
    /// Oldest first; exactly the last is in force.
    pub receipts: Vec<IssuedReceipt>,
    pub corrections: u16,
}

/// Why a sequence of events is not the history of a dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    #[error("the first event is not the registration")]
    NotRegistered,
    #[error("event {version} registers the dossier again")]
    RegisteredTwice { version: u32 },
    #[error("the reference names another procedure than the registration")]
    OtherProcedure,
    #[error("event {version} asks for a second complement")]
    ComplementRequestedTwice { version: u32 },
    #[error("event {version} receives a complement that was not asked for")]
    ComplementNotRequested { version: u32 },
    #[error("event {version} names a receipt that the dossier does not have, or has already")]
    Receipt { version: u32 },
}

impl Dossier {
    /// The dossier that a history describes. `version` in an error is the event's place, counted from 1.
    ///
    /// # Errors
    /// When the events do not begin with one registration for this reference's procedure, or contradict one another.
    pub fn fold(reference: &Reference, events: &[Recorded]) -> Result<Self, FoldError> {
        let [first, rest @ ..] = events else { return Err(FoldError::NotRegistered) };
        let Event::Registered(registration) = &first.event else { return Err(FoldError::NotRegistered) };
        if registration.procedure != *reference.procedure() {
            return Err(FoldError::OtherProcedure);
        }
        let mut dossier = Self::registered(reference.clone(), first, registration);
        for recorded in rest {
            dossier.check(&recorded.event)?;
            dossier.apply(recorded);
        }
        Ok(dossier)
    }

    fn registered(reference: Reference, recorded: &Recorded, registration: &Registration) -> Self {
        Self {
            reference,
            version: 1,
            registered_at: recorded.at,
            updated_at: recorded.at,
            updated_on: recorded.on,
            registration: registration.clone(),
            position: registration.position.clone(),
            complement: None,
            commission: None,
            adjournments: 0,
            decision: None,
            extension: None,
            ready_on: None,
            collected_on: None,
            withdrawn_on: None,
            receipts: Vec::new(),
            corrections: 0,
        }
    }

    fn check(&self, event: &Event) -> Result<(), FoldError> {
        let version = self.version.saturating_add(1);
        match event {
            Event::Registered(_) => Err(FoldError::RegisteredTwice { version }),
            Event::ComplementRequested { .. } if self.complement.is_some() => {
                Err(FoldError::ComplementRequestedTwice { version })
            }
            Event::ComplementReceived { .. } if self.complement.is_none() => {
                Err(FoldError::ComplementNotRequested { version })
            }
            Event::ReceiptIssued { receipt, .. } if self.receipt(*receipt).is_some() => {
                Err(FoldError::Receipt { version })
            }
            Event::ReceiptReprinted { receipt, .. } | Event::ReceiptReplaced { receipt, .. }
                if self.receipt(*receipt).is_none() =>
            {
                Err(FoldError::Receipt { version })
            }
            _ => Ok(()),
        }
    }

    /// Takes one more event into account. A second registration changes nothing but the version; `fold` refuses it.
    pub fn apply(&mut self, recorded: &Recorded) {
        let on = recorded.on;
        self.version = self.version.saturating_add(1);
        self.updated_at = recorded.at;
        self.updated_on = on;
        match &recorded.event {
            Event::Registered(_) | Event::NoteAdded { .. } => {}
            Event::StepEntered { position } => self.position = position.clone(),
            Event::ComplementRequested { position, documents, message } => {
                self.complement = Some(Complement {
                    requested_on: on,
                    requested: documents.clone(),
                    message: message.clone(),
                    received: Vec::new(),
                    completed_on: None,
                    from: std::mem::replace(&mut self.position, position.clone()),
                });
            }
            Event::ComplementReceived { documents, position } => self.receive(documents, position.as_ref(), on),
            Event::CommissionScheduled { position, on, place } => {
                self.commission = Some(Commission { on: *on, place: place.clone() });
                self.position = position.clone();
            }
            Event::Adjourned { position, .. } => {
                self.adjournments = self.adjournments.saturating_add(1);
                self.position = position.clone();
            }
            Event::Decided { position, outcome, reservations } => {
                self.decision = Some(Decision { on, outcome: *outcome, reservations: reservations.clone() });
                self.position = position.clone();
            }
            Event::Ready { position } => {
                self.ready_on = Some(on);
                self.position = position.clone();
            }
            Event::Collected { position, .. } => {
                self.collected_on = Some(on);
                self.position = position.clone();
            }
            Event::Withdrawn { position, .. } => {
                self.withdrawn_on = Some(on);
                self.position = position.clone();
            }
            Event::Extended { count, reason } => {
                self.extension = Some(Extension { on, count: *count, reason: reason.clone() });
            }
            Event::Corrected { correction, .. } => {
                self.corrections = self.corrections.saturating_add(1);
                self.correct(correction, on);
            }
            Event::ReceiptIssued { .. } | Event::ReceiptReprinted { .. } | Event::ReceiptReplaced { .. } => {
                self.apply_to_receipts(&recorded.event, recorded.at);
            }
        }
    }

    fn receive(&mut self, documents: &[DocumentCode], position: Option<&Position>, on: Date) {
        if let Some(complement) = &mut self.complement {
            complement.received.extend(documents.iter().cloned());
            if position.is_some() {
                complement.completed_on = Some(on);
            }
        }
        if let Some(position) = position {
            self.position = position.clone();
        }
    }

    fn apply_to_receipts(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::ReceiptIssued { receipt, key_id } => {
                // Whatever came before, at most one receipt is in force.
                self.retire_receipts(|_| true, at);
                let (id, key_id) = (*receipt, *key_id);
                self.receipts.push(IssuedReceipt { id, key_id, issued_at: at, copies: 0, replaced_at: None });
            }
            Event::ReceiptReprinted { receipt, copy } => {
                if let Some(issued) = self.receipts.iter_mut().find(|issued| issued.id == *receipt) {
                    issued.copies = *copy;
                }
            }
            Event::ReceiptReplaced { receipt, .. } => self.retire_receipts(|issued| issued.id == *receipt, at),
            _ => {}
        }
    }

    fn retire_receipts(&mut self, which: impl Fn(&IssuedReceipt) -> bool, at: Timestamp) {
        for issued in self.receipts.iter_mut().filter(|issued| issued.replaced_at.is_none()) {
            if which(issued) {
                issued.replaced_at = Some(at);
            }
        }
    }

    fn correct(&mut self, correction: &Correction, on: Date) {
        let registration = &mut self.registration;
        match correction {
            Correction::Applicant(applicant) => registration.applicant = applicant.clone(),
            Correction::Depositor(depositor) => registration.depositor = depositor.clone(),
            Correction::Phone(phone) => registration.phone.clone_from(phone),
            Correction::Email(email) => registration.email.clone_from(email),
            Correction::Identity(identity) => registration.identity.clone_from(identity),
            Correction::Parcel(parcel) => registration.parcel.clone_from(parcel),
            Correction::Rokhas(rokhas) => registration.rokhas.clone_from(rokhas),
            Correction::Office(office) => registration.office = office.clone(),
            Correction::Documents { handed_in, missing } => {
                registration.handed_in.clone_from(handed_in);
                registration.missing.clone_from(missing);
            }
            Correction::Position(position) => self.take_back_to(position, on),
            Correction::Outcome(outcome) => {
                if let Some(decision) = &mut self.decision {
                    decision.outcome = *outcome;
                    // They were written for the mistaken outcome and would contradict the right one.
                    decision.reservations = None;
                }
            }
        }
    }

    /// Undoes what the mistaken moves had established, so that neither the page nor the legal clock goes on believing it.
    /// The one complement request stays used, because asking twice is what the law forbids.
    fn take_back_to(&mut self, position: &Position, on: Date) {
        use PublicState::{Adjourned, Collected, Decided, InReview, Incomplete, Registered, Scheduled, Withdrawn};
        let state = position.state;
        let mistaken = std::mem::replace(&mut self.position, position.clone());
        if mistaken.state == Adjourned && state != Adjourned {
            self.adjournments = self.adjournments.saturating_sub(1);
        }
        if state != Withdrawn {
            self.withdrawn_on = None;
        }
        if state != Collected {
            self.collected_on = None;
        }
        if matches!(state, Registered | Incomplete | InReview | Scheduled | Adjourned | Decided) {
            self.ready_on = None;
        }
        if matches!(state, Registered | Incomplete | InReview | Scheduled | Adjourned) {
            self.decision = None;
        }
        if matches!(state, Registered | InReview) {
            self.commission = None;
        }
        if let Some(complement) = &mut self.complement {
            if state == Incomplete && !complement.is_open() {
                complement.completed_on = None;
                complement.received.clear();
            } else if matches!(state, Registered | InReview | Scheduled | Adjourned) && complement.is_open() {
                complement.completed_on = Some(on);
            }
        }
    }

    /// The receipt in force; absent only between a replacement and the new receipt that follows it at once.
    pub fn current_receipt(&self) -> Option<&IssuedReceipt> {
        self.receipts.iter().rev().find(|issued| issued.replaced_at.is_none())
    }

    pub fn receipt(&self, id: ReceiptId) -> Option<&IssuedReceipt> {
        self.receipts.iter().find(|issued| issued.id == id)
    }

    /// The digits that open the second level: of the telephone and of the identity number, as far as they were given.
    pub fn second_level_digits(&self) -> Vec<LastFour> {
        let phone = self.registration.phone.as_ref().map(Phone::last_four);
        let identity = self.registration.identity.as_ref().map(|identity| identity.last_four);
        let mut digits: Vec<LastFour> = phone.into_iter().chain(identity).collect();
        digits.dedup();
        digits
    }

    /// The day on which the administration had answered or the applicant had gone: nothing runs after it.
    pub fn clock_stopped_on(&self) -> Option<Date> {
        let decided_on = self.decision.as_ref().map(|decision| decision.on);
        [decided_on, self.ready_on, self.collected_on, self.withdrawn_on].into_iter().flatten().min()
    }
}
