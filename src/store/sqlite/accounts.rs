//! Accounts and their sessions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{errors::During, rows};
use crate::{
    dossier::Role,
    store::{Account, NewSession, Session, StoreError},
};

pub(super) fn create(connection: &Connection, account: &Account) -> Result<(), StoreError> {
    let written = connection
        .prepare_cached(
            "INSERT INTO accounts (name, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO NOTHING",
        )
        .and_then(|mut statement| {
            let created_at = account.created_at.as_millisecond();
            statement.execute(params![account.name, account.password_hash, account.role.as_str(), created_at])
        })
        .during("write an account")?;
    if written == 1 { Ok(()) } else { Err(StoreError::AccountExists) }
}

pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Account>, StoreError> {
    connection
        .prepare_cached("SELECT name, password_hash, role, created_at FROM accounts WHERE name = ?1")
        .and_then(|mut statement| statement.query_row([name], account).optional())
        .during("read an account")
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Account>, StoreError> {
    connection
        .prepare_cached("SELECT name, password_hash, role, created_at FROM accounts ORDER BY name")
        .and_then(|mut statement| statement.query_map([], account)?.collect())
        .during("list the accounts")
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        name: row.get(0)?,
        password_hash: row.get(1)?,
        role: rows::text(row, 2)?,
        created_at: rows::moment(row, 3)?,
    })
}

pub(super) fn set_role(connection: &Connection, name: &str, role: Role) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached("UPDATE accounts SET role = ?2 WHERE name = ?1")
        .and_then(|mut statement| statement.execute([name, role.as_str()]))
        .during("change a role")?;
    Ok(changed == 1)
}

/// Whoever knew the old password is signed out with it.
pub(super) fn set_password(connection: &Connection, name: &str, password_hash: &str) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached("UPDATE accounts SET password_hash = ?2 WHERE name = ?1")
        .and_then(|mut statement| statement.execute([name, password_hash]))
        .during("change a password")?;
    connection
        .prepare_cached("DELETE FROM sessions WHERE account = ?1")
        .and_then(|mut statement| statement.execute([name]))
        .during("end an account's sessions")?;
    Ok(changed == 1)
}

/// Signing in is rare enough to take the expired sessions out at the same time; so no task has to run on its own.
pub(super) fn create_session(connection: &Connection, session: &NewSession) -> Result<(), StoreError> {
    let created_at = session.created_at.as_millisecond();
    connection
        .prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")
        .and_then(|mut statement| statement.execute([created_at]))
        .during("remove expired sessions")?;
    let written = connection
        .prepare_cached(
            "INSERT INTO sessions (token_hash, account, created_at, expires_at)
             SELECT ?1, name, ?3, ?4 FROM accounts WHERE name = ?2",
        )
        .and_then(|mut statement| {
            let expires_at = session.expires_at.as_millisecond();
            statement.execute(params![session.token_hash, session.account, created_at, expires_at])
        })
        .during("write a session")?;
    if written == 1 { Ok(()) } else { Err(StoreError::Inconsistent("a session needs an account")) }
}

pub(super) fn session(
    connection: &Connection,
    token_hash: [u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    connection
        .prepare_cached(
            "SELECT sessions.account, accounts.role, sessions.created_at, sessions.expires_at
             FROM sessions JOIN accounts ON accounts.name = sessions.account
             WHERE sessions.token_hash = ?1 AND sessions.expires_at > ?2",
        )
        .and_then(|mut statement| {
            let session = |row: &Row<'_>| {
                Ok(Session {
                    account: row.get(0)?,
                    role: rows::text(row, 1)?,
                    created_at: rows::moment(row, 2)?,
                    expires_at: rows::moment(row, 3)?,
                })
            };
            statement.query_row(params![token_hash, now.as_millisecond()], session).optional()
        })
        .during("read a session")
}

pub(super) fn end_session(connection: &Connection, token_hash: [u8; 32]) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")
        .and_then(|mut statement| statement.execute([token_hash]))
        .during("end a session")?;
    Ok(())
}
