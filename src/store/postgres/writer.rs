//! The one task of this node that writes to the log.
//!
//! It has a thread, a runtime and a connection of its own and drains a bounded queue into one transaction, and answers only
//! after the COMMIT; so one sync of the server's disk, and one answer of its standby, serve everyone who waits. Other nodes
//! do the same at the same time: the lock on the log's edge puts their transactions in order. Hashing and sealing for a
//! batch take milliseconds, which is why they have a thread and are not on the one that serves pages.
//!
//! A COMMIT whose answer does not come has an unknown outcome, and here the outcome can be found out. Every batch writes a
//! random name of its own in its transaction. After a lost answer the writer connects again, to whichever server is the
//! primary by then, and takes the log's lock, which it gets only when the old transaction has ended. Now either the name is
//! there, and with it everything else, or it never will be, and the batch is run again. The resolving transaction itself
//! writes something and commits: on a primary with a synchronous standby only an acknowledged commit proves that what
//! stands before it has reached the standby, too; reading alone would believe what a failover could still take away.
//!
//! If the outcome cannot be found out in time, the jobs of that batch are answered with [`StoreError::Unknown`], and the
//! writer goes on with the next ones, since each begins by reading what is really there. Stopping the process, as for
//! SQLite, was rejected: the next transaction never builds on a guess, and a node that stops helps nobody.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError, mpsc as channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    BatchNames, PostgresOpenError,
    batch::{Attempt, Batch, End},
    link::{Connector, Link},
    migrations, nodes,
    plan::Outcome,
    wishes::Wish,
};
use crate::store::{Append, Appended, Erasure, NewDossier, NewLogEvent, Schema, Sealer, StoreError};

/// How many jobs may wait; whoever comes after waits for a place.
const QUEUE: usize = 1024;
/// How many jobs share a transaction at most, so that the first of them does not wait for long.
const LARGEST_BATCH: usize = 256;
/// Between two tries to reach a server.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a batch is run again when the server says that nothing of it is there.
const RERUNS: usize = 2;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A wish and who waits for it. The wish stays whole until it is answered, so that it can be run again.
pub(super) enum Job {
    Register(Box<NewDossier>, Reply<Appended>),
    Append(Box<Append>, Reply<Appended>),
    LogEvent(Box<NewLogEvent>, Reply<u64>),
    Erase(Box<Erasure>, Reply<u64>),
}

impl Job {
    fn wish(&self) -> Wish<'_> {
        match self {
            Self::Register(new, _) => Wish::Register(new),
            Self::Append(append, _) => Wish::Append(append),
            Self::LogEvent(new, _) => Wish::LogEvent(new),
            Self::Erase(erasure, _) => Wish::Erase(erasure),
        }
    }

    /// Whoever asked may have gone; what was written stays written.
    fn answer(self, verdict: Verdict) {
        let mixed_up = || StoreError::Unknown("the batch's outcomes were mixed up".to_owned());
        match self {
            Self::Register(_, reply) | Self::Append(_, reply) => drop(reply.send(match verdict {
                Ok(Outcome::Dossier(appended)) => Ok(appended),
                Ok(Outcome::LogEvent { .. }) => Err(mixed_up()),
                Err(error) => Err(error),
            })),
            Self::LogEvent(_, reply) | Self::Erase(_, reply) => drop(reply.send(match verdict {
                Ok(Outcome::LogEvent { leaf }) => Ok(leaf),
                Ok(Outcome::Dossier(_)) => Err(mixed_up()),
                Err(error) => Err(error),
            })),
        }
    }
}

pub(super) type Verdict = Result<Outcome, StoreError>;

/// The handle to the writer.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    failed: watch::Receiver<bool>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("failed", &*self.failed.borrow()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Connects, looks at server and schema, and returns when jobs can be taken.
    pub(super) fn start(
        connector: Connector,
        sealer: Sealer,
        names: BatchNames,
    ) -> Result<(Self, Schema), PostgresOpenError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (failed, watcher) = watch::channel(false);
        let (opened, ready) = channel::sync_channel(1);
        let work = move || {
            // It goes off after a panic has taken the queue down, so that whoever hears it finds the store refusing.
            let _alarm = Alarm(failed);
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(opened.send(Err(PostgresOpenError::Thread(error)))),
            };
            runtime.block_on(async move {
                match prepare(&connector).await {
                    Ok((link, schema)) => {
                        let _ = opened.send(Ok(schema));
                        let mut writer = WriterTask { connector, sealer, names, link: Some(link), batches: 0 };
                        writer.serve(jobs).await;
                    }
                    Err(error) => drop(opened.send(Err(error))),
                }
            });
        };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(work);
        let thread = thread.map_err(PostgresOpenError::Thread)?;
        let ended = || PostgresOpenError::Thread(std::io::Error::other("it ended at once"));
        let schema = ready.recv().map_err(|_| ended())??;
        Ok((Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), failed: watcher }, schema))
    }

    /// Hands a job over and waits for its answer.
    pub(super) async fn write<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        let queue = locked(&self.queue).clone().ok_or_else(closed)?;
        let (reply, answer) = oneshot::channel();
        queue.send(job(reply)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writer stopped".to_owned())))
    }

    /// Turns true when the writer has given up, which only an error in the program makes it do.
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

