//! Accounts and their sessions. Each function is one statement, and so one transaction beside the log's.

use jiff::Timestamp;

use super::{pool::Pool, rows};
use crate::{
    dossier::Role,
    store::{Account, NewSession, Session, StoreError},
};

/// PostgreSQL's text holds no zero byte, so no name with one can be there.
fn cannot_be(name: &str) -> bool {
    name.contains('\0')
}

pub(super) async fn create(pool: &Pool, account: &Account) -> Result<(), StoreError> {
    if cannot_be(&account.name) || cannot_be(&account.password_hash) {
        return Err(StoreError::Inconsistent("an account holds a zero byte"));
    }
    let written = pool
        .write(
            "write an account",
            "INSERT INTO accounts (name, password_hash, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING RETURNING name",
            &[&account.name, &account.password_hash, &account.role.as_str(), &account.created_at.as_millisecond()],
        )
        .await?;
    if written.is_empty() { Err(StoreError::AccountExists) } else { Ok(()) }
}

pub(super) async fn find(pool: &Pool, name: &str) -> Result<Option<Account>, StoreError> {
    if cannot_be(name) {
        return Ok(None);
    }
    let rows = pool
        .read("read an account", "SELECT name, password_hash, role, created_at FROM accounts WHERE name = $1", &[&name])
        .await?;
    rows.first().map(rows::account).transpose()
}

pub(super) async fn all(pool: &Pool) -> Result<Vec<Account>, StoreError> {
    let rows = pool
        .read("list the accounts", "SELECT name, password_hash, role, created_at FROM accounts ORDER BY name", &[])
        .await?;
    rows.iter().map(rows::account).collect()
}

pub(super) async fn set_role(pool: &Pool, name: &str, role: Role) -> Result<bool, StoreError> {
    if cannot_be(name) {
        return Ok(false);
    }
    let changed = pool
        .write_again(
            "change a role",
            "UPDATE accounts SET role = $2 WHERE name = $1 RETURNING name",
            &[&name, &role.as_str()],
        )
        .await?;
    Ok(!changed.is_empty())
}

/// Whoever knew the old password is signed out with it.
pub(super) async fn set_password(pool: &Pool, name: &str, password_hash: &str) -> Result<bool, StoreError> {
    if cannot_be(name) {
        return Ok(false);
    }
    let changed = pool
        .write_again(
            "change a password",
            "WITH ended AS (DELETE FROM sessions WHERE account = $1)
             UPDATE accounts SET password_hash = $2 WHERE name = $1 RETURNING name",
            &[&name, &password_hash],
        )
        .await?;
    Ok(!changed.is_empty())
}

/// Signing in is rare enough to take the expired sessions out at the same time; so no task has to run on its own. Those
/// that somebody else is just removing are left to him, so that two never wait for one another.
pub(super) async fn create_session(pool: &Pool, session: &NewSession) -> Result<(), StoreError> {
    let written = pool
        .write(
            "write a session",
            "WITH expired AS (
                 DELETE FROM sessions WHERE token_hash IN (
                     SELECT token_hash FROM sessions WHERE expires_at <= $3::bigint FOR UPDATE SKIP LOCKED
                 )
             )
             INSERT INTO sessions (token_hash, account, created_at, expires_at)
             SELECT $1::bytea, name, $3::bigint, $4::bigint FROM accounts WHERE name = $2 RETURNING account",
            &[
                &session.token_hash,
                &session.account,
                &session.created_at.as_millisecond(),
                &session.expires_at.as_millisecond(),
            ],
        )
        .await?;
    if written.is_empty() { Err(StoreError::Inconsistent("a session needs an account")) } else { Ok(()) }
}

pub(super) async fn session(pool: &Pool, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Session>, StoreError> {
    let rows = pool
        .read(
            "read a session",
            "SELECT sessions.account, accounts.role, sessions.created_at, sessions.expires_at
             FROM sessions JOIN accounts ON accounts.name = sessions.account
             WHERE sessions.token_hash = $1 AND sessions.expires_at > $2",
            &[&token_hash, &now.as_millisecond()],
        )
        .await?;
    rows.first().map(rows::session).transpose()
}

pub(super) async fn end_session(pool: &Pool, token_hash: [u8; 32]) -> Result<(), StoreError> {
    pool.write_again("end a session", "DELETE FROM sessions WHERE token_hash = $1", &[&token_hash]).await.map(drop)
}
