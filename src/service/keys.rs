//! The office's keys while it works: following what the log says of them, changing one, revoking one.
//!
//! A change is an event first and takes effect some seconds later, when every node has seen it; so no node ever meets a paper
//! under a key that it has not heard of. Telling the nodes one by one was rejected: who is told last would call new papers
//! forged. A node that has not got the new key's file says so, is not ready, and hands out no receipts; it never falls back to
//! a key that has ended.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::{Actor, Service, ServiceError, StartError};
use crate::{
    dossier::Language,
    receipt::{HeldKeys, KeyRing, MOST_TOKEN_KEYS, PublishedKeys, takes_over_at},
    store::NewLogEvent,
    tlog::{KeyPurpose, LogEvent},
};

/// Where secret keys come from; looked into again when the log tells of a key that is not here.
pub trait KeySource: Send + Sync + fmt::Debug {
    /// # Errors
    /// What is wrong, in words that name the place and hold no secret.
    fn read(&self) -> Result<HeldKeys, String>;

    /// Where a key is, or has to be.
    fn place_of(&self, purpose: KeyPurpose, number: u32) -> String;
}

/// The key ring of the moment, shared by whatever of this process needs keys.
#[derive(Debug)]
pub struct LiveKeys {
    ring: ArcSwap<KeyRing>,
    held: Mutex<HeldKeys>,
    source: Option<Box<dyn KeySource>>,
    /// What is wrong with the keys at this moment.
    problems: Mutex<Vec<String>>,
}

impl LiveKeys {
    /// Keys that are all there is and never change.
    pub fn fixed(ring: &KeyRing) -> Arc<Self> {
        let held = Mutex::new(ring.held().clone());
        Arc::new(Self { ring: ArcSwap::from_pointee(ring.clone()), held, source: None, problems: Mutex::default() })
    }

    /// Keys that the log has still to be asked about.
    ///
    /// # Errors
    /// When the keys cannot be read or are no ring.
    pub fn from_source(source: Box<dyn KeySource>) -> Result<Self, String> {
        let held = source.read()?;
        let ring = KeyRing::before_the_log(held.clone()).map_err(|error| error.to_string())?;
        let (ring, held) = (ArcSwap::from_pointee(ring), Mutex::new(held));
        Ok(Self { ring, held, source: Some(source), problems: Mutex::default() })
    }

    pub fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Where a key is, or has to be.
    pub fn place_of(&self, purpose: KeyPurpose, number: u32) -> String {
        let unnamed = || format!("{} key {number}", purpose.name());
        self.source.as_ref().map_or_else(unnamed, |source| source.place_of(purpose, number))
    }

