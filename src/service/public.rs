//! What a citizen sees: a scan, a typed code, and the second level.
//!
//! The answers here are types of their own, without a field that the public may not see. A scan never changes anything.

use jiff::{SignedDuration, civil::Date};
use sha2::{Digest, Sha256};

use super::{Service, ServiceError, dossiers::fold};
use crate::{
    dossier::{
        Audience, DocumentCode, Dossier, Event, LastFour, LegalClock, OfficeCode, Outcome, Position, Procedure,
        ProcedureCode, PublicState, Recorded, Reference, Step, StepCode,
    },
    metrics::{Attempt, RefusedFor},
    receipt::{Token, TokenError, TypedCode},
    store::{AttemptLimit, AttemptVerdict},
    tlog::KeyPurpose,
};

/// Five wrong tries at the four digits within an hour lock a receipt's second level for an hour.
const SECOND_LEVEL: AttemptLimit =
    AttemptLimit { tries: 5, window: SignedDuration::from_hours(1), lock: SignedDuration::from_hours(1) };
/// The typed code has 40 bits; ten wrong tries per reference and hour leave it out of reach.
const TYPED_PER_REFERENCE: AttemptLimit =
    AttemptLimit { tries: 10, window: SignedDuration::from_hours(1), lock: SignedDuration::from_hours(1) };
/// A cybercafé shares one address, so this one is wider.
const TYPED_PER_ADDRESS: AttemptLimit =
    AttemptLimit { tries: 30, window: SignedDuration::from_hours(1), lock: SignedDuration::from_hours(1) };
/// A median of fewer dossiers would be chance.
const TYPICAL_AT_LEAST: u32 = 10;

/// What a scanned receipt opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Forged, truncated, foreign or never issued: one answer for all.
    Unknown,
    /// Another receipt took its place; nothing else is said.
    Replaced,
    /// The data of its dossier were erased.
    Erased(Box<PublicErasure>),
    /// The token key that made it is revoked, so nobody can tell by it who may read on: the desk gives another receipt.
    Withdrawn,
    Status(Box<PublicStatus>),
}

/// All that is left to say of a dossier whose data were erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicErasure {
    pub reference: Reference,
    pub office: OfficeCode,
    pub on: Date,
}

/// Level one: no name, address, parcel, identity, staff name or outcome has a place here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicStatus {
    pub reference: Reference,
    pub procedure: ProcedureCode,
    pub office: OfficeCode,
    pub position: Position,
    pub deposited_on: Date,
    pub updated_on: Date,
    /// The usual way, in order, with the day each step was first entered.
    pub steps: Vec<StepProgress>,
    /// Latest first.
    pub timeline: Vec<TimelineEntry>,
    pub clock: Option<LegalClock>,
    pub commission_on: Option<Date>,
    /// The median number of calendar days of this procedure.
    pub typical_days: Option<u32>,
    /// Digits were given at the desk, so a second level exists.
    pub second_level: bool,
    /// Changes with every event.
    pub version: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProgress {
    pub step: StepCode,
    pub entered_on: Option<Date>,
    pub current: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Registered,
    StepEntered,
    ComplementRequested,
    /// Documents came, and others are still awaited.
    ComplementReceivedPartly,
    ComplementReceived,
    CommissionScheduled,
    Adjourned,
    Decided,
    Ready,
    Collected,
    Withdrawn,
    Extended,
    /// A move was taken back.
    Corrected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    pub on: Date,
    pub happening: Happening,
    /// Where it led; absent when the dossier stayed where it was.
    pub step: Option<StepCode>,
}

/// Level two, for one answer: what the four digits open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLevel {
    pub outcome: Option<(Outcome, Option<String>)>,
    /// Outstanding documents and the agency's message about them.
    pub complement: Option<(Vec<DocumentCode>, Option<String>)>,
    /// Public notes, latest first.
    pub messages: Vec<(Date, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockAnswer {
    Open(Box<PublicStatus>, Box<SecondLevel>),
    /// Wrong digits or a locked receipt; the visitor is told the same.
    Refused(Box<PublicStatus>),
    Unknown,
    Replaced,
    /// There is nothing left to open.
    Erased(Box<PublicErasure>),
    Withdrawn,
}

pub enum TypedAnswer {
    Found(Token),
    /// Wrong reference, wrong code or too many tries.
    NotFound,
}

impl std::fmt::Debug for TypedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Found(_)) { "Found(…)" } else { "NotFound" })
    }
}

enum Opened {
    Unknown,
    Replaced,
    Erased(Box<PublicErasure>),
    Withdrawn,
    Dossier(Token, Box<Dossier>, Vec<(u64, Recorded)>),
}

impl Service {
    /// Opens a scanned token. The tag is checked before anything is read, so a forged one costs no database access.
    pub async fn scan(&self, token: &str) -> Result<Scan, ServiceError> {
        Ok(match self.open(token).await? {
            Opened::Unknown => Scan::Unknown,
            Opened::Replaced => Scan::Replaced,
            Opened::Erased(erasure) => Scan::Erased(erasure),
            Opened::Withdrawn => Scan::Withdrawn,
            Opened::Dossier(_, dossier, events) => Scan::Status(Box::new(self.status(&dossier, &events).await?)),
        })
    }

