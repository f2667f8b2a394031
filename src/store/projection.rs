//! What a dossier's fold says, as the columns of its row: the same text and numbers in every database.

use jiff::civil::Date;

use super::{Idempotency, NewEvent, PortableDossier, StoreError};
use crate::dossier::{Dossier, Line, Phone, PublicState, search_key};

/// The token has four bits for it.
const HIGHEST_KEY_ID: u8 = 15;
/// What the table of idempotency keys has room for.
const LONGEST_KEY: usize = 64;

/// The states' names in the database, which stay when the program's own names change.
const STATES: [(PublicState, &str); 9] = [
    (PublicState::Registered, "registered"),
    (PublicState::Incomplete, "incomplete"),
    (PublicState::InReview, "in_review"),
    (PublicState::Scheduled, "scheduled"),
    (PublicState::Adjourned, "adjourned"),
    (PublicState::Decided, "decided"),
    (PublicState::Ready, "ready"),
    (PublicState::Collected, "collected"),
    (PublicState::Withdrawn, "withdrawn"),
];

pub(super) fn state_named(name: &str) -> Option<PublicState> {
    STATES.iter().find(|(_, known)| *known == name).map(|(state, _)| *state)
}

/// A dossier's row without its place. Times are milliseconds since 1970, days are ISO dates.
pub(super) struct Projection {
    pub(super) office: String,
    pub(super) step: String,
    pub(super) state: &'static str,
    pub(super) applicant: String,
    pub(super) parcel: Option<String>,
    pub(super) name_key: String,
    pub(super) parcel_key: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) identity_hash: Option<[u8; 32]>,
    pub(super) registered_at: i64,
    pub(super) updated_at: i64,
    pub(super) deposited_on: String,
    pub(super) due_on: Option<String>,
    pub(super) answered_on: Option<String>,
    /// Calendar days from deposit to the answer.
    pub(super) answered_days: Option<i32>,
}

impl Projection {
    pub(super) fn of(after: &Dossier, due_on: Option<Date>) -> Self {
        let registration = &after.registration;
        let applicant = registration.applicant.name.as_str();
        let parcel = registration.parcel.as_ref().map(Line::as_str);
        let answered_on = after.decision.as_ref().map(|decision| decision.on);
        Self {
            office: registration.office.as_str().to_owned(),
            step: after.position.step.as_str().to_owned(),
            state: STATES.iter().find(|(known, _)| *known == after.position.state).map_or("", |(_, name)| name),
            applicant: applicant.to_owned(),
            parcel: parcel.map(str::to_owned),
            name_key: search_key(applicant),
            parcel_key: parcel.map(search_key),
            phone: registration.phone.as_ref().map(Phone::e164).map(str::to_owned),
            identity_hash: registration.identity.as_ref().map(|identity| identity.keyed_hash),
            registered_at: after.registered_at.as_millisecond(),
            updated_at: after.updated_at.as_millisecond(),
            deposited_on: registration.deposited_on.to_string(),
            due_on: due_on.map(|day| day.to_string()),
            answered_on: answered_on.map(|day| day.to_string()),
            answered_days: answered_on.map(|day| (day - registration.deposited_on).get_days().max(0)),
        }
    }
}

/// The version after the events, if the caller's fold agrees that it is.
pub(super) fn checked_version(current: u32, events: &[NewEvent], after: &Dossier) -> Result<u32, StoreError> {
    if events.is_empty() {
        return Err(StoreError::Inconsistent("there is no event to write"));
    }
    let version = u32::try_from(events.len()).ok().and_then(|count| current.checked_add(count));
    version
        .filter(|version| *version == after.version)
        .ok_or(StoreError::Inconsistent("the fold has another number of events"))
}

pub(super) fn check_key_id(key_id: u8) -> Result<(), StoreError> {
    if key_id > HIGHEST_KEY_ID {
        return Err(StoreError::Inconsistent("a token's key id is at most 15"));
    }
    Ok(())
}

pub(super) fn check_wish(wish: &Idempotency) -> Result<(), StoreError> {
    if wish.key.len() > LONGEST_KEY {
        return Err(StoreError::Inconsistent("the idempotency key is longer than 64 bytes"));
    }
    Ok(())
}

impl PortableDossier {
    /// The row that a fold must have.
    pub fn expected(sequence: i64, after: &Dossier, due_on: Option<Date>) -> Self {
        let row = Projection::of(after, due_on);
        Self {
            sequence,
            reference: after.reference.to_string(),
            procedure: after.reference.procedure().to_string(),
            version: after.version.into(),
            office: row.office,
            step: row.step,
            state: row.state.to_owned(),
            applicant: row.applicant,
            parcel: row.parcel,
            name_key: row.name_key,
            parcel_key: row.parcel_key,
            phone: row.phone,
            identity_hash: row.identity_hash,
            registered_at: row.registered_at,
            updated_at: row.updated_at,
            deposited_on: row.deposited_on,
            due_on: row.due_on,
            answered_on: row.answered_on,
            answered_days: row.answered_days.map(i64::from),
            erased_by: None,
        }
    }

    /// The columns in which another row differs.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let columns = [
            ("reference", self.reference == other.reference),
            ("procedure", self.procedure == other.procedure),
            ("version", self.version == other.version),
            ("office", self.office == other.office),
            ("step", self.step == other.step),
            ("state", self.state == other.state),
            ("applicant", self.applicant == other.applicant),
            ("parcel", self.parcel == other.parcel),
            ("name_key", self.name_key == other.name_key),
            ("parcel_key", self.parcel_key == other.parcel_key),
            ("phone", self.phone == other.phone),
            ("identity_hash", self.identity_hash == other.identity_hash),
            ("registered_at", self.registered_at == other.registered_at),
            ("updated_at", self.updated_at == other.updated_at),
            ("deposited_on", self.deposited_on == other.deposited_on),
            ("due_on", self.due_on == other.due_on),
            ("answered_on", self.answered_on == other.answered_on),
            ("answered_days", self.answered_days == other.answered_days),
            ("erased_by", self.erased_by == other.erased_by),
        ];
        columns.into_iter().filter(|(_, same)| !same).map(|(column, _)| column).collect()
    }
}
