//! What may happen to a dossier: a command becomes events here, or a refusal that says why not.
//!
//! Nothing here reads or writes anything, so a decision can be replayed. `legal_moves` asks the same functions that
//! `decide` asks, because a button that the next click refuses is worse than no button; a second table of rules for the
//! pages was rejected for that reason.
//!
//! Whether the legal date has passed is not known here, since it needs the calendar of holidays; the legal clock gives a
//! late extension no effect.

use jiff::civil::Date;

use super::{
    catalogue::{DocumentCode, OfficeCode, Procedure, Step},
    command::{Command, CommandKind, Correction, Intake},
    event::{Depositor, DepositorRole, Event, Position, PublicState, Registration},
    refusal::Refusal,
    state::{Complement, Dossier, IssuedReceipt},
};
use crate::receipt::ReceiptId;

/// The events of a new dossier: its registration and its first receipt.
///
/// # Errors
/// When the intake names another procedure, an unknown office or document, a document twice, or no depositor.
pub fn register(
    intake: &Intake,
    procedure: &Procedure,
    offices: &[OfficeCode],
    deposited_on: Date,
    receipt: ReceiptId,
    key_id: u8,
) -> Result<Vec<Event>, Refusal> {
    if intake.procedure != *procedure.code() {
        let (expected, given) = (procedure.code().clone(), intake.procedure.clone());
        return Err(Refusal::OtherProcedure { expected, given });
    }
    if !offices.contains(&intake.office) {
        return Err(Refusal::UnknownOffice(intake.office.clone()));
    }
    check_documents(&intake.handed_in, procedure)?;
    check_depositor(&intake.depositor)?;
    let handed = |code: &DocumentCode| intake.handed_in.contains(code);
    // In the catalogue's order, so that the same papers give the same receipt however they were ticked.
    let documents = procedure.documents().iter();
    let handed_in = documents.clone().filter(|spec| handed(&spec.code)).map(|spec| spec.code.clone()).collect();
    let missing = documents.filter(|spec| spec.required && !handed(&spec.code)).map(|spec| spec.code.clone()).collect();
    let registration = Registration {
        procedure: intake.procedure.clone(),
        position: procedure.initial().position(),
        office: intake.office.clone(),
        applicant: intake.applicant.clone(),
        depositor: intake.depositor.clone(),
        phone: intake.phone.clone(),
        email: intake.email.clone(),
        identity: intake.identity.clone(),
        parcel: intake.parcel.clone(),
        rokhas: intake.rokhas.clone(),
        handed_in,
        missing,
        note: intake.note.clone(),
        deposited_on,
        rule: procedure.rule_on(deposited_on).map(super::LegalRule::terms),
    };
    Ok(vec![Event::Registered(Box::new(registration)), Event::ReceiptIssued { receipt, key_id }])
}

/// The events that a command makes of a dossier as it stands; `today` is the civil day where the issuer is.
///
/// # Errors
/// Every rule that forbids it is a variant of [`Refusal`].
pub fn decide(dossier: &Dossier, procedure: &Procedure, command: &Command, today: Date) -> Result<Vec<Event>, Refusal> {
    let desk = Desk::new(dossier, procedure)?;
    let event = match command {
        Command::EnterStep { step } => {
            let target = desk.steps_to_enter()?.into_iter().find(|target| target.code == *step);
            Event::StepEntered { position: target.ok_or_else(|| desk.refuse_step(step))?.position() }
        }
        Command::RequestComplement { documents, message } => {
            let position = desk.complement_step()?;
            if documents.is_empty() {
                return Err(Refusal::NoDocuments);
            }
            check_documents(documents, procedure)?;
            Event::ComplementRequested { position, documents: documents.clone(), message: message.clone() }
        }
        Command::ReceiveComplement { documents } => receive(desk.open_complement()?, documents)?,
        Command::ScheduleCommission { on, place } => {
            let position = desk.move_to(PublicState::Scheduled)?;
            if *on < today {
                return Err(Refusal::CommissionInPast { on: *on, today });
            }
            Event::CommissionScheduled { position, on: *on, place: place.clone() }
        }
        Command::Adjourn { reason } => Event::Adjourned { position: desk.adjourned_step()?, reason: reason.clone() },
        Command::Decide { outcome, reservations } => Event::Decided {
            position: desk.move_to(PublicState::Decided)?,
            outcome: *outcome,
            reservations: reservations.clone(),
        },
        Command::MarkReady => Event::Ready { position: desk.move_to(PublicState::Ready)? },
        Command::Collect { by } => Event::Collected { position: desk.move_to(PublicState::Collected)?, by: by.clone() },
        Command::Withdraw { reason } => {
            Event::Withdrawn { position: desk.move_to(PublicState::Withdrawn)?, reason: reason.clone() }
        }
        Command::Extend { reason } => Event::Extended { count: desk.extension()?, reason: reason.clone() },
        Command::Correct { correction, reason } => {
            desk.check_correction(correction)?;
            Event::Corrected { correction: correction.clone(), reason: reason.clone() }
        }
        Command::AddNote { audience, text } => Event::NoteAdded { audience: *audience, text: text.clone() },
        Command::ReprintReceipt => {
            let (receipt, copy) = desk.next_copy()?;
            Event::ReceiptReprinted { receipt, copy }
        }
        Command::ReplaceReceipt { new, key_id, reason } => {
            let old = desk.receipt()?.id;
            if dossier.receipt(*new).is_some() {
                return Err(Refusal::ReceiptIdUsed);
            }
            let replaced = Event::ReceiptReplaced { receipt: old, reason: reason.clone() };
            return Ok(vec![replaced, Event::ReceiptIssued { receipt: *new, key_id: *key_id }]);
        }
    };
    Ok(vec![event])
}

