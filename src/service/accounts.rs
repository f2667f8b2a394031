//! Staff accounts: passwords, signing in, sessions.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::{Service, ServiceError, public::bucket};
use crate::{
    dossier::Role,
    metrics::{Attempt, RefusedFor},
    store::{Account, AttemptLimit, AttemptVerdict, NewSession, Session, StoreError},
};

/// A working day and some.
const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// For one account from one address. Not for the account alone, or anybody could keep a clerk out with wrong passwords.
const PER_ACCOUNT_AND_ADDRESS: AttemptLimit =
    AttemptLimit { tries: 10, window: SignedDuration::from_mins(15), lock: SignedDuration::from_mins(15) };
/// From wherever it comes: 9,600 guesses a day at a password of twelve characters or more lead nowhere.
const PER_ACCOUNT: AttemptLimit =
    AttemptLimit { tries: 100, window: SignedDuration::from_mins(15), lock: SignedDuration::from_mins(15) };
/// The whole desk may share one address.
const PER_ADDRESS: AttemptLimit =
    AttemptLimit { tries: 50, window: SignedDuration::from_mins(15), lock: SignedDuration::from_mins(15) };

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    #[error("an account's name has 2 to 32 lower-case letters, digits, dots or hyphens, and starts with a letter")]
    Name,
    #[error("a password has at least 12 characters")]
    TooShort,
    #[error("a password has at most 128 characters")]
    TooLong,
    #[error("an account of this name exists; use `milaf account password` to change its password")]
    Exists,
    #[error("there is no account of this name; `milaf account list` shows them")]
    NoSuchAccount,
}

/// The secret in the cookie. Only its hash is stored.
pub struct SessionSecret(String);

impl SessionSecret {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for SessionSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

#[derive(Debug)]
pub struct SignedIn {
    pub secret: SessionSecret,
    pub account: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Wrong name or wrong password: the same words for both.
    #[error("wrong name or password")]
    Refused,
    #[error("too many tries until {0}")]
    Limited(Timestamp),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Service {
    pub async fn add_account(
        &self,
        name: &str,
        role: Role,
        password: &str,
    ) -> Result<Result<(), PasswordProblem>, ServiceError> {
        if let Err(problem) = check_name(name).and_then(|()| check_password(password)) {
            return Ok(Err(problem));
        }
        let password_hash = self.hash_password(password).await?;
        let account = Account { name: name.to_owned(), password_hash, role, created_at: self.now() };
        match self.parts.store.create_account(account).await {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::AccountExists) => Ok(Err(PasswordProblem::Exists)),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the password and ends every session of the account.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<Result<(), PasswordProblem>, ServiceError> {
        if let Err(problem) = check_password(password) {
            return Ok(Err(problem));
        }
        let password_hash = self.hash_password(password).await?;
        let known = self.parts.store.set_password(name, &password_hash).await?;
        Ok(if known { Ok(()) } else { Err(PasswordProblem::NoSuchAccount) })
    }

    /// Gives an account another role, which whoever is signed in under it has at the next request. `false` when there is none.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<bool, ServiceError> {
        Ok(self.parts.store.set_role(name, role).await?)
    }

    pub async fn accounts(&self) -> Result<Vec<Account>, ServiceError> {
        Ok(self.parts.store.accounts().await?)
    }

    pub async fn sign_in(&self, name: &str, password: &str, address: &str) -> Result<SignedIn, SignInError> {
        let name = name.trim().to_lowercase();
        let now = self.now();
        let store = &self.parts.store;
        let by_address = bucket(b"sign-in-address", address.as_bytes());
        let by_account = bucket(b"sign-in-account", name.as_bytes());
        // An address has no space in it, so no two pairs are written alike.
        let by_both = bucket(b"sign-in-account-address", format!("{address} {name}").as_bytes());
        let limits = [(by_address, PER_ADDRESS), (by_both, PER_ACCOUNT_AND_ADDRESS), (by_account, PER_ACCOUNT)];
        for (bucket, limit) in limits {
            let verdict = store.charge_attempt(bucket, now, limit).await.map_err(ServiceError::from)?;
            if let AttemptVerdict::Locked { until } = verdict {
                self.metrics.refused(Attempt::SignIn, RefusedFor::Locked);
                return Err(SignInError::Limited(until));
            }
        }
        let account = store.account(&name).await.map_err(ServiceError::from)?;
        if !self.password_matches(account.as_ref(), password).await? {
            self.metrics.refused(Attempt::SignIn, RefusedFor::Wrong);
            return Err(SignInError::Refused);
        }
        for bucket in [by_address, by_both, by_account] {
            store.refund_attempt(bucket).await.map_err(ServiceError::from)?;
        }
        let secret = SessionSecret(hex::encode(self.random::<32>()?));
        let expires_at = now.saturating_add(SESSION).unwrap_or(now);
        let session = NewSession {
            token_hash: session_hash(secret.as_str()),
            account: name.clone(),
            created_at: now,
            expires_at,
        };
        store.create_session(session).await.map_err(ServiceError::from)?;
        // A password that was changed while this one was being checked has ended all sessions but this, which came after.
        let now_known = store.account(&name).await.map_err(ServiceError::from)?;
        match now_known {
            Some(known) if account.is_some_and(|account| account.password_hash == known.password_hash) => {
                Ok(SignedIn { secret, account: name, role: known.role, expires_at })
            }
            _ => {
                self.sign_out(secret.as_str()).await?;
                Err(SignInError::Refused)
            }
        }
    }

    pub async fn session(&self, secret: &str) -> Result<Option<Session>, ServiceError> {
        Ok(self.parts.store.session(session_hash(secret), self.now()).await?)
    }

    pub async fn sign_out(&self, secret: &str) -> Result<(), ServiceError> {
        Ok(self.parts.store.end_session(session_hash(secret)).await?)
    }

    /// A text that only the holder of this session can send back: the forms' guard against forged requests.
    pub fn csrf_text(&self, session_secret: &str) -> String {
        hex::encode(self.parts.identity_key.hash(b"milaf/csrf/v1\0", session_secret.as_bytes()))
    }

    async fn hash_password(&self, password: &str) -> Result<String, ServiceError> {
        self.password_gate.hash(password, self.random::<16>()?).await
    }

    async fn password_matches(&self, account: Option<&Account>, password: &str) -> Result<bool, ServiceError> {
        if password.chars().count() > 128 {
            return Ok(false);
        }
        self.password_gate.fits(password, account.map(|account| account.password_hash.clone())).await
    }
}

fn session_hash(secret: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"milaf/session/v1\0");
    hash.update(secret.as_bytes());
    hash.finalize().into()
}

fn check_name(name: &str) -> Result<(), PasswordProblem> {
    let valid = (2..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-');
    if valid { Ok(()) } else { Err(PasswordProblem::Name) }
}

fn check_password(password: &str) -> Result<(), PasswordProblem> {
    match password.chars().count() {
        0..12 => Err(PasswordProblem::TooShort),
        12..=128 => Ok(()),
        _ => Err(PasswordProblem::TooLong),
    }
}
