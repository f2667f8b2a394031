//! Erasing what a dossier says of people, and telling of it afterwards.
//!
//! Whoever erases is on the machine itself, because backups and a server's archives have to be dealt with as well, which no
//! page can do. What is told afterwards has no field for anything that was erased.

use jiff::{Timestamp, civil::Date};

use super::{Actor, Failure, Service, ServiceError};
use crate::{
    dossier::{OfficeCode, Paragraph, Reference},
    store::{Erased, Erasure},
    tlog::LogEvent,
};

/// A dossier whose data are gone, as everyone who asks for it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedDossier {
    pub reference: Reference,
    /// Whom to ask.
    pub office: OfficeCode,
    pub at: Timestamp,
    pub on: Date,
    pub reason: String,
    /// The entry of the log that tells of it.
    pub told_by: u64,
}

/// What an erasure would delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureScope {
    /// The version at which it was looked at.
    pub version: u32,
    pub records: usize,
    pub receipts: usize,
}

impl Service {
    /// What became of a dossier that has no data any more; `None` when it has them, or when it never was.
    pub async fn erasure(&self, reference: &Reference) -> Result<Option<ErasedDossier>, ServiceError> {
        let store = &self.parts.store;
        let Some(row) = store.row(reference).await? else { return Ok(None) };
        let Some(told_by) = row.erased_by else { return Ok(None) };
        let told = store.log_events().await?.into_iter().find(|event| event.leaf_index == told_by);
        match told.map(|told| (told.at, told.event)) {
            Some((at, LogEvent::Erased { reason, .. })) => Ok(Some(ErasedDossier {
                reference: row.reference,
                office: row.office,
                on: self.issuer().civil_day(at),
                at,
                reason,
                told_by,
            })),
            _ => Err(ServiceError::Damaged(format!("entry {told_by} does not tell of the erasure of {reference}"))),
        }
    }

    /// Every dossier whose erasure the log tells of, in the order of the erasures.
    pub async fn erased_dossiers(&self) -> Result<Vec<Reference>, ServiceError> {
        let erased = |event| match event {
            LogEvent::Erased { reference, .. } => reference.parse().ok(),
            _ => None,
        };
        Ok(self.parts.store.log_events().await?.into_iter().filter_map(|told| erased(told.event)).collect())
    }

    /// What an erasure would delete.
    ///
    /// # Errors
    /// [`Failure::UnknownDossier`], [`Failure::Erased`].
    pub async fn erasure_scope(&self, reference: &Reference) -> Result<ErasureScope, Failure> {
        let Some(view) = self.dossier(reference).await? else { return Err(self.absence(reference).await?) };
        Ok(ErasureScope { version: view.dossier.version, records: view.events.len(), receipts: view.receipts.len() })
    }

    /// Deletes the records and nonces of a dossier that still stands at `version`. The reason stays in the log for good.
    ///
    /// # Errors
    /// As `execute`.
    pub async fn erase(
        &self,
        actor: &Actor,
        reference: &Reference,
        version: u32,
        reason: &Paragraph,
    ) -> Result<Erased, Failure> {
        if !actor.is_program() {
            return Err(Failure::NotAllowed);
        }
        let erasure = Erasure {
            reference: reference.clone(),
            expected_version: version,
            reason: reason.as_str().to_owned(),
            at: self.now(),
            actor: actor.name().to_owned(),
            nonce: self.random().map_err(Failure::Service)?,
        };
        Ok(self.parts.store.erase(erasure).await?)
    }

    /// Why a dossier cannot be loaded.
    pub(super) async fn absence(&self, reference: &Reference) -> Result<Failure, ServiceError> {
        Ok(if self.erasure(reference).await?.is_some() { Failure::Erased } else { Failure::UnknownDossier })
    }
}
