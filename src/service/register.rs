//! Registering a dossier: the one write that rights hang on.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Actor, FieldError, RawIntake, Service, ServiceError};
use crate::{
    dossier::{Dossier, Intake, LegalClock, Recorded, Reference, Refusal, StaffAction, register, search_key},
    receipt::{ReceiptId, TypedCode},
    store::{DossierRow, DuplicateProbe, Idempotency, NewDossier, NewEvent, StoreError},
};

/// What the desk hands over.
#[derive(Clone)]
pub struct Registered {
    pub reference: Reference,
    /// The text of the receipt's token; it opens the status page, so it is shown to nobody else.
    pub token: String,
    /// The sealed address that the QR code carries.
    pub url: String,
    pub code: TypedCode,
    pub deadline: Option<Date>,
    /// The leaf of the receipt's `receipt_issued` event.
    pub leaf_index: u64,
    /// The same form had been sent before: this is the dossier that it made then.
    pub replayed: bool,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("reference", &self.reference).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    #[error("{} fields need another look", .0.len())]
    Fields(Vec<FieldError>),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The role of whoever asks does not allow it.
    #[error("this account may not register dossiers")]
    NotAllowed,
    #[error("the form was sent before with other contents")]
    FormReused,
    #[error("the year's numbers of this procedure are used up")]
    NumbersExhausted,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::IdempotencyMismatch => Self::FormReused,
            StoreError::NumbersExhausted => Self::NumbersExhausted,
            other => Self::Service(other.into()),
        }
    }
}

impl Service {
    /// Registers a dossier and issues its receipt. `form_key` names the form, so that sending it twice makes one dossier.
    pub async fn register(
        &self,
        actor: &Actor,
        raw: &RawIntake,
        form_key: Option<&str>,
    ) -> Result<Registered, RegisterError> {
        if !actor.may(StaffAction::Register) {
            return Err(RegisterError::NotAllowed);
        }
        let intake = raw.check(self.issuer(), &self.parts.identity_key).map_err(RegisterError::Fields)?;
        let new = self.new_dossier(actor, &intake, form_key)?;
        let due_on = new.due_on;
        let appended = self.parts.store.register(new).await?;
        let receipt = appended.receipts.last().ok_or_else(|| ServiceError::Damaged("no receipt was issued".into()))?;
        let paper = self.paper(receipt)?;
        let deadline = if appended.replayed {
            // The dossier as it stands now, under the calendar as it is known now.
            let view = self.dossier(&appended.reference).await?;
            view.and_then(|view| view.clock).and_then(|clock| clock.due)
        } else {
            due_on
        };
        Ok(Registered {
            reference: appended.reference.clone(),
            token: paper.token,
            url: paper.url,
            code: paper.code,
            deadline,
            leaf_index: receipt.leaf_index,
            replayed: appended.replayed,
        })
    }

    /// Every fault of a form, without registering anything.
    pub fn check_intake(&self, raw: &RawIntake) -> Result<(), Vec<FieldError>> {
        raw.check(self.issuer(), &self.parts.identity_key).map(drop)
    }

    /// Dossiers that look like this one: advice for the clerk, never a refusal. Fields that are wrong match nothing.
    pub async fn possible_duplicates(&self, raw: &RawIntake) -> Result<Vec<DossierRow>, ServiceError> {
        let Ok(intake) = raw.check(self.issuer(), &self.parts.identity_key) else { return Ok(Vec::new()) };
        let name_and_parcel = intake
            .parcel
            .as_ref()
            .map(|parcel| (search_key(intake.applicant.name.as_str()), search_key(parcel.as_str())));
        let probe = DuplicateProbe {
            identity_hash: intake.identity.map(|identity| identity.keyed_hash),
            phone: intake.phone.map(|phone| phone.e164().to_owned()),
            name_and_parcel,
        };
        Ok(self.parts.store.possible_duplicates(&probe).await?)
    }

    fn new_dossier(&self, actor: &Actor, intake: &Intake, form_key: Option<&str>) -> Result<NewDossier, RegisterError> {
        let issuer = self.issuer();
        let now = self.now();
        let today = issuer.civil_day(now);
        let procedure = issuer
            .catalogue
            .procedure(&intake.procedure)
            .ok_or_else(|| ServiceError::Damaged("the intake was checked against another catalogue".into()))?;
        let offices: Vec<_> = issuer.offices.iter().map(|office| office.code.clone()).collect();
        let receipt = ReceiptId::new(self.random::<8>()?);
        let key_id = self.issuing_key(now)?;
        let decided = register(intake, procedure, &offices, today, receipt, key_id)?;
        let mut events = Vec::with_capacity(decided.len());
        let mut recorded = Vec::with_capacity(decided.len());
        for event in decided {
            recorded.push(Recorded { at: now, actor: actor.name().to_owned(), on: today, event: event.clone() });
            events.push(NewEvent { event, at: now, actor: actor.name().to_owned(), nonce: self.random()? });
        }
        let year = u16::try_from(today.year()).unwrap_or_default();
        let provisional = Reference::new(intake.procedure.clone(), year, 0)
            .map_err(|_| ServiceError::Damaged("the clock shows no year of four digits".into()))?;
        let after = Dossier::fold(&provisional, &recorded)
            .map_err(|error| ServiceError::Damaged(format!("a new dossier does not fold: {error}")))?;
        let due_on = LegalClock::of(&after, &issuer.calendar, today).and_then(|clock| clock.due);
        Ok(NewDossier {
            procedure: intake.procedure.clone(),
            year,
            events,
            after,
            due_on,
            idempotency: form_key.map(|key| Idempotency {
                key: key.to_owned(),
                fingerprint: fingerprint(actor, &format!("{intake:?}")),
            }),
        })
    }
}

/// What tells one wish from another under the same form key.
pub(super) fn fingerprint(actor: &Actor, wish: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(actor.name().as_bytes());
    hash.update([0]);
    hash.update(wish.as_bytes());
    hash.finalize().into()
}