    /// Opens the second level with the last four digits given at the desk, for this one answer.
    pub async fn unlock(&self, token: &str, digits: &str) -> Result<UnlockAnswer, ServiceError> {
        let (token, dossier, events) = match self.open(token).await? {
            Opened::Unknown => return Ok(UnlockAnswer::Unknown),
            Opened::Replaced => return Ok(UnlockAnswer::Replaced),
            Opened::Erased(erasure) => return Ok(UnlockAnswer::Erased(erasure)),
            Opened::Withdrawn => return Ok(UnlockAnswer::Withdrawn),
            Opened::Dossier(token, dossier, events) => (token, dossier, events),
        };
        let status = Box::new(self.status(&dossier, &events).await?);
        let bucket = bucket(b"second-level", token.receipt_id().as_bytes());
        let store = &self.parts.store;
        if store.charge_attempt(bucket, self.now(), SECOND_LEVEL).await? != AttemptVerdict::Allowed {
            self.metrics.refused(Attempt::SecondLevel, RefusedFor::Locked);
            return Ok(UnlockAnswer::Refused(status));
        }
        let typed = LastFour::parse(digits);
        // Every one is compared, so that the time tells nothing of which matched.
        let known = dossier.second_level_digits();
        if let Ok(typed) = typed
            && known.iter().fold(false, |found, digits| digits.matches(&typed) | found)
        {
            store.refund_attempt(bucket).await?;
            return Ok(UnlockAnswer::Open(status, Box::new(second_level(&dossier, &events))));
        }
        self.metrics.refused(Attempt::SecondLevel, RefusedFor::Wrong);
        Ok(UnlockAnswer::Refused(status))
    }

    /// Finds the receipt in force by reference and typed code. `address` is whoever asks, for the limit.
    pub async fn typed(&self, reference: &str, code: &str, address: &str) -> Result<TypedAnswer, ServiceError> {
        let (Ok(reference), Ok(code)) = (reference.parse::<Reference>(), code.parse::<TypedCode>()) else {
            return Ok(TypedAnswer::NotFound);
        };
        let now = self.now();
        let by_address = bucket(b"typed-address", address.as_bytes());
        let by_reference = bucket(b"typed-reference", reference.to_string().as_bytes());
        let store = &self.parts.store;
        for (bucket, limit) in [(by_address, TYPED_PER_ADDRESS), (by_reference, TYPED_PER_REFERENCE)] {
            if store.charge_attempt(bucket, now, limit).await? != AttemptVerdict::Allowed {
                self.metrics.refused(Attempt::TypedCode, RefusedFor::Locked);
                return Ok(TypedAnswer::NotFound);
            }
        }
        let ring = self.keys();
        let keys = &ring.token_keys;
        for receipt in store.receipts(&reference).await? {
            if keys.typed_code(receipt.key_id, receipt.id) == Some(code) {
                for bucket in [by_address, by_reference] {
                    store.refund_attempt(bucket).await?;
                }
                return Ok(keys.token(receipt.key_id, receipt.id).map_or(TypedAnswer::NotFound, TypedAnswer::Found));
            }
        }
        self.metrics.refused(Attempt::TypedCode, RefusedFor::Wrong);
        Ok(TypedAnswer::NotFound)
    }

    async fn open(&self, token: &str) -> Result<Opened, ServiceError> {
        let ring = self.keys();
        let token = match ring.token_keys.verify(token) {
            Ok(token) => token,
            Err(TokenError::UnknownKey(number)) => return self.of_a_key_that_is_gone(u32::from(number)),
            Err(_) => return Ok(Opened::Unknown),
        };
        let Some(receipt) = self.parts.store.receipt(token.receipt_id()).await? else { return Ok(Opened::Unknown) };
        if receipt.key_id != token.key_id() {
            return Ok(Opened::Unknown);
        }
        if receipt.replaced_at.is_some() {
            return Ok(Opened::Replaced);
        }
        if ring.is_revoked(KeyPurpose::Token, u32::from(token.key_id())) {
            return Ok(Opened::Withdrawn);
        }
        let events = self.recorded(self.parts.store.events(&receipt.reference).await?);
        if events.is_empty()
            && let Some(erased) = self.erasure(&receipt.reference).await?
        {
            let erasure = PublicErasure { reference: erased.reference, office: erased.office, on: erased.on };
            return Ok(Opened::Erased(Box::new(erasure)));
        }
        let dossier = fold(&receipt.reference, &events)?;
        Ok(Opened::Dossier(token, Box::new(dossier), events))
    }

    /// A key that should be here and is not is the machine's fault, and no reason to call a paper forged.
    fn of_a_key_that_is_gone(&self, number: u32) -> Result<Opened, ServiceError> {
        match self.keys().history().key(KeyPurpose::Token, number) {
            Some(_) => Err(ServiceError::Unavailable(self.key_problems().join("; "))),
            None => Ok(Opened::Unknown),
        }
    }

