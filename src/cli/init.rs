//! `milaf init`: makes an office's data folder, or one more node's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    DataArgument,
    open::{Database, Office, create_keys, name_log},
    place::Place,
    terminal::say,
};
use crate::{
    config::{DataDir, DatabaseUrl, KeyPlace, replace_file},
    service::StartError,
};

/// Make an office's data folder: configuration, keys and an empty database
#[derive(Debug, Args)]
#[command(
    long_about = "Makes an office's data folder.\n\nThe issuer file, and the catalogue and logo that it names, are checked and \
        copied; four keys and an empty database are made. Nothing is ever overwritten. The host of the issuer file's \
        public_url names the office's public log; the log keeps this name when the address changes later.\n\nWith --database \
        the tables are made on a PostgreSQL server, in a database that exists and is empty. On a database that an office uses \
        already, under the same keys, the folder becomes one more node of that office: give it the first node's keys before, \
        in DIR/keys, as systemd credentials (milaf.token.key, milaf.seal.key, milaf.log.key, milaf.identity.key) or in \
        MILAF_TOKEN_KEY, MILAF_SEAL_KEY, MILAF_LOG_KEY and MILAF_IDENTITY_KEY.",
    after_help = "Examples:\n  milaf init --issuer examples/issuer.toml --data /srv/milaf\n  \
        milaf init --issuer examples/issuer.toml --data /srv/milaf --database postgres://milaf@db1,db2/milaf"
)]
pub(super) struct Init {
    /// The file that says who the agency is; its catalogue and logo lie beside it
    #[arg(long, value_name = "FILE")]
    issuer: PathBuf,
    #[command(flatten)]
    data: DataArgument,
}

impl Init {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.data.place()?;
        let data = &place.data;
        let folder = data.root().display();
        refuse_an_office(&place)?;
        // The file is checked before anything is made, so that a mistake in it leaves no trace.
        crate::config::Issuer::load(&self.issuer)?;
        data.create()?;
        let issuer = data.install_issuer(&self.issuer)?;
        // Keys without a database are what an interrupted run leaves behind; it goes on with them.
        let made_keys = place.keys() == KeyPlace::Folder(data.keys()) && !data.keys().exists();
        if made_keys {
            create_keys(&data.keys())?;
        }
        name_log(data)?;
        let office = open(&place, made_keys).await?;
        office.finish().await?;
        if let Some(database) = &self.data.database {
            remember_database(data, database)?;
        }
        say(&format!(
            "{folder} is ready.\n\n\
             Keep a copy of {keys}: without these keys no receipt can be checked.\n\n\
             Next:\n  milaf account add NAME --data {folder}\n  milaf doctor --data {folder}\n  \
             milaf serve --data {folder}      then put {url} in front of it",
            keys = place.keys(),
            url = issuer.public_url,
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn refuse_an_office(place: &Place) -> anyhow::Result<()> {
    let folder = place.data.root().display();
    let is_office = match &place.database {
        DatabaseUrl::Sqlite(path) => path.exists(),
        DatabaseUrl::Postgres(_) => place.data.checkpoint().exists(),
    };
    if is_office {
        bail!("{folder} is an office's data folder already. Serve it with `milaf serve --data {folder}`");
    }
    Ok(())
}

/// Opens the office, whose database may be new or, on a server, another node's already.
async fn open(place: &Place, made_keys: bool) -> anyhow::Result<Office> {
    let office = Office::open_unchecked(place, None, Database::MayBeMade).await?;
    let (bound, ours) = match office.check_start().await {
        Err(StartError::WrongKeys { bound, ours }) => (bound, ours),
        outcome => return joined(place, office, outcome).await,
    };
    office.close().await;
    let name_of = |identity: &str| identity.split('+').next().unwrap_or_default().to_owned();
    if name_of(&bound) != name_of(&ours) {
        // The log may have its name from another address, or from after a rollback; the database knows it.
        place.data.rename_log(&name_of(&bound)).context("the log's name cannot be written")?;
        let office = Office::open_unchecked(place, None, Database::MustExist).await?;
        match office.check_start().await {
            Err(StartError::WrongKeys { .. }) => office.close().await,
            outcome => return joined(place, office, outcome).await,
        }
    }
    forget(&place.data, made_keys)?;
    bail!(
        "the database {database} belongs to an office already, and these keys are not that office's. To make this folder one \
         more node of it, put the office's four keys into {keys} first, each readable by its owner alone; for another office, \
         choose another database",
        database = place.database,
        keys = place.data.keys().display(),
    )
}

/// A node that comes to an office that has published takes the checkpoint over from the database, after the whole log before
/// it has been recomputed.
async fn joined(place: &Place, office: Office, started: Result<(), StartError>) -> anyhow::Result<Office> {
    match (started, &place.database) {
        (Ok(()), _) => Ok(office),
        (Err(StartError::CheckpointFileMissing { .. }), DatabaseUrl::Postgres(_)) => {
            office.service.adopt_checkpoint().await?;
            Ok(office)
        }
        (Err(error), _) => {
            office.close().await;
            Err(error.into())
        }
    }
}

/// Takes away what this run has made and what would only be in the way of the right keys.
fn forget(data: &DataDir, made_keys: bool) -> anyhow::Result<()> {
    let gone = |path: &Path| format!("{} cannot be removed", path.display());
    fs::remove_file(data.log_name()).with_context(|| gone(&data.log_name()))?;
    if made_keys {
        fs::remove_dir_all(data.keys()).with_context(|| gone(&data.keys()))?;
    }
    Ok(())
}

/// Writes the database of the command line into node.toml, so that it need not be given again; never a password.
fn remember_database(data: &DataDir, database: &DatabaseUrl) -> anyhow::Result<()> {
    let file = data.node_file();
    if database.holds_password() {
        return say(&format!(
            "The password was not written down. Give the database in MILAF_DATABASE each time, or in {} (chmod 600).\n",
            file.display()
        ));
    }
    if file.exists() {
        return Ok(());
    }
    let DatabaseUrl::Postgres(url) = database else { return Ok(()) };
    let text = format!("# What this node is told beside issuer.toml.\n\n[database]\nurl = {url:?}\n");
    replace_file(&file, text.as_bytes()).with_context(|| format!("{} cannot be written", file.display()))
}
