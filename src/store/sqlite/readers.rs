//! A small pool of connections that only read.
//!
//! A read runs on a blocking thread, because SQLite reads files. Reading on the writer's connection was rejected: a page
//! would wait for a commit's sync, and would see what is not yet committed.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{OpenError, connection};
use crate::store::StoreError;

/// More would only wait for the same disk and processors.
const READERS: usize = 4;

pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// One permit for each connection.
    permits: Arc<Semaphore>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("free", &self.permits.available_permits()).finish_non_exhaustive()
    }
}

impl Readers {
    pub(super) fn open(path: &Path, patience: Duration) -> Result<Self, OpenError> {
        let idle = (0..READERS).map(|_| connection::open_reader(path, patience)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits: Arc::new(Semaphore::new(READERS)) })
    }

    /// Runs one read on one snapshot of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let work = move || {
            // The connection goes back before the permit, so that a permit always finds one.
            let _permit = permit;
            let connection = lock(&idle).pop().ok_or_else(closed)?;
            let answer = query(&connection);
            lock(&idle).push(connection);
            answer
        };
        let stopped = |_| StoreError::Unavailable("the read was stopped".to_owned());
        tokio::task::spawn_blocking(work).await.map_err(stopped)?
    }

    /// Waits for the reads under way and closes every connection; later reads answer [`StoreError::Unavailable`].
    pub(super) async fn close(&self) {
        let every = u32::try_from(READERS).expect("a small constant");
        // An error means that someone else has closed the pool, and waits for the reads too.
        if let Ok(permits) = self.permits.acquire_many(every).await {
            self.permits.close();
            lock(&self.idle).clear();
            drop(permits);
        }
    }
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