    fn held(&self) -> HeldKeys {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what the log says at a moment.
    fn follow(&self, events: &[LogEvent], at_ms: i64) {
        let made = |held: HeldKeys| KeyRing::by_the_log(held, events, at_ms);
        let mut ring = made(self.held());
        let lacks = |ring: &KeyRing| !ring.missing(at_ms).is_empty() || !ring.wrong().is_empty();
        let mut problems = Vec::new();
        if ring.as_ref().map_or(true, lacks)
            && let Some(source) = &self.source
        {
            match source.read() {
                Ok(held) => {
                    self.held.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&held);
                    ring = made(held);
                }
                Err(problem) => problems.push(problem),
            }
        }
        match ring {
            Ok(ring) => {
                problems.extend(ring.wrong().iter().map(|(purpose, number)| {
                    let place = self.place_of(*purpose, *number);
                    let purpose = purpose.name();
                    format!("{place} is not the office's {purpose} key {number}: the log knows another under this number. Put the right one there")
                }));
                let missing = ring.missing(at_ms).into_iter().filter(|key| !ring.wrong().contains(key));
                problems.extend(missing.map(|(purpose, number)| {
                    let place = self.place_of(purpose, number);
                    let purpose = purpose.name();
                    format!("{place} is missing: {purpose} key {number}. Bring it from the node on which it was made, or from the backup")
                }));
                self.ring.store(Arc::new(ring));
            }
            Err(error) => problems.push(error.to_string()),
        }
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

/// Why a key is not changed or revoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    #[error(
        "there are {MOST_TOKEN_KEYS} token keys already, and a token names its key in four bits. Keep the last one; if it has \
         become known, its receipts have to be replaced one by one"
    )]
    TooManyTokenKeys,
    #[error("{} key {number} takes over at {from}. Wait until then", purpose.name())]
    NotYetInForce { purpose: KeyPurpose, number: u32, from: Timestamp },
    #[error("there is no {} key {number}", purpose.name())]
    NoSuchKey { purpose: KeyPurpose, number: u32 },
    #[error(
        "{0} key {number} is the one in use, and without it the office could not go on. Put another in its place first: \
         milaf keys rotate {0} --data DIR. Then revoke this one, with --since as far back as it must be", purpose.name()
    )]
    InForce { purpose: KeyPurpose, number: u32 },
    #[error("{at} has not come yet; a key is revoked from now on or from an earlier moment")]
    Future { at: Timestamp },
    #[error("{} key {number} is revoked already, since {since}. Only an earlier moment can be added", purpose.name())]
    AlreadyRevoked { purpose: KeyPurpose, number: u32, since: Timestamp },
    #[error("{place} is missing: the new {} key has to be there first", purpose.name())]
    Missing { purpose: KeyPurpose, place: String },
    #[error("{place} was used as {} key {number} by another command at the same time, with another key. Look at `milaf keys list`", purpose.name())]
    Overtaken { purpose: KeyPurpose, number: u32, place: String },
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Service {
    /// The keys as they are at this moment.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.parts.keys.ring()
    }

    /// Where a key is, or has to be.
    pub fn place_of_key(&self, purpose: KeyPurpose, number: u32) -> String {
        self.parts.keys.place_of(purpose, number)
    }

    /// What is wrong with the keys, as it was found last.
    pub fn key_problems(&self) -> Vec<String> {
        self.parts.keys.problems()
    }

    /// Looks what the log says of the keys now, and takes it over.
    ///
    /// # Errors
    /// [`ServiceError`], when the log cannot be read.
    pub async fn refresh_keys(&self) -> Result<(), ServiceError> {
        let events: Vec<LogEvent> =
            self.parts.store.log_events().await?.into_iter().map(|stored| stored.event).collect();
        self.parts.keys.follow(&events, self.now().as_millisecond());
        Ok(())
    }

    /// Refuses keys with which papers in people's hands, or new ones, would be taken for what they are not.
    pub(super) fn check_keys(&self) -> Result<(), StartError> {
        let ring = self.keys();
        let now = self.now().as_millisecond();
        let lacks_a_token_key = ring.missing(now).iter().any(|(purpose, _)| *purpose == KeyPurpose::Token);
        let problems = self.key_problems();
        if !problems.is_empty() && (lacks_a_token_key || !ring.wrong().is_empty() || ring.missing(now).is_empty()) {
            return Err(StartError::Keys { problems: problems.join("\n") });
        }
        Ok(())
    }

    /// The token key for a receipt that is issued now.
    pub(super) fn issuing_key(&self, now: Timestamp) -> Result<u8, ServiceError> {
        let ring = self.keys();
        if ring.can_issue(now.as_millisecond()) {
            return Ok(ring.token_keys.current_key_id());
        }
        Err(ServiceError::Unavailable(format!("no receipt can be issued: {}", self.key_problems().join("; "))))
    }

    /// The public keys, as anybody may have them.
    pub fn published_keys(&self) -> PublishedKeys {
        let (ring, issuer) = (self.keys(), self.issuer());
        let names = Language::ALL.map(|language| (language.tag().to_owned(), issuer.names.get(language).to_owned()));
        PublishedKeys {
            names: names.into(),
            public_url: issuer.public_url.as_str().to_owned(),
            host: issuer.public_url.host().to_owned(),
            log_origin: ring.origin().to_owned(),
            seal: ring.published(KeyPurpose::Seal),
            log: ring.published(KeyPurpose::Log),
        }
    }

    /// The number that the next key of a purpose has.
    ///
    /// # Errors
    /// When there can be none, or a change is under way.
    pub fn next_key(&self, purpose: KeyPurpose) -> Result<u32, KeyRefusal> {
        let ring = self.keys();
        let last = ring.history().last(purpose);
        let number = last.number + 1;
        if last.from_ms.is_some_and(|from| from > self.now().as_millisecond()) {
            let from = moment(last.from_ms.unwrap_or_default())?;
            return Err(KeyRefusal::NotYetInForce { purpose, number: last.number, from });
        }
        if purpose == KeyPurpose::Token && number >= MOST_TOKEN_KEYS {
            return Err(KeyRefusal::TooManyTokenKeys);
        }
        Ok(number)
    }

    /// Lets the next key of a purpose, which must be in its place, take over. Returns its number and the moment.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub async fn rotate_key(&self, actor: &Actor, purpose: KeyPurpose) -> Result<(u32, Timestamp), KeyRefusal> {
        let number = self.next_key(purpose)?;
        let keys = &self.parts.keys;
        let place = keys.place_of(purpose, number);
        let held = match &keys.source {
            Some(source) => source.read().map_err(ServiceError::Unavailable)?,
            None => keys.held(),
        };
        let Some(key) = held.public(purpose, number) else { return Err(KeyRefusal::Missing { purpose, place }) };
        let previous = self.keys().history().last(purpose).public;
        let from_ms = takes_over_at(self.now().as_millisecond());
        self.append_key_event(actor, LogEvent::KeyRotated { purpose, number, key, from_ms, previous }).await?;
        let ring = self.keys();
        match ring.history().key(purpose, number) {
            Some(told) if told.public == key => Ok((number, moment(told.from_ms.unwrap_or(from_ms))?)),
            _ => Err(KeyRefusal::Overtaken { purpose, number, place }),
        }
    }

    /// Declares a key not to be believed from a moment on, now or earlier. Returns that moment, in whole seconds.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub async fn revoke_key(
        &self,
        actor: &Actor,
        purpose: KeyPurpose,
        number: u32,
        since: Timestamp,
        reason: &str,
    ) -> Result<Timestamp, KeyRefusal> {
        let (ring, now) = (self.keys(), self.now());
        if since > now {
            return Err(KeyRefusal::Future { at: since });
        }
        let key = ring.history().key(purpose, number).ok_or(KeyRefusal::NoSuchKey { purpose, number })?;
        let in_force = ring.history().in_force(purpose, now.as_millisecond()).number;
        if number > in_force {
            let from = moment(key.from_ms.unwrap_or_default())?;
            return Err(KeyRefusal::NotYetInForce { purpose, number, from });
        }
        if number == in_force {
            return Err(KeyRefusal::InForce { purpose, number });
        }
        // A seal counts whole seconds; one of the same second is not believed.
        let since_ms = since.as_second().saturating_mul(1000);
        if let Some(revoked) = key.revoked.as_ref().filter(|revoked| revoked.since_ms <= since_ms) {
            return Err(KeyRefusal::AlreadyRevoked { purpose, number, since: moment(revoked.since_ms)? });
        }
        let event = LogEvent::KeyRevoked { purpose, number, since_ms, reason: reason.to_owned() };
        self.append_key_event(actor, event).await?;
        Ok(moment(since_ms)?)
    }

    async fn append_key_event(&self, actor: &Actor, event: LogEvent) -> Result<(), ServiceError> {
        let new = NewLogEvent {
            event,
            at: self.now(),
            actor: actor.name().to_owned(),
            nonce: self.random()?,
            rebind: None,
            reserve: Vec::new(),
        };
        self.parts.store.append_log_event(new).await?;
        self.refresh_keys().await
    }
}

fn moment(milliseconds: i64) -> Result<Timestamp, ServiceError> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| ServiceError::Damaged("the log tells of a key at a moment that there is not".to_owned()))
}
