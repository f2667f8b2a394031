//! `milaf init`: makes an office's data folder.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use clap::Args;

use super::{
    open::{Database, Office, create_keys, name_log},
    terminal::say,
};
use crate::config::DataDir;

/// Make an office's data folder: configuration, keys and an empty database
#[derive(Debug, Args)]
#[command(
    long_about = "Makes an office's data folder.\n\nThe issuer file, and the catalogue and logo that it names, are checked and \
        copied; four keys and an empty database are made. Nothing is ever overwritten. The host of the issuer file's \
        public_url names the office's public log; the log keeps this name when the address changes later.",
    after_help = "Example:\n  milaf init --issuer examples/issuer.toml --data /srv/milaf"
)]
pub(super) struct Init {
    /// The file that says who the agency is; its catalogue and logo lie beside it
    #[arg(long, value_name = "FILE")]
    issuer: PathBuf,
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Init {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let data = DataDir::new(&self.data);
        let folder = data.root().display();
        if data.database().exists() {
            bail!("{folder} is an office's data folder already. Serve it with `milaf serve --data {folder}`");
        }
        // The file is checked before anything is made, so that a mistake in it leaves no trace.
        crate::config::Issuer::load(&self.issuer)?;
        data.create()?;
        let issuer = data.install_issuer(&self.issuer)?;
        // Keys without a database are what an interrupted run leaves behind; it goes on with them.
        if !data.keys().exists() {
            create_keys(&data.keys())?;
        }
        name_log(&data)?;
        let office = Office::open_unchecked(&data, None, Database::MayBeMade)?;
        office.check_start().await?;
        office.close().await;
        say(&format!(
            "{folder} is ready.\n\n\
             Keep a copy of {keys}: without these keys no receipt can be checked.\n\n\
             Next:\n  milaf account add NAME --data {folder}\n  milaf doctor --data {folder}\n  \
             milaf serve --data {folder}      then put {url} in front of it",
            keys = data.keys().display(),
            url = issuer.public_url,
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