/// A command that would be accepted with suitable details, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalMove {
    pub kind: CommandKind,
    /// The step that the dossier goes to; absent when it stays. A received complement leads there once it is complete.
    pub position: Option<Position>,
}

/// Everything that staff may do with a dossier as it stands, in the order of [`CommandKind`].
pub fn legal_moves(dossier: &Dossier, procedure: &Procedure) -> Vec<LegalMove> {
    let Ok(desk) = Desk::new(dossier, procedure) else { return Vec::new() };
    let mut moves = Vec::new();
    for step in desk.steps_to_enter().unwrap_or_default() {
        moves.push(LegalMove { kind: CommandKind::EnterStep, position: Some(step.position()) });
    }
    let destinations = [
        (CommandKind::RequestComplement, desk.complement_step()),
        (CommandKind::ReceiveComplement, desk.open_complement().map(|complement| complement.from.clone())),
        (CommandKind::ScheduleCommission, desk.move_to(PublicState::Scheduled)),
        (CommandKind::Adjourn, desk.adjourned_step()),
        (CommandKind::Decide, desk.move_to(PublicState::Decided)),
        (CommandKind::MarkReady, desk.move_to(PublicState::Ready)),
        (CommandKind::Collect, desk.move_to(PublicState::Collected)),
        (CommandKind::Withdraw, desk.move_to(PublicState::Withdrawn)),
    ];
    for (kind, destination) in destinations {
        moves.extend(destination.ok().map(|position| LegalMove { kind, position: Some(position) }));
    }
    let on_the_spot = [
        (CommandKind::Extend, desk.extension().is_ok()),
        // A name can always turn out to be misspelt, and a note can always be added.
        (CommandKind::Correct, true),
        (CommandKind::AddNote, true),
        (CommandKind::ReprintReceipt, desk.next_copy().is_ok()),
        (CommandKind::ReplaceReceipt, desk.receipt().is_ok()),
    ];
    moves.extend(
        on_the_spot.into_iter().filter(|(_, legal)| *legal).map(|(kind, _)| LegalMove { kind, position: None }),
    );
    moves
}

/// A dossier beside its procedure: the questions that both `decide` and `legal_moves` ask.
struct Desk<'a> {
    dossier: &'a Dossier,
    procedure: &'a Procedure,
}

impl<'a> Desk<'a> {
    fn new(dossier: &'a Dossier, procedure: &'a Procedure) -> Result<Self, Refusal> {
        if dossier.registration.procedure == *procedure.code() {
            Ok(Self { dossier, procedure })
        } else {
            let (expected, given) = (dossier.registration.procedure.clone(), procedure.code().clone());
            Err(Refusal::OtherProcedure { expected, given })
        }
    }

    fn ensure_not_closed(&self) -> Result<(), Refusal> {
        match self.dossier.position.state {
            state @ (PublicState::Collected | PublicState::Withdrawn) => Err(Refusal::Closed { state }),
            _ => Ok(()),
        }
    }

