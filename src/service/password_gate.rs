//! The one place where passwords are hashed and compared, at most two at once and in memory of its own.
//!
//! Argon2 costs 19 MB each time by design, so whoever sends passwords must not decide how often that is spent at once: a
//! check goes on when its visitor has gone, and keeps its place until it is done. The memory is used again, because an
//! allocator keeps what each of its threads once had. Letting everybody wait was rejected: a flood would keep the desk out
//! for as long as it takes, and whoever is told to come back can.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::ServiceError;

const AT_ONCE: usize = 2;
/// A whole desk that signs in at the same moment finds room.
const WAITING: usize = 64;

/// What OWASP recommends as the least for Argon2id: 19 MiB, two passes, one lane.
fn params() -> Result<Params, ServiceError> {
    Params::new(19_456, 2, 1, None).map_err(|error| ServiceError::Damaged(error.to_string()))
}

#[derive(Debug)]
pub(super) struct PasswordGate {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    memory: Arc<Mutex<Vec<Memory>>>,
}

/// What one computation works in. Its content depends on passwords, so it is not printed.
struct Memory(Vec<Block>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory(…)")
    }
}

/// One who waits, for as long as he does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PasswordGate {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0), memory: Arc::default() }
    }

    /// The hash to store, in the PHC string format.
    pub(super) async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, ServiceError> {
        let password = password.to_owned();
        self.compute(move |argon2, _| {
            argon2
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| ServiceError::Damaged(format!("argon2: {error}")))
        })
        .await
    }

    /// Whether a password fits a stored hash. Without one it takes as long, so that time does not tell which names exist.
    pub(super) async fn fits(&self, password: &str, stored: Option<String>) -> Result<bool, ServiceError> {
        let password = password.to_owned();
        self.compute(move |argon2, memory| {
            let unreadable = |why: &str| ServiceError::Damaged(format!("a password hash cannot be read: {why}"));
            let stored = match &stored {
                Some(text) => Some(PasswordHash::new(text).map_err(|error| unreadable(&error.to_string()))?),
                None => None,
            };
            let of_us = params()?;
            let (salt, expected) = match &stored {
                Some(hash) => {
                    let made_with = Params::try_from(hash).map_err(|error| unreadable(&error.to_string()))?;
                    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
                    let same_way = hash.algorithm == Algorithm::Argon2id.ident()
                        && hash.version == Some(Version::V0x13.into())
                        && cost(&made_with) == cost(&of_us);
                    if !same_way {
                        return Err(unreadable("it was made in another way than this program makes them"));
                    }
                    match (&hash.salt, &hash.hash) {
                        (Some(salt), Some(output)) => (salt.as_ref(), output.as_bytes()),
                        _ => return Err(unreadable("it is not whole")),
                    }
                }
                None => (&[0; 16][..], &[0; 32][..]),
            };
            let mut computed = vec![0; expected.len()];
            memory.0.resize(of_us.block_count(), Block::default());
            argon2
                .hash_password_into_with_memory(password.as_bytes(), salt, &mut computed, &mut memory.0)
                .map_err(|error| ServiceError::Damaged(format!("argon2: {error}")))?;
            Ok(bool::from(computed.ct_eq(expected)) && stored.is_some())
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(Argon2<'static>, &mut Memory) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err(ServiceError::Unavailable("too many passwords wait to be checked".into()));
        }
        let closed = |_| ServiceError::Unavailable("the service is closing".into());
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(closed)?;
        drop(waiting);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
        let pool = Arc::clone(&self.memory);
        let computing = move || {
            // Moved in here, so that the place is free only when the work is done, whether anybody still waits for it or not.
            let _place = place;
            let taken = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut memory = taken.unwrap_or_else(|| Memory(Vec::new()));
            let outcome = work(argon2, &mut memory);
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            outcome
        };
        tokio::task::spawn_blocking(computing).await.map_err(|error| ServiceError::Unavailable(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_goes_away_frees_no_place_before_the_work_is_done() {
        let gate = PasswordGate::new();
        let stored = gate.hash("correct horse battery", [7; 16]).await.unwrap();
        let mut doors = Vec::new();
        for _ in 0..AT_ONCE {
            let (door, opened) = std::sync::mpsc::channel::<()>();
            doors.push(door);
            let (start, signal) = std::sync::mpsc::channel();
            let work = move |_, _: &mut Memory| {
                start.send(()).unwrap();
                Ok(opened.recv().is_ok())
            };
            let mut check = Box::pin(gate.compute(work));
            assert!(
                poll_fn(|context| Poll::Ready(check.as_mut().poll(context).is_pending())).await,
                "it takes its time"
            );
            signal.recv().unwrap();
        }
        assert_eq!(gate.places.available_permits(), 0, "both go on without anybody who waits");
        drop(doors);
        assert!(gate.fits("correct horse battery", Some(stored.clone())).await.unwrap());
        assert!(!gate.fits("wrong", Some(stored.clone())).await.unwrap());
        assert!(!gate.fits("wrong", None).await.unwrap());
        assert!(gate.memory.lock().unwrap().len() <= AT_ONCE, "memory is used again");
    }

    /// A hash that is computed in another way fits no password, and nobody may be told that his is wrong.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hash_of_another_kind_is_damage_and_no_wrong_password() {
        let gate = PasswordGate::new();
        let stored = gate.hash("correct horse battery", [7; 16]).await.unwrap();
        for (ours, other) in
            [("m=19456", "m=19457"), ("t=2", "t=3"), ("p=1", "p=2"), ("argon2id", "argon2i"), ("v=19", "v=16")]
        {
            let changed = stored.replace(ours, other);
            assert_ne!(changed, stored);
            let outcome = gate.fits("correct horse battery", Some(changed)).await;
            assert!(matches!(outcome, Err(ServiceError::Damaged(_))), "{other}: {outcome:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_flood_most_are_sent_away_at_once() {
        let gate = PasswordGate::new();
        let held = gate.places.acquire_many(2).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING {
            let mut check = Box::pin(gate.fits("wrong", None));
            assert!(poll_fn(|context| Poll::Ready(check.as_mut().poll(context).is_pending())).await);
            waiting.push(check);
        }
        assert!(matches!(gate.fits("wrong", None).await, Err(ServiceError::Unavailable(_))));
        // Those who go away make room.
        waiting.clear();
        drop(held);
        assert_eq!(gate.fits("wrong", None).await, Ok(false));
    }
}
