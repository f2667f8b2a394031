//! Looking at dossiers and moving them, as staff do.

use super::{Actor, Failure, Service, ServiceError, register::fingerprint};
use crate::{
    dossier::{
        ClockState, Command, Correction, Dossier, LegalClock, LegalMove, Recorded, Reference, Refusal, StaffAction,
        decide, legal_moves,
    },
    store::{Append, DossierRow, Idempotency, NewEvent, SealedReceipt, StoredEvent},
};

/// All that staff see of a dossier.
#[derive(Clone)]
pub struct DossierView {
    pub dossier: Dossier,
    /// Oldest first, with the leaf of each.
    pub events: Vec<(u64, Recorded)>,
    pub clock: Option<LegalClock>,
    pub moves: Vec<LegalMove>,
    /// Oldest first; the last is in force.
    pub receipts: Vec<SealedReceipt>,
}

impl std::fmt::Debug for DossierView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DossierView").field("reference", &self.dossier.reference).finish_non_exhaustive()
    }
}

impl Service {
    /// `None` also when its data were erased, see [`Service::erasure`].
    pub async fn dossier(&self, reference: &Reference) -> Result<Option<DossierView>, ServiceError> {
        let stored = self.parts.store.events(reference).await?;
        if stored.is_empty() {
            return Ok(None);
        }
        let receipts = self.parts.store.receipts(reference).await?;
        let events = self.recorded(stored);
        let dossier = fold(reference, &events)?;
        let clock = LegalClock::of(&dossier, &self.issuer().calendar, self.today());
        let moves = self.moves(&dossier, clock.as_ref());
        Ok(Some(DossierView { dossier, events, clock, moves, receipts }))
    }

    /// The newest registrations first; `before` continues after the row of that sequence.
    pub async fn latest(&self, limit: u32, before: Option<i64>) -> Result<Vec<DossierRow>, ServiceError> {
        Ok(self.parts.store.latest(limit, before).await?)
    }

    /// Carries out a command on the dossier as the clerk saw it.
    pub async fn execute(
        &self,
        actor: &Actor,
        reference: &Reference,
        version: u32,
        command: &Command,
        form_key: Option<&str>,
    ) -> Result<DossierView, Failure> {
        if !actor.may(StaffAction::ChangeDossier) {
            return Err(Failure::NotAllowed);
        }
        let idempotency = form_key.map(|key| Idempotency {
            key: key.to_owned(),
            fingerprint: fingerprint(actor, &format!("{reference} {}", wish(command))),
        });
        let Some(view) = self.dossier(reference).await? else {
            return Err(self.absence(reference).await?);
        };
        let today = self.today();
        if let Command::Correct { correction: Correction::Office(office), .. } = command
            && self.issuer().office(office).is_none()
        {
            return Err(Refusal::UnknownOffice(office.clone()).into());
        }
        let overdue = view.clock.as_ref().is_some_and(|clock| clock.state == ClockState::Overdue);
        let mut decided = Vec::new();
        if view.dossier.version == version {
            if matches!(command, Command::Extend { .. }) && overdue {
                return Err(Refusal::ClockNotRunning.into());
            }
            // In every way in which a reprint can be asked for.
            if matches!(command, Command::ReprintReceipt)
                && view.receipts.last().is_some_and(|receipt| self.is_withdrawn(receipt))
            {
                return Err(Refusal::ReceiptKeyRevoked.into());
            }
            decided = decide(&view.dossier, self.procedure(&view.dossier)?, command, today)?;
        } else if idempotency.is_none() {
            return Err(Failure::Changed { current: view.dossier.version });
        }
        let now = self.now();
        let mut after = view.dossier;
        let mut events = Vec::with_capacity(decided.len());
        for event in decided {
            after.apply(&Recorded { at: now, actor: actor.name().to_owned(), on: today, event: event.clone() });
            events.push(NewEvent {
                event,
                at: now,
                actor: actor.name().to_owned(),
                nonce: self.random().map_err(Failure::Service)?,
            });
        }
        let due_on = LegalClock::of(&after, &self.issuer().calendar, today).and_then(|clock| clock.due);
        // A form that comes a second time finds the dossier changed by itself: the store knows the key and says so.
        let append =
            Append { reference: reference.clone(), expected_version: version, events, after, due_on, idempotency };
        self.parts.store.append(append).await?;
        self.dossier(reference).await?.ok_or(Failure::UnknownDossier)
    }

    fn moves(&self, dossier: &Dossier, clock: Option<&LegalClock>) -> Vec<LegalMove> {
        let Ok(procedure) = self.procedure(dossier) else { return Vec::new() };
        let overdue = clock.is_some_and(|clock| clock.state == ClockState::Overdue);
        let mut moves = legal_moves(dossier, procedure);
        // An expired term cannot be lengthened; `decide` has no calendar and cannot know.
        moves.retain(|legal| !(overdue && legal.kind == crate::dossier::CommandKind::Extend));
        moves
    }

    pub(super) fn procedure(&self, dossier: &Dossier) -> Result<&crate::dossier::Procedure, ServiceError> {
        let code = &dossier.registration.procedure;
        self.issuer().catalogue.procedure(code).ok_or_else(|| {
            ServiceError::Damaged(format!("the catalogue no longer has procedure {code}; put it back into the file"))
        })
    }

    pub(super) fn recorded(&self, stored: Vec<StoredEvent>) -> Vec<(u64, Recorded)> {
        let with_day = |event: StoredEvent| {
            let on = self.issuer().civil_day(event.at);
            (event.leaf_index, Recorded { at: event.at, actor: event.actor, on, event: event.event })
        };
        stored.into_iter().map(with_day).collect()
    }
}

/// What a command wishes; the random name of a replacement is left out, because it differs each time it is sent.
fn wish(command: &Command) -> String {
    match command {
        Command::ReplaceReceipt { reason, .. } => format!("replace {reason:?}"),
        other => format!("{other:?}"),
    }
}

pub(super) fn fold(reference: &Reference, events: &[(u64, Recorded)]) -> Result<Dossier, ServiceError> {
    let recorded: Vec<Recorded> = events.iter().map(|(_, recorded)| recorded.clone()).collect();
    Dossier::fold(reference, &recorded).map_err(|error| ServiceError::Damaged(format!("{reference}: {error}")))
}