    /// A complement that is waited for here and now.
    fn waiting(&self) -> Option<&'a Complement> {
        let complement = self.dossier.complement.as_ref().filter(|complement| complement.is_open());
        complement.filter(|_| self.dossier.position.state == PublicState::Incomplete)
    }

    /// While documents are outstanding, only an answer or a withdrawal may follow: going on with the work would leave the
    /// clock suspended for ever.
    fn may_enter(&self, state: PublicState) -> bool {
        use PublicState::{Collected, Decided, Ready, Withdrawn};
        self.waiting().is_none() || matches!(state, Decided | Ready | Collected | Withdrawn)
    }

    fn successors(&self) -> Vec<&'a Step> {
        self.procedure.successors(&self.dossier.position.step)
    }

    /// The successors that may be entered now, by whichever command.
    fn legal_steps(&self) -> Vec<&'a Step> {
        let complement_used = self.dossier.complement.is_some();
        let from_scheduled = self.dossier.position.state == PublicState::Scheduled;
        let open = |state| match state {
            PublicState::Incomplete => !complement_used,
            PublicState::Adjourned => from_scheduled,
            other => self.may_enter(other),
        };
        self.successors().into_iter().filter(|step| open(step.state)).collect()
    }

    fn illegal_move(&self) -> Refusal {
        let legal = self.legal_steps().into_iter().map(|step| step.code.clone()).collect();
        Refusal::IllegalMove { from: self.dossier.position.step.clone(), legal }
    }

    fn move_to(&self, state: PublicState) -> Result<Position, Refusal> {
        self.ensure_not_closed()?;
        let step = self.successors().into_iter().find(|step| step.state == state).ok_or_else(|| self.illegal_move())?;
        match self.waiting() {
            Some(complement) if !self.may_enter(state) => {
                Err(Refusal::ComplementOpen { outstanding: complement.outstanding() })
            }
            _ => Ok(step.position()),
        }
    }

    fn steps_to_enter(&self) -> Result<Vec<&'a Step>, Refusal> {
        self.ensure_not_closed()?;
        let plain = |step: &&Step| matches!(step.state, PublicState::Registered | PublicState::InReview);
        Ok(self.legal_steps().into_iter().filter(plain).collect())
    }

    /// Why a step that is not among `steps_to_enter` cannot be entered.
    fn refuse_step(&self, code: &super::StepCode) -> Refusal {
        let Some(step) = self.successors().into_iter().find(|step| step.code == *code) else {
            return self.illegal_move();
        };
        let needed = match step.state {
            PublicState::Registered | PublicState::InReview => {
                let outstanding = self.waiting().map(Complement::outstanding).unwrap_or_default();
                return Refusal::ComplementOpen { outstanding };
            }
            PublicState::Incomplete => CommandKind::RequestComplement,
            PublicState::Scheduled => CommandKind::ScheduleCommission,
            PublicState::Adjourned => CommandKind::Adjourn,
            PublicState::Decided => CommandKind::Decide,
            PublicState::Ready => CommandKind::MarkReady,
            PublicState::Collected => CommandKind::Collect,
            PublicState::Withdrawn => CommandKind::Withdraw,
        };
        Refusal::WrongCommand { step: code.clone(), needed }
    }

    fn complement_step(&self) -> Result<Position, Refusal> {
        self.ensure_not_closed()?;
        if let Some(complement) = &self.dossier.complement {
            // Law 55-19: the administration asks for documents once.
            return Err(Refusal::ComplementAlreadyRequested { on: complement.requested_on });
        }
        if self.procedure.documents().is_empty() {
            return Err(Refusal::NoDocuments);
        }
        self.move_to(PublicState::Incomplete)
    }

    fn open_complement(&self) -> Result<&'a Complement, Refusal> {
        self.ensure_not_closed()?;
        self.waiting().ok_or(Refusal::NoComplementOpen)
    }

    fn adjourned_step(&self) -> Result<Position, Refusal> {
        self.ensure_not_closed()?;
        if self.dossier.position.state == PublicState::Scheduled {
            self.move_to(PublicState::Adjourned)
        } else {
            Err(self.illegal_move())
        }
    }

    fn extension(&self) -> Result<u16, Refusal> {
        self.ensure_not_closed()?;
        let rule = self.dossier.registration.rule.as_ref().ok_or(Refusal::NoExtension)?;
        let count = rule.extension.ok_or(Refusal::NoExtension)?;
        if let Some(extension) = &self.dossier.extension {
            return Err(Refusal::AlreadyExtended { on: extension.on });
        }
        let suspended = rule.suspended_by_complement && self.waiting().is_some();
        if suspended || self.dossier.clock_stopped_on().is_some() {
            return Err(Refusal::ClockNotRunning);
        }
        Ok(count)
    }

    fn receipt(&self) -> Result<&'a IssuedReceipt, Refusal> {
        self.dossier.current_receipt().ok_or(Refusal::NoReceipt)
    }

    fn next_copy(&self) -> Result<(ReceiptId, u16), Refusal> {
        let receipt = self.receipt()?;
        Ok((receipt.id, receipt.copies.checked_add(1).ok_or(Refusal::TooManyCopies)?))
    }

    fn check_correction(&self, correction: &Correction) -> Result<(), Refusal> {
        let registration = &self.dossier.registration;
        let same = match correction {
            Correction::Applicant(applicant) => registration.applicant == *applicant,
            Correction::Depositor(depositor) => {
                check_depositor(depositor)?;
                registration.depositor == *depositor
            }
            Correction::Phone(phone) => registration.phone == *phone,
            Correction::Email(email) => registration.email == *email,
            Correction::Identity(identity) => registration.identity == *identity,
            Correction::Parcel(parcel) => registration.parcel == *parcel,
            Correction::Rokhas(rokhas) => registration.rokhas == *rokhas,
            Correction::Office(office) => registration.office == *office,
            Correction::Documents { handed_in, missing } => {
                let all: Vec<DocumentCode> = handed_in.iter().chain(missing).cloned().collect();
                check_documents(&all, self.procedure)?;
                registration.handed_in == *handed_in && registration.missing == *missing
            }
            Correction::Position(position) => {
                self.check_position(position)?;
                self.dossier.position == *position
            }
            Correction::Outcome(outcome) => {
                self.dossier.decision.as_ref().ok_or(Refusal::NoDecision)?.outcome == *outcome
            }
        };
        if same { Err(Refusal::NothingToCorrect) } else { Ok(()) }
    }

    fn check_position(&self, position: &Position) -> Result<(), Refusal> {
        let step = self.procedure.step(&position.step).filter(|step| step.state == position.state);
        if step.is_none() {
            return Err(Refusal::UnknownStep(position.step.clone()));
        }
        let dossier = self.dossier;
        let reached = match position.state {
            PublicState::Registered | PublicState::InReview => true,
            PublicState::Incomplete => dossier.complement.is_some(),
            PublicState::Scheduled => dossier.commission.is_some(),
            PublicState::Adjourned => dossier.adjournments > 0,
            PublicState::Decided => dossier.decision.is_some(),
            PublicState::Ready => dossier.ready_on.is_some(),
            PublicState::Collected => dossier.collected_on.is_some(),
            PublicState::Withdrawn => dossier.withdrawn_on.is_some(),
        };
        if reached { Ok(()) } else { Err(Refusal::StepNotReached(position.step.clone())) }
    }
}

