//! One try to write a batch, and what is known about it afterwards.

use std::{fmt, future::Future, time::Duration};

use tokio::time::timeout;
use tokio_postgres::Error;

use super::{
    columns, errors,
    link::Link,
    plan::{self, Plan, Settled},
    transaction,
    wishes::Wish,
    writer::Verdict,
};
use crate::store::{Sealer, StoreError};

pub(super) struct Batch<'a> {
    pub(super) link: &'a Link,
    pub(super) wishes: &'a [Wish<'a>],
    /// Earlier tries of the same wishes, of which one may be there.
    pub(super) in_question: &'a [Attempt],
    /// The name of this try.
    pub(super) name: [u8; 16],
    pub(super) sealer: &'a Sealer,
    /// How long the server may take to answer what is sent at once.
    pub(super) patience: Duration,
    /// How long it may take to answer the COMMIT.
    pub(super) commit_patience: Duration,
    /// Also remove old names.
    pub(super) forget_names: bool,
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("wishes", &self.wishes.len()).finish_non_exhaustive()
    }
}

/// A try whose COMMIT was sent and not answered as it should be.
#[derive(Debug)]
pub(super) struct Attempt {
    name: [u8; 16],
    verdicts: Vec<Verdict>,
    pub(super) reason: String,
}

/// What is known of a try.
#[derive(Debug)]
pub(super) enum End {
    /// Each wish has its verdict, and what is granted is on stable storage.
    Settled(Vec<Verdict>),
    /// Nothing of this try is there.
    Nothing {
        error: StoreError,
        /// The connection broke.
        lost: bool,
        /// The server cannot take a value among those that were sent.
        refused: bool,
        /// It is known that none of the tries in question is there either.
        asked: bool,
    },
    /// Nobody knows yet.
    InQuestion(Attempt),
}

impl End {
    /// Nothing was sent.
    pub(super) fn nothing(error: StoreError) -> Self {
        Self::Nothing { error, lost: false, refused: false, asked: false }
    }

    pub(super) fn breaks_the_link(&self) -> bool {
        matches!(self, Self::InQuestion(_) | Self::Nothing { lost: true, .. })
    }
}

impl Batch<'_> {
    pub(super) async fn run(self) -> End {
        let names: Vec<Vec<u8>> = self.in_question.iter().map(|attempt| attempt.name.to_vec()).collect();
        let begun = match self.in_time(transaction::begin(self.link, self.wishes, &names)).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(error)) => return self.give_up("read the log's edge", Stop::Judged(error), false).await,
            Err(stop) => return self.give_up("take the log's lock", stop, false).await,
        };
        if let Some(found) =
            self.in_question.iter().find(|attempt| begun.named.iter().any(|name| *name == attempt.name))
        {
            return self.confirm(found).await;
        }
        let plan = Plan::of(self.wishes.iter().copied(), begun.found);
        let (written, rows, growth) = plan.into_parts();
        if self.in_question.is_empty() && written.iter().all(Result::is_err) {
            return self.refuse(written.into_iter().filter_map(Result::err).collect()).await;
        }
        let grown = growth.finish(self.sealer);
        let tables = match columns::tables(&rows, grown.as_ref()) {
            Ok(tables) => tables,
            Err(error) => return self.give_up("write a batch", Stop::Judged(error), true).await,
        };
        let writing = transaction::write(self.link, &self.name, &tables, rows.identity.as_ref(), self.forget_names);
        if let Err(stop) = self.in_time(writing).await {
            return self.give_up("write a batch", stop, true).await;
        }
        let mut verdicts = Vec::with_capacity(written.len());
        for settled in plan::settle(written, grown.as_ref()) {
            verdicts.push(match settled {
                Ok(Settled::Done(outcome)) => Ok(outcome),
                Ok(Settled::Replayed { first, last }) => {
                    match self.in_time(transaction::outcome(self.link, first, last)).await {
                        Ok(outcome) => outcome,
                        Err(stop) => return self.give_up("read an outcome", stop, true).await,
                    }
                }
                Err(error) => Err(error),
            });
        }
        self.commit(verdicts).await
    }

    /// Every wish is refused, and nothing has to be written.
    async fn refuse(self, errors: Vec<StoreError>) -> End {
        let verdicts = errors.into_iter().map(Err).collect();
        match self.in_time(self.link.run("ROLLBACK")).await {
            Ok(()) => End::Settled(verdicts),
            Err(stop) => self.give_up("end a transaction", stop, true).await,
        }
    }

    /// An earlier try is there. Whether it has reached a standby, too, only a commit of our own can tell.
    async fn confirm(&self, found: &Attempt) -> End {
        let writing = transaction::write(self.link, &self.name, &[], None, false);
        if let Err(stop) = self.in_time(writing).await {
            return self.give_up("confirm a batch", stop, false).await;
        }
        match self.commit(found.verdicts.clone()).await {
            // It is still the earlier try that counts.
            End::InQuestion(attempt) => Self::lost(StoreError::Unavailable(attempt.reason), false),
            end => end,
        }
    }

    async fn commit(&self, verdicts: Vec<Verdict>) -> End {
        self.link.was_warned();
        let reason = match timeout(self.commit_patience, self.link.run("COMMIT")).await {
            Ok(Ok(())) if !self.link.was_warned() => return End::Settled(verdicts),
            Ok(Ok(())) => "commit: the server warned that its standby may not have it".to_owned(),
            Ok(Err(error)) => format!("commit: {}", errors::cause(&error)),
            Err(_) => "commit: the server does not answer".to_owned(),
        };
        End::InQuestion(Attempt { name: self.name, verdicts, reason })
    }

    /// Takes back what was written, so that the connection can be used again.
    async fn give_up(&self, action: &'static str, stop: Stop, asked: bool) -> End {
        let error = stop.in_words(action);
        if stop.ends_the_connection() || self.in_time(self.link.run("ROLLBACK")).await.is_err() {
            return Self::lost(error, asked);
        }
        let refused = matches!(&stop, Stop::Postgres(error) if errors::refuses_the_values(error));
        End::Nothing { error, lost: false, refused, asked }
    }

    fn lost(error: StoreError, asked: bool) -> End {
        End::Nothing { error, lost: true, refused: false, asked }
    }

    async fn in_time<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Stop> {
        match timeout(self.patience, step).await {
            Ok(outcome) => outcome.map_err(Stop::Postgres),
            Err(_) => Err(Stop::Silent),
        }
    }
}

/// Why a try stopped before its COMMIT.
enum Stop {
    Postgres(Error),
    Silent,
    /// What was read is not as it must be.
    Judged(StoreError),
}

impl Stop {
    fn in_words(&self, action: &'static str) -> StoreError {
        match self {
            Self::Postgres(error) => errors::store_error(action, error),
            Self::Silent => StoreError::Unavailable(format!("{action}: the server does not answer")),
            Self::Judged(error) => error.clone(),
        }
    }

    fn ends_the_connection(&self) -> bool {
        match self {
            Self::Postgres(error) => errors::ends_the_connection(error),
            Self::Silent => true,
            Self::Judged(_) => false,
        }
    }
}
