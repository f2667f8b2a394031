//! Where an office is: its folder, what its node is told, and its database.

use std::{env, path::Path};

use super::UsageError;
use crate::config::{DATABASE_VARIABLE, DataDir, DatabaseUrl, KeyPlace, NodeSettings};

/// An office's folder and database, before anything of it is opened.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) data: DataDir,
    pub(super) settings: NodeSettings,
    pub(super) database: DatabaseUrl,
}

impl Place {
    /// `argument` is the command line's database, which goes before the environment's and the settings'.
    pub(super) fn find(data: DataDir, argument: Option<&DatabaseUrl>) -> anyhow::Result<Self> {
        let settings = NodeSettings::load(&data.node_file())?;
        let of_environment = match env::var(DATABASE_VARIABLE) {
            Ok(text) if !text.is_empty() => {
                Some(text.parse::<DatabaseUrl>().map_err(|error| UsageError(format!("{DATABASE_VARIABLE}: {error}")))?)
            }
            Err(env::VarError::NotUnicode(_)) => {
                return Err(UsageError(format!("{DATABASE_VARIABLE} is not text")).into());
            }
            _ => None,
        };
        if argument.is_some_and(DatabaseUrl::holds_password) {
            tracing::warn!(
                "a password on the command line can be read by other users; put it into {DATABASE_VARIABLE}"
            );
        }
        let database = argument
            .cloned()
            .or(of_environment)
            .or_else(|| settings.database.url.clone())
            .unwrap_or_else(|| DatabaseUrl::Sqlite(data.database()));
        Ok(Self { data, settings, database })
    }

    /// A folder with its database in it, whatever the environment says.
    pub(super) fn of_one_file(data: DataDir) -> Self {
        let database = DatabaseUrl::Sqlite(data.database());
        Self { data, settings: NodeSettings::default(), database }
    }

    /// The database's file, for what only makes sense with one.
    pub(super) fn file(&self) -> anyhow::Result<&Path> {
        match &self.database {
            DatabaseUrl::Sqlite(path) => Ok(path),
            DatabaseUrl::Postgres(_) => Err(UsageError(format!(
                "{} is on a PostgreSQL server, which is backed up and restored with PostgreSQL's own tools, such as \
                 pg_basebackup, as examples/three-nodes/BACKUP.md describes; keep the keys, issuer.toml, log-name and the newest \
                 checkpoint beside it",
                self.database
            ))
            .into()),
        }
    }

    /// Where the keys are.
    pub(super) fn keys(&self) -> KeyPlace {
        KeyPlace::find(&self.data.keys(), |name| env::var_os(name))
    }
}
