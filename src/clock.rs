//! The only reader of time and randomness.
//!
//! Everything else is handed an [`Environment`], so that a demonstration can live through ninety days in a second and a test
//! can stand on the last day of a legal term. Reading the system clock elsewhere is refused by clippy.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Time and randomness, passed in.
pub trait Environment: Send + Sync + fmt::Debug {
    /// The present moment, in whole milliseconds, which is the precision of an event's record.
    fn now(&self) -> Timestamp;

    /// Fills a buffer with bytes that nobody can guess.
    ///
    /// # Errors
    /// When the system has no randomness to give; nothing may then be issued.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The system could not give random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// The machine's clock and its random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        whole_milliseconds(Timestamp::now())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads randomness")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(buffer).map_err(|_| NoRandomness)
    }
}

/// A clock that stands where it is put, with the system's real randomness: for demonstrations and tests.
#[derive(Debug)]
pub struct SteppedEnvironment {
    now: Mutex<Timestamp>,
}

impl SteppedEnvironment {
    pub fn starting_at(now: Timestamp) -> Self {
        Self { now: Mutex::new(whole_milliseconds(now)) }
    }

    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = whole_milliseconds(now);
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by).map_or(*now, whole_milliseconds);
    }
}

impl Environment for SteppedEnvironment {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        SystemEnvironment.fill(buffer)
    }
}

fn whole_milliseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment)
}
