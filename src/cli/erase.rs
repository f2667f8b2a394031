//! `milaf erase`: a dossier's personal data, gone from the database for good, with the log telling of it.
//!
//! It is a command and no page, because whoever erases has to deal with backups as well. It asks for the reference a second
//! time: nothing brings the data back, and a number is easily mistaken for its neighbour.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::{anyhow, bail};
use clap::Args;

use super::{DataArgument, UsageError, open::Office, terminal::say};
use crate::{
    dossier::{Paragraph, Reference},
    service::{Actor, ErasureScope, Failure},
    store::Remains,
};

/// Erase a dossier's personal data for good
#[derive(Debug, Args)]
#[command(
    long_about = "Erases a dossier's personal data for good, because the law or a court asks for it.\n\nWhat goes: every record \
        of the dossier with the random number that binds it to the log, and the applicant, parcel, telephone and identity that \
        lists are searched by. What stays: its number, its procedure and days, its places in the log, and its receipts' \
        numbers and seals; so every proof still holds, and everybody is told that the data were erased. Nothing can be added \
        to the dossier afterwards.\n\nThe log gets an entry of its own with the reference, the reason and the account `cli`. It \
        stays for good and everybody may get to see it: the reason must hold no personal data.\n\nBackups, copies, evidence \
        that was handed out and papers still hold the data, and so do, for a time, the archives of a PostgreSQL server: they \
        are yours to deal with. A backup from before brings the data back; after restoring one, erase again.",
    after_help = "Examples:\n  milaf erase PC-2026-000123 --reason 'erasure asked for under law 09-08' --data /srv/milaf\n  \
        milaf erase PC-2026-000123 --reason 'order 12/2026 of the court' --data /srv/milaf --yes"
)]
pub(super) struct Erase {
    /// Such as PC-2026-000123
    #[arg(value_name = "REFERENCE")]
    reference: Reference,
    #[command(flatten)]
    data: DataArgument,
    /// Why, without personal data: it stays in the log for good
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Paragraph,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn reason(text: &str) -> Result<Paragraph, String> {
    Paragraph::new(text).map_err(|error| error.to_string())
}

impl Erase {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        if !self.yes && !io::stdin().is_terminal() {
            return Err(UsageError(
                "erasing asks for a confirmation on a terminal. Give --yes where nobody can be asked".to_owned(),
            )
            .into());
        }
        let office = Office::open(&self.data.place()?, None).await?;
        let scope = office.service.erasure_scope(&self.reference).await.map_err(|failure| self.explain(failure))?;
        self.tell_scope(&scope)?;
        if !self.yes && !self.confirmed()? {
            office.close().await;
            bail!("nothing was erased: what was typed is not {}", self.reference);
        }
        let erased = office.service.erase(&Actor::new("cli"), &self.reference, scope.version, &self.reason).await;
        let erased = erased.map_err(|failure| self.explain(failure))?;
        office.publish().await?;
        office.close().await;
        say(&format!(
            "The data of {} are erased; entry {} of the log tells of it.{}",
            self.reference,
            erased.told_by,
            match erased.remains {
                Remains::Nowhere => "",
                Remains::WriteAheadLog =>
                    "\nThe database's write-ahead log still holds them, because somebody is reading: they go when the server \
                     is next stopped in order.",
                Remains::Server =>
                    "\nThe server's files hold them until the tables event_contents and dossiers are vacuumed and the \
                     write-ahead log is recycled: see examples/three-nodes/BACKUP.md.",
            }
        ))?;
        say("Backups from before still hold them. Delete or replace those, and erase again after restoring one.")?;
        Ok(ExitCode::SUCCESS)
    }

    fn tell_scope(&self, scope: &ErasureScope) -> anyhow::Result<()> {
        say(&format!(
            "{}: {} records go for good, with whatever they say of people. Its number, days and places in the log stay, and \
             the numbers and seals of its receipts: {}.",
            self.reference, scope.records, scope.receipts,
        ))
    }

    fn confirmed(&self) -> anyhow::Result<bool> {
        let mut stdout = io::stdout().lock();
        write!(stdout, "Nothing brings them back. To go on, type the reference again: ")?;
        stdout.flush()?;
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        Ok(typed.trim() == self.reference.to_string())
    }

    fn explain(&self, failure: Failure) -> anyhow::Error {
        match failure {
            Failure::UnknownDossier => {
                anyhow!("there is no dossier {}. Check the procedure, the year and the number", self.reference)
            }
            Failure::Erased => anyhow!("the data of {} were erased before", self.reference),
            Failure::Changed { .. } => {
                anyhow!(
                    "nothing was erased: {} was changed meanwhile. Look at it and run the command again",
                    self.reference
                )
            }
            other => other.into(),
        }
    }
}