    async fn status(&self, dossier: &Dossier, events: &[(u64, Recorded)]) -> Result<PublicStatus, ServiceError> {
        let procedure = self.procedure(dossier)?;
        let code = &dossier.registration.procedure;
        let timeline = timeline(events);
        let steps = steps(procedure, &dossier.position, &timeline);
        Ok(PublicStatus {
            reference: dossier.reference.clone(),
            procedure: code.clone(),
            office: dossier.registration.office.clone(),
            position: dossier.position.clone(),
            deposited_on: dossier.registration.deposited_on,
            updated_on: timeline.first().map_or(dossier.registration.deposited_on, |entry| entry.on),
            steps,
            clock: LegalClock::of(dossier, &self.issuer().calendar, self.today()),
            commission_on: dossier.commission.as_ref().map(|commission| commission.on),
            typical_days: self.parts.store.typical_days(code, TYPICAL_AT_LEAST).await?,
            second_level: !dossier.second_level_digits().is_empty(),
            version: dossier.version,
            timeline,
        })
    }
}

/// The usual way in order. Steps beyond the latest usual one lie ahead, even if a move that was taken back had reached them;
/// a state beside the way, such as waiting for documents, stands where it interrupted it.
fn steps(procedure: &Procedure, position: &Position, timeline: &[TimelineEntry]) -> Vec<StepProgress> {
    let beside =
        |state: PublicState| matches!(state, PublicState::Incomplete | PublicState::Adjourned | PublicState::Withdrawn);
    let progress = |step: &Step| StepProgress {
        step: step.code.clone(),
        entered_on: timeline.iter().rfind(|entry| entry.step.as_ref() == Some(&step.code)).map(|entry| entry.on),
        current: step.code == position.step,
    };
    let mut steps: Vec<StepProgress> =
        procedure.steps().iter().filter(|step| !beside(step.state)).map(progress).collect();
    let place = |code: &StepCode| steps.iter().position(|step| step.step == *code);
    let latest = timeline.iter().find_map(|entry| entry.step.as_ref().and_then(place)).unwrap_or_default();
    for step in steps.iter_mut().skip(latest + 1) {
        step.entered_on = None;
    }
    if let Some(interruption) = procedure.step(&position.step).filter(|_| beside(position.state)).map(progress) {
        steps.insert(latest + 1, interruption);
    }
    steps
}

/// What happened, latest first, without a word that the public may not read.
fn timeline(events: &[(u64, Recorded)]) -> Vec<TimelineEntry> {
    let entry = |(_, recorded): &(u64, Recorded)| {
        let (happening, position) = match &recorded.event {
            Event::Registered(registration) => (Happening::Registered, Some(&registration.position)),
            Event::StepEntered { position } => (Happening::StepEntered, Some(position)),
            Event::ComplementRequested { position, .. } => (Happening::ComplementRequested, Some(position)),
            Event::ComplementReceived { position: None, .. } => (Happening::ComplementReceivedPartly, None),
            Event::ComplementReceived { position, .. } => (Happening::ComplementReceived, position.as_ref()),
            Event::CommissionScheduled { position, .. } => (Happening::CommissionScheduled, Some(position)),
            Event::Adjourned { position, .. } => (Happening::Adjourned, Some(position)),
            Event::Decided { position, .. } => (Happening::Decided, Some(position)),
            Event::Ready { position } => (Happening::Ready, Some(position)),
            Event::Collected { position, .. } => (Happening::Collected, Some(position)),
            Event::Withdrawn { position, .. } => (Happening::Withdrawn, Some(position)),
            Event::Extended { .. } => (Happening::Extended, None),
            Event::Corrected { correction: crate::dossier::Correction::Position(position), .. } => {
                (Happening::Corrected, Some(position))
            }
            Event::Corrected { .. }
            | Event::NoteAdded { .. }
            | Event::ReceiptIssued { .. }
            | Event::ReceiptReprinted { .. }
            | Event::ReceiptReplaced { .. } => return None,
        };
        Some(TimelineEntry { on: recorded.on, happening, step: position.map(|position| position.step.clone()) })
    };
    events.iter().rev().filter_map(entry).collect()
}

fn second_level(dossier: &Dossier, events: &[(u64, Recorded)]) -> SecondLevel {
    let text = |paragraph: &crate::dossier::Paragraph| paragraph.as_str().to_owned();
    let message = |(_, recorded): &(u64, Recorded)| match &recorded.event {
        Event::NoteAdded { audience: Audience::Public, text } => Some((recorded.on, text.as_str().to_owned())),
        _ => None,
    };
    SecondLevel {
        outcome: dossier.decision.as_ref().map(|d| (d.outcome, d.reservations.as_ref().map(text))),
        complement: dossier
            .complement
            .as_ref()
            .filter(|complement| complement.is_open())
            .map(|complement| (complement.outstanding(), complement.message.as_ref().map(text))),
        messages: events.iter().rev().filter_map(message).collect(),
    }
}

/// Whose tries are counted, hashed so that the database holds no address and no typed name.
pub(super) fn bucket(kind: &[u8], whose: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"milaf/attempts/v1\0");
    hash.update(kind);
    hash.update([0]);
    hash.update(whose);
    hash.finalize().into()
}
