//! `milaf account`: who may use the desk.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use zeroize::Zeroizing;

use super::{DataArgument, UsageError, open::Office, password, terminal::say};
use crate::{dossier::Role, service::PasswordProblem};

/// Add staff accounts, set their passwords and roles, list them
#[derive(Debug, Args)]
#[command(
    long_about = "Adds staff accounts, sets their passwords and what they may do, lists them.\n\nA password is asked for twice on a terminal, or \
        read as one line when stdin is a pipe; it is never an argument, because other users of the machine could read it.",
    after_help = "Examples:\n  milaf account add salma --data /srv/milaf\n  \
        milaf account password salma --data /srv/milaf --generate\n  milaf account role nadia auditor --data /srv/milaf\n  \
        milaf account list --data /srv/milaf"
)]
pub(super) struct AccountCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add an account
    #[command(after_help = "Examples:\n  milaf account add salma --data /srv/milaf\n  \
        milaf account add salma --data /srv/milaf --generate\n  milaf account add nadia --role auditor --data /srv/milaf < password.txt")]
    Add(New),
    /// Set an account's password; whoever is signed in under it is signed out
    #[command(after_help = "Examples:\n  milaf account password salma --data /srv/milaf\n  \
        milaf account password salma --data /srv/milaf --generate")]
    Password(Named),
    /// Give an account another role; whoever is signed in under it has it at the next page
    #[command(after_help = "Example:\n  milaf account role nadia auditor --data /srv/milaf")]
    Role(Change),
    /// List the accounts
    #[command(after_help = "Example:\n  milaf account list --data /srv/milaf")]
    List(DataArgument),
}

/// What an account may do
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Registers dossiers and moves them
    #[default]
    Desk,
    /// As the desk, and sees the journal and takes evidence
    Manager,
    /// Reads everything and changes nothing
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Desk => Self::Desk,
            RoleName::Manager => Self::Manager,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

#[derive(Debug, Args)]
struct New {
    #[command(flatten)]
    named: Named,
    /// What the account may do
    #[arg(long, value_enum, default_value_t)]
    role: RoleName,
}

#[derive(Debug, Args)]
struct Change {
    /// The account's name
    name: String,
    /// What it may do from now on
    #[arg(value_enum)]
    role: RoleName,
    #[command(flatten)]
    data: DataArgument,
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
            Action::Add(New { named, role }) => {
                let (office, password) = named.prepare().await?;
                settled(office.service.add_account(&named.name, role.into(), &password).await?)?;
                office.close().await;
                named.tell("The account is added.", &password)?;
            }
            Action::Password(named) => {
                let (office, password) = named.prepare().await?;
                settled(office.service.set_password(&named.name, &password).await?)?;
                office.close().await;
                named.tell("The password is set, and the account is signed out everywhere.", &password)?;
            }
            Action::Role(change) => {
                let office = Office::open(&change.data.place()?, None).await?;
                let known = office.service.set_role(&change.name, change.role.into()).await?;
                office.close().await;
                if !known {
                    bail!(PasswordProblem::NoSuchAccount);
                }
                say(&format!("{} is now: {}.", change.name, Role::from(change.role)))?;
            }
            Action::List(data) => {
                let office = Office::open(&data.place()?, None).await?;
                let accounts = office.service.accounts().await?;
                if accounts.is_empty() {
                    say("There is no account yet. Add one with `milaf account add NAME --data DIR`")?;
                }
                for account in accounts {
                    let since = office.service.issuer().civil_day(account.created_at);
                    say(&format!("{:32}  {:8} since {since}", account.name, account.role.as_str()))?;
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
