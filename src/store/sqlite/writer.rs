//! The one thread that writes.
//!
//! It owns its connection and drains a bounded queue into one IMMEDIATE transaction, with a savepoint for each job, and
//! answers the jobs only after the COMMIT. So one sync of the disk serves everyone who waits, and a job that fails takes
//! nothing of the others with it. A connection per request with SQLite's own lock was rejected: each commit would sync
//! alone, and waiting for the lock is neither fair nor cheap.
//!
//! A COMMIT that fails has an unknown outcome, except when SQLite says that the disk was full or the lock was not to be had:
//! then the frame that makes a transaction valid was never written. After an unknown outcome the writer answers every job
//! of the batch with [`StoreError::Unknown`], gives up its connection and refuses all further work: the process should
//! stop, and whoever asked finds out with the idempotency key after the restart. It must never guess, and never go on.

use std::{
    fmt, io,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    batch::Batch,
    connection::{is_busy, patiently},
    errors::During,
};
use crate::store::{Sealer, StoreError};

/// How many jobs may wait; whoever comes after waits for a place.
const QUEUE: usize = 1024;
/// How many jobs share a transaction at most, so that the first of them does not wait for long.
const LARGEST_BATCH: usize = 256;

/// A piece of work for the writer's thread.
trait Job: Send {
    /// Writes, inside a savepoint of its own.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError>;

    /// Reads what the end of the batch has added to its outcome, before the COMMIT.
    fn settle(&mut self, connection: &Connection) -> Result<(), StoreError>;

    fn answer(self: Box<Self>, verdict: Result<(), StoreError>);
}

/// The usual job: `work` writes and yields `W`, `settle` makes the answer `T` of it.
struct Task<F, W, T> {
    work: Option<F>,
    written: Option<W>,
    settle: fn(&Connection, W) -> Result<T, StoreError>,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, W, T> Job for Task<F, W, T>
where
    F: FnOnce(&mut Batch<'_>) -> Result<W, StoreError> + Send,
    W: Send,
    T: Send,
{
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            self.written = Some(work(batch)?);
        }
        Ok(())
    }

    fn settle(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if let Some(written) = self.written.take() {
            self.outcome = Some((self.settle)(connection, written)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, verdict: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let missing = || StoreError::Unknown("the job left no outcome".to_owned());
        // Whoever asked may have gone; what was written stays written.
        let _ = reply.send(verdict.and_then(|()| outcome.ok_or_else(missing)));
    }
}

type Jobs = Vec<Box<dyn Job>>;

/// The handle to the writer's thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failed: watch::Receiver<bool>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("failed", &*self.failed.borrow()).finish_non_exhaustive()
    }
}

impl Writer {
    /// `patience` is how long a batch waits for another process that writes.
    pub(super) fn start(connection: Connection, sealer: Sealer, patience: Duration) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (failed, watcher) = watch::channel(false);
        let work = move || {
            // It goes off after a panic has taken the queue down, so that whoever hears it finds the store refusing.
            let _alarm = Alarm(failed.clone());
            WriterThread { connection, sealer, patience, failed }.serve(jobs);
        };
        let handle = thread::Builder::new().name("store-writer".to_owned()).spawn(work)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(handle)), failed: watcher })
    }

    /// Writes something whose outcome is known as soon as it is written.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_log(move |batch| work(batch.connection), |_, outcome| Ok(outcome)).await
    }

    /// Writes to the log; `settle` reads what the end of the batch has added.
    pub(super) async fn write_log<W: Send + 'static, T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<W, StoreError> + Send + 'static,
        settle: fn(&Connection, W) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        let queue = locked(&self.queue).clone().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), written: None, settle, outcome: None, reply };
        queue.send(Box::new(task)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer stopped".to_owned())))
    }

    /// Turns true when the writer has given up.
    pub(super) fn failed(&self) -> watch::Receiver<bool> {
        self.failed.clone()
    }

    /// Takes no more jobs, lets the thread finish those it has, and waits for it.
    pub(super) async fn close(&self) {
        drop(locked(&self.queue).take());
        let thread = locked(&self.thread).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the store's writer did not end in order");
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct WriterThread {
    connection: Connection,
    sealer: Sealer,
    patience: Duration,
    failed: watch::Sender<bool>,
}

/// Says that the writer is gone when a panic has ended it.
struct Alarm(watch::Sender<bool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.send_replace(true);
        }
    }
}

