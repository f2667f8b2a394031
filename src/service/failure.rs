//! Why a use case did not succeed.

use crate::{dossier::Refusal, store::StoreError};

/// The machine's fault, not the visitor's: the cause goes to the log and never to a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Nothing was done; trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may or may not have been done; the same form sent again will tell.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    #[error("damaged: {0}")]
    Damaged(String),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Unknown(cause) => Self::Unknown(cause),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Why a command on a dossier did not become events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no such dossier")]
    UnknownDossier,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Someone else changed it meanwhile; it now stands at `current`.
    #[error("the dossier was changed meanwhile")]
    Changed { current: u32 },
    /// The role of whoever asks does not allow it.
    #[error("this account may not do that")]
    NotAllowed,
    /// The dossier's data were erased, so nothing can follow.
    #[error("the dossier's data were erased")]
    Erased,
    /// The same form was sent before with other contents.
    #[error("the form was sent before with other contents")]
    FormReused,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { current } => Self::Changed { current },
            StoreError::UnknownDossier => Self::UnknownDossier,
            StoreError::Erased => Self::Erased,
            StoreError::IdempotencyMismatch => Self::FormReused,
            other => Self::Service(other.into()),
        }
    }
}
