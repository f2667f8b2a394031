//! What SQLite says, in the contract's words.
//!
//! SQLite's messages name tables and columns but never a bound value, so no personal data passes through here.

use std::path::PathBuf;

use rusqlite::{Error, ErrorCode};

use crate::store::{StoreError, TooNew};

/// Why a database was not opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no database at {0}: create one first")]
    Missing(PathBuf),
    #[error("cannot create the database {path}: {source}")]
    Create { path: PathBuf, source: std::io::Error },
    #[error("the file {0} holds no database: give a backup made by `milaf backup`")]
    Empty(PathBuf),
    #[error("cannot write {path}: {source}")]
    Copy { path: PathBuf, source: std::io::Error },
    #[error("{path} must not be replaced, and nothing has been changed: {cause}")]
    Elsewhere { path: PathBuf, cause: String },
    #[error("the database {0} is read-only: make the file and its folder writable for this user")]
    ReadOnly(PathBuf),
    #[error("the file is an SQLite database of another program: give the path of a database made by this one")]
    Foreign,
    #[error(transparent)]
    TooNew(#[from] TooNew),
    #[error("SQLite {0} can corrupt a shared log when it is reset: build with 3.51.3 or newer")]
    OldSqlite(&'static str),
    #[error("the file system cannot keep a write-ahead log (journal mode {0}): put the database on a local disk")]
    NoWriteAheadLog(String),
    #[error(
        "cannot {action} the database: {source}. If the file is damaged, keep its folder aside and restore the last sound backup"
    )]
    Sqlite { action: &'static str, source: Error },
    #[error(
        "the hashes of the database's log cannot be completed: {cause}. Keep its folder aside and restore the \
         last sound backup"
    )]
    Nodes { cause: String },
    #[error("cannot start the writer's thread: {0}")]
    Thread(std::io::Error),
}

impl OpenError {
    /// For `map_err`: says what was being done to the database.
    pub(super) fn sqlite(action: &'static str) -> impl Fn(Error) -> Self {
        move |source| Self::Sqlite { action, source }
    }
}

/// Gives a statement's error its context and its place in the contract.
pub(super) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, Error> {
    fn during(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| store_error(action, &error))
    }
}

fn store_error(action: &'static str, error: &Error) -> StoreError {
    let message = format!("{action}: {error}");
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            // A constraint speaks up only when the tables contradict what the transaction has just read from them.
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch => StoreError::Damaged(message),
            _ => StoreError::Unavailable(message),
        },
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::QueryReturnedNoRows
        | Error::StatementChangedRows(_) => StoreError::Damaged(message),
        _ => StoreError::Unavailable(message),
    }
}
