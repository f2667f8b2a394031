//! What PostgreSQL says, in the contract's words.
//!
//! Only a message and its SQLSTATE are passed on. The detail that often comes with them quotes the row at fault, and with it
//! a person's data.

use std::error::Error as _;

use tokio_postgres::{
    Error,
    error::{DbError, Severity},
};

use crate::store::{StoreError, TooNew};

/// Why a database was not opened. Each message says what to do, and none holds a password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    #[error("the database's address is not right: {0}")]
    Address(String),
    #[error("the certificates of sslrootcert={file} cannot be used: {cause}")]
    Certificates { file: String, cause: String },
    #[error("the password file {file} cannot be used: {cause}")]
    PasswordFile { file: String, cause: String },
    #[error(
        "no PostgreSQL server answers at {servers}: {cause}.\nCheck that it runs, that it listens there, and that nothing \
         between it and this machine refuses"
    )]
    Unreachable { servers: String, cause: String },
    #[error(
        "none of the servers at {0} takes writes: they are standbys, or the database is read-only. Name the primary, or all \
         servers of the cluster"
    )]
    NoPrimary(String),
    #[error(
        "the server refuses {user}: {cause}.\nCheck the user's password, which may stand in the address, and the server's \
         pg_hba.conf"
    )]
    Refused { user: String, cause: String },
    #[error("there is no database {0} on the server: create it first, for instance with `createdb --owner=ROLE {0}`")]
    NoDatabase(String),
    #[error(
        "the server's encryption is not as asked for: {0}.\nCheck sslmode, sslrootcert and the server's certificate"
    )]
    Tls(String),
    #[error("PostgreSQL {0} is too old: 15 or newer is needed")]
    OldServer(String),
    #[error("the database's encoding is {0}: create it with ENCODING 'UTF8'")]
    Encoding(String),
    #[error("the server runs with {0}, so that a power cut would lose what was acknowledged: turn it on")]
    NotDurable(&'static str),
    #[error("no schema of the search_path exists: create one, or set the role's search_path")]
    NoSchema,
    #[error("the schema {schema} holds another program's tables: give Milaf a database or a schema of its own")]
    Foreign { schema: String },
    #[error("the schema {schema} is empty: make the office's tables in it first")]
    Missing { schema: String },
    #[error(transparent)]
    TooNew(#[from] TooNew),
    #[error(
        "the migration {name} takes away what programs of schema {schema} need, and such a program is connected: replace every \
         node by a newer one first"
    )]
    OlderProgram { name: &'static str, schema: usize },
    #[error("cannot {action} the database: {cause}")]
    Sql { action: &'static str, cause: String },
    #[error("cannot start the writer's thread: {0}")]
    Thread(std::io::Error),
}

/// The message and the SQLSTATE of a server's complaint, or the chain of causes of any other error.
pub(super) fn cause(error: &Error) -> String {
    if let Some(complaint) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", complaint.message(), complaint.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Whether the connection is of no use any more after this error: it broke, or the server ended the session.
pub(super) fn ends_the_connection(error: &Error) -> bool {
    error.as_db_error().is_none_or(|complaint| {
        matches!(complaint.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || complaint.code().code().starts_with("08")
            || is_read_only(complaint)
    })
}

/// A primary that became read-only is not the primary any more.
fn is_read_only(complaint: &DbError) -> bool {
    complaint.code().code() == "25006"
}

/// Whether the server refused the values themselves, which it would refuse again.
pub(super) fn refuses_the_values(error: &Error) -> bool {
    error.code().is_some_and(|code| matches!(code.code().get(..2), Some("22" | "23" | "54")))
}

/// An error after which nothing of the statement is there.
pub(super) fn store_error(action: &'static str, error: &Error) -> StoreError {
    let message = format!("{action}: {}", cause(error));
    match error.code().map(tokio_postgres::error::SqlState::code) {
        // A constraint speaks up only when the tables contradict what the transaction has just read from them.
        Some(code) if code.starts_with("22") || code.starts_with("23") => StoreError::Damaged(message),
        Some("XX001" | "XX002") => StoreError::Damaged(message),
        _ => StoreError::Unavailable(message),
    }
}