/// What became of a transaction.
enum End {
    /// Each job has its own verdict.
    Settled(Vec<Result<(), StoreError>>),
    /// Nothing was written, for this reason.
    Nothing(StoreError),
    /// Nobody knows.
    Unknown(String),
}

impl WriterThread {
    fn serve(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = queue.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < LARGEST_BATCH
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            match self.transact(&mut jobs) {
                End::Settled(verdicts) => jobs.into_iter().zip(verdicts).for_each(|(job, verdict)| job.answer(verdict)),
                End::Nothing(error) => {
                    tracing::warn!(%error, jobs = jobs.len(), "a batch was not written");
                    answer_all(jobs, &error);
                }
                End::Unknown(reason) => {
                    tracing::error!(
                        reason,
                        jobs = jobs.len(),
                        "it is not known whether a batch was written; writing ends"
                    );
                    self.failed.send_replace(true);
                    answer_all(jobs, &StoreError::Unknown(reason));
                    return refuse(queue);
                }
            }
        }
        // The file alone then holds everything, which is what a backup by copying expects after a clean stop.
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log was not folded into the database");
        }
    }

    fn transact(&mut self, jobs: &mut Jobs) -> End {
        if let Err(error) = self.begin() {
            return End::Nothing(error);
        }
        let end = match self.run(jobs) {
            Ok(verdicts) if verdicts.iter().any(Result::is_ok) => match self.connection.execute_batch("COMMIT") {
                Ok(()) => return End::Settled(verdicts),
                Err(error) if nothing_was_committed(&error) => {
                    End::Nothing(Err::<(), _>(error).during("commit").expect_err("an error stays one"))
                }
                Err(error) => return End::Unknown(format!("commit: {error}")),
            },
            Ok(verdicts) => End::Settled(verdicts),
            Err(error) => End::Nothing(error),
        };
        // SQLite has rolled back by itself after some errors.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            return End::Unknown(format!("roll back: {error}"));
        }
        end
    }

    /// Takes the write lock. SQLite's own waiting is off meanwhile, see [`patiently`].
    fn begin(&self) -> Result<(), StoreError> {
        self.connection.busy_timeout(Duration::ZERO).during("configure")?;
        let begun = patiently(self.patience, || self.connection.execute_batch("BEGIN IMMEDIATE"));
        self.connection.busy_timeout(self.patience).during("configure")?;
        begun.during("begin")
    }

    /// Runs every job in its savepoint, then writes head and seals. An error means that the whole transaction must go.
    fn run(&self, jobs: &mut Jobs) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut batch = Batch::begin(&self.connection)?;
        let mut verdicts = Vec::with_capacity(jobs.len());
        for job in jobs.iter_mut() {
            let mark = batch.mark();
            self.connection
                .prepare_cached("SAVEPOINT job")
                .and_then(|mut s| s.execute([]))
                .during("set a savepoint")?;
            let verdict = job.run(&mut batch);
            if let Err(error) = &verdict {
                if self.connection.is_autocommit() {
                    return Err(error.clone());
                }
                batch.return_to(mark);
                self.connection.execute_batch("ROLLBACK TO job").during("return to a savepoint")?;
            }
            self.connection
                .prepare_cached("RELEASE job")
                .and_then(|mut s| s.execute([]))
                .during("leave a savepoint")?;
            verdicts.push(verdict);
        }
        batch.finish(&self.sealer)?;
        for (job, verdict) in jobs.iter_mut().zip(&verdicts) {
            if verdict.is_ok() {
                job.settle(&self.connection)?;
            }
        }
        Ok(verdicts)
    }
}

fn answer_all(jobs: Jobs, error: &StoreError) {
    for job in jobs {
        job.answer(Err(error.clone()));
    }
}

/// Answers whatever still comes, until nobody can send any more.
fn refuse(mut queue: mpsc::Receiver<Box<dyn Job>>) {
    queue.close();
    let error = StoreError::Unavailable("the store has stopped writing".to_owned());
    while let Some(job) = queue.blocking_recv() {
        job.answer(Err(error.clone()));
    }
}

/// The write-ahead log's last frame makes a transaction valid. A disk that is full for an earlier frame or for that one, or
/// a lock that was not to be had, means that it is not there.
fn nothing_was_committed(error: &rusqlite::Error) -> bool {
    is_busy(error) || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
