//! `milaf account`: who may use the desk.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::{DataArgument, UsageError, open::Office, password, terminal::say};
use crate::service::PasswordProblem;

/// Add staff accounts, set their passwords, list them
#[derive(Debug, Args)]
#[command(
    long_about = "Adds staff accounts, sets their passwords, lists them.\n\nA password is asked for twice on a terminal, or \
        read as one line when stdin is a pipe; it is never an argument, because other users of the machine could read it.",
    after_help = "Examples:\n  milaf account add salma --data /srv/milaf\n  \
        milaf account password salma --data /srv/milaf --generate\n  milaf account list --data /srv/milaf"
)]
pub(super) struct AccountCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add an account
    #[command(after_help = "Examples:\n  milaf account add salma --data /srv/milaf\n  \
        milaf account add salma --data /srv/milaf --generate\n  milaf account add salma --data /srv/milaf < password.txt")]
    Add(Named),
    /// Set an account's password; whoever is signed in under it is signed out
    #[command(after_help = "Examples:\n  milaf account password salma --data /srv/milaf\n  \
        milaf account password salma --data /srv/milaf --generate")]
    Password(Named),
    /// List the accounts
    #[command(after_help = "Example:\n  milaf account list --data /srv/milaf")]
    List(DataArgument),
}

#[derive(Debug, Args)]
struct Named {
    /// Lower-case letters, digits, dots and hyphens, such as `salma.b`
    name: String,
    #[command(flatten)]
    data: DataArgument,
    /// Draw a password at random and print it, instead of asking for one
    #[arg(long)]
    generate: bool,
}

impl AccountCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Add(named) => {
                let (office, password) = named.prepare().await?;
                settled(office.service.add_account(&named.name, &password).await?)?;
                office.close().await;
                named.tell("The account is added.", &password)?;
            }
            Action::Password(named) => {
                let (office, password) = named.prepare().await?;
                settled(office.service.set_password(&named.name, &password).await?)?;
                office.close().await;
                named.tell("The password is set, and the account is signed out everywhere.", &password)?;
            }
            Action::List(data) => {
                let office = Office::open(&data.place()?, None).await?;
                let accounts = office.service.accounts().await?;
                if accounts.is_empty() {
                    say("There is no account yet. Add one with `milaf account add NAME --data DIR`")?;
                }
                for account in accounts {
                    let since = office.service.issuer().civil_day(account.created_at);
                    say(&format!("{:32}  since {since}", account.name))?;
                }
                office.close().await;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Named {
    /// The office first: nobody should type a password twice to be told of a wrong folder.
    async fn prepare(&self) -> anyhow::Result<(Office, Zeroizing<String>)> {
        let office = Office::open(&self.data.place()?, None).await?;
        let password = if self.generate { password::generate()? } else { password::ask(&self.name)? };
        Ok((office, password))
    }

    fn tell(&self, done: &str, password: &str) -> anyhow::Result<()> {
        if self.generate { say(password) } else { say(done) }
    }
}

fn settled(outcome: Result<(), PasswordProblem>) -> anyhow::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(problem @ PasswordProblem::Name) => Err(UsageError(problem.to_string()).into()),
        Err(problem) => bail!(problem),
    }
}