/// Says that the writer is gone when a panic has ended it.
struct Alarm(watch::Sender<bool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.send_replace(true);
        }
    }
}

async fn prepare(connector: &Connector) -> Result<(Link, Schema), PostgresOpenError> {
    let link = connector.connect().await.map_err(|error| error.explain(connector.options()))?;
    migrations::check_server(&link).await?;
    let schema = migrations::apply(&link, connector.options().series, connector.options().create).await?;
    if schema.now >= migrations::WITH_NODES {
        nodes::complete(&link).await?;
    }
    Ok((link, schema))
}

struct WriterTask {
    connector: Connector,
    sealer: Sealer,
    names: BatchNames,
    link: Option<Link>,
    batches: u64,
}

impl WriterTask {
    async fn serve(&mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.recv().await {
            let mut jobs = vec![first];
            while jobs.len() < LARGEST_BATCH
                && let Ok(job) = queue.try_recv()
            {
                jobs.push(job);
            }
            let wishes: Vec<Wish<'_>> = jobs.iter().map(Job::wish).collect();
            let verdicts = self.settle(&wishes).await;
            jobs.into_iter().zip(verdicts).for_each(|(job, verdict)| job.answer(verdict));
        }
    }

    /// Runs a batch to its end, whatever happens on the way.
    async fn settle(&mut self, wishes: &[Wish<'_>]) -> Vec<Verdict> {
        // A connection that lay idle may have died meanwhile; nothing was sent over it that counts, so a new one is tried.
        let idle = self.link.is_some();
        let mut end = self.attempt(wishes, &[]).await;
        if idle && matches!(end, End::Nothing { lost: true, .. }) {
            end = self.attempt(wishes, &[]).await;
        }
        match end {
            End::Settled(verdicts) => verdicts,
            End::Nothing { refused: true, .. } if wishes.len() > 1 => {
                // One of them holds what the server cannot take, and the others must not suffer for it.
                let mut verdicts = Vec::with_capacity(wishes.len());
                for wish in wishes {
                    verdicts.append(&mut Box::pin(self.settle(&[*wish])).await);
                }
                verdicts
            }
            End::Nothing { error, .. } => {
                tracing::warn!(%error, jobs = wishes.len(), "a batch was not written");
                all(wishes, &error)
            }
            End::InQuestion(attempt) => self.find_out(wishes, attempt).await,
        }
    }

    async fn attempt(&mut self, wishes: &[Wish<'_>], in_question: &[Attempt]) -> End {
        let Some(name) = (self.names)() else {
            return End::nothing(StoreError::Unavailable("the system gives no random bytes".to_owned()));
        };
        let link = match self.link.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => match self.connect().await {
                Ok(link) => link,
                Err(error) => return End::nothing(error),
            },
        };
        self.batches += 1;
        let options = self.connector.options();
        let batch = Batch {
            link: &link,
            wishes,
            in_question,
            name,
            sealer: &self.sealer,
            patience: options.statement_timeout * 2,
            commit_patience: options.commit_timeout,
            forget_names: self.batches % 256 == 1,
        };
        let end = batch.run().await;
        // A connection whose transaction may still be open is of no use to the next batch.
        if !end.breaks_the_link() {
            self.link = Some(link);
        }
        end
    }

    /// Tries for a while, because a failover takes a while.
    async fn connect(&self) -> Result<Link, StoreError> {
        let mut cause = "the server does not answer".to_owned();
        let trying = async {
            loop {
                match self.connector.connect_again().await {
                    Ok(link) => return link,
                    Err(error) => cause = error.to_string(),
                }
                sleep(PAUSE).await;
            }
        };
        let made = timeout(self.connector.options().acquire_timeout, trying).await;
        made.map_err(|_| StoreError::Unavailable(format!("connect: {cause}")))
    }

    /// Finds out whether a batch whose COMMIT was not answered is there, and runs it again if it is not.
    async fn find_out(&mut self, wishes: &[Wish<'_>], attempt: Attempt) -> Vec<Verdict> {
        let reason = attempt.reason.clone();
        tracing::warn!(reason, jobs = wishes.len(), "it is not known whether a batch was written; finding out");
        let outcome_timeout = self.connector.options().outcome_timeout;
        let mut in_question = vec![attempt];
        let asking = async {
            loop {
                match self.attempt(wishes, &in_question).await {
                    End::Settled(verdicts) => return verdicts,
                    End::InQuestion(attempt) if in_question.len() <= RERUNS => in_question.push(attempt),
                    // Running it yet again would not help a server that loses every answer.
                    End::InQuestion(_) => std::future::pending().await,
                    End::Nothing { error, asked: true, lost: false, .. } => return all(wishes, &error),
                    End::Nothing { .. } => {}
                }
                sleep(PAUSE).await;
            }
        };
        if let Ok(verdicts) = timeout(outcome_timeout, asking).await {
            return verdicts;
        }
        tracing::error!(reason, jobs = wishes.len(), "it stays unknown whether a batch was written");
        self.link = None;
        all(wishes, &StoreError::Unknown(reason))
    }
}

fn all(wishes: &[Wish<'_>], error: &StoreError) -> Vec<Verdict> {
    wishes.iter().map(|_| Err(error.clone())).collect()
}
