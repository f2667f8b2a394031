//! The use cases: what the desk, the citizen and the command line can do, in domain terms.
//!
//! This room names no database, no HTTP status and no language. It loads, lets the pure domain decide, commits and tells.
//! Handlers that spoke to the store themselves were rejected: the command line and the pages must obey the same rules.

mod accounts;
mod dossiers;
mod erasure;
mod evidence;
mod failure;
mod inspection;
mod intake;
mod journal;
mod key_journal;
mod keys;
mod password_gate;
mod public;
mod public_log;
mod ready;
mod receipts;
mod register;
mod rollback;
mod start;
mod verify;
mod witnessing;

pub use accounts::{PasswordProblem, SessionSecret, SignInError, SignedIn};
pub use dossiers::DossierView;
pub use erasure::{ErasedDossier, ErasureScope};
pub use evidence::{Evidence, EvidenceEntry, EvidenceReceipt};
pub use failure::{Failure, ServiceError};
pub use inspection::{CLOCK_TOLERANCE, OfficeAudit, OfficeReport};
pub use intake::{Field, FieldError, FieldProblem, RawIntake};
pub use journal::{
    About, EntryContent, EntryDetails, EntryRecord, JournalEntry, JournalFilter, JournalPage, Rest, SeenBy,
    SeenCheckpoint,
};
pub use key_journal::{KeyChange, KeyLife, KeyState};
pub use keys::{KeyRefusal, KeySource, LiveKeys};
pub use public::{
    Happening, PublicErasure, PublicStatus, Scan, SecondLevel, StepProgress, TimelineEntry, TypedAnswer, UnlockAnswer,
};
pub use public_log::Published;
pub use ready::{Check, Failing};
pub use receipts::ReceiptView;
pub use register::{RegisterError, Registered};
pub use rollback::{AcceptedRollback, Difference, Extent, Loss, Standing};
pub use start::{LogReport, Proceed, StartError};
pub use witnessing::{AskWitness, WitnessReply, WitnessReport};

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::{Mutex, Semaphore};

use self::{password_gate::PasswordGate, witnessing::Witnessing};
use crate::{
    clock::Environment,
    config::Issuer,
    dossier::{Role, StaffAction},
    metrics::Metrics,
    store::{CountedStore, Store},
};

/// Who asks: an account's name with its role, or the name of a program such as `cli`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    /// `None` for a program of whoever rules the machine.
    role: Option<Role>,
}

impl Actor {
    /// A program. Whoever starts one on the machine itself has every right already.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), role: None }
    }

    /// A member of staff, who may do what the role says.
    pub fn staff(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), role: Some(role) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whoever rules the machine, and not a member of staff before a page.
    pub fn is_program(&self) -> bool {
        self.role.is_none()
    }

    pub fn may(&self, action: StaffAction) -> bool {
        self.role.is_none_or(|role| role.may(action))
    }
}

/// The secret under which identity numbers are hashed, so that a stolen database does not give them away by trial.
pub struct IdentityKey([u8; 32]);

impl IdentityKey {
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    fn hash(&self, domain: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(domain);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }
}

impl Drop for IdentityKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

/// Everything a service is made of, passed in by the command line.
#[derive(Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub issuer: Arc<Issuer>,
    pub keys: Arc<LiveKeys>,
    pub identity_key: IdentityKey,
    pub environment: Arc<dyn Environment>,
    /// Where the last published checkpoint is kept outside the database.
    pub checkpoint_file: PathBuf,
}

#[derive(Debug)]
pub struct Service {
    /// Its store is the one that was passed in, counted.
    parts: Parts,
    metrics: Arc<Metrics>,
    /// The database was found to be bound to our keys; a binding never changes.
    keys_fit: AtomicBool,
    /// One look at the data folder for readiness at a time.
    file_look: Arc<Semaphore>,
    /// Argon2 takes 19 MiB and a core: two at once, so that a flood of sign-ins cannot take the machine.
    password_gate: PasswordGate,
    /// One checkpoint is published at a time.
    publisher: Mutex<()>,
    /// Who is asked to cosign; nobody, where no policy was handed over.
    witnessing: OnceLock<Witnessing>,
}

impl Service {
    pub fn new(parts: Parts) -> Self {
        let metrics = Arc::new(Metrics::new());
        let store = Arc::new(CountedStore::new(parts.store, Arc::clone(&metrics)));
        Self {
            parts: Parts { store, ..parts },
            metrics,
            keys_fit: AtomicBool::new(false),
            file_look: Arc::new(Semaphore::new(1)),
            password_gate: PasswordGate::new(),
            publisher: Mutex::new(()),
            witnessing: OnceLock::new(),
        }
    }

    /// What this service, and whoever serves it, counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub fn issuer(&self) -> &Issuer {
        &self.parts.issuer
    }

    /// The present moment, as this service sees it.
    pub fn now(&self) -> jiff::Timestamp {
        self.parts.environment.now()
    }

    pub fn today(&self) -> jiff::civil::Date {
        self.parts.issuer.civil_day(self.now())
    }

    /// A random text that names one form, so that sending it twice makes one dossier.
    pub fn new_form_key(&self) -> Result<String, ServiceError> {
        Ok(hex::encode(self.random::<16>()?))
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], ServiceError> {
        let mut bytes = [0; N];
        self.parts.environment.fill(&mut bytes).map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        Ok(bytes)
    }
}