fn receive(complement: &Complement, documents: &[DocumentCode]) -> Result<Event, Refusal> {
    if documents.is_empty() {
        return Err(Refusal::NoDocuments);
    }
    let mut outstanding = complement.outstanding();
    for (index, code) in documents.iter().enumerate() {
        if documents[..index].contains(code) {
            return Err(Refusal::DuplicateDocument(code.clone()));
        }
        let place = outstanding.iter().position(|waited| waited == code);
        outstanding.remove(place.ok_or_else(|| Refusal::DocumentNotOutstanding(code.clone()))?);
    }
    let position = outstanding.is_empty().then(|| complement.from.clone());
    Ok(Event::ComplementReceived { documents: documents.to_vec(), position })
}

fn check_documents(documents: &[DocumentCode], procedure: &Procedure) -> Result<(), Refusal> {
    for (index, code) in documents.iter().enumerate() {
        if procedure.document(code).is_none() {
            return Err(Refusal::UnknownDocument(code.clone()));
        }
        if documents[..index].contains(code) {
            return Err(Refusal::DuplicateDocument(code.clone()));
        }
    }
    Ok(())
}

fn check_depositor(depositor: &Depositor) -> Result<(), Refusal> {
    if depositor.role != DepositorRole::Applicant && depositor.name.is_none() {
        Err(Refusal::DepositorNameMissing)
    } else {
        Ok(())
    }
}
